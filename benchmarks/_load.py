"""A load generator for the node's HTTPS port, in a process of its own, that costs the machine little.

It reads one JSON command a line and answers each with one line. Bodies are made once: a store differs from the last one
in a few characters of its data, which its signature does not cover (04.2), so no signing is part of the load.
"""

from __future__ import annotations

import asyncio
import json
import resource
import ssl
import sys
import time
from base64 import b64encode
from hashlib import blake2b
from statistics import median
from typing import Any

from veery.protocol.crypto import ed25519_from_seed, ed25519_public_to_x25519
from veery.protocol.onion import Hop, NodeDestination, build, open_reply
from veery.protocol.storage_rpc import Info, Retrieve, Store, owner_signer, sign_request, write_call
from veery.runtime.loop import run
from veery.runtime.randomness import random_bytes
from veery.secret import Secret

ACCOUNTS = 200
SIZE = 1024
STORE_NAMESPACE = 2  # needs a signature
READ_NAMESPACE = 5
_TTL_MS = 24 * 3600 * 1000
_SERIAL = 8  # characters of base64 that make a message another one
_HEAD = b"POST %b HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def signers() -> list[Any]:
    """The accounts of the load."""
    found = []
    for number in range(ACCOUNTS):
        public, secret = ed25519_from_seed(blake2b(b"%d" % number, digest_size=32).digest())
        found.append(owner_signer(b"\x05" + ed25519_public_to_x25519(public), Secret(secret)))
    return found


class Bodies:
    """Requests of one kind, without end. Signatures hold for a minute from here."""

    def __init__(self, kind: str, accounts: list[Any], *, path: bytes = b"/storage_rpc/v1") -> None:
        self._number: int = time.time_ns() % 64**_SERIAL
        self._parts = [self._split(kind, signer, path) for signer in accounts]

    def _split(self, kind: str, signer: Any, path: bytes) -> tuple[bytes, bytes]:
        now = int(time.time() * 1000)
        if kind == "retrieve":
            request: Any = Retrieve(signer.account, READ_NAMESPACE, timestamp=now)
        else:
            namespace = STORE_NAMESPACE if kind == "store" else READ_NAMESPACE
            request = Store(signer.account, namespace, bytes(SIZE), now, now + _TTL_MS)
        body = write_call(sign_request(request, signer))
        whole: bytes = _HEAD % (path, len(body)) + body
        if kind == "retrieve":
            return whole, b""
        before, zeros, after = whole.partition(b64encode(bytes(SIZE)))
        return before, zeros[_SERIAL:] + after

    def next(self) -> bytes:
        """One request as bytes."""
        self._number += 1
        before, after = self._parts[self._number % ACCOUNTS]
        return before + b64encode(self._number.to_bytes(6, "big")) + after if after else before


class OnionBodies:
    """Onion requests through given nodes to the last of them, which answers `info`; made once and sent in turn."""

    def __init__(self, nodes: list[list[str]]) -> None:
        keys = [(bytes.fromhex(ed25519), bytes.fromhex(x25519)) for ed25519, x25519 in nodes]
        hops, destination = [Hop(*each) for each in keys[:-1]], NodeDestination(*keys[-1])
        self._built = [build(hops, destination, write_call(Info()), random=random_bytes) for _ in range(ACCOUNTS)]
        self._number = 0

    def next(self) -> bytes:
        """One request as bytes."""
        self._number += 1
        body = self._built[self._number % ACCOUNTS].body
        return _HEAD % (b"/onion_req/v2", len(body)) + body

    def opens(self, answer: bytes) -> bool:
        """Whether an answer is the reply to the last request; asked of the first answer on one connection."""
        reply = answer.partition(b"\r\n\r\n")[2]
        return open_reply(reply, self._built[self._number % ACCOUNTS].reply_key).status == 200


class Client(asyncio.Protocol):
    """One kept-alive connection that has one request in flight."""

    def __init__(self, run_: Run) -> None:
        self._run = run_
        self._transport: Any = None
        self._received = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._run.lost()

    def send(self) -> None:
        """Begin the next request, or end when the time is over."""
        self._began = time.perf_counter()
        data = self._run.next_request(self._began)
        if data is None:
            self._transport.close()
        else:
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._received.index(b"Content-Length: ") + 16
        size = int(self._received[at : self._received.index(b"\r", at)])
        if len(self._received) < head + 4 + size:
            return
        answer, self._received = self._received, b""
        self._run.took.append(time.perf_counter() - self._began)
        if not answer.startswith(b"HTTP/1.1 200") or b'"failed"' in answer or not self._run.proof(answer):
            self._run.errors.append(answer[-200:].decode("latin-1"))
        self.send()


class Run:
    """One measurement: connections that ask as fast as they are answered, for a time or a number of requests."""

    def __init__(self, bodies: Bodies | OnionBodies, kind: str, seconds: float, most: int | None) -> None:
        self._bodies = bodies
        self._kind = kind
        self._seconds = seconds
        self._left = most
        self._ends = 0.0
        self._open = 0
        self._alone = False
        self._over = asyncio.Event()
        self.took: list[float] = []
        self.errors: list[str] = []

    def next_request(self, now: float) -> bytes | None:
        """The next request; None when this run is over."""
        if self._left is not None:
            self._left -= 1
            return None if self._left < 0 else self._bodies.next()
        return None if now > self._ends else self._bodies.next()

    def proof(self, answer: bytes) -> bool:
        """Whether an answer holds what it must."""
        if isinstance(self._bodies, OnionBodies) and self._alone and len(self.took) == 1:
            return self._bodies.opens(answer)
        return self._kind != "retrieve" or b'"data":"' in answer

    def lost(self) -> None:
        """A connection has ended."""
        self._open -= 1
        if not self._open:
            self._over.set()

    async def measure(self, targets: list[int], connections: int) -> dict[str, Any]:
        """Connect, ask, and give what came of it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        loop = asyncio.get_running_loop()
        clients = []
        for number in range(connections):
            target = targets[number % len(targets)]
            _, client = await loop.create_connection(lambda: Client(self), "127.0.0.1", target, ssl=context)
            clients.append(client)
        self._open, self._alone = connections, connections == 1
        cpu = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        self._ends = began + self._seconds
        for client in clients:
            client.send()
        await self._over.wait()
        took = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
        spent = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
        ordered = sorted(self.took) or [0.0]
        return {
            "done": len(self.took),
            "seconds": took,
            "errors": len(self.errors),
            "error": self.errors[0] if self.errors else "",
            "median_ms": median(ordered) * 1000,
            "p95_ms": ordered[int(len(ordered) * 0.95)] * 1000,
            "load_us": spent / max(1, len(self.took)) * 1e6,
        }


async def _serve() -> None:
    accounts = signers()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print("{}", flush=True)
    while line := await reader.readline():
        command = json.loads(line)
        kind = command["kind"]
        bodies = OnionBodies(command["nodes"]) if kind == "onion" else Bodies(kind, accounts)
        made = Run(bodies, kind, command.get("seconds", 0.0), command.get("most"))
        print(json.dumps(await made.measure(command["targets"], command["connections"])), flush=True)


if __name__ == "__main__":
    run(_serve())
