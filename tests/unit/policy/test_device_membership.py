"""Membership of a device: what each message means, and what it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.policy.device_world import DAY, HOUR, START_MS, Device, Swarm, link, linked
from veery.policy import device_group, device_membership
from veery.policy.device_group import DeviceGroupFault, DeviceInfo, Event
from veery.policy.device_membership import ArrivedGroup, Membership
from veery.protocol.constants import DEVICE_GROUPS_MAX
from veery.protocol.devices import (
    AccountKeys,
    DeviceMalformed,
    DeviceRefused,
    DeviceState,
    Gone,
    GroupId,
    Payload,
    group_message,
)
from veery.protocol.devices.payload import Device as PayloadDevice
from veery.protocol.devices.table import members

MINUTE = 60_000


def test_a_generated_account_has_its_group_at_once() -> None:
    swarm = Swarm()
    device = Device("first", swarm, first=True)
    assert device.standing(START_MS) is Membership.UNKNOWN
    assert not swarm.log
    device.poll(START_MS)
    assert device.standing(START_MS) is Membership.IN_GROUP
    assert len(swarm.items) == 1
    device.poll(START_MS + MINUTE)
    assert len(swarm.log) == 1


def test_a_restored_account_creates_nothing_by_itself() -> None:
    swarm = Swarm()
    device = Device("restored", swarm)
    device.poll(START_MS)
    assert device.standing(START_MS) is Membership.NO_GROUP
    assert not swarm.log
    other = Device("first", swarm, first=True)
    other.poll(START_MS)
    device.poll(START_MS)
    assert device.standing(START_MS) is Membership.GROUPS_VISIBLE
    assert device.standing(START_MS + 31 * DAY) is Membership.NO_GROUP


def test_groups_can_be_told_apart_by_their_emoji() -> None:
    swarm = Swarm()
    first = Device("first", swarm, first=True)
    first.poll(START_MS)
    other = Device("other", swarm)
    other.poll(START_MS)
    [seen] = other.state.visible(START_MS)
    assert seen.emoji.short == first.group.emoji.short


def test_a_linked_device_has_everything() -> None:
    first, second = linked(2, Swarm())
    assert second.standing(START_MS) is Membership.IN_GROUP
    assert second.active_seed == first.active_seed
    assert set(members(second.state.rows)) == {first.state.own_id, second.state.own_id}
    assert Event.JOINED in second.events


def test_five_devices_agree() -> None:
    devices = linked(5, Swarm())
    assert len({device.active_seed for device in devices}) == 1
    assert {device.state.members for device in devices} == {5}
    assert all(not device.state.broadcast for device in devices)


def test_a_removed_device_learns_it_and_reads_no_more() -> None:
    swarm = Swarm()
    first, second, third = linked(3, swarm)
    now = START_MS + HOUR
    before = first.active_seed
    first.remove(third, now)
    first.poll(now)
    for device in (second, third):
        device.poll(now + 1)
    assert third.standing(now + 1) is Membership.REMOVED
    assert third.events[-1] is Event.REMOVED
    assert first.active_seed == second.active_seed != before
    assert third.state.account_keys.active is not None
    assert third.active_seed == before
    assert second.state.members == 2


def test_a_removed_device_pushes_nothing() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    first.remove(second, START_MS + HOUR)
    first.poll(START_MS + HOUR)
    second.poll(START_MS + HOUR)
    count = len(swarm.log)
    second.wake(START_MS + 20 * DAY)
    second.poll(START_MS + 20 * DAY)
    assert len(swarm.log) == count


def test_a_removed_device_may_begin_anew_under_another_id() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    old = second.state.own_id
    first.remove(second, START_MS + HOUR)
    first.poll(START_MS + HOUR)
    second.poll(START_MS + HOUR)
    with pytest.raises(DeviceGroupFault):
        second.ask(first.group, START_MS + HOUR)
    second.state = device_group.renewed(second.state, START_MS + HOUR, second.random)
    assert second.state.own_id != old
    assert second.standing(START_MS + HOUR) is Membership.GROUPS_VISIBLE
    link(first, second, START_MS + 2 * HOUR)
    assert second.standing(START_MS + 2 * HOUR) is Membership.IN_GROUP
    assert first.state.rows[old].state is DeviceState.REMOVED


def test_starting_a_group_after_removal_takes_a_new_id_and_fresh_keys() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    first.remove(second, START_MS + HOUR)
    first.poll(START_MS + HOUR)
    second.poll(START_MS + HOUR)
    old_id, old_seed = second.state.own_id, second.active_seed
    second.state = device_group.start_group(second.state, START_MS + HOUR, second.random)
    assert second.state.own_id != old_id
    assert second.active_seed != old_seed
    assert len(second.state.account_keys) == 1
    assert second.group != first.group


def test_a_member_cannot_remove_itself_or_strangers() -> None:
    first, second = linked(2, Swarm())
    for wrong in (first.state.own_id, bytes(32)):
        with pytest.raises(DeviceGroupFault):
            device_membership.remove(first.state, wrong, START_MS, first.random)
    first.remove(second, START_MS)
    with pytest.raises(DeviceGroupFault):
        first.remove(second, START_MS)


# -- displaced and cut off -------------------------------------------------------------------------------------


def store_by_hand(author: Device, devices: dict[bytes, PayloadDevice], group: GroupId, now_ms: int) -> None:
    """What anybody with the recovery phrase can do: store a message of a group with these devices in it."""
    data = group_message.seal(
        Payload(devices, tuple(author.state.account_keys)),
        group=group,
        root_seed=author.account.seed32,
        ed25519_secret=author.account.ed25519_secret,
        random=author.random,
    )
    author.swarm.store(data, now_ms, 30 * DAY)


def foreign_message(device: Device, other: Device, now_ms: int) -> None:
    """A message of the device's group that it cannot read."""
    others = {key: value for key, value in members(other.state.rows).items() if key != device.state.own_id}
    store_by_hand(other, dict(others), device.group, now_ms)


def test_much_later_messages_that_cannot_be_read_mean_displacement() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    foreign_message(second, first, START_MS + 5 * MINUTE)
    second.fetch(START_MS + 6 * MINUTE)
    assert second.standing(START_MS + 6 * MINUTE) is Membership.IN_GROUP
    foreign_message(second, first, START_MS + 5 * MINUTE + 1)
    second.fetch(START_MS + 6 * MINUTE)
    assert second.standing(START_MS + 6 * MINUTE) is Membership.DISPLACED
    assert second.events.count(Event.DISPLACED) == 1
    assert not second.push(START_MS + 6 * MINUTE)


def test_a_newer_message_that_can_be_read_ends_displacement() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    foreign_message(second, first, START_MS + 10 * MINUTE)
    second.fetch(START_MS + 11 * MINUTE)
    first.state = device_membership.describe(first.state, DeviceInfo("renamed", "d", 1), START_MS + 12 * MINUTE)
    first.poll(START_MS + 12 * MINUTE)
    second.fetch(START_MS + 12 * MINUTE)
    assert second.standing(START_MS + 12 * MINUTE) is Membership.IN_GROUP


def test_an_older_message_does_not_end_displacement() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    first.state = device_membership.describe(first.state, DeviceInfo("renamed", "d", 1), START_MS + MINUTE)
    first.poll(START_MS + MINUTE)
    late = [item for item in swarm.fetch(START_MS) if item.hash not in second.taken]
    foreign_message(second, first, START_MS + 10 * MINUTE)
    for item in late:
        second.taken.add(item.hash)
    second.fetch(START_MS + 11 * MINUTE)
    assert second.standing(START_MS + 11 * MINUTE) is Membership.DISPLACED
    for item in late:
        second.take(item, START_MS + 12 * MINUTE)
    assert second.standing(START_MS + 12 * MINUTE) is Membership.DISPLACED


def test_a_foreign_group_alone_looks_cut_off() -> None:
    swarm = Swarm()
    first = Device("first", swarm, first=True)
    first.poll(START_MS)
    swarm.items.clear()
    thief = Device("thief", swarm)
    thief.state = device_group.start_group(thief.state, START_MS + DAY, thief.random)
    thief.poll(START_MS + DAY)
    first.poll(START_MS + DAY)
    assert first.standing(START_MS + DAY) is Membership.IN_GROUP
    assert first.standing(START_MS + 30 * DAY) is Membership.CUT_OFF


def test_own_pushes_keep_the_group_in_sight() -> None:
    swarm = Swarm()
    first = Device("first", swarm, first=True)
    now = START_MS
    for _ in range(45):
        now += DAY
        first.fetch(now)
        first.wake(now)
        first.poll(now)
    assert first.state.group in first.state.visible(now)


# -- what a readable message does not prove --------------------------------------------------------------------


def test_a_readable_message_of_a_foreign_group_merges_nothing() -> None:
    swarm = Swarm()
    _, second = linked(2, swarm)
    thief = Device("thief", swarm)
    thief.state = device_group.start_group(thief.state, START_MS + HOUR, thief.random)
    # the best case for the thief: it knows our public keys
    devices = members({**thief.state.rows, second.state.own_id: second.state.own})
    store_by_hand(thief, dict(devices), thief.group, START_MS + HOUR)
    seed, rows = second.active_seed, second.state.rows
    second.fetch(START_MS + HOUR)
    assert (second.active_seed, second.state.rows) == (seed, rows)
    assert second.standing(START_MS + HOUR) is Membership.IN_GROUP
    assert thief.group in second.state.visible(START_MS + HOUR)


def test_a_stranger_that_can_read_a_message_is_no_member() -> None:
    swarm = Swarm()
    first = Device("first", swarm, first=True)
    first.poll(START_MS)
    lured = Device("lured", swarm)
    # it never asked, and is written into a group all the same
    row = replace(lured.state.own, state=DeviceState.REGISTERED)
    store_by_hand(first, dict(members({**first.state.rows, lured.state.own_id: row})), first.group, START_MS + HOUR)
    lured.fetch(START_MS + HOUR)
    assert lured.standing(START_MS + HOUR) is Membership.GROUPS_VISIBLE
    assert len(lured.state.account_keys) == 0


def test_departure_makes_every_member_rotate() -> None:
    swarm = Swarm()
    first, second, third = linked(3, swarm)
    gone: dict[bytes, PayloadDevice] = {third.state.own_id: Gone(START_MS // 1_000 + 5, left=True)}
    store_by_hand(second, {**members(second.state.rows), **gone}, second.group, START_MS + MINUTE)
    before = first.active_seed
    first.poll(START_MS + 2 * MINUTE)
    assert first.active_seed != before
    assert first.events[-1] is Event.ROTATED
    assert first.state.rows[third.state.own_id].state is DeviceState.LEFT


def test_a_list_without_an_active_key_gets_a_fresh_one_after_a_fetch() -> None:
    first, second = linked(2, Swarm())
    active = first.state.account_keys.active
    assert active is not None
    keys = AccountKeys().merged([replace(active, rotated_s=active.created_s + 10)], START_MS // 1_000)
    first.state = replace(first.state, account_keys=keys)
    first.poll(START_MS + HOUR)
    second.poll(START_MS + HOUR)
    assert first.active_seed == second.active_seed != active.seed.reveal()


def test_timers() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    timers = [device_membership.get_timer(device.state) for device in (first, second)]
    for timer in timers:
        assert timer is not None
        assert START_MS + 11 * HOUR <= timer <= START_MS + 13 * HOUR
    stranger = Device("stranger", swarm)
    assert device_membership.get_timer(stranger.state) is None
    stranger.poll(START_MS)
    stranger.ask(first.group, START_MS)
    assert device_membership.get_timer(stranger.state) == START_MS + 10 * MINUTE
    stranger.wake(START_MS + 10 * MINUTE)
    assert device_membership.get_timer(stranger.state) is None
    assert stranger.standing(START_MS + 10 * MINUTE) is Membership.GROUPS_VISIBLE


def test_nothing_rotates_before_a_fetch() -> None:
    first, _ = linked(2, Swarm())
    first.state = first.state.restarted()
    assert device_membership.get_timer(first.state) is None
    before = first.active_seed
    first.wake(START_MS + 3 * DAY)
    assert first.active_seed == before


def test_describing_the_device_raises_its_number_once() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    seqno = first.state.own.seqno
    info = DeviceInfo("kitchen", "d", 2_000_000)
    for _ in range(2):
        first.state = device_membership.describe(first.state, info, START_MS + HOUR)
    assert first.state.own.seqno == seqno + 1
    first.poll(START_MS + HOUR)
    second.poll(START_MS + HOUR)
    record = second.state.rows[first.state.own_id].record
    assert record is not None
    assert (record.description, record.version) == ("kitchen", 2_000_000)


@pytest.mark.parametrize("cut", [1, 10, 5_000])
def test_malformed_messages_are_refused_whole(cut: int) -> None:
    swarm = Swarm()
    device = Device("first", swarm, first=True)
    device.poll(START_MS)
    [item] = swarm.items.values()
    for data in (item.data[:-cut], item.data[:-cut] + bytes(cut)):
        with pytest.raises((DeviceMalformed, DeviceRefused)):
            device_membership.open_group(
                data,
                device.account,
                device.state,
                device.device_keys(),
                hash="h",
                stored_ms=START_MS,
                expires_ms=START_MS + DAY,
            )


def test_what_a_member_first_sees_it_passes_on() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    newcomer = Device("newcomer", swarm)
    link(first, newcomer, START_MS + HOUR)
    second.fetch(START_MS + HOUR)
    assert second.state.broadcast == {newcomer.state.own_id}
    assert second.push(START_MS + HOUR)
    assert not second.state.broadcast


def test_the_link_key_is_that_of_the_newest_message() -> None:
    swarm = Swarm()
    first = Device("first", swarm, first=True)
    first.poll(START_MS)
    [old] = swarm.fetch(START_MS)
    first.wake(START_MS + 14 * HOUR)
    first.poll(START_MS + 14 * HOUR)
    [new] = swarm.fetch(START_MS + 14 * HOUR)
    active = first.state.account_keys.active
    assert active is not None
    for order in ((old, new), (new, old)):
        stranger = Device("stranger", Swarm())
        for item in order:
            stranger.take(item, START_MS + 14 * HOUR)
        seen = stranger.state.seen[first.group]
        assert seen.link_key == active.keys.public.x25519
        assert (seen.newest_ms, seen.expires_ms) == (new.stored_ms, new.expires_ms)


def test_groups_without_end_are_bounded_and_the_own_one_stays() -> None:
    swarm = Swarm()
    device = Device("first", swarm, first=True)
    device.poll(START_MS)
    for number in range(70):
        arrived = ArrivedGroup(
            group=GroupId(number.to_bytes(8, "big")),
            link_key=bytes(32),
            opened=None,
            removes_us=False,
            hash=str(number),
            stored_ms=START_MS + HOUR + number,
            expires_ms=START_MS + DAY,
        )
        device.apply(device_membership.receive(device.state, arrived, START_MS, device.random))
    assert len(device.state.seen) == DEVICE_GROUPS_MAX
    assert device.group in device.state.seen
    device.fetch(START_MS + 2 * DAY)
    assert len(device.state.seen) == DEVICE_GROUPS_MAX
    device.state = device_membership.prune(device.state, START_MS + 2 * DAY, confirmed=True)
    device.fetch(START_MS + 2 * DAY)
    assert set(device.state.seen) == {device.group}


def test_a_device_may_bring_its_id() -> None:
    random = Device("any", Swarm()).random
    state = device_group.generated(DeviceInfo(), START_MS, random, bytes([7]) * 32)
    assert state.own_id == bytes([7]) * 32
    assert state.registered
