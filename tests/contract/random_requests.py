#!/usr/bin/python3
"""Sends COUNT random requests, well-formed and not, to the service on fakes; it has to live on in as much memory.

    tests/contract/random_requests.py [COUNT] [SEED]
"""
import json
import pathlib
import random
import re
import socket
import sys
import urllib.parse

from conftest import Api, FakedService

KEYS = ["name", "selector", "failure", "frequency", "duration", "probability", "delay", "ttl", "windows", "seed", "state",
        "reason", "nothing", "", "\u0000"]
VALUES = [None, True, 0, -1, 1e300, 2**63, "", "a", "250ms", "service=nobody", "@name=*", "partition", "running", "stopped",
          {"latency": {"delay": "1ms"}}, {"loss": {"percent": 101}}, [], {}, [[[[]]]], "x" * 5000, "\ud800", "é"]
TEXTS = ["", "x", "%", "%zz", "%00", "..", "é", "9" * 30, "-1", "1h", "2026-11-22T10:00:00Z", "cut", "a" * 300, "1-1"]


def some(rng, document):
    """One request as bytes."""
    path = rng.choice(list(document["paths"]) + ["/v1/nothing", "*", "//", "/v1/policies/"])
    path = re.sub(r"\{\w+\}", lambda _: rng.choice(TEXTS + ["cut"]), path)
    query = "&".join(f"{rng.choice(['since', 'until', 'limit', 'cursor', 'policy', 'wait', 'x'])}={rng.choice(TEXTS)}"
                     for _ in range(rng.choice([0, 0, 1, 3])))
    method = rng.choice(["GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"])
    body = ""
    if method in ("POST", "PUT"):
        body = json.dumps({rng.choice(KEYS): rng.choice(VALUES) for _ in range(rng.randrange(6))})
        if "policies" in path and rng.random() < 0.2:
            body = json.dumps({"name": "cut", "selector": "service=nobody", "failure": "partition"})
    target = urllib.parse.quote(path + ("?" + query if query else ""), safe="/?&=%*")
    token = rng.choice(["secret"] * 6 + ["reader", "wrong", ""])
    request = (f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
               f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}").encode()
    if rng.random() < 0.05:  # not well-formed any more
        request = bytearray(request)
        for _ in range(rng.randrange(1, 8)):
            request[rng.randrange(len(request))] = rng.randrange(256)
    return bytes(request)


def memory(pid):
    """Resident, in KiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("it is gone")


def send(address, rng, document, count):
    """`count` requests in one connection, without waiting; whatever comes back is read."""
    connection = socket.create_connection(address, timeout=20)
    connection.sendall(b"".join(some(rng, document) for _ in range(count)) + b"GET /_ping HTTP/1.0\r\n\r\n")
    connection.shutdown(socket.SHUT_WR)
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    connection.close()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    rng = random.Random(seed)
    service = FakedService()
    api = Api(service.address)
    document = api.call("GET", "/openapi.json").json()
    # A stream has no end.
    document["paths"].pop("/events")
    address = (urllib.parse.urlsplit(service.address).hostname, urllib.parse.urlsplit(service.address).port)
    before, sent, each = 0, 0, 50
    while sent < count:
        send(address, rng, document, each)
        sent += each
        if before == 0 and sent >= count // 4:  # events and caches have filled by now
            before = memory(service.process.pid)
    assert api.call("GET", "/v1/policies").status == 200
    after = memory(service.process.pid)
    print(f"{sent} requests (seed {seed}): {before} KiB after a quarter, {after} KiB at the end")
    service.stop()
    sys.exit(0 if after < before * 1.1 + 2048 else "the memory grows")


if __name__ == "__main__":
    main()
