#!/usr/bin/env python3
"""Writes the software bill of materials of the shipped binary: CycloneDX 1.6, JSON, from Cargo.lock and what cargo resolves.

usage: sbom.py FILE

What stands in it: every crate that the binary is linked of, with version, licence, checksum of Cargo.lock and who needs whom; and, with
scope "excluded", those that only run while it is built (procedural macros, build scripts). Default features, Linux: the tenant
simulator and what tests need stay out. The same sources give the same bytes. Afterwards the list is held against `cargo tree`.
"""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = "x86_64-unknown-linux-gnu"
CARGO = os.environ.get("CARGO", "cargo")


def cargo(*arguments):
    done = subprocess.run([CARGO, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"sbom: cargo {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def checksums():
    """(name, version) -> SHA-256, as Cargo.lock pins them."""
    found = {}
    for block in (ROOT / "Cargo.lock").read_text().split("[[package]]"):
        fields = dict(re.findall(r'^(name|version|checksum) = "([^"]+)"$', block, re.M))
        if "checksum" in fields:
            found[fields["name"], fields["version"]] = fields["checksum"]
    return found


class Graph:
    """What cargo resolved for the shipped binary."""

    def __init__(self):
        metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET))
        self.packages = {package["id"]: package for package in metadata["packages"]}
        self.nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
        self.root = metadata["resolve"]["root"]

    def is_macro(self, package):
        return any("proc-macro" in target["kind"] for target in self.packages[package]["targets"])

    def needs(self, package, kinds):
        """What a package needs, by kind of need (None: linked; "build")."""
        return [dep["pkg"] for dep in self.nodes[package]["deps"] if any(kind["kind"] in kinds for kind in dep["dep_kinds"])]

    def reached(self, kinds, through_macros):
        """Everything that the binary reaches that way."""
        seen, ahead = set(), [self.root]
        while ahead:
            package = ahead.pop()
            if package in seen or (not through_macros and self.is_macro(package)):
                continue
            seen.add(package)
            ahead.extend(self.needs(package, kinds))
        return seen


def reference(package):
    return f'pkg:cargo/{package["name"]}@{package["version"]}'


def component(package, hashes, required):
    described = {
        "type": "library", "bom-ref": reference(package), "name": package["name"], "version": package["version"],
        "purl": reference(package), "scope": "required" if required else "excluded",
    }
    if package.get("license"):
        # Some still write the slash of the time before SPDX expressions.
        expression = re.sub(r"\s*/\s*", " OR ", package["license"])
        described["licenses"] = [{"expression": expression}]
    checksum = hashes.get((package["name"], package["version"]))
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package.get("repository"):
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


def bill(graph):
    hashes = checksums()
    linked = graph.reached({None}, through_macros=False)
    everything = graph.reached({None, "build"}, through_macros=True)
    by_name = sorted(everything - {graph.root}, key=lambda one: reference(graph.packages[one]))
    own = graph.packages[graph.root]
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": reference(own), "name": own["name"], "version": own["version"], "purl": reference(own),
            "licenses": [{"expression": own["license"]}],
        }},
        "components": [component(graph.packages[one], hashes, one in linked) for one in by_name],
        "dependencies": [{
            "ref": reference(graph.packages[one]),
            "dependsOn": sorted({reference(graph.packages[dep]) for dep in graph.needs(one, {None, "build"}) if dep in everything}),
        } for one in [graph.root, *by_name]],
    }


def check(bom):
    """What is wrong with it, measured by what `cargo tree` says."""
    listed = {one["bom-ref"]: one for one in bom["components"]}
    lines = cargo("tree", "--locked", "--target", TARGET, "--edges", "normal", "--prefix", "none", "--format", "{p}").splitlines()
    own = bom["metadata"]["component"]["bom-ref"]
    for line in filter(None, lines):
        name, version, *_ = line.split()
        one = f"pkg:cargo/{name}@{version.lstrip('v')}"
        if one != own and one not in listed:
            yield f"{one} is in the binary and not in the bill"
    for one in listed.values():
        if "licenses" not in one:
            yield f"{one['bom-ref']} names no licence"
        if "hashes" not in one:
            yield f"{one['bom-ref']} has no checksum in Cargo.lock"
    references = [entry["ref"] for entry in bom["dependencies"]]
    if len(references) != len(set(references)) or set(references) != {own, *listed}:
        yield "not every component has its own entry under dependencies"
    for entry in bom["dependencies"]:
        for needed in entry["dependsOn"]:
            if needed not in listed:
                yield f"{entry['ref']} needs {needed}, which is not listed"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    bom = bill(Graph())
    problems = list(check(bom))
    for problem in problems:
        print(f"sbom: {problem}", file=sys.stderr)
    file = Path(sys.argv[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(bom, indent=1, ensure_ascii=False) + "\n")
    linked = sum(one["scope"] == "required" for one in bom["components"])
    print(f"sbom: {file}: {linked} crates are in the binary, {len(bom['components']) - linked} only build it")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
