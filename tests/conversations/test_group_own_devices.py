"""Groups on several devices of one account: what one device knows opens on the others, without an invitation to them.

Two devices are linked as their user does it, and a third is restored by the words alone; keys, documents and messages
come from the group's swarm, the rights from the account's own documents.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conversations.engines import Device, make_device
from tests.conversations.group_devices import exchange, group_of, said, statuses
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.own_devices import first_device, link
from tests.conversations.syncing import sync
from veery.client.groups.faults import GroupRefused
from veery.runtime.clock import ManualClock


@pytest.fixture
async def three(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[list[Device]]:
    """Alice's laptop and phone, which are linked, and Bob."""
    laptop = await first_device(tmp_path, swarm, clock)
    phone = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    await link(laptop, phone)
    bob = await make_device(tmp_path, swarm, clock, "bob", 2)
    yield [laptop, phone, bob]
    for device in (laptop, phone, bob):
        await device.client.close()


async def state(device: Device, group: str) -> str | None:
    """How the account stands to a group on a device; None for a group that it does not know."""
    return next((str(each["state"]) for each in await device.client.groups.list() if each["id"] == group), None)


async def everywhere(*devices: Device) -> None:
    """Let all devices hear of all, the documents of their accounts too."""
    await sync(*devices)
    await exchange(*devices)
    await sync(*devices)


async def test_a_group_that_one_device_makes_opens_on_the_linked_one(three: list[Device], swarm: MemorySwarm) -> None:
    laptop, phone, bob = three
    group = await laptop.client.groups.create("Walkers", [bob.id])
    before = len(swarm.members[0].hashes(bytes.fromhex(phone.id)))
    await laptop.client.sending.send_text(group, "from the laptop")
    await everywhere(laptop, phone)
    assert len(swarm.members[0].hashes(bytes.fromhex(phone.id))) == before  # no invitation to the own account
    assert await state(phone, group) == "joined"
    assert (await phone.client.groups.show(group))["admin"] is True
    assert await said(phone, group) == ["from the laptop"]
    await everywhere(bob)
    await bob.client.groups.accept(group)
    await phone.client.groups.rename(group, "Runners")  # it has the rights, not only the messages
    await phone.client.sending.send_text(group, "from the phone")
    await everywhere(laptop, phone, bob)
    for device in three:
        assert (await device.client.groups.show(group))["name"] == "Runners"
        assert sorted(await said(device, group)) == ["from the laptop", "from the phone"]
    assert await statuses(phone, group) == await statuses(laptop, group)


async def test_an_invitation_is_answered_on_one_device_for_both(three: list[Device]) -> None:
    laptop, phone, bob = three
    group = await bob.client.groups.create("Readers", [laptop.id])
    await everywhere(laptop, phone)
    assert [await state(each, group) for each in (laptop, phone)] == ["invited", "invited"]
    await phone.client.groups.accept(group)
    await everywhere(phone, laptop, bob)
    assert [await state(each, group) for each in (laptop, phone)] == ["joined", "joined"]
    with pytest.raises(GroupRefused, match="already"):
        await laptop.client.groups.accept(group)
    await bob.client.sending.send_text(group, "welcome")
    await everywhere(laptop, phone, bob)
    assert await said(laptop, group) == await said(phone, group) == ["welcome"]
    assert (await statuses(bob, group))[laptop.id] == "invite_accepted"
    declined = await bob.client.groups.create("Others", [laptop.id])
    await everywhere(laptop, phone)
    await laptop.client.groups.decline(declined)
    await everywhere(laptop, phone)
    assert [await state(each, declined) for each in (laptop, phone)] == [None, None]


async def test_promotion_removal_and_end_reach_both_devices(three: list[Device]) -> None:
    laptop, phone, bob = three
    group = await group_of(bob, laptop, name="Singers")
    await everywhere(laptop, phone, bob)
    await bob.client.groups.promote(group, laptop.id)
    await everywhere(laptop, phone, bob)
    assert [(await each.client.groups.show(group))["admin"] for each in (laptop, phone)] == [True, True]
    assert (await statuses(bob, group))[laptop.id] == "promotion_accepted"
    other = await group_of(bob, laptop, name="Dancers")
    await everywhere(laptop, phone, bob)
    await bob.client.groups.remove(other, [laptop.id])
    await everywhere(laptop, phone, bob)
    assert [await state(each, other) for each in (laptop, phone)] == ["kicked", "kicked"]
    await phone.client.groups.destroy(group)
    await everywhere(phone, laptop, bob)
    assert await state(phone, group) is None
    assert await state(laptop, group) in (None, "destroyed")
    assert await state(bob, group) == "destroyed"


async def test_a_device_restored_by_the_words_is_in_every_group(
    three: list[Device], tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    laptop, phone, bob = three
    own, joined = await group_of(laptop, bob, name="Walkers"), await group_of(bob, laptop, name="Readers")
    offered = await bob.client.groups.create("Singers", [laptop.id])
    await laptop.client.sending.send_text(own, "one")
    await bob.client.sending.send_text(joined, "two")
    await everywhere(laptop, phone, bob)
    before = {each: len(swarm.members[0].hashes(bytes.fromhex(each))) for each in (laptop.id, bob.id)}
    tablet = await make_device(tmp_path, swarm, clock, "alice", 1, device=2)  # it is not linked
    try:
        await tablet.client.receiving.fetch()
        await tablet.client.groups.fetch()
        assert [await state(tablet, each) for each in (own, joined, offered)] == ["joined", "joined", "invited"]
        assert (await said(tablet, own), await said(tablet, joined)) == (["one"], ["two"])
        assert (await tablet.client.groups.show(own))["admin"] is True
        assert {each: len(swarm.members[0].hashes(bytes.fromhex(each))) for each in before} == before
        await tablet.client.sending.send_text(joined, "three")
        await tablet.client.groups.rename(own, "Runners")
        await everywhere(tablet, laptop, phone, bob)
        for device in (laptop, phone, bob):
            assert await said(device, joined) == ["two", "three"]
            assert (await device.client.groups.show(own))["name"] == "Runners"
    finally:
        await tablet.client.close()
