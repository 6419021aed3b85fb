"""Devices of one account change, push, lose, crash and merge in any order; in the end all agree, and nothing is lost.

Every contact but the first belongs to one device, which alone changes what is settled with it: whatever it last said
must hold everywhere in the end, unless the device was told that its changes were too old (07.9). The same for groups.
The first contact, the first group, name, picture and how own notes disappear are changed by all; there it is enough
that all agree.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conversations.engines import NETWORK, Device, account_of
from tests.conversations.memory_swarm import Fate, Killed, MemorySwarm, calm
from tests.conversations.syncing import sync
from veery.client.client import Client
from veery.client.core import Times
from veery.client.groups import standing
from veery.client.profile import create, restore
from veery.client.timers import adopt
from veery.errors import NetworkError, NotFound
from veery.protocol.config import ACCOUNT_KINDS, Data
from veery.protocol.groups import GroupAdminKeys
from veery.runtime.clock import ManualClock
from veery.secret import Secret
from veery.store.conversations import Conversation
from veery.store.groups import GROUP, GroupRow
from veery.store.keys import KeyFile
from veery.store.message_values import Expiration
from veery.store.tables import Tables

_ACCOUNT: Final = 1
_CONTACTS: Final = 4
_ROUNDS: Final = 12
_ACTS: Final = (
    "write",
    "nick",
    "block",
    "unblock",
    "pin",
    "unpin",
    "hide",
    "show",
    "mute",
    "unmute",
    "read",
    "unread",
    "timer",
    "forget",
    "join",
    "rename",
    "leave",
)
_COMMON_ACTS: Final = ("name", "picture", "notes")
_GROUPS: Final = [GroupAdminKeys.from_seed(bytes([number + 1]) * 32) for number in range(_CONTACTS)]


@dataclass(frozen=True)
class Act:
    """A person does something on a device."""

    device: int
    what: str
    contact: int
    value: int


@dataclass(frozen=True)
class Work:
    """A device pushes or fetches, while the process may end at one of its writes."""

    device: int
    push: bool
    kill_at: int | None


@dataclass(frozen=True)
class Round:
    """A device fetches and then pushes, as it does all the time while it runs."""

    device: int


@dataclass(frozen=True)
class Restart:
    """A device ends, and begins again."""

    device: int


@dataclass(frozen=True)
class Pass:
    """Time goes by."""

    seconds: int


@dataclass(frozen=True)
class Forget:
    """The swarm loses one of the documents that it holds, or all."""

    which: int | None


Step = Act | Work | Round | Restart | Pass | Forget
devices = st.integers(0, 4)
steps = st.lists(
    st.one_of(
        st.builds(Act, devices, st.sampled_from(_ACTS), st.integers(0, _CONTACTS - 1), st.integers(0, 3)),
        st.builds(Act, devices, st.sampled_from(_COMMON_ACTS), st.just(0), st.integers(0, 3)),
        st.builds(Work, devices, st.booleans(), st.none() | st.integers(1, 8)),
        st.builds(Round, devices),
        st.builds(Round, devices),
        st.builds(Restart, devices),
        st.builds(Pass, st.integers(1, 200) | st.integers(1, 100_000)),
        st.builds(Forget, st.none() | st.integers(0, 9)),
    ),
    min_size=10,
    max_size=50,
)
fates = st.lists(st.sampled_from([*[Fate.ARRIVES] * 8, *Fate]), max_size=40)


@dataclass
class World:
    """Devices of one account. said: what the owner of a contact last saw of it, by contact."""

    clock: ManualClock
    swarm: MemorySwarm
    befriended: bool = True
    devices: list[Device] = field(default_factory=list)
    contacts: list[str] = field(default_factory=lambda: [account_of(20 + n).account_id.hex for n in range(_CONTACTS)])

    async def add(self, directory: Path, *, restored: bool) -> None:
        number, account = len(self.devices), account_of(_ACCOUNT)
        place, key = directory / str(number), KeyFile(directory / f"{number}.key")
        if restored:
            profile = await restore(place, account.words(), "typed", NETWORK, key, clock=self.clock)
        else:
            profile = await create(place, account, f"name {number}", NETWORK, key, clock=self.clock)
        device = Device(str(number), account, profile, self.swarm, self.clock, seed=100 + number)
        await device.open()
        self.devices.append(device)

    async def meet(self) -> None:
        """All devices know of each other's changes, and in half of the worlds of somebody whom nobody forgets.

        In the others the last contact may go, which by 07.6 alone would take away those that others add meanwhile.
        """
        if self.befriended:
            await self.devices[0].client.sending.send_text(account_of(19).account_id.hex, "hello")
        await sync(*self.devices)

    def device(self, number: int) -> Device:
        return self.devices[number % len(self.devices)]

    def owner(self, contact: int) -> Device:
        return self.device(contact)

    async def act(self, step: Act) -> None:
        self.clock.move(0.5)
        device = self.device(step.device) if step.contact == 0 else self.owner(step.contact)
        id_, client, group = self.contacts[step.contact], device.client, _GROUPS[step.contact]
        own, times = device.account.account_id.hex, device.client._core.times()

        def change(work: Callable[[Tables], object]) -> Awaitable[object]:
            return client._core.write(work)

        conversations, requests = client.conversations, client.requests
        does: dict[str, Callable[[], Awaitable[Any]]] = {
            "name": lambda: client.profile.set_name(f"name {step.value}"),
            "picture": lambda: change(lambda tables: _set_picture(tables, step.value, times)),
            "notes": lambda: change(lambda tables: _set_timer(tables, own, step.value, times)),
            "timer": lambda: change(lambda tables: _set_timer(tables, id_, step.value, times)),
            "join": lambda: change(lambda tables: _join(tables, group, step.value, times)),
            "rename": lambda: change(lambda tables: _rename(tables, group, step.value)),
            "leave": lambda: change(lambda tables: standing.erase_known(tables, group.group_id, "left", times)),
            "unread": lambda: conversations.mark_unread(id_),
            "write": lambda: client.sending.send_text(id_, "hello"),
            "nick": lambda: conversations.set_nickname(id_, "x" * step.value),
            "block": lambda: requests.block(id_),
            "unblock": lambda: requests.unblock(id_),
            "pin": lambda: conversations.pin(id_),
            "unpin": lambda: conversations.unpin(id_),
            "hide": lambda: conversations.hide(id_),
            "show": lambda: conversations.show(id_),
            "mute": lambda: conversations.mute(id_),
            "unmute": lambda: conversations.unmute(id_),
            "read": lambda: conversations.mark_read(id_, self.clock.now_ms()),
            "forget": lambda: conversations.forget(id_),
        }
        try:
            await does[step.what]()
        except NotFound:
            pass  # there is nobody yet with whom something could be settled

    async def work(self, step: Work) -> None:
        device = self.device(step.device)

        async def carry_out(client: Client) -> None:
            try:
                await (client.sync.push() if step.push else client.receiving.fetch())
            except NetworkError:
                return  # it goes on later

        if step.kill_at is not None:
            await device.kill_during(carry_out, step.kill_at)
            return
        try:
            await carry_out(device.client)
        except Killed:
            await device.restart()

    def forget(self, step: Forget) -> None:
        for kind in ACCOUNT_KINDS:
            place = (self.devices[0].account.account_id.raw, int(kind.namespace or 0))
            for member in self.swarm.members:
                held = sorted(member.stored.get(place, {}))
                gone = held if step.which is None else held[step.which : step.which + 1]
                for name in gone:
                    del member.stored[place][name]

    async def settle(self) -> None:
        """Let everybody push, fetch and renew until all are quiet."""
        for device in self.devices:
            device.weather = calm
        for _ in range(_ROUNDS):
            for device in self.devices:
                await device.client.receiving.fetch()
                await device.client.sync.push()
                await device.client.sync.renew()
            if await self.quiet():
                return
        raise AssertionError("the devices do not come to rest")

    async def quiet(self) -> bool:
        waiting = [await device.read(_waits) for device in self.devices]
        found = [await documents(device) for device in self.devices]
        return not any(waiting) and all(each == found[0] for each in found)


def _set_picture(tables: Tables, number: int, times: Times) -> None:
    url, key = (f"http://files.example/file/{number}", Secret(bytes([number]) * 32)) if number else (None, None)
    tables.accounts.set_picture(url, key, times.network_ms // 1_000)


def _set_timer(tables: Tables, id_: str, number: int, times: Times) -> None:
    """As a device does that the account's notice of a new timer comes to."""
    if tables.conversations.get(id_) is not None:
        adopt(tables, id_, Expiration(2, 3_600 * number) if number else Expiration(), times.local_ms)


def _join(tables: Tables, group: GroupAdminKeys, number: int, times: Times) -> None:
    if tables.groups.get(group.group_id) is None:
        joined_s = times.network_ms // 1_000
        tables.groups.save(GroupRow(group.group_id, name=f"group {number}", seed=group.seed, joined_s=joined_s))
        tables.conversations.ensure(group.group_id.hex, GROUP, times.local_ms)


def _rename(tables: Tables, group: GroupAdminKeys, number: int) -> None:
    if (row := tables.groups.get(group.group_id)) is not None:
        tables.groups.save(replace(row, name=f"group {number}"))


def _waits(tables: Tables) -> bool:
    rows = [row for kind in ACCOUNT_KINDS if (row := tables.configs.get(account_of(_ACCOUNT).account_id, _ns(kind)))]
    return tables.configs.any_marked() or any(row.pending for row in rows) or tables.accounts.get().restored


def _ns(kind: Any) -> int:
    return int(kind.namespace)


async def documents(device: Device) -> list[Data]:
    """The data of all documents."""
    held = device.client.documents.documents
    return await device.read(lambda tables: [held.data(tables, kind) for kind in ACCOUNT_KINDS])


def settled_with(held: Conversation | None) -> tuple[Any, ...] | None:
    """What devices agree on about a contact."""
    if held is None:
        return None
    timer = held.expiration_type, held.expiration_timer_s
    marks = held.muted_until_ms > 0, held.last_read_ms, held.marked_unread
    return held.nickname, held.approved, held.blocked, held.priority, *timer, *marks


async def seen(device: Device, contacts: list[str]) -> list[tuple[Any, ...] | None]:
    """What a device shows of the contacts."""
    return await device.read(lambda tables: [settled_with(tables.conversations.get(each)) for each in contacts])


async def joined(device: Device) -> list[str | None]:
    """The names of the groups that a device knows."""

    def look(tables: Tables) -> list[str | None]:
        rows = [tables.groups.get(group.group_id) for group in _GROUPS]
        return [None if row is None else row.name for row in rows]

    return await device.read(look)


async def common(device: Device) -> tuple[Any, ...]:
    """What all change: name, picture, how own notes disappear."""

    def look(tables: Tables) -> tuple[Any, ...]:
        account = tables.accounts.get()
        notes = tables.conversations.get(account.account_id.hex)
        timer = (0, 0) if notes is None else (notes.expiration_type, notes.expiration_timer_s)
        return account.display_name, account.picture_url, timer

    return await device.read(look)


async def lost_changes(world: World) -> bool:
    for device in world.devices:
        for event in await device.events():
            if event["event"] == "sync" and event["change"] == "changes_lost":
                return True
    return False


async def play(
    restored: list[bool], played: list[Step], weather: list[Fate], directory: Path, *, befriended: bool
) -> None:
    clock = ManualClock()
    world = World(clock, MemorySwarm(clock, members=3), befriended)
    await world.add(directory, restored=False)
    for each in restored:
        await world.add(directory, restored=each)
    await world.meet()
    fate = iter(weather)
    for device in world.devices:
        device.weather = lambda: next(fate, Fate.ARRIVES)
    for step in played:
        match step:
            case Act():
                await world.act(step)
            case Work():
                await world.work(step)
            case Round(device=number):
                await world.work(Work(number, push=False, kill_at=None))
                await world.work(Work(number, push=True, kill_at=None))
            case Restart():
                await world.device(step.device).restart()
            case Pass():
                clock.move(step.seconds)
            case Forget():
                world.forget(step)
    said = [(await seen(world.owner(n), world.contacts))[n] for n in range(_CONTACTS)]
    groups_said = [(await joined(world.owner(n)))[n] for n in range(_CONTACTS)]
    await world.settle()
    first, groups = await seen(world.devices[0], world.contacts), await joined(world.devices[0])
    for device in world.devices:
        assert await seen(device, world.contacts) == first
        assert await joined(device) == groups
        assert await common(device) == await common(world.devices[0])
    if not await lost_changes(world):
        assert first[1:] == said[1:]
        assert groups[1:] == groups_said[1:]
    for device in world.devices:
        await device.client.close()


@pytest.mark.timeout(300)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.booleans(), min_size=1, max_size=4), steps, fates, st.booleans())
def test_devices_agree(restored: list[bool], played: list[Step], weather: list[Fate], befriended: bool) -> None:
    """Whatever happens on the way, all devices end in the same state, and no change is lost."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(play(restored, played, weather, Path(directory), befriended=befriended))
