"""The node's door and clients that do not read, or do not shake hands: with and without TLS, on both event loops."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvloop

from tests.network.waiting import until
from veery.node.door import HttpDoor
from veery.node.door_limits import DoorLimits
from veery.node.http import HttpAnswer, HttpRequest
from veery.runtime.clock import SystemClock
from veery.runtime.tls import KeyKind, ensure_identity, node_context, server_context

pytestmark = pytest.mark.network

SIZE = 20_000_000
REQUEST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"


Run = Callable[[Coroutine[None, None, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def go(work: Coroutine[None, None, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(work)

    return go


@dataclass(slots=True)
class Place:
    """A door whose answers are large, and how to get to it."""

    door: HttpDoor
    port: int
    tls: ssl.SSLContext | None
    handled: int = 0


@asynccontextmanager
async def large_answers(server: ssl.SSLContext | None, limits: DoorLimits | None = None) -> AsyncIterator[Place]:
    async def large(request: HttpRequest) -> HttpAnswer:
        place.handled += 1
        return HttpAnswer(200, b"x" * SIZE)

    opened = HttpDoor(large, limits=limits)
    port = await opened.listen("127.0.0.1", 0, server)
    place = Place(opened, port, None if server is None else node_context())
    try:
        yield place
    finally:
        await opened.close()


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> ssl.SSLContext | None:
    if not request.param:
        return None
    ensure_identity(tmp_path / "tls.pem", SystemClock().now_ms(), kind=KeyKind.EC_P256)
    return server_context(tmp_path / "tls.pem")


@asynccontextmanager
async def deaf(place: Place, requests: int) -> AsyncIterator[asyncio.StreamReader]:
    """A client that sends requests and does not read until it is told to."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", place.port))
    named = None if place.tls is None else "localhost"
    reader, writer = await asyncio.open_connection(sock=raw, limit=1024, ssl=place.tls, server_hostname=named)
    writer.write(REQUEST * requests)
    await writer.drain()
    try:
        yield reader
    finally:
        writer.transport.abort()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def test_the_next_request_waits_until_the_answer_before_is_out(run: Run, server: ssl.SSLContext | None) -> None:
    run(_the_next_request_waits_until_the_answer_before_is_out(server))


async def _the_next_request_waits_until_the_answer_before_is_out(server: ssl.SSLContext | None) -> None:
    async with large_answers(server) as place, deaf(place, 3) as reader:
        await until(lambda: place.door.unread > 0)
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert place.handled == 1
        assert SIZE <= place.door.unread < SIZE + 1_000
        size = 0
        while size < 3 * SIZE:
            size += len(await reader.read(1_000_000))
        assert place.handled == 3
        await until(lambda: place.door.unread == 0)


def test_answers_that_nobody_reads_are_bounded(run: Run, server: ssl.SSLContext | None) -> None:
    run(_answers_that_nobody_reads_are_bounded(server))


async def _answers_that_nobody_reads_are_bounded(server: ssl.SSLContext | None) -> None:
    async with (
        large_answers(server, DoorLimits(answers_max=5 * SIZE // 2)) as place,
        deaf(place, 1) as first,
        deaf(place, 1) as second,
    ):
        await until(lambda: place.door.unread > 3 * SIZE // 2)
        async with deaf(place, 1):
            await until(lambda: place.handled == 3 and len(place.door.connections) == 2)
            assert place.door.unread <= 5 * SIZE // 2
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError, ssl.SSLError)):
                await first.readexactly(SIZE)
            assert (await second.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
            assert len(await second.readexactly(SIZE)) == SIZE


def test_a_client_that_does_not_read_is_cut_off(run: Run, server: ssl.SSLContext | None) -> None:
    run(_a_client_that_does_not_read_is_cut_off(server))


async def _a_client_that_does_not_read_is_cut_off(server: ssl.SSLContext | None) -> None:
    limits = DoorLimits(write_s=0.1, write_bytes_s=1e9)
    async with large_answers(server, limits) as place, deaf(place, 1):
        await until(lambda: place.handled == 1)
        await until(lambda: not place.door.connections)
        assert place.door.unread == 0


def test_connections_without_a_handshake_are_counted_and_end(run: Run, server: ssl.SSLContext | None) -> None:
    if server is not None:
        run(_half_open(server))


async def _half_open(server: ssl.SSLContext) -> None:
    limits = DoorLimits(connections_per_address=3, handshake_s=0.5)
    async with large_answers(server, limits) as place:
        halves = [await asyncio.open_connection("127.0.0.1", place.port) for _ in range(3)]
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        with suppress(ConnectionError):
            assert await reader.read() == b""  # one too many: closed at once
        assert not place.door.admits("127.0.0.1")
        assert place.door.admits("127.0.0.2")
        for half, _ in halves:
            with suppress(ConnectionError):
                await half.read()  # the time for a handshake is over
        await until(lambda: place.door.admits("127.0.0.1"))
        async with deaf(place, 1) as reader:
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        for each in (writer, *(one for _, one in halves)):
            each.close()
            with suppress(ConnectionError):
                await each.wait_closed()


def test_closing_ends_handshakes(run: Run, server: ssl.SSLContext | None) -> None:
    run(_closing(server))


async def _closing(server: ssl.SSLContext | None) -> None:
    async with large_answers(server) as place:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        await until(lambda: len(place.door.connections) == 1 or sum(map(len, place.door._acceptors)) == 1)
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
