"""What the devices do by themselves: rotate, push, publish, watch the own outbox, and erase (06.9, 06.18.4 R5 to R10).

Everything is kept before and after each step in the network, so a kill at any point repeats a step: a group message
that was stored and not noted is fetched again like any other; the echo of a record is kept before the record goes out.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Final

from veery.client.core import Core
from veery.client.devices.keeper import DeviceKeeper
from veery.client.devices.own_swarm import delete_groups, found_records, store_group, store_record, time_confirmed
from veery.client.devices.telling import Told, warn
from veery.errors import StoreBusy
from veery.policy import device_membership, device_push
from veery.policy.device_group import Change, DeviceGroup
from veery.policy.device_push import Push
from veery.policy.own_record import OutboxFind, Watched
from veery.policy.record_exchange import OwnEchoes
from veery.protocol.constants import CLOCK_STEP_MAX_MS, MINUTE_MS, SECOND_MS
from veery.protocol.devices import account_record, group_message
from veery.protocol.devices.account_record import AccountRecord
from veery.store.tables import Tables

log: Final = logging.getLogger(__name__)

WATCH_MS: Final = 10 * MINUTE_MS  # between looks at the own outbox
LOOK_AGAIN_MS: Final = MINUTE_MS  # after a first suspicion: what other devices have stored reaches everybody by then

_TOLD: Final = {
    OutboxFind.FOREIGN: Told.FOREIGN,
    OutboxFind.MISSING: Told.MISSING,
    OutboxFind.WITHDRAWN: Told.WITHDRAWN,
}


class DeviceWork:
    """The work of one account's device."""

    def __init__(self, core: Core, keeper: DeviceKeeper) -> None:
        self._core = core
        self._keeper = keeper
        self._working = asyncio.Lock()
        self._watch_ms = 0  # network time of the next look at the own outbox
        self._unconfirmed_until = 0.0  # moment until which a clock that has jumped is not asked about again

    async def run_due(self) -> None:
        """Do everything that is due now. Raises NetworkError."""
        async with self._working:
            await self._timers()
            await self.erase()
            while await self._push():
                pass
            await self._publish()
            await self._watch()
            await self.erase()

    async def next_ms(self) -> int | None:
        """When something is due next, network time; None when nothing is but by a change or a fetch."""
        state = await self._keeper.state()
        held_s = self._unconfirmed_until - self._core.clock.monotonic()
        if held_s > 0:
            return self._core.road.now_ms() + int(held_s * SECOND_MS)
        timer = device_membership.get_timer(state)
        watch = self._watch_ms if state.active_member and state.fetched else None
        return min((time for time in (timer, watch) if time is not None), default=None)

    # -- timers ------------------------------------------------------------------------------------------------

    async def _timers(self) -> None:
        """Rotate, let lapse and delete what is due; nothing by a clock that has jumped until it is confirmed (R10)."""
        state = await self._keeper.state()
        now_ms, random = self._core.road.now_ms(), self._core.random.random_bytes
        if now_ms - state.deletion.now_ms > CLOCK_STEP_MAX_MS and not await self._confirmed():
            return

        def due(state: DeviceGroup) -> Change:
            change = device_membership.handle_timer(state, now_ms, random)
            return Change(device_membership.prune(change.state, now_ms, confirmed=True), change.events)

        await self._keeper.change(due)

    async def _confirmed(self) -> bool:
        """Whether the network confirms the time of a clock that has jumped; it is asked once in a while."""
        if self._core.clock.monotonic() < self._unconfirmed_until:
            return False
        if await time_confirmed(self._core):
            return True
        self._unconfirmed_until = self._core.clock.monotonic() + LOOK_AGAIN_MS / SECOND_MS
        log.warning("The clock has jumped ahead and the network does not confirm it: no key is deleted")
        return False

    async def erase(self) -> None:
        """Make seeds that were deleted unreadable in the files of the store (R7)."""
        owed = await self._core.read(lambda tables: tables.devices.erase_owed())
        if not owed:
            return
        self._core.opening_keys.forget()
        try:
            await self._core.store.purge()
        except StoreBusy:
            log.info("The store is too busy to erase deleted keys now; it is tried again")
            return
        await self._core.write(lambda tables: tables.devices.erased(owed))

    # -- pushing -----------------------------------------------------------------------------------------------

    async def _push(self) -> bool:
        """Push what is owed; whether anything was. Raises NetworkError: everything is still owed."""
        found: list[Push] = []
        now_ms, random = self._core.road.now_ms(), self._core.random.random_bytes

        def begin(state: DeviceGroup) -> DeviceGroup:
            found.clear()
            after, push = device_push.push_to_send(state, now_ms, random)
            found.extend(() if push is None else (push,))
            return after

        await self._keeper.update(begin)
        if not found:
            return False
        (push,) = found
        try:
            hash_ = await self._stored(push)
        except BaseException:  # also when cancelled: the next push must not wait for this one for ever
            await self._keeper.update(device_push.push_failed)
            raise
        now_ms = self._core.road.now_ms()
        await self._keeper.update(lambda state: device_push.pushed(state, push, hash_, now_ms))
        return True

    async def _stored(self, push: Push) -> str:
        core, payload = self._core, push.payload
        if payload is None:  # nobody is left in the group to be told
            await delete_groups(core, push.delete)
            return ""

        def seal() -> bytes:
            return group_message.seal(
                payload,
                group=push.group,
                root_seed=core.account.seed32,
                ed25519_secret=core.account.ed25519_secret,
                random=core.random.random_bytes,
            )

        return await store_group(core, await asyncio.to_thread(seal), push.delete)

    # -- publishing --------------------------------------------------------------------------------------------

    async def _publish(self) -> None:
        """Publish the record of the active key, or the withdrawal, if it is not there yet. Raises NetworkError."""
        if not await self._core.read(_owes_record):
            return
        record = await self._core.write(self._record_to_publish)
        if record is None:
            return
        await store_record(self._core, record.raw)
        now_ms = self._core.road.now_ms()

        def stored(tables: Tables) -> None:
            known = tables.devices.publishing()
            raw = None if record.withdrawn else record.raw
            owed = known.withdrawal_owed and not record.withdrawn
            after = replace(known, state=known.state.stored(record, now_ms), raw=raw, withdrawal_owed=owed)
            tables.devices.save_publishing(after)

        await self._core.write(stored)
        self._watch_ms = now_ms + WATCH_MS

    def _record_to_publish(self, tables: Tables) -> AccountRecord | None:
        """Sign what is to be published. Its time and its echo are kept first: contacts may see it before we know."""
        publishing, group = tables.devices.publishing(), tables.devices.group()
        if group is None:
            return None
        state, account, now_ms = publishing.state, self._core.account, self._core.road.now_ms()
        random, signed_s = self._core.random.random_bytes, state.next_signed_s(now_ms)
        key = state.due(group.account_keys, member=group.active_member)
        if publishing.withdrawal_owed:
            raw = account_record.sign_withdrawal(
                account_x25519_secret=account.x25519_secret, random=random, signed_s=signed_s
            )
        elif key is not None:
            raw = account_record.sign(
                key.keys.public, account_x25519_secret=account.x25519_secret, random=random, signed_s=signed_s
            )
        else:
            return None
        record = account_record.open(raw, self._core.own.raw)
        tables.devices.save_publishing(replace(publishing, state=replace(state, signed_s=signed_s)))
        echoes = tables.own_echoes.get(whole=tables.devices.alone())
        tables.own_echoes.save(echoes.after_publishing(record, now_ms))
        return record

    # -- the own outbox ----------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Look at what others find in the own outbox (R5). Raises NetworkError."""
        group = await self._keeper.state()
        now_ms = self._core.road.now_ms()
        if not group.active_member or not group.fetched or now_ms < self._watch_ms:
            return
        publishing = await self._core.read(lambda tables: tables.devices.publishing())
        ours = None if publishing.raw is None else account_record.open(publishing.raw, self._core.own.raw)
        found = await found_records(self._core, ours)
        watched = await self._core.write(lambda tables: self._judge(tables, found, self._core.road.now_ms()))
        self._watch_ms = now_ms + (LOOK_AGAIN_MS if watched.find is OutboxFind.SUSPECT else WATCH_MS)
        if watched.publish:
            await self._publish()

    def _judge(self, tables: Tables, found: AccountRecord | None, now_ms: int) -> Watched:
        publishing, group = tables.devices.publishing(), tables.devices.group()
        assert group is not None  # there before this transaction, and never removed
        watched = publishing.state.watch(found, group.account_keys, now_ms)
        echoes = tables.own_echoes.get(whole=tables.devices.alone())
        if watched.find is OutboxFind.FOREIGN and not publishing.state.allowed and _is_known(found, echoes):
            return watched  # this device has left it there itself, in a group of which it is no member any more
        warning = watched.find.value if watched.warn else publishing.warning
        if watched.find in (OutboxFind.OURS, OutboxFind.OUTDATED):
            warning = None
        if watched.warn and warning != publishing.warning:
            warn(tables, _TOLD[watched.find], self._core.clock.now_ms())
        state, raw = watched.state, publishing.raw
        if warning is None and found is not None and found.keys is not None and watched.find is not OutboxFind.SUSPECT:
            # Another device of the group publishes: its user has said there that all devices understand v2.
            state, raw = replace(state, allowed=state.allowed or not publishing.stopped), found.raw
            if raw != publishing.raw:
                tables.own_echoes.save(echoes.after_publishing(found, now_ms))
        after = replace(publishing, state=state, raw=raw, warning=warning)
        if after != publishing:
            tables.devices.save_publishing(after)
        return watched


def _is_known(found: AccountRecord | None, echoes: OwnEchoes) -> bool:
    return found is not None and found.echo in echoes.published


def _owes_record(tables: Tables) -> bool:
    """Whether a record or a withdrawal is to be published."""
    publishing, group = tables.devices.publishing(), tables.devices.group()
    if group is None:
        return False
    due = publishing.state.due(group.account_keys, member=group.active_member)
    return publishing.withdrawal_owed or due is not None
