#!/usr/bin/env python3
"""Checks an exported audit trail without the connector: Python's standard library is enough.

usage: verify_export.py EXPORT.jsonl [--checkpoints FILE] [--head HASH]

EXPORT.jsonl   what `argus-m365 audit export --org ORG` printed: one entry a line
--checkpoints  the file that audit.checkpoint_file names (JSON lines), from a place that whoever can write the database cannot write.
               Compared are the hashes; that the signatures (Ed25519) are the connector's, `argus-m365 audit verify` checks.
--head         the hash that the trail has to end with, however it came to you

Exit status: 0 the trail is sound, 1 it is not, 2 wrong usage. What is checked, for each entry: that its number follows, that it continues
the entry before it, that its hash covers exactly what it says, and that the facts it shows of people are those it was committed to.
What was erased of people is not there any more; the chain holds all the same. A trail that was cut off at its end is sound as far as it
goes: only a checkpoint, or a head that you know, can tell.
"""
import argparse
import datetime
import hashlib
import json
import sys

FORM = 1
TAG, GENESIS, PERSONAL = b"argus-m365/audit", b"argus-m365/audit/genesis", b"argus-m365/audit/personal"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Broken(Exception):
    """What is wrong with an entry."""


def part(data):
    """Bytes behind their length (8 bytes, little endian), so that no text can move from one part to the next."""
    return len(data).to_bytes(8, "little") + data


def text(data):
    return part(data.encode())


def genesis(organisation):
    return hashlib.sha256(GENESIS + text(organisation)).digest()


def entry_hash(entry, previous):
    """SHA-256 over tag, form, number, the hash before, and everything that the entry says."""
    canonical = TAG + bytes([FORM]) + entry["seq"].to_bytes(8, "little") + previous
    canonical += entry["atMicros"].to_bytes(8, "little", signed=True)
    for name in ("actor", "action", "target", "outcome", "canonicalDetail"):
        canonical += text(entry[name])
    for name in ("correlationId", "graphRequestId"):
        value = entry[name]
        canonical += bytes([value is not None]) + text(value or "")
    canonical += len(entry["commitments"]).to_bytes(8, "little")
    for commitment in entry["commitments"]:
        canonical += text(commitment["field"]) + bytes.fromhex(commitment["digest"])
    return hashlib.sha256(canonical).digest()


def check_shown(entry):
    """What people read (`at`, `detail`, `personal`) is what the hash covers."""
    shown = datetime.datetime.fromisoformat(entry["at"].replace("Z", "+00:00"))
    if (shown - EPOCH) // datetime.timedelta(microseconds=1) != entry["atMicros"]:
        raise Broken("`at` is not the instant that the hash covers")
    facts = json.loads(entry["canonicalDetail"])
    committed = {commitment["field"]: commitment["digest"] for commitment in entry["commitments"]}
    for fact in entry["personal"]:
        field, value, salt = fact["field"], fact["value"], bytes.fromhex(fact["salt"])
        if committed.get(field) != hashlib.sha256(PERSONAL + salt + text(field) + text(value)).hexdigest():
            raise Broken(f"`personal`: {field} is not what the entry was committed to")
        facts[field] = value
    if facts != entry["detail"]:
        raise Broken("`detail` is not what the hash covers")


FIELDS = {"organisation", "form", "seq", "at", "atMicros", "actor", "action", "target", "outcome", "detail", "canonicalDetail", "commitments",
          "personal", "correlationId", "graphRequestId", "previousHash", "hash"}


def check(entry, organisation, number, previous):
    if set(entry) != FIELDS:
        raise Broken("it holds something that no hash covers, or lacks something")
    if entry["organisation"] != organisation:
        raise Broken("it belongs to another organisation")
    if entry["form"] != FORM:
        raise Broken("this program does not know its form")
    if entry["seq"] != number:
        raise Broken(f"entry {number} is missing, {entry['seq']} follows")
    if entry["previousHash"] != previous.hex():
        raise Broken("it does not continue the entry before it")
    found = entry_hash(entry, previous)
    if entry["hash"] != found.hex():
        raise Broken("its content does not match its hash")
    check_shown(entry)
    return found


def anchors(file, organisation):
    """Number -> hash, as the checkpoints of this organisation say."""
    known = {}
    with open(file, encoding="utf-8") as lines:
        for line in filter(str.strip, lines):
            checkpoint = json.loads(line)
            if checkpoint["organisation"] == organisation and checkpoint["entries"] > 0:
                known[checkpoint["entries"]] = checkpoint["head"]
    return known


def verify(lines, checkpoints=None, head=None):
    """Whether the trail is sound, and a sentence about it."""
    organisation, previous, number, known = None, None, 0, {}
    for line in lines:
        number += 1
        try:
            entry = json.loads(line)
            if organisation is None:
                organisation = entry["organisation"]
                previous = genesis(organisation)
                known = anchors(checkpoints, organisation) if checkpoints else {}
            previous = check(entry, organisation, number, previous)
            if known.pop(number, previous.hex()) != previous.hex():
                raise Broken("it is not the entry that a checkpoint names")
        except Broken as broken:
            return False, f"{organisation}: BROKEN at entry {number}: {broken}"
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            return False, f"{organisation}: BROKEN at entry {number}: the line is no entry of an export ({type(error).__name__})"
    if organisation is None:
        return False, "the file holds no entries"
    if known:
        return False, f"{organisation}: BROKEN: the trail ends at {number}, a checkpoint says {max(known)}"
    if head is not None and head.lower() != previous.hex():
        return False, f"{organisation}: BROKEN: the trail ends with {previous.hex()}"
    return True, f"{organisation}: intact, {number} entries, head {previous.hex()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export")
    parser.add_argument("--checkpoints")
    parser.add_argument("--head")
    options = parser.parse_args()
    try:
        with open(options.export, encoding="utf-8") as lines:
            sound, sentence = verify(lines, options.checkpoints, options.head)
    except OSError as error:
        parser.error(str(error))
    print(sentence)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
