"""Pushing: a snapshot replaces what was read, and settles exactly what it carried."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.policy.device_world import DAY, HOUR, START_MS, Device, Swarm, linked
from veery.policy import device_membership, device_push
from veery.policy.device_group import DeviceInfo
from veery.protocol.devices import DeviceState, Gone, table


def changed(device: Device, name: str, now_ms: int) -> None:
    device.state = device_membership.describe(device.state, DeviceInfo(name, "d", 1), now_ms)


def test_nothing_is_pushed_before_a_fetch() -> None:
    device = Device("first", Swarm(), first=True)
    assert not device.push(START_MS)
    device.fetch(START_MS)
    assert device.push(START_MS)
    assert not device.push(START_MS)


def test_a_change_waits_for_the_next_fetch() -> None:
    device = Device("first", Swarm(), first=True)
    device.poll(START_MS)
    changed(device, "new", START_MS)
    assert not device.push(START_MS)
    device.fetch(START_MS)
    assert device.push(START_MS)


def test_a_push_replaces_the_messages_that_were_read() -> None:
    swarm = Swarm()
    devices = linked(3, swarm)
    groups = [item for item in swarm.items.values() if item.data.startswith(b"d0:1:G")]
    assert len(groups) == 1
    assert all(groups[0].hash in device.state.merged for device in devices)


def test_hashes_of_messages_that_have_expired_are_forgotten() -> None:
    first, second = linked(2, Swarm())
    second.fetch(START_MS + 30 * DAY)
    assert second.state.merged
    second.fetch(START_MS + 31 * DAY)
    assert not second.state.merged
    assert first.state.merged


def test_a_message_that_was_not_read_is_not_deleted() -> None:
    swarm = Swarm()
    first, second = linked(2, swarm)
    changed(first, "one", START_MS + HOUR)
    changed(second, "two", START_MS + HOUR)
    first.fetch(START_MS + HOUR)
    second.fetch(START_MS + HOUR)
    first.push(START_MS + HOUR)
    second.push(START_MS + HOUR)
    groups = [item for item in swarm.items.values() if item.data.startswith(b"d0:1:G")]
    assert len(groups) == 2
    for device in (first, second):
        device.fetch(START_MS + HOUR)
    assert {first.state.rows[each.state.own_id].record for each in (first, second)} == {
        second.state.rows[each.state.own_id].record for each in (first, second)
    }


def test_one_push_at_a_time_and_a_failed_one_is_owed() -> None:
    device = Device("first", Swarm(), first=True)
    device.fetch(START_MS)
    device.state, push = device_push.push_to_send(device.state, START_MS, device.random)
    assert push is not None
    assert device_push.push_to_send(device.state, START_MS, device.random)[1] is None
    device.state = device_push.push_failed(device.state)
    assert device_push.owes(device.state)
    assert device.push(START_MS)
    assert not device_push.owes(device.state)


def test_what_changes_while_a_push_is_under_way_is_still_owed() -> None:
    swarm = Swarm()
    first, second, third = linked(3, swarm)
    changed(first, "one", START_MS + HOUR)
    first.fetch(START_MS + HOUR)
    first.state, push = device_push.push_to_send(first.state, START_MS + HOUR, first.random)
    assert push is not None
    first.remove(third, START_MS + HOUR)
    changed(first, "two", START_MS + HOUR)
    first.state = device_push.pushed(first.state, push, "stored", START_MS + HOUR)
    assert third.state.own_id in first.state.broadcast
    assert first.state.pushed_seqno == first.state.own.seqno - 1
    assert first.state.account_keys.undistributed
    assert "stored" in first.state.merged
    assert push.seqno == first.state.pushed_seqno
    assert not push.farewell
    assert second.state.own_id not in first.state.broadcast


def test_a_restart_in_the_middle_of_a_push_pushes_again() -> None:
    swarm = Swarm()
    device = Device("first", swarm, first=True)
    device.fetch(START_MS)
    device.state, _ = device_push.push_to_send(device.state, START_MS, device.random)
    device.state = device.state.restarted()
    assert not device.push(START_MS)
    device.poll(START_MS)
    assert len(swarm.log) == 1


def test_more_removals_than_slots_do_not_push_for_ever() -> None:
    swarm = Swarm()
    first = Device("first", swarm, first=True)
    first.poll(START_MS)
    others = [Device(f"other {number}", swarm) for number in range(6)]
    for other in others:
        row = replace(other.state.own, state=DeviceState.REGISTERED)
        first.state = replace(first.state, rows={**first.state.rows, other.state.own_id: row})
    for other in others:
        first.remove(other, START_MS + DAY)
    first.poll(START_MS + DAY)
    assert not device_push.owes(first.state)
    first.fetch(START_MS + DAY)
    first.state, push = device_push.push_to_send(first.state, START_MS + DAY, first.random)
    assert push is None
    assert sum(isinstance(row, Gone) for row in table.payload_devices(first.state.rows).values()) == 4
    assert all(not first.state.rows[other.state.own_id].live for other in others)
