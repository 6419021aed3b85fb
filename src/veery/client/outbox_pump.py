"""Carrying out the outbox: what `policy.outbox` decides about each copy is done here, and its outcome kept on disk.

A pass loads the open copies, asks the policy what is to be done with each, and works through them, one task for each
destination and in the order in which they were written. Bytes are sealed once and on the disk before they are sent; a
kill at any point repeats an attempt with the same bytes, which is the same message with the same hash (04.4.3).

Which members were tried, and how many quick attempts were made, lives in memory alone: after a restart they are made
again, which harms nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from veery.client import fates
from veery.client.core import Core
from veery.client.levels.notices import hold
from veery.client.sealing import Dropped, SealedCopy, Sealing, Waits
from veery.client.storing import choose_member, is_final, store_copy
from veery.errors import NetworkError, PeerRefused, ProtocolError, Retry
from veery.policy import outbox as policy
from veery.policy.outbox import OutgoingCopy, Step
from veery.policy.outbox_table import (
    AttemptFailed,
    AttemptStarted,
    CopyState,
    Event,
    Expired,
    FailReason,
    Sealed,
    StoreAnswered,
)
from veery.protocol.constants import SECOND_MS
from veery.protocol.storage_rpc import message_hash
from veery.store import outbox as rows
from veery.store.outbox import Copy
from veery.store.sql import INTEGER_MAX
from veery.store.tables import Tables

COPIES_MAX: Final = 200  # looked at in one pass, the longest waiting first
DESTINATIONS_MAX: Final = 8  # swarms that are written to at the same time
EXPIRED: Final = fates.EXPIRED

_STATES: Final[Mapping[rows.CopyState, CopyState]] = {
    rows.CopyState.WAITING: CopyState.QUEUED,
    rows.CopyState.SEALED: CopyState.SEALED,
    rows.CopyState.FAILED: CopyState.FAILED,
}


class OutboxPump:
    """Brings the copies of one account's outbox to their swarms."""

    def __init__(self, core: Core, sealing: Sealing) -> None:
        self._core = core
        self._sealing = sealing
        self._held: dict[int, OutgoingCopy] = {}  # what the policy knows beyond the row, by its id
        self._busy: set[bytes] = set()
        self._slots = asyncio.Semaphore(DESTINATIONS_MAX)
        self._road_failed = False

    async def run(self) -> None:
        """Go on until cancelled."""
        changed = self._core.outbox_changed
        async with asyncio.TaskGroup() as group:
            while True:
                changed.clear()
                waiting = await self._load()
                for copies in self._due(waiting).values():
                    self._busy.add(copies[0].destination.raw)
                    group.create_task(self._work_through(copies))
                await self._rest(waiting)

    async def run_due(self) -> int | None:
        """Do what is to be done now, and what follows at once from it.

        Gives the local time (ms) at which something is to be done next, None if nothing waits.
        """
        while True:
            waiting = await self._load()
            due = self._due(waiting)
            if not due:
                return self._next(waiting)
            for copies in due.values():
                self._busy.add(copies[0].destination.raw)
                await self._work_through(copies)

    async def road_opened(self) -> None:
        """There is a way to the network again: what waits out a pause is tried at once."""
        self._road_failed = False
        now_ms = self._core.clock.now_ms()
        paused = [copy.id for copy in await self._load() if copy.attempts]

        def work(tables: Tables) -> None:
            for id_ in paused:
                if tables.outbox.get(id_) is not None:
                    tables.outbox.revive(id_, now_ms)

        await self._core.write(work)
        for id_ in paused:
            self._held.pop(id_, None)
        self._core.outbox_changed.set()

    # -- a pass ------------------------------------------------------------------------------------------------

    async def _load(self) -> Sequence[Copy]:
        """The open copies: the policy alone says which of them are due, for clocks may have been set back."""
        waiting = await self._core.read(lambda tables: tables.outbox.due(INTEGER_MAX, COPIES_MAX))
        for copy in waiting:
            held = self._held.get(copy.id)
            if held is not None and held.attempts and not copy.attempts and copy.destination.raw not in self._busy:
                del self._held[copy.id]  # the user has it tried anew
        return waiting

    def _due(self, waiting: Sequence[Copy]) -> Mapping[bytes, Sequence[Copy]]:
        """What is to be done now, by destination, without those that are being worked on."""
        now_ms = self._core.clock.now_ms()
        found: dict[bytes, list[Copy]] = {}
        for copy in sorted(waiting, key=lambda each: each.id):
            destination = copy.destination.raw
            if destination not in self._busy and policy.step(self._of(copy), now_ms) is not None:
                found.setdefault(destination, []).append(copy)
        return found

    def _next(self, waiting: Sequence[Copy]) -> int | None:
        idle = (self._of(copy) for copy in waiting if copy.destination.raw not in self._busy)
        return policy.next_wakeup(idle, self._core.clock.now_ms())

    async def _rest(self, waiting: Sequence[Copy]) -> None:
        """Wait until something changes, or the next copy is due."""
        wakeup, clock = self._next(waiting), self._core.clock
        if wakeup is None:
            await self._core.outbox_changed.wait()
            return
        moment = clock.monotonic() + max(0, wakeup - clock.now_ms()) / SECOND_MS
        await self._core.wait_until(moment, self._core.outbox_changed.wait())

    async def _work_through(self, copies: Sequence[Copy]) -> None:
        """Work on what one destination is to get, until an attempt fails."""
        try:
            async with self._slots:
                for copy in copies:
                    if not await self._carry_out(copy.id):
                        break
        finally:
            self._busy.discard(copies[0].destination.raw)
            self._core.outbox_changed.set()

    # -- one copy ----------------------------------------------------------------------------------------------

    def _of(self, copy: Copy) -> OutgoingCopy:
        """A row as the policy sees it, with what is remembered of it."""
        held = self._held.get(copy.id)
        if held is not None:
            return held
        return OutgoingCopy(
            _STATES[copy.state],
            expires_ms=copy.created_ms + copy.ttl_ms,
            hash=copy.sealed_hash,
            attempts=copy.attempts,
            next_attempt_ms=copy.next_attempt_ms,
        )

    async def _carry_out(self, id_: int) -> bool:
        """Bring a copy as far as it comes now; False when it waits for another attempt."""
        while True:
            copy = await self._core.read(lambda tables: tables.outbox.get(id_))
            if copy is None or copy.state is rows.CopyState.FAILED:
                self._held.pop(id_, None)
                return True
            match policy.step(self._of(copy), self._core.clock.now_ms()):
                case None:
                    return False
                case Step.SEAL:
                    if not await self._seal(copy):
                        return True  # what comes after it may go first
                case Step.SEND:
                    await self._send(copy)
                case Step.EXPIRE:
                    await self._keep(copy, self._advance(copy, Expired()))

    async def _seal(self, copy: Copy) -> bool:
        """Fix the bytes of a copy; False when it has to wait before that can be done."""
        core = self._core
        try:
            sealed = await self._sealing.seal(copy)
        except ProtocolError as error:
            await self._keep(copy, self._advance(copy, AttemptFailed(error.kind, Retry.NEVER)))
            return True
        except NetworkError as error:
            await self._keep(copy, self._advance(copy, AttemptFailed(error.kind, error.retry)))
            return True
        match sealed:
            case Waits(reason):
                await self._hold(copy, reason)
                return False
            case Dropped():
                await core.write(lambda tables: tables.outbox.cancel(copy.id))
                return True
        await self._fix(copy, sealed)
        return True

    async def _hold(self, copy: Copy, reason: str) -> None:
        """Let a copy wait. Whoever learns keys wakes it; else it is looked at again after the longest pause."""
        now_ms = self._core.clock.now_ms()
        next_ms = now_ms + policy.DEFAULT.most_ms
        self._held.pop(copy.id, None)  # the row alone says when, so that it can be woken
        await self._core.write(lambda tables: hold(tables, copy, reason, now_ms, next_ms))

    async def _fix(self, copy: Copy, sealed: SealedCopy) -> None:
        """Put the bytes of a copy on the disk."""
        core = self._core
        hash_ = message_hash(copy.destination.raw, copy.namespace, sealed.data)
        now_ms = core.clock.now_ms()

        def work(tables: Tables) -> None:
            if tables.outbox.get(copy.id) is None:
                return  # the message was deleted meanwhile
            tables.held.release(copy)
            row = fates.seal(tables, copy, sealed.data, hash_, sealed.level, now_ms + copy.ttl_ms, now_ms)
            if row.sealed == sealed.data:
                sealed.keep(tables)
            if copy.destination == core.own:
                tables.inbox.mark_seen(hash_, now_ms + copy.ttl_ms)

        await core.write(work)
        self._held[copy.id] = self._advance(copy, Sealed(hash_))

    async def _send(self, copy: Copy) -> None:
        core, state = self._core, self._of(copy)
        if copy.sealed is None:  # the policy sends nothing that is not sealed
            return
        try:
            member = await choose_member(core, copy, state.tried)
            self._held[copy.id] = self._advance(copy, AttemptStarted(member.ed25519))
            storing = await store_copy(core, copy, copy.sealed, member)
        except NetworkError as error:
            self._road_failed = self._road_failed or not isinstance(error, PeerRefused)
            await self._keep(copy, self._advance(copy, AttemptFailed(error.kind, retry_of(error, state))))
            return
        answered = StoreAnswered(storing.stored_on, storing.swarm_size, copy.sealed_hash or "")
        state = self._advance(copy, answered)
        if state.state is not CopyState.STORED:
            await self._keep(copy, state)
            return
        times = core.times()
        await core.write(lambda tables: fates.stored(tables, copy, storing, times))
        self._held.pop(copy.id, None)
        if self._road_failed:
            await self.road_opened()

    def _advance(self, copy: Copy, event: Event) -> OutgoingCopy:
        return policy.advance(self._of(copy), event, self._core.clock.now_ms(), self._core.random.randbelow)

    async def _keep(self, copy: Copy, state: OutgoingCopy) -> None:
        """Write down that an attempt failed, or that the copy is given up."""
        now_ms = self._core.clock.now_ms()
        if state.state is CopyState.FAILED:
            reason = EXPIRED if state.reason is FailReason.EXPIRED else state.error or EXPIRED
            await self._core.write(lambda tables: fates.fail(tables, copy, reason, now_ms))
            self._held.pop(copy.id, None)
            return
        error = state.error or ""
        await self._core.write(lambda tables: tables.deliveries.postpone(copy.id, state.next_attempt_ms, error))
        self._held[copy.id] = state


def retry_of(error: NetworkError, state: OutgoingCopy) -> Retry:
    """Whether another attempt can help. Nothing but a refusal of the bytes, by several members, is final."""
    if is_final(error, state.attempts, policy.DEFAULT.quick_attempts):
        return Retry.NEVER
    return Retry.LATER if error.retry is Retry.LATER else Retry.ELSEWHERE
