"""The node's door against clients that are slow, greedy or broken: real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from veery.node.door import Handler, HttpDoor
from veery.node.door_limits import DoorLimits
from veery.node.http import HttpAnswer, HttpRequest, text

pytestmark = pytest.mark.network


async def echo(request: HttpRequest) -> HttpAnswer:
    return HttpAnswer(200, f"{request.method} {request.path} {len(request.body)}".encode())


@asynccontextmanager
async def door(handler: Handler = echo, limits: DoorLimits | None = None) -> AsyncIterator[tuple[HttpDoor, int]]:
    opened = HttpDoor(handler, limits=limits)
    port = await opened.listen("127.0.0.1", 0, None)
    try:
        yield opened, port
    finally:
        await opened.close()


async def talk(port: int, *pieces: bytes, end: bool = False) -> bytes:
    """Send the pieces and read until the door closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if end:
            writer.write_eof()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def post(body: bytes, *headers: str, path: str = "/x") -> bytes:
    lines = "".join(f"{line}\r\n" for line in (f"Content-Length: {len(body)}", *headers))
    return f"POST {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode() + body


async def test_answers_in_order_and_keeps_the_connection() -> None:
    async with door() as (_, port):
        answer = await talk(port, post(b"a") + post(b"bb"), post(b"ccc", "Connection: close"))
    assert [line for line in answer.decode().splitlines() if line.startswith("POST")] or answer.count(b"200 OK") == 3
    assert answer.index(b"POST /x 1") < answer.index(b"POST /x 2") < answer.index(b"POST /x 3")


async def test_many_pipelined_requests_are_all_answered() -> None:
    async with door() as (_, port):
        answer = await talk(port, post(b"a") * 100 + post(b"", "Connection: close"))
    assert answer.count(b"200 OK") == 101


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /x HTTP/1.1\r\nContent-Length: 10485761\r\n\r\n", b"413"),
        (b"POST /x HTTP/1.1\r\nContent-Length: ten\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000, b"431"),
    ],
)
async def test_refuses_and_closes(sent: bytes, status: bytes) -> None:
    async with door() as (_, port):
        answer = await talk(port, sent)
    assert answer.split(b" ")[1] == status
    assert b"Connection: close" in answer


async def test_an_upgrade_is_not_made() -> None:
    async with door() as (_, port):
        answer = await talk(port, b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Connection: close" in answer


async def test_the_text_for_a_bad_length() -> None:
    async with door() as (_, port):
        answer = await talk(port, b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
    assert answer.endswith(b"invalid Content-Length")


async def test_a_chunked_body_is_bounded_as_well() -> None:
    async with door(limits=DoorLimits(body_max=1000)) as (opened, port):
        answer = await talk(
            port,
            b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"200\r\n" + b"a" * 512 + b"\r\n",
            b"200\r\n" + b"a" * 512,
        )
        assert answer.split(b" ")[1] == b"413"
        assert opened.buffered == 0


async def test_all_bodies_together_are_bounded() -> None:
    async with door(limits=DoorLimits(bodies_max=1000)) as (opened, port):
        answer = await talk(port, post(b"a" * 2000))
        assert b"503" in answer
        assert answer.endswith(b"Server busy, try again later")
        assert opened.buffered == 0


@pytest.mark.parametrize("piece", [b"", b"POST /x HT", b"POST /x HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"])
async def test_slow_clients_are_closed(piece: bytes) -> None:
    async with door(limits=DoorLimits(head_s=0.1, body_s=0.1, idle_s=0.1)) as (_, port):
        answer = await asyncio.wait_for(talk(port, piece), 10)
    assert answer == b"" or answer.split(b" ")[1] == b"408"


async def test_connections_of_one_address_are_bounded() -> None:
    async with door(limits=DoorLimits(connections_per_address=1)) as (opened, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"a"))
        await reader.readuntil(b"POST /x 1")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            if await talk(port, post(b"b", "Connection: close")) == b"":
                raise ConnectionResetError
        writer.close()
        await writer.wait_closed()
        assert opened.closing is False


async def test_a_failing_handler_is_a_500_and_the_door_lives() -> None:
    async def fail(request: HttpRequest) -> HttpAnswer:
        if request.body == b"bad":
            raise LookupError("no such thing")
        return text(200, "fine")

    async with door(fail) as (_, port):
        answer = await talk(port, post(b"bad"), post(b"good", "Connection: close"))
    assert b"500" in answer
    assert answer.endswith(b"fine")


async def test_close_answers_what_is_in_flight() -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def slow(request: HttpRequest) -> HttpAnswer:
        started.set()
        await go.wait()
        return text(200, "done")

    async with door(slow) as (opened, port):
        client = asyncio.create_task(talk(port, post(b"a")))
        await started.wait()
        closing = asyncio.create_task(opened.close())
        await asyncio.sleep(0)
        go.set()
        assert (await client).endswith(b"done")
        await closing


async def test_early_answers_before_the_body() -> None:
    opened = HttpDoor(echo, early=lambda path, peer: text(503, "not ready", close=True) if path == "/x" else None)
    port = await opened.listen("127.0.0.1", 0, None)
    answer = await talk(port, b"POST /x HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
    assert answer.endswith(b"not ready")
    await opened.close()


async def test_a_length_beyond_all_bounds_is_too_large() -> None:
    async with door() as (_, port):
        answer = await talk(port, b"POST /x HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n")
    assert answer.split(b" ")[1] == b"413"
    assert answer.endswith(b"Request body too large")


async def test_head_has_no_body() -> None:
    async with door() as (_, port):
        answer = await talk(port, b"HEAD /a HTTP/1.1\r\n\r\n" + post(b"b", "Connection: close"))
    first, _, second = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: 9" in first
    assert second.startswith(b"HTTP/1.1 200 OK")
