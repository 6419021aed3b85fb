"""Devices that do not know yet what another has done: keys that a removed device was sent, and long times offline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.policy.device_world import DAY, HOUR, START_MS, Device, Swarm, link, linked
from veery.policy import device_group, device_linking, device_membership, device_push
from veery.policy.device_group import DeviceGroupFault
from veery.policy.device_membership import Membership, get_timer
from veery.protocol.devices import group_message, table


def keys_in_the_log(device: Device, swarm: Swarm) -> set[bytes]:
    """The account seeds that a device's keys open in everything that was ever stored."""
    found = set()
    for item in swarm.log:
        if item.data.startswith(b"d0:1:G"):
            message = group_message.parse(item.data, device.account.ed25519_public)
            opened = group_message.open(message, device.device_keys())
            found |= set() if opened is None else {key.seed.reveal() for key in opened.payload.keys}
    return found


@pytest.mark.parametrize("first_to_push", [0, 1])
def test_a_key_that_went_to_a_removed_device_does_not_stay_active(first_to_push: int) -> None:
    swarm = Swarm()
    remover, unaware, removed = linked(3, swarm)
    now = START_MS + 14 * HOUR
    for device in (remover, unaware):
        device.fetch(now)
    remover.remove(removed, now)
    unaware.wake(now + 5_000)  # its rotation comes later, and its key would win
    pair = (remover, unaware) if first_to_push == 0 else (unaware, remover)
    for device in pair:
        device.state = ready(device)
        assert device.push(now + 6_000)
    for step in range(4):
        for device in pair:
            device.poll(now + 10_000 + step)
    assert remover.active_seed == unaware.active_seed
    assert remover.active_seed not in keys_in_the_log(removed, swarm)


def ready(device: Device) -> device_group.DeviceGroup:
    """The device as after a fetch that gave nothing new: the other's push has not reached the member that was asked."""
    return device_membership.fetch_completed(device.state, START_MS + 14 * HOUR, device.random).state


def test_a_removed_device_that_rotates_unaware_does_not_set_the_key() -> None:
    swarm = Swarm()
    remover, removed = linked(2, swarm)
    now = START_MS + 14 * HOUR
    removed.fetch(now)
    remover.fetch(now)
    remover.remove(removed, now)
    remover.poll(now)
    removed.wake(now + 5_000)
    removed.state = ready(removed)
    assert removed.push(now + 6_000)
    its_key = removed.active_seed
    for step in range(3):
        remover.poll(now + 10_000 + step)
    assert remover.active_seed != its_key
    assert remover.active_seed not in keys_in_the_log(removed, swarm)
    assert set(table.members(remover.state.rows)) == {remover.state.own_id}


@pytest.mark.parametrize("days", [8, 22, 60])
def test_a_device_that_runs_offline_for_long_is_still_a_member(days: int) -> None:
    swarm = Swarm()
    first, away = linked(2, swarm)
    for day in range(days):
        now = START_MS + day * DAY
        first.poll(now)
        first.wake(now)
        first.poll(now)
        away.wake(now)
    assert len(away.state.device_keys) <= 2
    for step in range(3):
        for device in (away, first):
            device.poll(START_MS + days * DAY + step)
    assert away.standing(START_MS + days * DAY) is Membership.IN_GROUP
    assert away.active_seed == first.active_seed


def test_a_device_that_waits_to_push_its_key_sets_no_timer_for_another() -> None:
    [device] = linked(1, Swarm())
    device.wake(START_MS + 8 * DAY)
    timer = get_timer(device.state)
    assert timer is not None
    assert timer > START_MS + 8 * DAY


def test_a_device_that_leaves_tells_the_others_and_can_come_back_under_another_id() -> None:
    swarm = Swarm()
    first, leaver = linked(2, swarm)
    old_id, before = leaver.state.own_id, first.active_seed
    leaver.state = device_linking.leave(leaver.state, START_MS + HOUR, leaver.random)
    assert leaver.state.own_id != old_id
    with pytest.raises(DeviceGroupFault):
        device_linking.leave(leaver.state, START_MS + HOUR, leaver.random)
    leaver.poll(START_MS + HOUR)
    assert leaver.standing(START_MS + HOUR) is Membership.GROUPS_VISIBLE
    first.poll(START_MS + HOUR)
    assert set(table.members(first.state.rows)) == {first.state.own_id}
    assert first.active_seed != before
    first.poll(START_MS + 2 * HOUR)
    link(first, leaver, START_MS + 2 * HOUR)
    assert leaver.standing(START_MS + 2 * HOUR) is Membership.IN_GROUP


def test_what_a_leaver_owes_outlives_its_next_group() -> None:
    swarm = Swarm()
    _, leaver = linked(2, swarm)
    left = device_linking.leave(leaver.state, START_MS + HOUR, leaver.random)
    for after in (
        device_group.start_group(left, START_MS + HOUR, leaver.random),
        device_group.renewed(left, START_MS + HOUR, leaver.random),
    ):
        assert after.farewell == left.farewell is not None
    _, push = device_push.push_to_send(replace(left, fetched=True, ready=True), START_MS + HOUR, leaver.random)
    assert push is not None
    assert push.farewell


def test_a_record_that_the_others_could_not_read_is_pushed_again() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    now = START_MS + 8 * DAY
    first.fetch(now)
    first.wake(now)  # a new device key
    first.state = device_membership.fetch_completed(first.state, now, first.random).state
    assert first.push(now)
    swarm.items.popitem()  # it reaches nobody
    second.poll(now + HOUR)
    second.wake(now + 14 * HOUR)
    second.poll(now + 14 * HOUR)
    first.poll(now + 15 * HOUR)
    second.poll(now + 16 * HOUR)
    assert records(second)[first.state.own_id] == records(first)[first.state.own_id]
    count = len(swarm.log)
    for step in range(3):
        for device in (first, second):
            device.poll(now + 17 * HOUR + step)
    assert len(swarm.log) <= count + 1


def records(device: Device) -> dict[bytes, int]:
    return {key: row.seqno for key, row in device.state.rows.items()}
