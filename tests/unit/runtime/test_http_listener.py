"""The bounded HTTP listener, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from tests.network.waiting import until
from veery.runtime.http_listener import (
    Admit,
    BodyTooLarge,
    BodyTooSlow,
    CannotListen,
    Grow,
    HttpListener,
    ListenerBounds,
    read_body,
    refusal,
)

WIDE = ListenerBounds(
    connections=64, connections_per_address=64, first_s=60.0, after_s=60.0, keepalive_s=60.0, close_s=5.0
)
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
BODY_MAX = 1_000

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Behind:
    """What stands behind a listener: reads bodies, and answers with them when `go` is set."""

    def __init__(self, bounds: ListenerBounds, admit: Admit | None) -> None:
        self.listener = HttpListener("lark", self.handle, bounds, admit=admit)
        self.port = 0
        self.body_s = 60.0
        self.grow: Grow | None = None
        self.extends_s: float | None = None
        self.handled = 0
        self.begun, self.go, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.go.set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.handled += 1
        if self.extends_s is not None:
            self.listener.extend(request, self.extends_s)
        try:
            body = await read_body(request, BODY_MAX, self.body_s, self.grow)
            self.begun.set()
            await self.go.wait()
        except BodyTooLarge as large:
            return refusal(413, large.message, {"X-Most": str(BODY_MAX)})
        except BodyTooSlow as slow:
            return refusal(408, slow.message)
        finally:
            self.ended.set()
        return web.Response(body=body)

    async def connect(self, source: str = "127.0.0.1") -> Stream:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))

    async def talk(self, sent: bytes, source: str = "127.0.0.1") -> bytes:
        """Everything that comes back until the listener closes or cuts the connection."""
        reader, writer = await self.connect(source)
        writer.write(sent)
        try:
            return await rest(reader)
        finally:
            await left((reader, writer))


async def rest(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionResetError:
        return b""


async def left(*streams: Stream) -> None:
    for _, writer in streams:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def status_of(stream: Stream, sent: bytes = GET) -> int:
    """Send a request on a connection that stays open; gives the status of its answer, whose body is empty."""
    reader, writer = stream
    writer.write(sent)
    async with asyncio.timeout(10):
        return int((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1])


@asynccontextmanager
async def listening(bounds: ListenerBounds = WIDE, admit: Admit | None = None) -> AsyncIterator[Behind]:
    behind = Behind(bounds, admit)
    behind.port = await behind.listener.start("127.0.0.1", 0)
    try:
        yield behind
    finally:
        behind.go.set()
        await behind.listener.close()


def with_body(body: bytes, *, chunked: bool) -> bytes:
    if chunked:
        piece = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return POST + b"Transfer-Encoding: chunked\r\n\r\n" + piece + b"0\r\n\r\n"
    return POST + b"Content-Length: %d\r\n\r\n" % len(body) + body


# -- deadlines -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b"GET / HT", POST, POST + b"Content-Length: 50\r\n\r\nsome"])
async def test_a_first_request_that_is_not_whole_in_time_is_cut(sent: bytes) -> None:
    async with listening(replace(WIDE, first_s=0.2)) as behind:
        assert await behind.talk(sent) == b""
        assert behind.listener.connections == 0


async def test_a_handler_moves_the_deadline_of_its_connection() -> None:
    async with listening(replace(WIDE, first_s=0.2)) as behind:
        behind.extends_s = 60.0
        behind.go.clear()
        stream = await behind.connect()
        answer = asyncio.create_task(status_of(stream))
        await behind.begun.wait()
        assert await behind.talk(b"") == b""  # came later, and its deadline has passed already
        behind.go.set()
        assert await answer == 200
        await left(stream)


async def test_a_deadline_that_no_handler_moves_holds_while_it_runs() -> None:
    async with listening(replace(WIDE, first_s=0.2)) as behind:
        behind.go.clear()
        assert await behind.talk(GET) == b""
        assert behind.begun.is_set()
        assert not behind.ended.is_set()


@pytest.mark.parametrize("bounds", [replace(WIDE, after_s=0.2), replace(WIDE, keepalive_s=0.2)])
async def test_a_connection_that_is_idle_after_its_answer_is_closed(bounds: ListenerBounds) -> None:
    async with listening(bounds) as behind:
        assert (await behind.talk(GET)).startswith(b"HTTP/1.1 200")


async def test_an_answer_that_is_not_taken_is_cut() -> None:
    async def large(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=bytes(20_000_000))

    listener = HttpListener("lark", large, replace(WIDE, after_s=0.2))
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
    writer.write(GET)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await until(lambda: listener.connections == 0)
    await left((reader, writer))
    await listener.close()


# -- numbers -------------------------------------------------------------------------------------------------------


async def test_connections_from_one_address_are_bounded() -> None:
    async with listening(replace(WIDE, connections_per_address=2)) as behind:
        held = [await behind.connect() for _ in range(2)]
        assert [await status_of(each) for each in held] == [200, 200]
        assert await behind.talk(GET) == b""
        other = await behind.connect("127.0.0.2")
        assert await status_of(other) == 200
        assert [await status_of(each) for each in held] == [200, 200]
        await left(*held)
        await until(lambda: behind.listener.connections == 1)
        again = await behind.connect()
        assert await status_of(again) == 200
        await left(other, again)


async def test_connections_in_all_are_bounded() -> None:
    async with listening(replace(WIDE, connections=2)) as behind:
        held = [await behind.connect(f"127.0.0.{number}") for number in (1, 2)]
        assert [await status_of(each) for each in held] == [200, 200]
        assert behind.listener.connections == 2
        assert await behind.talk(GET, "127.0.0.3") == b""
        await left(*held)


async def test_who_is_not_admitted_is_told_and_closed() -> None:
    asked: list[str] = []

    def admit(address: str) -> bool:
        asked.append(address)
        return asked.count(address) <= 2

    async with listening(admit=admit) as behind:
        stream = await behind.connect()
        assert [await status_of(stream), await status_of(stream)] == [200, 200]
        assert await status_of(stream) == 429
        assert await rest(stream[0]) == b"Too many requests"
        assert (await behind.talk(GET)).startswith(b"HTTP/1.1 429")
        other = await behind.connect("127.0.0.2")
        assert await status_of(other) == 200
        assert asked == ["127.0.0.1"] * 4 + ["127.0.0.2"]
        assert behind.handled == 3
        await left(stream, other)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        POST + b"X: " + b"a" * 9_000 + b"\r\n\r\n",
        b"no\r\n\r\n",
    ],
)
async def test_heads_that_are_too_long_or_nonsense_reach_no_handler(sent: bytes) -> None:
    async with listening() as behind:
        assert (await behind.talk(sent)).split(b" ")[1] == b"400"
        assert behind.handled == 0


# -- bodies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(0, 200), (BODY_MAX, 200), (BODY_MAX + 1, 413), (100 * BODY_MAX, 413)])
async def test_the_size_of_a_body_is_bounded(size: int, status: int, chunked: bool) -> None:
    async with listening(replace(WIDE, keepalive_s=0.1)) as behind:
        head, _, body = (await behind.talk(with_body(bytes(size), chunked=chunked))).partition(b"\r\n\r\n")
        assert int(head.split(b" ")[1]) == status
        assert body == (bytes(size) if status == 200 else b"The request is too large")
        assert (b"X-Most: 1000" in head) is (status == 413)


async def test_a_body_that_says_that_it_is_too_large_is_not_read() -> None:
    async with listening() as behind:
        behind.grow = lambda size: pytest.fail("something of the body was read")
        answer = await behind.talk(POST + b"Content-Length: 1001\r\n\r\n" + bytes(10))
        assert answer.startswith(b"HTTP/1.1 413")


async def test_a_body_that_comes_too_slowly() -> None:
    async with listening() as behind:
        behind.body_s = 0.1
        answer = await behind.talk(POST + b"Content-Length: 50\r\n\r\nsome")
        assert answer.startswith(b"HTTP/1.1 408")


async def test_grow_hears_of_each_piece_and_can_end_the_reading() -> None:
    pieces: list[int] = []

    def grow(size: int) -> None:
        if sum(pieces) + size > 600:
            raise BodyTooSlow("no room")
        pieces.append(size)

    async with listening(replace(WIDE, keepalive_s=0.1)) as behind:
        behind.grow = grow
        assert (await behind.talk(with_body(bytes(600), chunked=False))).startswith(b"HTTP/1.1 200")
        assert sum(pieces) == 600
        assert (await behind.talk(with_body(b"x", chunked=False))).endswith(b"no room")


async def test_a_compressed_body_is_left_as_it_came() -> None:
    """Otherwise few bytes would make many."""
    bomb = gzip.compress(bytes(500_000))
    assert len(bomb) < BODY_MAX
    async with listening(replace(WIDE, keepalive_s=0.1)) as behind:
        sent = POST + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
        assert (await behind.talk(sent)).endswith(b"\r\n\r\n" + bomb)


# -- life ----------------------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken() -> None:
    async with listening() as behind:
        second = Behind(WIDE, None)
        with pytest.raises(CannotListen, match=f"The lark cannot listen on 127.0.0.1:{behind.port}: ") as caught:
            await second.listener.start("127.0.0.1", behind.port)
        assert caught.value.kind == "runtime.bind"
        assert second.listener.connections == 0
        await second.listener.close()


async def test_what_runs_is_answered_before_it_closes() -> None:
    async with listening() as behind:
        behind.go.clear()
        answer = asyncio.create_task(behind.talk(GET))
        await behind.begun.wait()
        closing = asyncio.create_task(behind.listener.close())
        await asyncio.sleep(0)
        behind.go.set()
        assert (await answer).startswith(b"HTTP/1.1 200")
        await closing
        await behind.listener.close()
        with pytest.raises(ConnectionError):
            await behind.connect()


async def test_what_does_not_end_is_cut_when_it_closes() -> None:
    async with listening(replace(WIDE, close_s=0.1)) as behind:
        behind.go.clear()
        answer = asyncio.create_task(behind.talk(GET))
        await behind.begun.wait()
        await behind.listener.close()
        assert await answer == b""
        async with asyncio.timeout(10):
            await behind.ended.wait()
