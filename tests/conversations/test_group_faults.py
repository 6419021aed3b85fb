"""Groups when something is wrong: forged and foreign messages, kills, what swarms forget; several devices (08.10)."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from tests.conversations.engines import Device, make_device
from tests.conversations.group_devices import exchange, group_of, said, statuses
from tests.conversations.memory_swarm import MemorySwarm
from veery.protocol.account import AccountId
from veery.protocol.constants import DAY_MS
from veery.protocol.content import Content, DataMessage, GroupUpdateMessage, encode
from veery.protocol.groups import GroupAdminKeys, control
from veery.protocol.groups import messages as group_messages
from veery.protocol.storage_rpc import Namespace
from veery.runtime.clock import ManualClock
from veery.runtime.randomness import random_bytes
from veery.secret import Secret
from veery.store.inbox import Apply, FetchedBatch, FetchedItem, Inbox, Recorded, Undecoded

MESSAGES = int(Namespace.GROUP_MESSAGES)


def sealed(author: Device, group: str, key: Secret, text: str, *, foreign: str | None = None) -> bytes:
    """A message as the author's client would seal it. foreign: signed for another group."""
    now_ms = author.clock.now_ms()
    return group_messages.seal(
        encode(Content(DataMessage(body=text), timestamp=now_ms)),
        sender_ed25519_secret=author.account.ed25519_secret,
        group_public=AccountId.from_hex(foreign or group).key,
        key=key,
        timestamp_ms=now_ms,
        pro_sig=None,
        random=random_bytes,
    )


async def newest_key(device: Device, group: str) -> Secret:
    room = device.client.groups.room(AccountId.from_hex(group))
    return (await device.read(room.keys)).keys[-1].key


async def reasons(device: Device) -> list[str]:
    """Why items are kept unread."""
    return sorted(each.reason for each in await device.read(lambda tables: tables.inbox.kept(100)))


async def refusals(device: Device, group: str) -> list[str]:
    """Why items are refused when the group is polled."""
    found: list[str] = []
    original = Inbox.record_fetched

    def watched(inbox: Inbox, batch: FetchedBatch, apply: Apply, now_ms: int) -> Recorded:
        outcome = original(inbox, batch, apply, now_ms)
        found.extend(each.kind for each in outcome.refused)
        return outcome

    with patch.object(Inbox, "record_fetched", watched):
        await device.client.groups.fetch(group)
    return found


async def test_what_was_not_signed_for_this_group_is_refused(three: list[Device], swarm: MemorySwarm) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    other = await alice.client.groups.create("Others")
    data = sealed(alice, group, await newest_key(alice, group), "moved here", foreign=other)
    swarm.put(bytes.fromhex(group), data, namespace=MESSAGES)
    assert await refusals(bob, group) == ["group.refused.signature"]
    assert await said(bob, group) == []


async def test_a_message_under_a_key_to_come_waits_for_it(three: list[Device], swarm: MemorySwarm) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    room = alice.client.groups.room(AccountId.from_hex(group))
    core = alice.client._core
    await core.write(lambda tables: room.rotate(tables, core.times()))
    pending = (await alice.read(room.keys)).pending
    assert pending is not None
    swarm.put(bytes.fromhex(group), sealed(alice, group, pending.key, "ahead of its key"), namespace=MESSAGES)
    await bob.client.groups.fetch()
    assert await reasons(bob) == ["group.no_key"]
    await exchange(alice, bob)
    assert await said(bob, group) == ["ahead of its key"]
    assert await reasons(bob) == []


async def test_a_stranger_with_the_key_is_not_heard_until_it_is_a_member(
    three: list[Device], swarm: MemorySwarm
) -> None:
    alice, bob, carol = three
    group = await group_of(alice, bob)
    data = sealed(carol, group, await newest_key(alice, group), "I found a key")
    swarm.put(bytes.fromhex(group), data, namespace=MESSAGES)
    await bob.client.groups.fetch()
    assert (await said(bob, group), await reasons(bob)) == ([], ["group.refused.not_a_member"])


async def test_a_removed_member_with_the_old_key_is_refused(
    three: list[Device], swarm: MemorySwarm, clock: ManualClock
) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    old = await newest_key(bob, group)
    await carol.client.sending.send_text(group, "while I was in it")
    await carol.client.pump.run_due()
    await alice.client.groups.remove(group, [carol.id])
    await clock.advance(5)
    data = sealed(carol, group, old, "through a hole in the fence")
    swarm.put(bytes.fromhex(group), data, namespace=MESSAGES)
    assert "group.refused.removed" in await refusals(bob, group)
    assert await said(bob, group) == ["while I was in it"]


async def test_a_notice_without_the_groups_signature_is_refused(three: list[Device], swarm: MemorySwarm) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    forger, now_ms = GroupAdminKeys.create(random_bytes), alice.clock.now_ms()
    update = control.delete_content(forger, [alice.account.account_id], (), now_ms)
    content = Content(DataMessage(group_update_message=GroupUpdateMessage(update)), timestamp=now_ms)
    data = group_messages.seal(
        encode(content),
        sender_ed25519_secret=bob.account.ed25519_secret,
        group_public=AccountId.from_hex(group).key,
        key=await newest_key(bob, group),
        timestamp_ms=now_ms,
        pro_sig=None,
        random=random_bytes,
    )
    swarm.put(bytes.fromhex(group), data, namespace=MESSAGES)
    assert await refusals(carol, group) == ["receive.group_update_signature"]


async def test_invitations_that_were_kept_by_an_earlier_build_are_read(three: list[Device], swarm: MemorySwarm) -> None:
    alice, bob, _ = three
    group = await alice.client.groups.create("Walkers", [bob.id])
    (hash_,) = swarm.members[0].hashes(bytes.fromhex(bob.id))
    message = swarm.members[0].stored[bytes.fromhex(bob.id), 0][hash_]
    item = FetchedItem(hash_, message.data, message.timestamp, message.expiration)
    batch = FetchedBatch(b"\0" * 32, bob.account.account_id, 0, (item,), None)
    core = bob.client._core
    await core.write(
        lambda tables: tables.inbox.record_fetched(batch, lambda each: Undecoded("content.group_update"), 0)
    )
    await bob.client.housekeeping._rereading.reread(bob.client.housekeeping._mailbox)
    assert [(each["id"], each["state"]) for each in await bob.client.groups.list()] == [(group, "invited")]


async def test_groups_of_other_devices_open_without_an_invitation(
    three: list[Device], tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    await bob.client.sending.send_text(group, "hello alice")
    await exchange(alice, bob)
    await alice.client.sync.push()
    await bob.client.sync.push()
    tablet, phone = [
        await make_device(tmp_path, swarm, clock, each.name, number, device=1)
        for number, each in ((1, alice), (2, bob))
    ]
    try:
        await exchange(tablet, phone)
        assert (await tablet.client.groups.show(group))["admin"]
        assert await said(tablet, group) == await said(phone, group) == ["hello alice"]
        await phone.client.sending.send_text(group, "from my phone")
        await tablet.client.groups.rename(group, "Named on a tablet")
        await exchange(alice, bob, tablet, phone)
        for each in (alice, bob, tablet, phone):
            assert (await each.client.groups.show(group))["name"] == "Named on a tablet"
            assert "from my phone" in await said(each, group)
        await bob.client.groups.leave(group)
        await bob.client.sync.push()
        await exchange(bob, phone)
        assert await phone.client.groups.list() == []
    finally:
        await tablet.client.close()
        await phone.client.close()


async def test_what_the_swarm_has_forgotten_is_brought_back_by_an_admin(
    three: list[Device], swarm: MemorySwarm, clock: ManualClock
) -> None:
    alice, bob, carol = three
    group = await group_of(alice, bob)
    for member in swarm.members:
        for namespace in (12, 13, 14):
            member.stored.pop((bytes.fromhex(group), namespace), None)
    await clock.advance(2 * DAY_MS / 1_000)
    await exchange(alice, bob)
    assert all(swarm.members[0].hashes(bytes.fromhex(group), each) for each in (12, 13, 14))
    await alice.client.groups.invite(group, [carol.id])
    await exchange(*three, rounds=1)
    await carol.client.groups.accept(group)
    await exchange(*three)
    assert (await statuses(carol, group))[carol.id] == "invite_accepted"


def forget(swarm: MemorySwarm, group: str, *namespaces: int) -> dict[int, list[str]]:
    """Let every member of the swarm lose documents or keys of a group; gives their hashes."""
    lost: dict[int, list[str]] = {}
    for member in swarm.members:
        for namespace in namespaces:
            lost[namespace] = list(member.stored.pop((bytes.fromhex(group), namespace), {}))
    return lost


async def losses(device: Device) -> list[tuple[list[str], bool]]:
    """What a device tells of what the swarm of a group has lost, and whether it comes back."""
    events = [each for each in await device.events() if each["event"] == "group"]
    return [(each["lost"], each["restored"]) for each in events if each["change"] == "lost"]


async def test_what_the_swarm_has_forgotten_is_stored_again_by_a_member(
    three: list[Device], swarm: MemorySwarm, clock: ManualClock
) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    await exchange(bob, carol)
    lost = forget(swarm, group, 13, 14)
    await clock.advance(2 * DAY_MS / 1_000)
    await exchange(bob)  # no admin is there
    held = {namespace: swarm.members[0].hashes(bytes.fromhex(group), namespace) for namespace in (13, 14)}
    assert held == lost
    assert all(len(hashes) == 1 for hashes in held.values())
    assert await losses(bob) == [(["groups::Info", "groups::Members"], True)]
    # A device that has nothing of the group yet reads them.
    await carol.client.sync.push()
    await exchange(carol, bob)
    assert await statuses(carol, group) == await statuses(bob, group)
    assert await losses(carol) == []
    await exchange(alice, bob)
    assert await losses(alice) == []


async def test_lost_keys_are_said_by_members_and_made_anew_by_an_admin(
    three: list[Device], swarm: MemorySwarm, clock: ManualClock
) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    await exchange(bob)
    forget(swarm, group, 12)
    await clock.advance(2 * DAY_MS / 1_000)
    await exchange(bob)
    assert await losses(bob) == [(["keys"], False)]
    assert swarm.members[0].hashes(bytes.fromhex(group), 12) == []
    await bob.client.sending.send_text(group, "we go on with what we have")
    before = (await alice.client.groups.show(group))["generation"]
    await exchange(alice, bob)
    assert await losses(alice) == [(["keys"], True)]
    assert (await alice.client.groups.show(group))["generation"] == before + 1
    await exchange(alice, bob)
    assert (await bob.client.groups.show(group))["generation"] == before + 1
    assert await said(alice, group) == ["we go on with what we have"]


async def test_what_is_there_is_only_extended(three: list[Device], swarm: MemorySwarm, clock: ManualClock) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    await exchange(bob)
    account = bytes.fromhex(group)
    before = {each: dict(swarm.members[0].stored[account, each]) for each in (12, 13, 14)}
    await clock.advance(2 * DAY_MS / 1_000)
    bob.road.calls.clear()
    await exchange(bob)
    assert await losses(bob) == []
    for namespace, messages in before.items():
        after = swarm.members[0].stored[account, namespace]
        assert after.keys() == messages.keys()
        assert all(after[name].expiration > held.expiration for name, held in messages.items())
    assert sum("expire" in each for each in bob.road.calls) == 1  # once a day, not with every poll


@pytest.mark.parametrize("writes", range(1, 9))
async def test_a_removal_survives_a_kill(three: list[Device], writes: int) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    await alice.kill_during(lambda client: client.groups.remove(group, [bob.id]), writes)
    await exchange(*three, rounds=3)
    gone = bob.id not in await statuses(alice, group)
    assert gone or writes == 1  # the first kill is before anything was written
    assert await statuses(carol, group) == await statuses(alice, group)
    assert (await bob.client.groups.show(group))["state"] == ("kicked" if gone else "joined")


async def test_rights_go_out_with_no_less_protection_than_was_demanded(three: list[Device]) -> None:
    alice, bob, _ = three
    await alice.client.levels.require_v2(bob.id, True)
    group = await alice.client.groups.create("Walkers", [bob.id])
    assert (await statuses(alice, group))[bob.id] == "invite_failed"
    await exchange(alice, bob)
    assert await bob.client.groups.list() == []
