"""What all services of one client share: store, account, road, time, randomness, and the hub that wakes listeners.

Every change goes through `write`, so that whoever waits for something of the store is woken after each commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from veery.client.faults import ClientClosed
from veery.client.hub import Hub
from veery.client.levels.own_keys import OpeningKeys
from veery.network.road import Road
from veery.protocol.account import Account, AccountId
from veery.runtime.clock import Clock
from veery.runtime.randomness import Randomness
from veery.store.database import Store
from veery.store.faults import StoreClosed
from veery.store.tables import Tables

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Times:
    """One moment on both clocks, ms. Messages and swarms count network time; the store's timers run on local time."""

    local_ms: int
    network_ms: int

    def to_local(self, network_ms: int) -> int:
        """The local time of a moment of network time."""
        return network_ms + self.local_ms - self.network_ms


@dataclass(frozen=True, slots=True, eq=False)
class Core:
    """The parts that services are made of.

    outbox_changed: set when a copy may have become due. opening_keys: the derived pairs that open messages.
    """

    store: Store
    account: Account
    road: Road
    clock: Clock
    random: Randomness
    hub: Hub
    outbox_changed: asyncio.Event = field(default_factory=asyncio.Event)
    opening_keys: OpeningKeys = field(default_factory=OpeningKeys)

    @property
    def own(self) -> AccountId:
        """The own Account ID."""
        return self.account.account_id

    def times(self) -> Times:
        """Now, on both clocks."""
        return Times(self.clock.now_ms(), self.road.now_ms())

    async def write(self, work: Callable[[Tables], T]) -> T:
        """Run `work(tables)` in one durable transaction, then wake everybody who waits for changes."""
        result = await self.store.run(work)
        self.hub.wake()
        return result

    async def read(self, work: Callable[[Tables], T]) -> T:
        """Run `work(tables)` on one state of the store. Raises ClientClosed when the engine was closed meanwhile."""
        try:
            return await self.store.read(work)
        except StoreClosed as error:
            if not self.hub.closed:
                raise
            raise ClientClosed("the engine is closed") from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.hub.closed or task is None or task.cancelling():
                raise
            # Nobody cancelled this task: the closing store has dropped a read that waited.
            raise ClientClosed("the engine was closed during a read") from None

    async def wait_until(self, moment: float, change: Coroutine[Any, Any, object]) -> None:
        """Return at a moment of the monotonic clock (seconds), or when `change` has happened. Can be cancelled."""
        tasks = [asyncio.ensure_future(change), asyncio.ensure_future(self.clock.sleep_until(moment))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
