"""The whole road over real TLS and a real SOCKS5 proxy: nodes whose addresses lead nowhere but through the proxy.

Each node is a listener of its own on loopback behind the address that the node list tells; relaying between nodes is
in memory. Run on asyncio and on uvloop.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.network.memory_nodes import STORAGE_PATH, MemoryNetwork, as_bytes
from tests.network.socks5 import IPV4, NAME, Socks5, socks5
from tests.network.tls_guard import Guard, Heard, Speak, guard, identity_fingerprint
from veery.network.client_road import OnionRoad
from veery.network.proxy import Proxy
from veery.network.seeds import Seeds
from veery.network.transport import ProxyFailed, TransportAnswer
from veery.protocol.constants import ONION_PATH
from veery.protocol.storage_rpc.read_answers import read_retrieve
from veery.protocol.storage_rpc.requests import Retrieve, Store
from veery.protocol.swarm.node_json import write_nodes
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.network_file import NetworkFile, SeedEntry
from veery.registry.seed_call import SeedNotPinned
from veery.runtime.clock import SystemClock
from veery.runtime.loop import loop_factory

pytestmark = pytest.mark.network

ACCOUNT = b"\x05" + bytes(range(32))
LOOPS = [asyncio.new_event_loop, loop_factory()]
Loop = Callable[[], asyncio.AbstractEventLoop]


def run(loop: Loop, main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(main, 60))


def answer(code: int, body: bytes, content_type: str = "text/plain") -> bytes:
    head = f"HTTP/1.1 {code} X\r\nContent-Length: {len(body)}\r\nContent-Type: {content_type}\r\n\r\n"
    return head.encode() + body


def speaks_for(network: MemoryNetwork, node: ServiceNode) -> Speak:
    """A listener that answers as this node."""

    async def speak(request: Heard, writer: asyncio.StreamWriter) -> bool:
        path = request.line.split(" ")[1]
        assert path in (STORAGE_PATH, ONION_PATH)
        found: TransportAnswer = await network.post(node, path, request.body, timeout_s=10)
        writer.write(answer(found.status, as_bytes(found.body)))
        return True

    return speak


def speaks_as_seed(network: MemoryNetwork) -> Speak:
    """A seed of a deployed network: it knows no signed lists."""

    async def speak(request: Heard, writer: asyncio.StreamWriter) -> bool:
        asked = json.loads(request.body)
        if asked["method"] == "get_service_nodes":
            states = write_nodes(network.list, randbelow=lambda bound: 0)
            said: dict[str, Any] = {"result": {"height": 50, "service_node_states": states}}
        else:
            said = {"error": {"code": -32601, "message": "Method not found"}}
        writer.write(answer(200, json.dumps({"jsonrpc": "2.0", **said}).encode(), "application/json"))
        return True

    return speak


class World:
    """A network behind a proxy."""

    def __init__(self) -> None:
        self.network = MemoryNetwork(12, swarms=1, clock=SystemClock())
        self.stack = AsyncExitStack()
        self.listeners: list[Guard] = []
        self.proxy = Socks5()
        self.file = NetworkFile("test", (SeedEntry("https://seed.example:4443", identity_fingerprint()),))

    async def __aenter__(self) -> World:
        routes = {}
        for node in self.network.list:
            listener = await self.stack.enter_async_context(guard(speaks_for(self.network, node)))
            self.listeners.append(listener)
            routes[node.ip, node.https_port] = ("127.0.0.1", listener.port)
        seed = await self.stack.enter_async_context(guard(speaks_as_seed(self.network)))
        self.listeners.append(seed)
        self.proxy = await self.stack.enter_async_context(
            socks5(routes=routes, names={"seed.example": ("127.0.0.1", seed.port)})
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stack.aclose()

    @property
    def connections(self) -> int:
        return sum(listener.connections for listener in self.listeners)


@pytest.mark.parametrize("loop", LOOPS)
def test_everything_goes_through_the_proxy(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[object] = []
    lookup = socket.getaddrinfo

    def spying(host: Any, *arguments: Any, **options: Any) -> Any:
        looked_up.append(host)
        return lookup(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", spying)

    async def main() -> None:
        async with World() as world:
            road = await OnionRoad.open(world.file, proxy=Proxy("127.0.0.1", world.proxy.port))
            now_ms = road.now_ms()
            (stored,) = await road.call(ACCOUNT, [Store(ACCOUNT, 0, b"hello", now_ms, now_ms + 60_000)])
            assert stored.status == 200
            (fetched,) = await road.call(ACCOUNT, [Retrieve(ACCOUNT)])
            assert [message.data for message in read_retrieve(fetched.body).messages] == [b"hello"]
            assert road.status().proxy == f"socks5://127.0.0.1:{world.proxy.port}"
            await road.close()
            asked = world.proxy.asked
            assert asked[0] == (NAME, "seed.example", 4443)
            assert {kind for kind, _, _ in asked[1:]} == {IPV4}
            guards = {path.hops[0].ip for path in road.status().paths}
            assert {host for _, host, _ in asked[1:]} == guards
            assert world.connections == len(asked)  # not one connection that the proxy does not know of

    run(loop, main())
    assert {host for host in looked_up if host not in (None, "127.0.0.1", b"127.0.0.1")} == set()


@pytest.mark.parametrize("loop", LOOPS)
def test_proxy_that_is_down_stops_everything(loop: Loop) -> None:
    async def main() -> None:
        async with World() as world:
            with socket.create_server(("127.0.0.1", 0)) as taken:
                port = taken.getsockname()[1]
            async with await OnionRoad.open(world.file, proxy=Proxy("127.0.0.1", port)) as road:
                with pytest.raises(ProxyFailed) as caught:
                    await road.call(ACCOUNT, [Retrieve(ACCOUNT)])
                assert caught.value.kind == "network.proxy.unreachable"
            assert world.connections == 0

    run(loop, main())


async def test_seed_with_another_certificate_is_told_nothing() -> None:
    async with World() as world:
        file = NetworkFile("test", (SeedEntry("https://seed.example:4443", bytes(32)),))
        seeds = Seeds(file, Proxy("127.0.0.1", world.proxy.port))
        fetch = seeds.fetch()
        with pytest.raises(SeedNotPinned):
            await asyncio.wait_for(fetch, 30)
        await seeds.close()
        assert all(not listener.heard for listener in world.listeners)
