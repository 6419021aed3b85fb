"""Groups of several engines over a swarm in memory: made, joined, changed, left and ended (08)."""

from __future__ import annotations

import pytest

from tests.conversations.engines import Device
from tests.conversations.group_devices import exchange, group_of, said, statuses
from tests.conversations.memory_swarm import Fate, MemorySwarm, calm
from veery.client.groups.faults import GroupClosed, GroupRefused, NotAdmin
from veery.errors import NetworkError
from veery.protocol.account import AccountId, AccountIdWrong
from veery.protocol.groups import Member
from veery.protocol.groups.members import Progress
from veery.runtime.clock import ManualClock
from veery.store.tables import Tables


async def test_a_group_is_made_joined_and_talks(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await alice.client.groups.create("Walkers", [bob.id, carol.id])
    assert (await statuses(alice, group))[bob.id] == "invite_sent"
    await exchange(bob, carol, rounds=1)
    (offered,) = await bob.client.groups.list()
    assert (offered["name"], offered["state"], offered["invited_by"]) == ("Walkers", "invited", alice.id)
    for each in (bob, carol):
        await each.client.groups.accept(group)
    await exchange(*three)
    assert set((await statuses(alice, group)).values()) == {"promotion_accepted", "invite_accepted"}
    assert await statuses(bob, group) == await statuses(alice, group)
    for each in three:
        await each.client.sending.send_text(group, f"from {each.name}")
    await exchange(*three)
    for each in three:
        assert sorted(await said(each, group)) == sorted(f"from {other.name}" for other in three)
    (listed,) = [each for each in await bob.client.conversations.list() if each.id == group]
    assert (listed.kind, listed.title) == ("group", "Walkers")


async def test_a_removed_member_reads_nothing_more(three: list[Device], swarm: MemorySwarm) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    await alice.client.sending.send_text(group, "before")
    await exchange(*three)
    await alice.client.groups.remove(group, [bob.id])
    # Bob has not heard of it: what he sends is refused by the swarm.
    message = await bob.client.sending.send_text(group, "I am still here")
    await bob.client.pump.run_due()
    await alice.client.sending.send_text(group, "after")
    await exchange(*three)
    assert await said(carol, group) == ["before", "after"]
    assert bob.id not in await statuses(carol, group)
    for each in (alice, carol):
        (*_, notice) = [message.body for message in await each.messages(group) if message.kind == "group_update"]
        assert notice == f"removed {bob.name}"
        named = await each.read(lambda tables: tables.groups.member_name(group, bob.account.account_id))
        assert named == bob.name  # what was said before is still by somebody with a name
    shown = await bob.client.groups.show(group)
    assert (shown["state"], shown["name"]) == ("kicked", "Walkers")
    assert await said(bob, group) == []
    assert await bob.read(lambda tables: tables.messages.get(message)) is None
    with pytest.raises(GroupClosed, match="removed"):
        await bob.client.sending.send_text(group, "hello?")


async def test_what_a_removed_member_wrote_goes_with_it(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    await bob.client.sending.send_text(group, "of bob")
    await carol.client.sending.send_text(group, "of carol")
    await exchange(*three)
    assert sorted(await said(carol, group)) == ["of bob", "of carol"]
    await alice.client.groups.remove(group, [bob.id], messages=True)
    await exchange(*three)
    for each in (alice, carol):
        assert [text for text in await said(each, group) if text] == ["of carol"]


async def test_who_was_removed_can_be_invited_again_and_sees_what_was_said(three: list[Device]) -> None:
    alice, bob, _carol = three
    group = await group_of(*three)
    await alice.client.sending.send_text(group, "first")
    await exchange(*three)
    await alice.client.groups.remove(group, [bob.id])
    await exchange(*three)
    await alice.client.sending.send_text(group, "without bob")
    await exchange(*three)
    assert await alice.client.groups.invite(group, [bob.id], history=True) == {bob.id: "invite_sent"}
    await exchange(*three, rounds=1)
    assert (await bob.client.groups.show(group))["state"] == "invited"
    await bob.client.groups.accept(group)
    await exchange(*three)
    assert (await statuses(alice, group))[bob.id] == "invite_accepted"
    assert await said(bob, group) == ["first", "without bob"]


async def test_a_newcomer_without_history_sees_only_what_follows(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await group_of(alice, bob)
    await alice.client.sending.send_text(group, "of old")
    await exchange(alice, bob)
    await alice.client.groups.invite(group, [carol.id])
    await exchange(*three, rounds=1)
    await carol.client.groups.accept(group)
    await exchange(*three)
    await bob.client.sending.send_text(group, "of now")
    await exchange(*three)
    assert await said(carol, group) == ["of now"]


async def test_a_promoted_member_renames_and_removes(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    assert await alice.client.groups.promote(group, bob.id) == "promotion_sent"
    await exchange(*three)
    assert (await statuses(carol, group))[bob.id] == "promotion_accepted"
    await bob.client.groups.rename(group, "Runners")
    await exchange(*three)
    for each in three:
        assert (await each.client.groups.show(group))["name"] == "Runners"
        assert (await each.client.conversations.get(group)).title == "Runners"
    await bob.client.groups.remove(group, [carol.id])
    await exchange(*three)
    assert carol.id not in await statuses(alice, group)
    with pytest.raises(GroupRefused, match="admin cannot be removed"):
        await alice.client.groups.remove(group, [bob.id])


async def test_leaving(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    await bob.client.groups.leave(group)
    assert await bob.client.groups.list() == []
    await exchange(*three)
    assert bob.id not in await statuses(carol, group)
    with pytest.raises(GroupRefused, match="last admin"):
        await alice.client.groups.leave(group)
    notices = [each.body for each in await carol.messages(group) if each.kind == "group_update"]
    assert "left the group" in notices


async def test_destroying(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    await bob.client.sending.send_text(group, "soon gone")
    await exchange(*three)
    with pytest.raises(NotAdmin):
        await bob.client.groups.destroy(group)
    await alice.client.groups.destroy(group)
    await exchange(*three)
    for each in (bob, carol):
        assert (await each.client.groups.show(group))["state"] == "destroyed"
        assert await said(each, group) == []
    assert await alice.client.groups.list() == []


async def test_declining(three: list[Device]) -> None:
    alice, bob, _ = three
    group = await alice.client.groups.create("Walkers", [bob.id])
    await exchange(alice, bob, rounds=1)
    await bob.client.groups.decline(group)
    assert await bob.client.groups.list() == []
    await exchange(alice, bob)
    assert (await statuses(alice, group))[bob.id] == "invite_sent"
    assert await alice.client.groups.resend(group, bob.id) == "invite_sent"
    await exchange(alice, bob, rounds=1)
    assert (await bob.client.groups.show(group))["state"] == "invited"


async def test_an_invitation_that_cannot_be_sent_says_so(three: list[Device]) -> None:
    alice, bob, _carol = three
    group = await alice.client.groups.create("Walkers")
    lost = {bytes.fromhex(bob.id)}
    alice.road.unreachable = lost
    assert await alice.client.groups.invite(group, [bob.id]) == {bob.id: "invite_failed"}
    lost.clear()
    assert await alice.client.groups.resend(group, bob.id) == "invite_sent"


async def test_a_group_whose_making_is_lost_is_not_there(three: list[Device]) -> None:
    alice, bob, _ = three
    alice.weather = lambda: Fate.LOST
    with pytest.raises(NetworkError):
        await alice.client.groups.create("Walkers", [bob.id])
    alice.weather = calm
    assert await alice.client.groups.list() == []
    assert [each for each in await alice.client.conversations.list() if each.kind == "group"] == []


async def test_messages_disappear_with_the_timer_of_the_group(three: list[Device], clock: ManualClock) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    await alice.client.groups.set_timer(group, 43_200)
    await exchange(alice, bob)
    await bob.client.sending.send_text(group, "for a while")
    await exchange(alice, bob)
    (shown,) = [each for each in await alice.messages(group) if each.kind == "text"]
    assert (shown.expiration.timer_s, shown.expiration.expires_ms is not None) == (43_200, True)


async def test_deleting_for_everybody(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    own = await bob.client.sending.send_text(group, "a slip")
    await exchange(*three)
    (seen,) = [each for each in await carol.messages(group) if each.kind == "text"]
    with pytest.raises(GroupRefused, match="only admins"):
        await carol.client.groups.delete_messages(group, [seen.id])
    await bob.client.groups.delete_messages(group, [own])
    await exchange(*three)
    assert [text for text in await said(carol, group) if text] == []
    assert [text for text in await said(alice, group) if text] == []


async def test_a_group_that_was_taken_from_the_list_comes_back_as_a_group(three: list[Device]) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    await bob.client.conversations.forget(group)
    await alice.client.sending.send_text(group, "are you there?")
    await exchange(alice, bob)
    held = await bob.client.conversations.get(group)
    assert (held.kind, held.title, held.unread) == ("group", "Walkers", 1)
    (message,) = [each for each in await bob.events() if each["event"] == "message"]
    assert (message["sender"], message["sender_name"]) == (alice.id, "person1")


async def test_what_waits_for_a_group_goes_with_it(three: list[Device]) -> None:
    alice, bob, _ = three
    group = await group_of(alice, bob)
    bob.weather = lambda: Fate.LOST
    await bob.client.sending.send_text(group, "never sent")
    await bob.client.pump.run_due()
    bob.weather = calm
    await bob.client.groups.leave(group)
    assert await bob.read(lambda tables: tables.outbox.next_due()) is None


NOBODY = AccountId(b"\x05" + bytes(32)).hex  # no key pair has this key


async def test_an_id_that_cannot_exist_is_refused_before_anything_changes(three: list[Device]) -> None:
    alice, bob, _ = three
    group = await group_of(*three)
    with pytest.raises(AccountIdWrong, match="nobody can have"):
        await alice.client.groups.invite(group, [NOBODY])
    with pytest.raises(AccountIdWrong, match="nobody can have"):
        await alice.client.groups.create("Others", [bob.id, NOBODY])
    assert NOBODY not in await statuses(alice, group)
    assert [each["id"] for each in await alice.client.groups.list()] == [group]


async def test_a_listed_id_that_cannot_exist_stops_nothing(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await group_of(*three)
    room = alice.client.groups.room(AccountId.from_hex(group))

    def as_another_client_does(tables: Tables) -> None:
        member = Member(AccountId.from_hex(NOBODY), invite=Progress.NOT_SENT)
        room.write_members(tables, [member], alice.client._core.times())

    await alice.client._core.write(as_another_client_does)
    assert await alice.client.groups.resend(group, NOBODY) == "invite_failed"
    await alice.client.groups.remove(group, [NOBODY])
    await exchange(*three)
    assert NOBODY not in await statuses(bob, group)
    await alice.client.groups.remove(group, [carol.id])
    await exchange(*three)
    assert (await carol.client.groups.show(group))["state"] == "kicked"
    await alice.client.groups.destroy(group)
