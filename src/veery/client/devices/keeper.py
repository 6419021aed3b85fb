"""The state of the group: read, changed and kept, with what the user is told of it in the same transaction.

The store holds the state; what belongs to the running process (whether anything was fetched, whether a push is under
way) is held here and put into it. Every change is computed inside of the transaction from what the store has then, so
messages that arrive meanwhile are never overwritten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from veery.client.core import Core
from veery.client.devices.beginning import begin_late
from veery.client.devices.following import follow
from veery.client.devices.telling import tell
from veery.policy import device_membership
from veery.policy.device_group import Change, DeviceGroup, DeviceGroupFault
from veery.protocol.constants import HOUR_MS
from veery.store.tables import Tables

T = TypeVar("T")

_CLOCK_STEP_MS: Final = HOUR_MS  # of the clock of deletions that is worth a write


class DeviceKeeper:
    """The group of one account's devices. changed: set when something may have become due."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._fetched = False
        self._ready = False
        self._pushing = False
        self.changed = asyncio.Event()

    async def begin(self) -> None:
        """Make this device one, if its store has none yet."""
        if await self._core.read(lambda tables: tables.devices.group()) is None:
            now_ms, random = self._core.road.now_ms(), self._core.random.random_bytes

            def work(tables: Tables) -> None:
                if tables.devices.group() is None:
                    begin_late(tables, now_ms, random)

            await self._core.write(work)

    async def state(self) -> DeviceGroup:
        """The state now."""
        return await self._core.read(self._load)

    async def change(self, make: Callable[[DeviceGroup], Change]) -> Change:
        """Change the state, in one transaction with the events of it. Raises what `make` raises.

        make: may be called twice. What changes nothing that is kept writes nothing, and wakes nobody.
        """
        state = await self.state()
        change = make(state)
        if not _worth_keeping(state, change.state) and not change.events:
            self._note(change.state)
            return change

        def work(tables: Tables) -> Change:
            return self._changed(tables, make)

        return await self._carried(work)

    async def update(self, make: Callable[[DeviceGroup], DeviceGroup]) -> DeviceGroup:
        """Change the state by something that has no events of its own."""
        return (await self.change(lambda state: Change(make(state)))).state

    async def polled(self) -> None:
        """After everything that a member had in namespace 21 was taken."""
        now_ms, random = self._core.road.now_ms(), self._core.random.random_bytes

        def completed(state: DeviceGroup) -> Change:
            return device_membership.fetch_completed(state, now_ms, random)

        state = await self.state()
        change = completed(state)
        if _worth_keeping(state, change.state):
            await self.change(completed)
        else:
            self._note(change.state)
        self.changed.set()

    # -- parts -------------------------------------------------------------------------------------------------

    def _changed(self, tables: Tables, make: Callable[[DeviceGroup], Change]) -> Change:
        before = self._load(tables)
        change = make(before)
        if _worth_keeping(before, change.state):
            tables.devices.save(change.state)
            follow(tables, before, change.state)
        tell(tables, before, change, self._core.clock.now_ms())
        return change

    async def _carried(self, work: Callable[[Tables], Change]) -> Change:
        change = await self._core.write(work)
        self._note(change.state)
        self.changed.set()
        return change

    def _load(self, tables: Tables) -> DeviceGroup:
        state = tables.devices.group()
        if state is None:
            raise DeviceGroupFault("this profile is no device yet", kind="policy.devices.none")
        return replace(state, fetched=self._fetched, ready=self._ready, pushing=self._pushing)

    def _note(self, state: DeviceGroup) -> None:
        self._fetched, self._ready, self._pushing = state.fetched, state.ready, state.pushing


def _worth_keeping(before: DeviceGroup, after: DeviceGroup) -> bool:
    step = abs(after.deletion.now_ms - before.deletion.now_ms) >= _CLOCK_STEP_MS
    return step or replace(after, deletion=before.deletion).restarted() != before.restarted()
