"""The queue under faults: handlers that fail, requests that nobody waits for, and stopping while commands run."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from nacl.public import PrivateKey

from tests.network.waiting import until
from veery.errors import Unreachable
from veery.network.queue_endpoint import QueueEndpoint
from veery.network.queue_links import Incoming
from veery.network.queue_sockets import CurveKeys
from veery.protocol import queue
from veery.protocol.queue import CommandRule

pytestmark = pytest.mark.network

ECHO, SLOW, BAD = b"storage.echo", b"storage.slow", b"storage.bad"


@dataclass(slots=True)
class Net:
    """Addresses of nodes by key, and what lets slow commands go on."""

    nodes: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    started: int = 0


@asynccontextmanager
async def node(net: Net) -> AsyncIterator[tuple[QueueEndpoint, bytes]]:
    key = PrivateKey.generate()
    keys = CurveKeys(bytes(key.public_key), bytes(key))
    end = QueueEndpoint(
        keys, secrets.token_bytes, is_node=net.nodes.__contains__, address_of=net.nodes.get, service_node=True
    )

    async def echo(incoming: Incoming) -> Sequence[bytes]:
        return incoming.parts

    async def slow(incoming: Incoming) -> Sequence[bytes]:
        net.started += 1
        await net.go.wait()
        return [b"done"]

    async def bad(incoming: Incoming) -> Sequence[bytes]:
        raise LookupError("nothing there")

    handlers: dict[bytes, Callable[[Incoming], Awaitable[Sequence[bytes]]]] = {ECHO: echo, SLOW: slow, BAD: bad}
    for name, handler in handlers.items():
        end.register(name, CommandRule(request=True), handler)
    net.nodes[keys.public] = ("127.0.0.1", end.listen("127.0.0.1", 0))
    try:
        yield end, keys.public
    finally:
        await end.close()


async def test_draining_answers_what_runs_and_takes_nothing_new() -> None:
    net = Net()
    async with node(net) as (a, _), node(net) as (b, b_key):
        asked = asyncio.create_task(a.request(b_key, SLOW))
        await until(lambda: net.started == 1)
        draining = asyncio.create_task(b.drain())
        await asyncio.sleep(0)
        with pytest.raises(Unreachable):
            await a.request(b_key, ECHO, timeout_s=0.3)
        assert not draining.done()
        net.go.set()
        assert await asked == (b"done",)
        await draining


async def test_draining_has_an_end() -> None:
    net = Net()
    async with node(net) as (a, _), node(net) as (b, b_key):
        asked = asyncio.create_task(a.request(b_key, SLOW, timeout_s=0.5))
        await until(lambda: net.started == 1)
        await b.drain(0.1)
        with pytest.raises(Unreachable):
            await asked


async def test_a_handler_that_fails_answers_nothing_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    net = Net()
    async with node(net) as (a, _), node(net) as (b, b_key):
        with caplog.at_level(logging.ERROR), pytest.raises(Unreachable):
            await a.request(b_key, BAD, timeout_s=0.3)
        assert await a.request(b_key, ECHO, b"x") == (b"x",)
        assert not b._tasks
        assert b._running[b"storage"] == 0
    assert any("LookupError" in record.getMessage() for record in caplog.records)


async def test_messages_behind_one_that_cannot_be_handled_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """ZeroMQ tells of messages by an edge: what an error leaves unread must not wait for the next edge."""
    net = Net()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    async with node(net) as (a, _), node(net) as (_, b_key):
        await a.request(b_key, ECHO)
        real, failed = queue.receive, 0

        def once(*args: object) -> queue.Outcome:
            nonlocal failed
            if failed == 0:
                failed = 1
                raise RuntimeError("once")
            return real(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(queue, "receive", once)
        asks = [asyncio.ensure_future(a.request(b_key, ECHO, b"%d" % at, timeout_s=1.0)) for at in range(20)]
        done = await asyncio.gather(*asks, return_exceptions=True)
        assert failed == 1
        assert sum(isinstance(each, tuple) for each in done) >= 19


async def test_requests_that_nobody_waits_for_leave_nothing_behind() -> None:
    net = Net()
    async with node(net) as (a, _), node(net) as (b, b_key):
        asks = [asyncio.ensure_future(a.request(b_key, SLOW, timeout_s=0.5)) for _ in range(100)]
        await until(lambda: net.started == 100)
        for ask in asks:
            ask.cancel()
        await asyncio.gather(*asks, return_exceptions=True)
        await until(lambda: not a._futures and len(a._pending) == 0)
        net.go.set()
        await until(lambda: not b._tasks)


async def test_commands_beyond_the_bound_of_their_category_are_dropped() -> None:
    net = Net()
    async with node(net) as (a, _), node(net) as (b, b_key):
        b._waiting_max = {b"storage": 3}
        asks = [asyncio.ensure_future(a.request(b_key, SLOW, timeout_s=1.5)) for _ in range(5)]
        await until(lambda: b.counters.dropped == 2)
        net.go.set()
        done = await asyncio.gather(*asks, return_exceptions=True)
        assert sum(each == (b"done",) for each in done) == 3
        assert sum(isinstance(each, Unreachable) for each in done) == 2
