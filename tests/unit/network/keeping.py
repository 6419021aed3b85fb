"""Paths over nodes in memory, with a clock that stands still: for tests of the keepers."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.network.memory_nodes import MemoryNetwork
from veery.errors import NetworkError
from veery.network.memory import VolatileMemory
from veery.network.onion_requests import OnionRequester
from veery.network.path_keeper import PathKeeper
from veery.network.path_proof import PathProver
from veery.network.steady import SteadyTime
from veery.policy.guards import Guard
from veery.policy.path_actions import PathState, PathView
from veery.policy.paths import PathTable
from veery.policy.pool import NodePool
from veery.protocol.storage_rpc.requests import Info
from veery.protocol.storage_rpc.write import write_call
from veery.runtime.clock import ManualClock
from veery.runtime.lifecycle import Background

INFO = write_call(Info())


class Keeping:
    """A path keeper and what it works with. Refreshes are only counted; `pool_of` fills the pool."""

    def __init__(self, network: MemoryNetwork, guards: tuple[Guard, ...] = (), seed: int = 3) -> None:
        assert isinstance(network.clock, ManualClock)
        self.network = network
        self.clock = network.clock
        chance = random.Random(seed)
        self.time = SteadyTime(self.clock)
        self.background = Background(self.clock)
        self.memory = VolatileMemory()
        self.pool = NodePool()
        self.refreshes: list[bool] = []
        self.dropped: list[bytes] = []
        self.leaps = 0
        self.proofs = 0
        requester = OnionRequester(network, self.clock, chance.randbytes)
        self.keeper = PathKeeper(
            lambda guards: PathTable(self.pool, chance.randrange, guards=guards),
            guards,
            PathProver(network, requester),
            requester,
            self.memory,
            self.time,
            self.background,
            provide=self.provide,
            refresh=self.refresh,
            dropped=self.dropped.append,
            proved=lambda node, exchange: self.count("proofs"),
            leapt=lambda: self.count("leaps"),
        )

    def count(self, what: str) -> None:
        setattr(self, what, getattr(self, what) + 1)

    async def refresh(self, from_seeds: bool) -> None:
        self.refreshes.append(from_seeds)

    async def provide(self) -> None:
        """Nothing: tests fill the pool themselves."""

    def fill(self) -> None:
        self.pool.adopt(self.network.list, self.time.now_ms())

    @property
    def table(self) -> PathTable:
        return self.keeper.table

    @property
    def ready(self) -> list[PathView]:
        return [path for path in self.table.paths if path.state is PathState.READY]

    async def settle(self, seconds: float = 0.0) -> None:
        """Let everything happen that can, then go on by so many seconds."""
        for _ in range(10):
            await self.clock.advance(0)
        if seconds:
            await self.clock.advance(seconds)
            await self.settle()


@asynccontextmanager
async def keeping(
    network: MemoryNetwork | None = None, *, filled: bool = True, guards: tuple[Guard, ...] = ()
) -> AsyncIterator[Keeping]:
    """A running keeper; with `filled`, its first paths are built."""
    made = Keeping(network or MemoryNetwork(), guards)
    if filled:
        made.fill()
    made.background.start("paths", made.keeper.run)
    await made.settle()
    try:
        yield made
    finally:
        made.keeper.close()
        await made.background.close()


class Refused(NetworkError):
    """For tests."""
