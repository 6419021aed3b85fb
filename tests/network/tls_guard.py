"""A guard on loopback that says what a test wants: raw bytes over real TLS, so that it can be hostile."""

from __future__ import annotations

import asyncio
import functools
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext

from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.tls import KeyKind, TlsIdentity, generate_identity, save_identity, server_context


@dataclass(frozen=True)
class Heard:
    """One request: its first line, headers in order with names as they were sent, body."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


Speak = Callable[[Heard, asyncio.StreamWriter], Awaitable[bool]]  # gives whether the connection stays open


@dataclass
class Guard:
    """A running guard. connections: how many were opened; heard: every request."""

    speak: Speak
    port: int = 0
    connections: int = 0
    heard: list[Heard] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def node(self) -> ServiceNode:
        """The node as a list would tell it."""
        return ServiceNode(b"", bytes(32), bytes(32), "127.0.0.1", self.port, 1, 7)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.connections += 1
        try:
            while True:
                request = await _hear(reader)
                self.heard.append(request)
                if not await self.speak(request, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()


async def _hear(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:-2]))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Heard(head[0], headers, await reader.readexactly(length))


def says(raw: bytes, *, stays: bool = True) -> Speak:
    """Answer every request with the same bytes."""

    async def speak(_: Heard, writer: asyncio.StreamWriter) -> bool:
        writer.write(raw)
        await writer.drain()
        return stays

    return speak


def ok(body: bytes, *headers: str) -> bytes:
    """An HTTP answer with status 200."""
    lines = "".join(f"{line}\r\n" for line in (f"Content-Length: {len(body)}", *headers))
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body


@functools.cache
def _identity() -> TlsIdentity:
    return generate_identity(time.time_ns() // 1_000_000, kind=KeyKind.EC_P256)


def identity_fingerprint() -> bytes:
    """SHA-256 of the certificate that every guard here shows."""
    return _identity().fingerprint


@functools.cache
def identity_context() -> SSLContext:
    """A server's context with a fresh identity; made once."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "identity.pem"
        save_identity(path, _identity())
        return server_context(path)


@asynccontextmanager
async def guard(speak: Speak) -> AsyncIterator[Guard]:
    """A running guard; everything of it is gone at the end."""
    running = Guard(speak)
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0, ssl=identity_context())
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for task in list(running.tasks):
            task.cancel()
        await asyncio.gather(*running.tasks, return_exceptions=True)
        await server.wait_closed()
