"""The synchronisation of the own account: when documents are pushed and renewed, and how they stand (07.9).

Changes are collected: a push goes out 2 s after the last change, and at most 10 s after the first. A push that fails is
repeated with growing pauses. Nothing is pushed before the swarm was read to its end in the last five minutes: what is
based on a state that others have left five messages behind would be given up by all of them, silently (07.6).

What the swarm holds is renewed when an engine starts, and every six hours from then on; what it has forgotten is pushed
again, and told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from veery.client.config.account import AccountDocuments
from veery.client.config.documents import Documents, namespace_of
from veery.client.config.pushing import Pushed, Pushing, PushRefused
from veery.client.config.standing import NAMES, account_standing, group_standing
from veery.client.core import Core
from veery.errors import NetworkError
from veery.protocol.constants import (
    CONFIG_DEBOUNCE_MAX_MS,
    CONFIG_DEBOUNCE_MS,
    CONFIG_FRESH_MS,
    CONFIG_RENEW_MS,
    CONFIG_RETRY_MAX_MS,
    CONFIG_RETRY_MS,
    HOUR_MS,
    SECOND_MS,
    TTL_CONFIG_MS,
    TTL_MAX_PUBLIC_MS,
)
from veery.protocol.storage_rpc import owner_signer
from veery.store.tables import Tables

log: Final = logging.getLogger(__name__)

_POLLED: Final = "sync.polled_ms"  # setting: local time of the last poll that read everything, to the hour
_AWAY: Final = "sync.away"  # setting: from when to when this device was last away too long, local times
_NEVER: Final = 1 << 62  # a moment of local time that does not come


class Sync:
    """Synchronises the own account.

    group_documents: those of a group, by its id, to show how they stand. fetch: reads the own swarm.
    """

    def __init__(
        self,
        core: Core,
        account: AccountDocuments,
        group_documents: Callable[[str], Documents],
        fetch: Callable[[], Awaitable[object]],
    ) -> None:
        self._core = core
        self._account = account
        self._documents = account.documents
        self._group_documents = group_documents
        self._fetch = fetch
        signer = owner_signer(core.own.raw, core.account.ed25519_secret)
        self._kinds = {namespace_of(kind): kind for kind in account.documents.kinds}
        self._pushing = Pushing(core, account.documents, lambda: signer)
        self._opened_ms = core.clock.now_ms()
        self._failures = 0
        self._retry_ms = 0  # local time before which a failed push is not repeated
        self._error: str | None = None
        self._refused: Mapping[str, str] = {}
        self._renew_ms: int | None = None  # local time
        self._polled_ms: int | None = None  # local time of the last poll that has read everything
        self._read_anew = asyncio.Event()

    async def run(self) -> None:
        """Push and renew when it is due, until cancelled. Faults of the network only postpone."""
        core = self._core
        while not core.hub.closed:
            version = core.hub.version
            moment = await self._work_due()
            pause_ms = max(0, min(moment - core.clock.now_ms(), HOUR_MS))
            await core.wait_until(core.clock.monotonic() + pause_ms / SECOND_MS, core.hub.changed(version))

    async def push(self) -> Pushed:
        """Take in and push what was changed, now. Raises NetworkError.

        Nothing is pushed before what the swarm holds was merged lately: then all that is pending waits.
        """
        await self._take_in()
        pending = await self._core.read(self._pending)
        if not pending or not await self._core.read(self._may_push):
            return Pushed(waiting=pending)
        try:
            pushed = await self._pushing.push()
        except NetworkError as error:
            self._failed(error)
            raise
        self._refused = {name: error.kind for name, error in pushed.refused.items()}
        if pushed.waiting:
            self._failed(PushRefused("the swarm has not confirmed what was stored", code=0))
        else:
            self._failures, self._error, self._retry_ms = 0, None, 0
        return pushed

    async def flush(self) -> bool:
        """Push what was changed since this engine was opened, before it ends; tells whether nothing of it waits.

        Waits until the swarm was read. Faults of the network are no errors here: it goes on the next time.
        """
        await self._take_in()
        if await self._core.read(self._is_flushed):
            return True
        while not await self._core.read(self._may_push) and not self._core.hub.closed:
            await self._read_anew.wait()
        try:
            return not (await self.push()).waiting
        except NetworkError as error:
            log.info("The configuration waits: %s", error)
            return False

    async def renew(self) -> tuple[str, ...]:
        """Let what the swarm holds live on; gives the names of what it had forgotten. Raises NetworkError."""
        lost = tuple(NAMES[each] for each in await self._pushing.renew(self._fetch))
        times = self._core.times()

        def work(tables: Tables) -> None:
            tables.configs.trim(times.local_ms - TTL_CONFIG_MS)
            if lost:
                self._account.tell(tables, "forgotten", times, documents=list(lost))

        await self._core.write(work)
        return lost

    def road_opened(self) -> None:
        """There is a way to the network again: what waits need not wait longer."""
        if self._retry_ms:
            self._retry_ms = 0
            self._core.hub.wake()

    async def polled(self) -> None:
        """A poll has read everything that a member of the own swarm holds."""
        times = self._core.times()
        first, self._polled_ms = self._polled_ms is None, times.local_ms
        self._read_anew.set()

        def work(tables: Tables) -> None:
            self._account.settled(tables, times)
            last = tables.accounts.setting(_POLLED)
            away_ms = 0 if last is None else times.local_ms - int(last)
            if away_ms > TTL_MAX_PUBLIC_MS:
                self._account.tell(tables, "away", times, since=int(last or 0), days=away_ms // (24 * HOUR_MS))
                tables.accounts.set_setting(_AWAY, f"{last} {times.local_ms}")
            tables.accounts.set_setting(_POLLED, str(times.local_ms))

        def is_due(tables: Tables) -> bool:
            last = tables.accounts.setting(_POLLED)
            return tables.accounts.get().restored or last is None or times.local_ms - int(last) >= HOUR_MS

        if await self._core.read(is_due):
            await self._core.write(work)
        elif first:
            self._core.hub.wake()  # what has waited for this poll may go

    async def status(self) -> dict[str, Any]:
        """How each document stands, as `veery sync status` shows it. All times are ms of local time."""
        return await self._core.read(self._status)

    # -- what is due -------------------------------------------------------------------------------------------

    async def _work_due(self) -> int:
        """Do what is due; gives the moment of local time when something is due next."""
        await self._take_in()
        renew_ms = await self._renew_due()
        due_ms = await self._core.read(self._push_due)
        if due_ms <= self._core.clock.now_ms():
            try:
                await self.push()
            except NetworkError as error:
                log.info("The configuration waits: %s", error)
            due_ms = await self._core.read(self._push_due)
        return min(due_ms, renew_ms)

    async def _renew_due(self) -> int:
        """Renew what the swarm holds if it is time; gives when it is time again."""
        now_ms = self._core.clock.now_ms()
        if self._renew_ms is None:
            self._renew_ms = await self._first_renewal()
        if now_ms >= self._renew_ms:
            self._renew_ms = now_ms + CONFIG_RENEW_MS
            try:
                await self.renew()
            except NetworkError as error:
                log.info("The configuration is not renewed: %s", error)
                self._renew_ms = now_ms + CONFIG_RETRY_MAX_MS
        return self._renew_ms

    async def _first_renewal(self) -> int:
        """When the documents are to be renewed that an earlier engine has renewed."""
        rows = await self._core.read(lambda tables: tables.configs.all(self._documents.account))
        times = [row.renewed_ms or 0 for row in rows if row.seqno]
        return min(times, default=self._core.clock.now_ms()) + CONFIG_RENEW_MS

    def _may_push(self, tables: Tables) -> bool:
        """Whether the swarm was read lately. A new account that was never fetched has nothing there."""
        if _is_restored(tables):
            return False
        if self._polled_ms is None:
            return tables.accounts.setting(_POLLED) is None
        return self._core.clock.now_ms() - self._polled_ms <= CONFIG_FRESH_MS

    def _pending(self, tables: Tables) -> tuple[str, ...]:
        rows = tables.configs.all(self._documents.account)
        return tuple(self._kinds[row.namespace].name for row in rows if row.pending)

    def _is_flushed(self, tables: Tables) -> bool:
        rows = tables.configs.all(self._documents.account)
        return not any(row.pending and (row.changed_last_ms or 0) >= self._opened_ms for row in rows)

    def _push_due(self, tables: Tables) -> int:
        rows = [row for row in tables.configs.all(self._documents.account) if row.pending]
        if not rows or not self._may_push(tables):
            return _NEVER
        dues = [
            min((row.changed_last_ms or 0) + CONFIG_DEBOUNCE_MS, (row.changed_ms or 0) + CONFIG_DEBOUNCE_MAX_MS)
            for row in rows
            if self._kinds[row.namespace].name not in self._refused
        ]
        return max(min(dues, default=_NEVER), self._retry_ms)

    async def _take_in(self) -> None:
        core = self._core
        if await core.read(lambda tables: tables.configs.any_marked() and not _is_restored(tables)):
            times = core.times()
            await core.write(lambda tables: self._account.take_in(tables, times))
            self._refused = {}

    def _failed(self, error: NetworkError) -> None:
        pause_ms = min(CONFIG_RETRY_MS << min(self._failures, 16), CONFIG_RETRY_MAX_MS)
        self._failures += 1
        self._error = error.kind
        self._retry_ms = self._core.clock.now_ms() + pause_ms

    # -- how it stands -----------------------------------------------------------------------------------------

    def _status(self, tables: Tables) -> dict[str, Any]:
        groups = [
            each
            for row in tables.groups.all()
            if row.is_open
            for each in group_standing(self._group_documents(row.id.hex), tables, row.name)
        ]
        return {
            "restored": tables.accounts.get().restored,
            "unwritten": tables.configs.any_marked(),
            "error": self._error,
            "read": _number(tables.accounts.setting(_POLLED)),
            "away": _away(tables.accounts.setting(_AWAY)),
            "documents": account_standing(self._documents, tables, self._refused),
            "groups": groups,
        }


def _number(setting: str | None) -> int | None:
    return None if setting is None else int(setting)


def _away(setting: str | None) -> dict[str, int] | None:
    if setting is None:
        return None
    since, until = setting.split()
    return {"since": int(since), "until": int(until)}


def _is_restored(tables: Tables) -> bool:
    return tables.accounts.get().restored
