"""What a group's list says of each member, each state provoked; letters that a kill or a lost network has cut off."""

from __future__ import annotations

import asyncio

import pytest

from tests.conversations.engines import Device
from tests.conversations.group_devices import exchange, group_of, said, statuses
from tests.conversations.memory_swarm import Fate, MemorySwarm, calm
from veery.client.groups import soon as waiting
from veery.client.groups.faults import GroupPushRefused, GroupRefused
from veery.errors import NetworkError


def letters(swarm: MemorySwarm, device: Device) -> int:
    """How many messages lie in the own swarm of somebody."""
    return len(swarm.members[0].hashes(bytes.fromhex(device.id)))


async def test_every_state_of_a_member_as_it_is_provoked(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await alice.client.groups.create("Walkers")
    bobs = {bytes.fromhex(bob.id)}
    # Under way: the list is looked at while the invitation is.
    seen: list[str] = []

    async def look() -> None:
        while not seen:
            shown = await statuses(alice, group)
            if shown.get(bob.id) == "invite_sending":
                seen.append(shown[bob.id])
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    alice.road.unreachable = bobs
    assert await alice.client.groups.invite(group, [bob.id]) == {bob.id: "invite_failed"}
    await looking
    assert seen == ["invite_sending"]
    await exchange(alice, carol)
    assert (await statuses(alice, group))[bob.id] == "invite_failed"  # polls do not send again what has failed
    bobs.clear()
    assert await alice.client.groups.resend(group, bob.id) == "invite_sent"
    await exchange(*three, rounds=1)
    assert (await statuses(alice, group))[bob.id] == "invite_sent"
    await bob.client.groups.accept(group)
    await exchange(*three)
    for each in (alice, bob):
        assert (await statuses(each, group))[bob.id] == "invite_accepted"
    with pytest.raises(GroupRefused, match="nothing waits"):
        await alice.client.groups.resend(group, bob.id)
    bobs |= {bytes.fromhex(bob.id)}
    assert await alice.client.groups.promote(group, bob.id) == "promotion_failed"
    bobs.clear()
    assert await alice.client.groups.resend(group, bob.id) == "promotion_sent"
    assert (await statuses(alice, group))[bob.id] == "promotion_sent"
    await exchange(*three)
    for each in (alice, bob):
        assert (await statuses(each, group))[bob.id] == "promotion_accepted"
    assert (await bob.client.groups.show(group))["admin"] is True
    # Removed: marked first, and gone when the swarm has done it.
    assert await alice.client.groups.invite(group, [carol.id]) == {carol.id: "invite_sent"}
    alice.weather = lambda: Fate.LOST
    await alice.client.groups.remove(group, [carol.id], messages=True)
    assert (await statuses(alice, group))[carol.id] == "removed_including_messages"
    alice.weather = calm
    await exchange(alice)
    assert carol.id not in await statuses(alice, group)


async def test_members_who_only_read_see_the_states_that_admins_wrote(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await group_of(alice, bob)
    await alice.client.groups.invite(group, [carol.id])
    await exchange(alice, bob)
    assert await statuses(bob, group) == await statuses(alice, group)
    assert (await statuses(bob, group))[carol.id] == "invite_sent"
    await exchange(carol, rounds=1)
    await carol.client.groups.accept(group)
    await exchange(*three)
    assert (await statuses(bob, group))[carol.id] == "invite_accepted"


async def test_without_a_network_changes_are_kept_and_go_out_by_themselves(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await group_of(alice, bob)
    alice.weather = lambda: Fate.LOST
    await alice.client.groups.rename(group, "Runners")
    assert await alice.client.groups.invite(group, [carol.id]) == {carol.id: "invite_sending"}
    assert await alice.client.groups.promote(group, bob.id) == "promotion_sending"
    shown = await alice.client.groups.show(group)
    assert (shown["name"], shown["pending"]) == ("Runners", True)
    await alice.restart()
    assert (await statuses(alice, group))[carol.id] == "invite_sending"
    alice.weather = calm
    await exchange(*three)
    assert (await statuses(alice, group))[carol.id] == "invite_sent"
    assert (await carol.client.groups.show(group))["state"] == "invited"
    await carol.client.groups.accept(group)
    await exchange(*three)
    for each in three:
        assert (await each.client.groups.show(group))["name"] == "Runners"
        assert (await statuses(each, group))[carol.id] == "invite_accepted"
        assert (await statuses(each, group))[bob.id] == "promotion_accepted"
    assert (await alice.client.groups.show(group))["pending"] is False


async def test_a_network_that_keeps_silent_is_not_waited_for(
    three: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    monkeypatch.setattr(waiting.soon, "__kwdefaults__", {"within_s": 0.01})

    async def silent(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as quiet:
        quiet.setattr(alice.road, "call", silent)
        await alice.client.groups.rename(group, "Runners")
        await alice.client.groups.remove(group, [bob.id])
        assert await alice.client.groups.destroy(group) is False
        assert [(each["state"], each["pending"]) for each in await alice.client.groups.list()] == [("destroyed", True)]
    await exchange(alice, bob)
    assert await alice.client.groups.list() == []


async def test_what_the_swarm_refuses_is_said_and_kept(three: list[Device], swarm: MemorySwarm) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    alice.road.offset_ms = 10 * 60_000
    with pytest.raises(NetworkError):
        await alice.client.groups.rename(group, "Runners")
    alice.road.offset_ms = 0
    assert (await alice.client.groups.show(group))["pending"] is True
    await exchange(alice, bob)
    assert (await bob.client.groups.show(group))["name"] == "Runners"
    assert issubclass(GroupPushRefused, NetworkError)


@pytest.mark.parametrize("writes", range(1, 13))
async def test_an_invitation_survives_a_kill(three: list[Device], swarm: MemorySwarm, writes: int) -> None:
    alice, bob, carol = three
    group = await group_of(alice, bob)
    before = letters(swarm, carol)
    await alice.kill_during(lambda client: client.groups.invite(group, [carol.id]), writes)
    await exchange(*three, rounds=3)
    known = await statuses(alice, group)
    if writes == 1:  # before anything was written
        assert carol.id not in known
        return
    assert known[carol.id] == "invite_sent"
    assert letters(swarm, carol) - before in (1, 2)
    await carol.client.groups.accept(group)
    await bob.client.sending.send_text(group, "welcome")
    await exchange(*three, rounds=3)
    assert (await statuses(alice, group))[carol.id] == "invite_accepted"
    assert await said(carol, group) == ["welcome"]


@pytest.mark.parametrize("writes", range(1, 11))
async def test_a_promotion_survives_a_kill(three: list[Device], writes: int) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    await alice.kill_during(lambda client: client.groups.promote(group, bob.id), writes)
    await exchange(alice, bob, rounds=3)
    expected = "invite_accepted" if writes == 1 else "promotion_accepted"
    assert (await statuses(alice, group))[bob.id] == (await statuses(bob, group))[bob.id] == expected


@pytest.mark.parametrize("writes", range(1, 15))
async def test_the_making_of_a_group_survives_a_kill(three: list[Device], writes: int) -> None:
    alice, bob, carol = three
    await alice.kill_during(lambda client: client.groups.create("Walkers", [bob.id, carol.id]), writes)
    await exchange(*three, rounds=3)
    listed = await alice.client.groups.list()
    if writes == 1:
        assert listed == []
        return
    (made,) = listed
    shown = await statuses(alice, made["id"])
    assert {shown[bob.id], shown[carol.id]} == {"invite_sent"}
    for each in (bob, carol):
        (offered,) = await each.client.groups.list()
        assert (offered["id"], offered["state"]) == (made["id"], "invited")


async def test_nobody_is_invited_who_was_removed_meanwhile(three: list[Device], swarm: MemorySwarm) -> None:
    alice, _bob, carol = three
    group = await alice.client.groups.create("Walkers")
    before = letters(swarm, carol)
    alice.weather = lambda: Fate.LOST
    await alice.client.groups.invite(group, [carol.id])
    await alice.client.groups.remove(group, [carol.id])
    alice.weather = calm
    await exchange(alice, carol, rounds=3)
    assert letters(swarm, carol) == before
    assert carol.id not in await statuses(alice, group)
