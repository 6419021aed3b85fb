"""A whole road over nodes in memory, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from tests.network.memory_nodes import MemoryNetwork, MemoryNode
from veery.network.client_road import OnionRoad
from veery.network.memory import RoadMemory
from veery.policy.path_actions import PathState, PathView
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.network_file import NetworkFile, SeedEntry
from veery.registry.snapshot import Snapshot
from veery.runtime.clock import ManualClock
from veery.runtime.randomness import insecure_randomness

T = TypeVar("T")
NETWORK = NetworkFile("test", (SeedEntry("https://seed.example:4443"),))


class MemorySeeds:
    """Seeds that tell the list of a network, or fail."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.network = network
        self.asked = 0
        self.fault: Exception | None = None
        self.nodes: tuple[ServiceNode, ...] | None = None
        self.closed = False

    async def fetch(self) -> Snapshot:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return Snapshot(100, bytes(32), nodes=self.network.list if self.nodes is None else self.nodes, network="test")

    async def close(self) -> None:
        self.closed = True


class Opened:
    """A road and what is behind it."""

    def __init__(self, road: OnionRoad, network: MemoryNetwork, seeds: MemorySeeds) -> None:
        assert isinstance(network.clock, ManualClock)
        self.road = road
        self.network = network
        self.seeds = seeds
        self.clock: ManualClock = network.clock

    async def run(self, work: Awaitable[T], *, seconds: float = 120.0) -> T:
        """Wait for something while time goes on."""
        task = asyncio.ensure_future(work)
        until = self.clock.monotonic() + seconds
        await self.settle()
        while not task.done() and self.clock.monotonic() < until:
            due = self.clock.next_moment()
            await self.clock.advance(0.001 if due is None else due - self.clock.monotonic())
        await self.settle()
        if not task.done():
            task.cancel()
        return await task

    async def settle(self, seconds: float = 0.0) -> None:
        """Let everything happen that can, then go on by so many seconds."""
        for _ in range(5):
            await self.clock.advance(0)
        if seconds:
            await self.clock.advance(seconds)
            await self.settle()

    @property
    def ready(self) -> list[PathView]:
        """The paths that carry requests."""
        return [path for path in self.road._paths.table.paths if path.state is PathState.READY]

    def strikes(self) -> dict[bytes, int]:
        """Strikes by node, without those that have none."""
        counted = {key: self.road._pool.strikes(key, self.road._time.now_ms()) for key in self.network.nodes}
        return {key: count for key, count in counted.items() if count}

    @property
    def hops(self) -> set[bytes]:
        """Keys of all nodes of standing paths."""
        return {node.ed25519 for path in self.ready for node in path.hops}

    def free_account(self) -> bytes:
        """An account with members outside of all paths."""
        for number in range(1_000):
            account = b"\x05" + number.to_bytes(32, "big")
            if any(member.key not in self.hops for member in self.network.members(account)):
                return account
        raise AssertionError("every node is on a path")

    def free_member(self, account: bytes) -> MemoryNode:
        """A member that is on no path."""
        return next(node for node in self.network.members(account) if node.key not in self.hops)


@asynccontextmanager
async def opened(
    network: MemoryNetwork | None = None,
    *,
    memory: RoadMemory | None = None,
    seeds: MemorySeeds | None = None,
    prepare: Callable[[MemorySeeds], None] = lambda seeds: None,
) -> AsyncIterator[Opened]:
    """A road whose first paths are built, if that is possible."""
    network = network or MemoryNetwork()
    seeds = seeds or MemorySeeds(network)
    prepare(seeds)
    road = await OnionRoad.open(
        NETWORK, memory, transport=network, seeds=seeds, clock=network.clock, random=insecure_randomness(7)
    )
    made = Opened(road, network, seeds)
    await made.settle(1)
    try:
        yield made
    finally:
        await road.close()
