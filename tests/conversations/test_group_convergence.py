"""Two admins and six others change a group at once, over a network that loses requests and answers (08.3.4, 08.7.1).

Hypothesis chooses who does what without having heard of the others. Then the weather clears, everybody polls, and all
must agree: both admins and all members see the same list under the same keys, just those who are in it hold the newest
key and are not refused by the nodes, and whoever is not reads nothing of what is written then.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conversations.engines import Device
from tests.conversations.group_devices import exchange, people, said
from tests.conversations.memory_swarm import Fate, MemorySwarm
from veery.client.groups import sequences
from veery.client.groups.room import GroupRoom
from veery.errors import ClientError, NetworkError, NotFound
from veery.protocol.account import AccountId
from veery.protocol.groups import Member
from veery.runtime.clock import ManualClock
from veery.store.tables import Tables

PERSONS: Final = 8
ADMINS: Final = 2
ROUNDS: Final = 12  # in which everybody must agree


@dataclass(frozen=True)
class Do:
    """A person does something to another; only admins can invite, remove, promote and rotate."""

    actor: int
    what: str
    target: int


ADMIN_STEPS: Final = ("invite", "invite with history", "remove", "remove with messages", "promote", "rotate", "rename")
MEMBER_STEPS: Final = ("accept", "decline", "say", "leave", "poll")
steps = st.one_of(
    st.builds(Do, st.integers(0, ADMINS - 1), st.sampled_from(ADMIN_STEPS), st.integers(ADMINS, PERSONS - 1)),
    st.builds(Do, st.integers(0, PERSONS - 1), st.sampled_from(MEMBER_STEPS), st.just(0)),
)
fates = st.lists(st.sampled_from([Fate.ARRIVES] * 8 + [Fate.LOST, Fate.ANSWER_LOST]), min_size=8, max_size=40)


class Storm:
    """What happens to the calls of everybody, over and over again, until it is over."""

    def __init__(self, chosen: Sequence[Fate]) -> None:
        self._chosen: Iterator[Fate] = iter(())
        self._again = list(chosen)
        self.over = False

    def __call__(self) -> Fate:
        if self.over:
            return Fate.ARRIVES
        found = next(self._chosen, None)
        if found is None:
            self._chosen = iter(self._again)
            found = next(self._chosen)
        return found


def room_of(device: Device, group: str) -> GroupRoom:
    return device.client.groups.room(AccountId.from_hex(group))


async def rotate(device: Device, group: str) -> None:
    """What an admin does that sees two keys of one generation."""
    room, core = room_of(device, group), device.client._core
    await core.write(lambda tables: room.rotate(tables, core.times()))
    await sequences.push(core, room)


async def do(devices: list[Device], group: str, step: Do) -> None:
    """One step; what it may not do, or what the network swallows, changes nothing here."""
    actor, target = devices[step.actor], devices[step.target].id
    groups = actor.client.groups
    try:
        match step.what:
            case "invite" | "invite with history":
                await groups.invite(group, [target], history=step.what != "invite")
            case "remove" | "remove with messages":
                await groups.remove(group, [target], messages=step.what != "remove")
            case "promote":
                await groups.promote(group, target)
            case "rotate":
                await rotate(actor, group)
            case "rename":
                await groups.rename(group, f"by {actor.name}, {target[:6]}")
            case "accept":
                await groups.accept(group)
            case "decline":
                await groups.decline(group)
            case "leave":
                await groups.leave(group)
            case "say":
                await actor.client.sending.send_text(group, f"said by {actor.name}")
                await actor.client.pump.run_due()
            case "poll":
                await actor.client.receiving.fetch()
                await groups.fetch()
    except (ClientError, NotFound, NetworkError):
        pass  # no admin, no member, or no luck: the rules say so, and the network may


async def settle(devices: list[Device]) -> None:
    for _ in range(ROUNDS):
        for device in devices:
            await device.clock.advance(40)
            await device.client.pump.run_due()
        for device in devices:
            await device.client.receiving.fetch()
            await device.client.groups.fetch()


def listed(room: GroupRoom, tables: Tables) -> dict[str, tuple[str, str]]:
    def facts(member: Member) -> tuple[str, str]:
        return member.status.value, member.name

    return {each.id.hex: facts(each) for each in room.members(tables).values()}


async def seen(device: Device, group: str) -> dict[str, tuple[str, str]]:
    """The list as a device has it."""
    room = room_of(device, group)
    return await device.read(lambda tables: listed(room, tables))


async def check(devices: list[Device], group: str, trusted: list[Device]) -> None:
    """Everybody agrees, and nobody reads who is not in the list. trusted: who was, or may have been, made an admin."""
    rows = [await each.read(lambda tables: tables.groups.get(AccountId.from_hex(group))) for each in devices]
    inside = [device for device, row in zip(devices, rows, strict=True) if row is not None and row.is_open]
    admins = [device for device, row in zip(devices, rows, strict=True) if row is not None and row.seed is not None]
    views = [await seen(each, group) for each in inside]
    if not admins:
        return  # all have left: nobody can change anything any more
    agreed = await seen(admins[0], group)
    assert all(view == agreed for view in views)
    assert not [status for status, _ in agreed.values() if status.startswith("removed")]
    assert {device.id for device in inside} <= agreed.keys()
    names = {(await each.client.groups.show(group))["name"] for each in inside}
    assert len(names) == 1
    newest = (await admins[0].read(room_of(admins[0], group).keys)).keys[-1]
    for admin in admins:
        room = room_of(admin, group)
        assert not await admin.read(room.needs_push)
        assert await admin.read(room.key_fits)
    for device, row in zip(devices, rows, strict=True):
        if row is None or row.keys is None:
            continue
        keys = (await device.read(room_of(device, group).keys)).keys
        holds = any(key.key.reveal() == newest.key.reveal() for key in keys)
        if device not in trusted or device in inside:  # who ever had the seed reads keys for ever
            assert holds == (device in inside), device.name
    await admins[0].client.sending.send_text(group, "the last word")
    await exchange(*devices)
    for device in devices:
        found = await device.read(lambda tables: tables.conversations.get(group))
        heard = found is not None and "the last word" in await said(device, group)
        assert heard == (device in inside), device.name


async def play(played: list[Do], chosen: list[Fate], directory: Path) -> None:
    clock = ManualClock()
    swarm = MemorySwarm(clock, members=3)
    devices = await people(directory, swarm, clock, PERSONS)
    try:
        founder = devices[0].client.groups
        group = await founder.create("Walkers", [each.id for each in devices[1:5]])
        await exchange(*devices, rounds=1)
        for each in devices[1:5]:
            await each.client.groups.accept(group)
        await founder.promote(group, devices[1].id)
        await exchange(*devices)
        storm = Storm(chosen)
        for each in devices:
            each.weather = storm
        for step in played:
            await clock.advance(1)
            await do(devices, group, step)
        storm.over = True
        await settle(devices)
        trusted = {0, 1, *(step.target for step in played if step.what == "promote")}
        await check(devices, group, [devices[each] for each in sorted(trusted)])
    finally:
        for each in devices:
            await each.client.close()


@given(st.lists(steps, min_size=2, max_size=14), fates)
@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes
)
def test_admins_and_members_agree_whatever_they_do_at_once(played: list[Do], chosen: list[Fate]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(play(played, chosen, Path(directory)))
