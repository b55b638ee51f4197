#!/usr/bin/env python3
"""Publishes one event file, as any publisher should: with its id for deduplication, and waiting for the stream's answer.

usage: publish.py SUBJECT FILE.json [HOST:PORT]      e.g.  publish.py argus.acme.task.scheduled examples/events/task.scheduled.json
"""
import json
import socket
import sys
from pathlib import Path


def read_reply(stream):
    """The payload of the first message, past INFO, PONG and +OK; None when the server reports an error."""
    for line in iter(stream.readline, b""):
        if line.startswith(b"-ERR"):
            sys.exit(f"publish: {line.decode().strip()}")
        if line.startswith((b"MSG", b"HMSG")):
            body = stream.read(int(line.split()[-1]))
            if b"503" in body.split(b"\r\n", 1)[0]:
                sys.exit("publish: no stream takes this subject; is the connector running?")
            return json.loads(body)
    sys.exit("publish: the server closed the connection")


def publish(subject, payload, host, port):
    headers = f"NATS/1.0\r\nNats-Msg-Id: {json.loads(payload)['id']}\r\nContent-Type: application/cloudevents+json\r\n\r\n".encode()
    with socket.create_connection((host, port), timeout=10) as connection, connection.makefile("rb") as stream:
        inbox = "_INBOX.publish.1"
        connection.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n' + f"SUB {inbox} 1\r\n".encode()
                           + f"HPUB {subject} {inbox} {len(headers)} {len(headers) + len(payload)}\r\n".encode()
                           + headers + payload + b"\r\n")
        return read_reply(stream)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    host, _, port = (sys.argv[3] if len(sys.argv) == 4 else "127.0.0.1:4222").rpartition(":")
    try:
        answer = publish(sys.argv[1], Path(sys.argv[2]).read_bytes(), host, int(port))
    except OSError as error:
        sys.exit(f"publish: {error}")
    if "error" in answer:
        sys.exit(f"publish: {answer['error'].get('description')}")
    print(f"stored as {answer['stream']} #{answer['seq']}" + (" (seen before: ignored)" if answer.get("duplicate") else ""))
