"""What the user does with the devices of the account, and the running of what they do by themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from veery.client.core import Core
from veery.client.devices.beginning import info
from veery.client.devices.handling import NO_LINK_KEY
from veery.client.devices.keeper import DeviceKeeper
from veery.client.devices.own_swarm import store_request
from veery.client.devices.views import DevicesView
from veery.client.devices.work import DeviceWork
from veery.client.mailbox import Mailbox
from veery.client.opening import NO_KEY
from veery.client.receiving import Receiving
from veery.client.rereading import Rereading
from veery.errors import NetworkError, NotFound, Retry
from veery.policy import device_group, device_linking, device_membership
from veery.policy.device_group import DeviceGroup, DeviceGroupFault, OwnRequest, Prompt
from veery.protocol import given
from veery.protocol.constants import HOUR_MS, SECOND_MS
from veery.protocol.devices import GroupId, link_request
from veery.store.devices import opening_secrets
from veery.store.tables import Tables

log: Final = logging.getLogger(__name__)

ASK_S: Final = 5.0  # so long whoever looks waits for what has come since the last poll
ID_MIN: Final = 4  # hex characters that may stand for a device
_RETRY_MS: Final = (2_000, 10_000, 60_000, 300_000)  # after failures of the network


class NotLinked(DeviceGroupFault):
    """This device is no member of a group."""

    default_kind = "client.devices.not_linked"
    default_remedy = "Link it with `veery device link`"


class DevicesService:
    """The devices of one account."""

    def __init__(
        self, core: Core, keeper: DeviceKeeper, receiving: Receiving, rereading: Rereading, mailbox: Mailbox
    ) -> None:
        self._core = core
        self._keeper = keeper
        self._work = DeviceWork(core, keeper)
        self._receiving = receiving
        self._rereading = rereading
        self._mailbox = mailbox
        self._known: frozenset[bytes] = frozenset()  # hashes of the seeds with which everything was read
        self._failures = 0

    # -- by itself ---------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Make this profile a device, if an older build has made it. Raises StoreError."""
        await self._keeper.begin()

    async def run(self) -> None:
        """Go on until cancelled. Faults of the network only postpone."""
        while True:
            self._keeper.changed.clear()
            try:
                await self.run_due()
                self._failures = 0
            except NetworkError as error:
                self._failures += 1
                log.info("What the own devices owe each other has to wait: %s", error)
            await self._rest()

    async def run_due(self) -> None:
        """Do what is due now: read what new keys open, rotate, push, publish, watch. Raises NetworkError."""
        await self._read_again()
        await self._work.run_due()

    async def sync(self) -> None:
        """Fetch, and do what is due then. Raises NetworkError."""
        await self._receiving.fetch()
        await self.run_due()

    async def flush(self) -> bool:
        """Before an engine ends that was opened for a moment: push and publish what is owed, if there is a road; tells
        whether nothing is owed any more. Faults of the network are no errors here: it goes on the next time.
        """
        if not (await self._keeper.state()).fetched:
            return False
        try:
            await self.run_due()
        except NetworkError as error:
            log.info("What the own devices owe each other has to wait: %s", error)
            return False
        return True

    async def _read_again(self) -> None:
        known = opening_secrets(await self._keeper.state())
        if not known <= self._known:
            await self._rereading.reread(self._mailbox, {NO_KEY, NO_LINK_KEY})
            await self._wake_copies()
        self._known = known

    async def _wake_copies(self) -> None:
        """Copies for the own devices that wait for a key are looked at again."""
        core, now_ms = self._core, self._core.clock.now_ms()
        await core.write(lambda tables: tables.held.wake(core.own, now_ms))
        core.outbox_changed.set()

    async def _rest(self) -> None:
        clock, due_ms = self._core.clock, await self._work.next_ms()
        pause_ms = HOUR_MS if due_ms is None else min(HOUR_MS, max(SECOND_MS, due_ms - self._core.road.now_ms()))
        change: Callable[[], Awaitable[object]] = self._keeper.changed.wait
        if self._failures:
            pause_ms = _RETRY_MS[min(self._failures, len(_RETRY_MS)) - 1]
            self._keeper.changed.clear()
        await self._core.wait_until(clock.monotonic() + pause_ms / SECOND_MS, _awaited(change))

    # -- what is known -----------------------------------------------------------------------------------------

    async def view(self, *, fetch: bool = False) -> DevicesView:
        """Devices, groups and requests as they are now. fetch: ask the swarm first; for a short while only, if that was
        done before.

        Raises NetworkError when that was asked for, was never done, and nobody answers.
        """
        if fetch and not (await self._keeper.state()).fetched:
            await self.sync()
        elif fetch:
            with suppress(NetworkError, TimeoutError):
                async with asyncio.timeout(ASK_S):
                    await self._receiving.fetch()
        state = await self._keeper.state()
        publishing = await self._core.read(lambda tables: tables.devices.publishing())
        return await asyncio.to_thread(DevicesView.of, state, publishing, self._core.road.now_ms())

    # -- joining -----------------------------------------------------------------------------------------------

    async def link(self, group: GroupId) -> OwnRequest:
        """Ask to join a group that lies in the swarm; gives the request with its emoji.

        A device that was removed or displaced becomes a new one first. Raises DeviceGroupFault, NetworkError.
        """
        core, random = self._core, self._core.random.random_bytes
        now_ms = core.road.now_ms()

        def renewed(state: DeviceGroup) -> DeviceGroup:
            spent = not state.own.live or state.displaced_ms is not None
            return device_group.renewed(state, now_ms, random) if spent else state

        state = await self._keeper.update(renewed)
        if state.active_member and state.group == group:
            raise DeviceGroupFault("this device is linked to that group already", kind="client.devices.linked")
        key = device_linking.link_key(state, group, now_ms)
        made = device_linking.request_record(state, now_ms)
        request = link_request.make(state.own_id, made, core.account.ed25519_secret)
        emoji = await asyncio.to_thread(request.emoji)
        await self._keeper.update(lambda state: device_linking.asked(state, group, made, emoji, now_ms))
        sealed = link_request.seal(request, link_key=key, account_x25519=core.account.x25519_public, random=random)
        await store_request(core, sealed)
        return (await self._keeper.state()).requests[-1]

    async def confirm(self) -> None:
        """The user says that the emoji of the newest request are the same on the other device. Raises NotFound."""
        now_ms, random = self._core.road.now_ms(), self._core.random.random_bytes

        def confirmed(state: DeviceGroup) -> device_group.Change:
            if not state.requests:
                raise NotFound("this device has not asked to join", remedy="Ask with `veery device link`")
            return device_linking.confirm(state, state.requests[-1], now_ms, random)

        await self._keeper.change(confirmed)

    async def start_group(self) -> None:
        """Begin a group of this device alone. Nothing is published until `publish`. Raises DeviceGroupFault."""
        now_ms, random = self._core.road.now_ms(), self._core.random.random_bytes

        def started(state: DeviceGroup) -> DeviceGroup:
            if state.active_member:
                raise DeviceGroupFault("this device is in a group already", kind="client.devices.linked")
            return device_group.start_group(state, now_ms, random)

        await self._keeper.update(started)

    async def leave(self) -> None:
        """Take this device out of its group. Raises DeviceGroupFault, NetworkError."""
        await self.sync()
        now_ms, random = self._core.road.now_ms(), self._core.random.random_bytes
        await self._keeper.update(lambda state: device_linking.leave(state, now_ms, random))
        await self.sync()

    # -- as a member -------------------------------------------------------------------------------------------

    async def approve(self, device: str) -> Prompt:
        """Let a device in that asks; gives its request. device: beginning of its id. Raises NotFound, PromptGone."""
        now_ms, random = self._core.road.now_ms(), self._core.random.random_bytes
        found: list[Prompt] = []

        def accepted(state: DeviceGroup) -> device_group.Change:
            found[:] = [_prompt(state, device, now_ms)]
            return device_linking.accept(state, found[0].request, now_ms, random)

        await self._keeper.change(accepted)
        return found[0]

    async def ignore(self, device: str) -> Prompt:
        """Do not show the request of a device any more; nobody is told. Raises NotFound."""
        now_ms = self._core.road.now_ms()
        found: list[Prompt] = []

        def ignored(state: DeviceGroup) -> DeviceGroup:
            found[:] = [_prompt(state, device, now_ms)]
            return device_linking.ignore(state, found[0].request)

        await self._keeper.update(ignored)
        return found[0]

    async def remove(self, device: str) -> bytes:
        """Remove another device; gives its id. Keys rotate in the same step. Raises NotFound, DeviceGroupFault."""
        now_ms, random = self._core.road.now_ms(), self._core.random.random_bytes
        found: list[bytes] = []

        def removed(state: DeviceGroup) -> device_group.Change:
            found[:] = [_member(state, device)]
            return device_membership.remove(state, found[0], now_ms, random)

        await self._keeper.change(removed)
        return found[0]

    async def rename(self, description: str) -> None:
        """Change what this device is called, at most 64 bytes of UTF-8."""
        now_ms = self._core.road.now_ms()
        await self._keeper.update(lambda state: device_membership.describe(state, info(description), now_ms))

    async def publish(self, *, stop: bool = False) -> None:
        """The user says that the list of devices is complete: publish keys, or stop it. Raises NotLinked."""
        if not (await self._keeper.state()).active_member:
            raise NotLinked("this device is not linked, so it has no keys to publish")

        def work(tables: Tables) -> None:
            known = tables.devices.publishing()
            state = replace(known.state, allowed=not stop)
            tables.devices.save_publishing(replace(known, state=state, stopped=stop, withdrawal_owed=stop))

        await self._core.write(work)
        self._keeper.changed.set()


async def _awaited(change: Callable[[], Awaitable[object]]) -> None:
    await change()


def _prompt(state: DeviceGroup, named: str, now_ms: int) -> Prompt:
    prompts = device_linking.shown_prompts(state, now_ms)
    return prompts[_one(named, [prompt.request.device for prompt in prompts], "asks to be linked")]


def _member(state: DeviceGroup, named: str) -> bytes:
    devices = [device for device, row in state.rows.items() if row.live and device != state.own_id]
    return devices[_one(named, devices, "is linked")]


def _one(named: str, devices: list[bytes], what: str) -> int:
    """The place of the device that a person named. Raises NotFound."""
    typed = given.text(named, "the id of a device").strip().lower()
    fitting = [place for place, device in enumerate(devices) if device.hex().startswith(typed)]
    if len(fitting) == 1 and len(typed) >= ID_MIN:
        return fitting[0]
    raise NotFound(
        f"{len(fitting) or 'no'} device{'s' if len(fitting) > 1 else ''} that {what} begin with `{typed[:64]}`",
        kind="client.not_found.device",
        retry=Retry.NEVER,
        remedy="Use the id, or more of its beginning; `veery device list` shows it",
    )
