"""What has to be done from time to time: messages that disappear, and rows that nobody needs any more."""

from __future__ import annotations

import asyncio
from typing import Final

from veery.client.clearing import Clearing
from veery.client.core import Core
from veery.client.expiring import Expiring
from veery.client.mailbox import Mailbox
from veery.client.rereading import Rereading
from veery.client.storage import StorageService
from veery.protocol.constants import DAY_MS, HOUR_MS, SECOND_MS, TTL_MAX_PUBLIC_MS
from veery.runtime.lifecycle import Periodic
from veery.store.tables import Tables

EVENTS_KEPT_MS: Final = 30 * DAY_MS  # events that everybody has acknowledged
_TIDY_S: Final = HOUR_MS / SECOND_MS
_FIRST_STORAGE_S: Final = 600.0  # an engine that runs for one command only makes no room


class Housekeeping:
    """Removes what is over, and begins by reading what an earlier build could not read."""

    def __init__(
        self,
        core: Core,
        expiring: Expiring,
        rereading: Rereading,
        mailbox: Mailbox,
        storage: StorageService,
        clearing: Clearing,
    ) -> None:
        self._core = core
        self._expiring = expiring
        self._rereading = rereading
        self._mailbox = mailbox
        self._storage = storage
        self._clearing = clearing

    async def run(self) -> None:
        """Go on until cancelled."""
        await self._rereading.reread(self._mailbox)
        async with asyncio.TaskGroup() as group:
            group.create_task(Periodic(self._core.clock, _TIDY_S, self.tidy, first_s=0).run())
            group.create_task(Periodic(self._core.clock, _TIDY_S, self._storage.tidy, first_s=_FIRST_STORAGE_S).run())
            group.create_task(self._sweep())

    async def tidy(self) -> None:
        """Remove events, hashes and undecoded items whose time is over."""
        now_ms, network_ms = self._core.clock.now_ms(), self._core.road.now_ms()

        def work(tables: Tables) -> None:
            tables.inbox.trim(now_ms)
            tables.events.trim(now_ms - EVENTS_KEPT_MS)
            tables.shortenings.trim(now_ms - TTL_MAX_PUBLIC_MS)
            tables.unconfirmed.trim(network_ms)

        await self._core.write(work)
        await self._expiring.shorten_pending()

    async def _sweep(self) -> None:
        """Remove each message when its time is over or it is to be cleared, and files that nobody needs.

        Every change may bring some.
        """
        clock, hub = self._core.clock, self._core.hub
        while not hub.closed:
            await self._clearing.finish()
            await self._expiring.sweep()
            await self._storage.sweep()
            version = hub.version
            expiry = await self._core.read(lambda tables: tables.reading.next_expiry())
            pause_ms = HOUR_MS if expiry is None else min(HOUR_MS, expiry - clock.now_ms())
            await self._core.wait_until(clock.monotonic() + max(0, pause_ms) / SECOND_MS, hub.changed(version))
