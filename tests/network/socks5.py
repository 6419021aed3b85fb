"""A small SOCKS5 proxy on loopback that keeps what it was asked for, and resolves names by a table of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

IPV4, NAME, IPV6 = 1, 3, 4
REFUSED = 5


@dataclass
class Socks5:
    """The proxy. asked: (kind of address, host, port) of every CONNECT, in order; names: where names lead to."""

    port: int = 0
    names: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    routes: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)  # addresses that lead elsewhere
    asked: list[tuple[int, str, int]] = field(default_factory=list)
    credentials: list[tuple[bytes, bytes]] = field(default_factory=list)
    user: tuple[bytes, bytes] | None = None  # what must be given; None for no authentication
    reply: int = 0  # RFC 1928 code to answer CONNECT with
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            if await self._greet(reader, writer):
                await self._connect(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        wanted = 0 if self.user is None else 2
        if wanted not in methods:
            writer.write(b"\x05\xff")
            return False
        writer.write(bytes((5, wanted)))
        if self.user is None:
            return True
        _, length = await reader.readexactly(2)
        name = await reader.readexactly(length)
        (length,) = await reader.readexactly(1)
        password = await reader.readexactly(length)
        self.credentials.append((name, password))
        writer.write(b"\x01\x00" if (name, password) == self.user else b"\x01\x01")
        return (name, password) == self.user

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, _, _, kind = await reader.readexactly(4)
        if kind == NAME:
            (length,) = await reader.readexactly(1)
            host = (await reader.readexactly(length)).decode()
        elif kind == IPV4:
            host = str(IPv4Address(await reader.readexactly(4)))
        else:
            host = str(IPv6Address(await reader.readexactly(16)))
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append((kind, host, port))
        target = self.names.get(host) if kind == NAME else self.routes.get((host, port), (host, port))
        code = self.reply or (0 if target else 4)
        writer.write(bytes((5, code, 0, 1, 0, 0, 0, 0, 0, 0)))
        await writer.drain()
        if code == 0 and target is not None:
            await _relay(reader, writer, *target)


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    far_reader, far_writer = await asyncio.open_connection(host, port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(65_536):
                sink.write(piece)
                await sink.drain()
        with suppress(OSError, RuntimeError):
            sink.write_eof()

    try:
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
    finally:
        far_writer.close()


@asynccontextmanager
async def socks5(**settings: object) -> AsyncIterator[Socks5]:
    """A running proxy; everything of it is gone at the end."""
    proxy = Socks5(**settings)  # type: ignore[arg-type]
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in list(proxy.tasks):
            task.cancel()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)
        await server.wait_closed()
