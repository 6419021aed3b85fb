"""Ends of the node message queue against each other: CURVE over loopback (chapter 15)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from nacl.public import PrivateKey

from veery.errors import PeerRefused, Unreachable
from veery.network.queue_endpoint import Address, QueueEndpoint
from veery.network.queue_links import Incoming
from veery.network.queue_sockets import CurveKeys
from veery.protocol.queue import CommandRule

pytestmark = pytest.mark.network

PING, ECHO, NOTE = b"sn.ping", b"storage.echo", b"notify.note"


class Net:
    """Who is in the active list, and where."""

    def __init__(self) -> None:
        self.nodes: dict[bytes, Address] = {}

    def keys(self) -> CurveKeys:
        key = PrivateKey.generate()
        return CurveKeys(bytes(key.public_key), bytes(key))


@asynccontextmanager
async def node(
    net: Net, *, listed: bool = True, ping: bytes = b"pong"
) -> AsyncIterator[tuple[QueueEndpoint, bytes, Address]]:
    keys = net.keys()
    end = QueueEndpoint(
        keys, secrets.token_bytes, is_node=net.nodes.__contains__, address_of=net.nodes.get, service_node=True
    )

    async def pong(incoming: Incoming) -> Sequence[bytes]:
        return [ping, *incoming.parts]

    async def echo(incoming: Incoming) -> Sequence[bytes]:
        return incoming.parts

    end.register(PING, CommandRule(request=True, remote_sn=True), pong)
    end.register(ECHO, CommandRule(request=True), echo)
    address = ("127.0.0.1", end.listen("127.0.0.1", 0))
    if listed:
        net.nodes[keys.public] = address
    try:
        yield end, keys.public, address
    finally:
        await end.close()


async def test_nodes_ask_each_other_by_key() -> None:
    net = Net()
    async with node(net, ping=b"a") as (a, a_key, _), node(net, ping=b"b") as (b, b_key, _):
        assert await a.request(b_key, PING, b"x") == (b"b", b"x")
        assert await b.request(a_key, PING) == (b"a",)
        answers = await asyncio.gather(*(a.request(b_key, PING, b"%d" % i) for i in range(200)))
        assert [parts[1] for parts in answers] == [b"%d" % i for i in range(200)]


async def test_a_key_outside_the_list_is_refused_and_let_in_when_it_joins() -> None:
    net = Net()
    async with node(net) as (_, a_key, _), node(net, listed=False) as (stranger, stranger_key, address):
        with pytest.raises(PeerRefused) as caught:
            await stranger.request(a_key, PING)
        assert caught.value.kind == "network.queue.forbidden_sn"
        net.nodes[stranger_key] = address
        assert await stranger.request(a_key, PING) == (b"pong",)
        del net.nodes[stranger_key]
        with pytest.raises(PeerRefused):
            await stranger.request(a_key, PING)


async def test_an_unknown_command_fails_at_once() -> None:
    net = Net()
    async with node(net) as (a, _, _), node(net) as (_, b_key, _):
        with pytest.raises(PeerRefused) as caught:
            await a.request(b_key, b"storage.nosuch", b"{}")
        assert caught.value.kind == "network.queue.unknown_command"


async def test_by_address_with_hello() -> None:
    net = Net()
    async with node(net) as (_, key, address):
        caller = QueueEndpoint(net.keys(), secrets.token_bytes)
        link = await caller.connect(address, key)
        assert await caller.request_on(link, ECHO, b"a", b"\x00\xff", b"") == (b"a", b"\x00\xff", b"")
        with pytest.raises(PeerRefused):
            await caller.request_on(link, PING)
        caller.disconnect(link)
        await caller.close()


async def test_a_wrong_key_is_like_a_dead_host() -> None:
    net = Net()
    async with node(net) as (_, _, address):
        caller = QueueEndpoint(net.keys(), secrets.token_bytes)
        with pytest.raises(Unreachable):
            await caller.connect(address, net.keys().public, timeout_s=0.5)
        await caller.close()


async def test_a_request_nobody_answers_times_out() -> None:
    net = Net()
    dead = net.keys().public
    net.nodes[dead] = ("127.0.0.1", 9)
    async with node(net) as (a, _, _):
        with pytest.raises(Unreachable) as caught:
            await a.request(dead, PING, timeout_s=0.3)
        assert caught.value.kind == "network.queue.timeout"
        with pytest.raises(Unreachable):
            await a.request(net.keys().public, PING)


async def test_notifications_reach_the_subscriber_and_nobody_who_took_its_id() -> None:
    net = Net()
    async with node(net) as (end, key, address):
        subscribers: list[Incoming] = []
        taken: list[bytes] = []
        end.on_route_taken = taken.append

        async def subscribe(incoming: Incoming) -> Sequence[bytes]:
            subscribers.append(incoming)
            return [b"ok"]

        end.register(b"monitor.messages", CommandRule(request=True), subscribe)
        keys = net.keys()
        caller = QueueEndpoint(keys, secrets.token_bytes)
        told: asyncio.Queue[Incoming] = asyncio.Queue()

        async def on_note(incoming: Incoming) -> None:
            told.put_nowait(incoming)

        caller.register(NOTE, CommandRule(request=False), on_note)
        link = await caller.connect(address, key, fixed_id=True)
        await caller.request_on(link, b"monitor.messages")
        end.notify(subscribers[0].sender, NOTE, b"hello")
        assert (await told.get()).parts == (b"hello",)

        other = net.keys()
        thief = QueueEndpoint(CurveKeys(other.public, other.secret), secrets.token_bytes)
        thief._keys = CurveKeys(keys.public, other.secret)  # names the subscriber's routing id, proves its own key
        await thief.connect(address, key, fixed_id=True)
        assert taken == [b"L" + keys.public]
        with pytest.raises(Unreachable):
            end.notify(subscribers[0].sender, NOTE, b"secret")
        await thief.close()
        await caller.close()


async def test_a_failing_or_crowded_handler_hurts_nobody_else() -> None:
    net = Net()
    async with node(net) as (a, _, _), node(net) as (b, b_key, _):

        async def fail(incoming: Incoming) -> Sequence[bytes]:
            raise LookupError("no such thing")

        b.register(b"storage.fail", CommandRule(request=True), fail)
        with pytest.raises(Unreachable):
            await a.request(b_key, b"storage.fail", timeout_s=0.3)
        assert await a.request(b_key, ECHO, b"1") == (b"1",)
        go = asyncio.Event()

        async def wait(incoming: Incoming) -> Sequence[bytes]:
            await go.wait()
            return [b"done"]

        b.register(b"slow.wait", CommandRule(request=True), wait)
        asked = [asyncio.create_task(a.request(b_key, b"slow.wait", timeout_s=5)) for _ in range(201)]
        await asyncio.sleep(0)  # let the tasks send
        assert await a.request(b_key, ECHO, b"behind them") == (b"behind them",)
        assert b.counters.dropped == 1
        go.set()
        results = await asyncio.gather(*asked[:200])
        assert results == [(b"done",)] * 200
        asked[200].cancel()
        await asyncio.gather(asked[200], return_exceptions=True)


async def test_a_large_part_passes_and_the_largest_do_not() -> None:
    net = Net()
    async with node(net) as (a, _, _), node(net) as (_, b_key, _):
        large = b"x" * (10_485_760 - 33)
        assert (await a.request(b_key, ECHO, large))[0] == large
        with pytest.raises(Unreachable):
            await a.request(b_key, ECHO, large + b"x", timeout_s=1.0)
        assert await a.request(b_key, ECHO, b"again") == (b"again",)
