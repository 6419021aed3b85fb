"""What a profile that was restored from a backup does to the account's other devices, and what it has itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conversations.backups import backed_up, restored
from tests.conversations.engines import Device, make_device
from tests.conversations.group_devices import exchange, group_of, people, said
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.own_devices import link, view
from tests.conversations.own_devices import sync as sync_devices
from tests.conversations.syncing import pushes, sync
from veery.protocol.account import AccountId
from veery.runtime.clock import ManualClock
from veery.store.backup import rows
from veery.store.conversations import Conversation
from veery.store.message_values import DeliveryState

NEW = {"groups", "group_names", "outbox", "copy_levels", "sqlite_sequence"}
OF_BEFORE = tuple(each for each in rows.INCLUDED if each not in NEW)


async def states(device: Device) -> dict[str, str]:
    return {each["id"]: each["state"] for each in await device.client.groups.list()}


async def conversation(device: Device, id_: str) -> Conversation | None:
    return await device.read(lambda tables: tables.conversations.get(id_))


async def everywhere(*devices: Device) -> None:
    await sync(*devices)
    await exchange(*devices)
    await sync(*devices)


# -- groups ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("included", [rows.INCLUDED, OF_BEFORE], ids=["with rows", "of an earlier version"])
async def test_a_restored_device_is_in_the_groups_and_takes_nobody_out(
    included: tuple[str, ...],
    tmp_path: Path,
    swarm: MemorySwarm,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alice, bob = await people(tmp_path, swarm, clock, 2)
    own, joined = await group_of(alice, bob), await group_of(bob, alice, name="Readers")
    await alice.client.sending.send_text(own, "before")
    await exchange(alice, bob)
    await sync(alice)
    with monkeypatch.context() as patch:
        patch.setattr(rows, "INCLUDED", included)
        backup = await backed_up(alice, tmp_path)
    again = await restored(alice, backup, tmp_path)
    await everywhere(again, alice)
    await everywhere(alice, again)
    assert await states(alice) == await states(again) == {own: "joined", joined: "joined"}
    await again.client.sending.send_text(own, "of the new device")
    await bob.client.sending.send_text(joined, "to all")
    await exchange(again, bob, alice)
    assert await said(alice, own) == await said(again, own) == ["before", "of the new device"]
    assert await said(again, joined) == ["to all"]
    await again.client.groups.rename(own, "Runners")  # it is an admin still
    await everywhere(again, alice, bob)
    assert (await bob.client.groups.show(own))["name"] == "Runners"
    for device in (alice, bob, again):
        await device.client.close()


async def test_who_has_left_or_was_removed_since_stays_out(
    tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    alice, bob = await people(tmp_path, swarm, clock, 2)
    left, removed = await group_of(bob, alice, name="Left"), await group_of(bob, alice, name="Removed")
    await sync(alice)
    backup = await backed_up(alice, tmp_path)
    await alice.client.groups.leave(left)
    await bob.client.groups.remove(removed, [alice.id])
    await exchange(bob, alice, rounds=3)
    await sync(alice)
    assert await states(alice) == {removed: "kicked"}
    again = await restored(alice, backup, tmp_path)
    await everywhere(again, alice)
    assert await states(again) == await states(alice) == {removed: "kicked"}
    for device in (alice, bob, again):
        await device.client.close()


async def test_a_device_that_loses_the_row_of_a_group_makes_it_again(
    tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    alice, bob = await people(tmp_path, swarm, clock, 2)
    group = await group_of(bob, alice)
    await sync(alice)
    await alice.client._core.write(lambda tables: tables.groups.delete(AccountId.from_hex(group)))
    await sync(alice)
    assert await states(alice) == {group: "joined"}
    await alice.client.groups.leave(group)
    await sync(alice)
    assert await states(alice) == {}
    for device in (alice, bob):
        await device.client.close()


async def test_who_leaves_before_the_swarm_was_read_has_left(
    tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    alice, bob = await people(tmp_path, swarm, clock, 2)
    group = await group_of(bob, alice)
    await sync(alice)
    again = await restored(alice, await backed_up(alice, tmp_path), tmp_path)
    await again.client.groups.leave(group)
    await everywhere(again, alice)
    assert await states(again) == await states(alice) == {}
    for device in (alice, bob, again):
        await device.client.close()


# -- documents -------------------------------------------------------------------------------------------------


async def test_nothing_is_pushed_when_nothing_has_changed(alice: Device, bob: Device, tmp_path: Path) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    await sync(alice)
    again = await restored(alice, await backed_up(alice, tmp_path), tmp_path)
    await sync(again, alice)
    assert pushes(again) == 0
    (event,) = [each for each in await again.events() if each["event"] == "sync"]
    assert (event["change"], event["missing"]) == ("restored", ["read_positions", "groups"])  # were never made
    await again.client.close()


async def test_what_has_changed_since_wins(
    alice: Device, bob: Device, tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    carol = await make_device(tmp_path, swarm, clock, "carol", 3)
    for friend in (bob, carol):
        await alice.client.sending.send_text(friend.id, "hello")
        await alice.client.conversations.set_nickname(friend.id, "old")
    await exchange(alice, bob, carol)
    await sync(alice)
    backup = await backed_up(alice, tmp_path)
    for number in range(8):  # far more than the lag of the documents
        clock.move(5)
        await alice.client.conversations.set_nickname(bob.id, f"new {number}")
        await alice.client.profile.set_name(f"Alice {number}")
        await sync(alice)
    await alice.client.conversations.forget(carol.id)
    await sync(alice)
    again = await restored(alice, backup, tmp_path)
    await sync(again, alice)
    for device in (alice, again):
        held = await conversation(device, bob.id)
        assert held is not None and held.nickname == "new 7"
        assert await conversation(device, carol.id) is None
        assert (await device.client.profile.get()).name == "Alice 7"
    await again.client.close()
    await carol.client.close()


async def test_what_was_not_pushed_yet_is_pushed_when_nobody_else_has(
    alice: Device, bob: Device, tmp_path: Path, clock: ManualClock
) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    await sync(alice)
    clock.move(5)
    await alice.client.conversations.set_nickname(bob.id, "Bobby")
    await alice.client.profile.set_name("Alice of the hills")
    backup = await backed_up(alice, tmp_path)
    await alice.client.close()  # for good
    again = await restored(alice, backup, tmp_path)
    await sync(again)
    third = await restored(alice, await backed_up(again, tmp_path), tmp_path, 8)
    fresh = await make_device(tmp_path, again.swarm, clock, "alice", 1, 3)
    await sync(fresh, third)
    for device in (again, third, fresh):
        held = await conversation(device, bob.id)
        assert held is not None and held.nickname == "Bobby"
        assert (await device.client.profile.get()).name == "Alice of the hills"
    for device in (third, fresh, again):
        await device.client.close()


@pytest.mark.parametrize("number", range(6))  # 07.6 decides by hashes, which are others each time
@pytest.mark.parametrize("taken_in", [False, True])
async def test_a_draft_of_the_backup_does_not_win_over_what_became_of_it(
    alice: Device, bob: Device, tmp_path: Path, clock: ManualClock, number: int, taken_in: bool
) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    await sync(alice)
    clock.move(5)
    await alice.client.conversations.set_nickname(bob.id, f"draft {number}")
    if taken_in:
        await alice.client.sync._take_in()
    backup = await backed_up(alice, tmp_path)
    await alice.client.conversations.set_nickname(bob.id, f"pushed {number}")
    await sync(alice)
    again = await restored(alice, backup, tmp_path)
    await sync(again, alice)
    for device in (alice, again):
        held = await conversation(device, bob.id)
        assert held is not None and held.nickname == f"pushed {number}"
    await again.client.close()


async def test_who_was_forgotten_and_not_yet_for_all_comes_back(alice: Device, bob: Device, tmp_path: Path) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    await sync(alice)
    await alice.client.conversations.forget(bob.id)
    backup = await backed_up(alice, tmp_path)
    again = await restored(alice, backup, tmp_path)
    await sync(again)
    held = await conversation(again, bob.id)
    assert held is not None and held.approved
    await again.client.close()


# -- devices, messages and what waited -------------------------------------------------------------------------


async def test_a_restored_device_sees_the_others_and_is_linked(alice: Device, bob: Device, tmp_path: Path) -> None:
    await sync_devices(alice, bob, rounds=2)
    again = await restored(alice, await backed_up(alice, tmp_path), tmp_path)
    await sync_devices(again)
    shown = await view(again)
    assert shown["membership"] == "groups_visible"
    assert len(shown["groups"]) == 1
    await link(alice, again)
    assert (await view(again))["membership"] == "in_group"
    await bob.client.sending.send_text(alice.id, "to both")
    await exchange(bob, alice, again)
    for device in (alice, again):
        (message,) = await device.messages(bob.id)
        assert (message.body, message.level) == ("to both", "v2")
    await again.client.close()


async def test_what_was_deleted_does_not_come_back_and_what_was_not_fetched_comes(
    alice: Device, bob: Device, tmp_path: Path, clock: ManualClock
) -> None:
    for text in ("kept", "deleted"):
        clock.move(1)
        await bob.client.sending.send_text(alice.id, text)
    await exchange(bob, alice)
    (gone,) = [each.id for each in await alice.messages(bob.id) if each.body == "deleted"]
    await alice.client._core.write(lambda tables: tables.messages.delete([gone]))
    backup = await backed_up(alice, tmp_path)
    clock.move(1)
    await bob.client.sending.send_text(alice.id, "later")
    await exchange(bob)
    again = await restored(alice, backup, tmp_path)
    await sync(again)
    assert await again.texts(bob.id) == ["kept", "later"]
    await again.client.close()


@pytest.mark.parametrize("included", [rows.INCLUDED, OF_BEFORE], ids=["with the outbox", "of an earlier version"])
async def test_what_waited_is_sent_only_when_its_user_says_so(
    included: tuple[str, ...], alice: Device, bob: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await alice.client.sending.send_text(bob.id, "of the old device")
    with monkeypatch.context() as patch:
        patch.setattr(rows, "INCLUDED", included)
        backup = await backed_up(alice, tmp_path)
    again = await restored(alice, backup, tmp_path)
    await sync(again)
    await exchange(again, bob)
    (message,) = await again.messages(bob.id)
    assert (message.delivery.state, message.delivery.reason) == (DeliveryState.FAILED, "client.send.restored")
    assert await bob.texts(alice.id) == []
    await again.client.sending.retry(message.id)
    await exchange(again, bob)
    (message,) = await again.messages(bob.id)
    assert message.delivery.state is DeliveryState.STORED
    assert await bob.texts(alice.id) == ["of the old device"]
    await exchange(alice, bob)  # the old device sends it as well
    assert await bob.texts(alice.id) == ["of the old device"]
    await again.client.close()


async def test_the_outbox_of_a_restored_device_lists_what_waited(alice: Device, bob: Device, tmp_path: Path) -> None:
    await alice.client.sending.send_text(bob.id, "of the old device")
    again = await restored(alice, await backed_up(alice, tmp_path), tmp_path)
    (listed,) = await again.client.outbox.listed()
    assert listed.failed
    assert (listed.destination, listed.last_error) == (bob.id, "client.send.restored")
    await again.client.close()
