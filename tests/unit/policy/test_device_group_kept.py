"""The form in which a store keeps a group: nothing is lost, nothing is printed, nothing deleted stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.unit.policy.device_world import DAY, HOUR, START_MS, Device, Swarm, linked
from veery.policy import device_group, device_group_kept
from veery.policy.device_group import DeviceGroup
from veery.protocol import bt
from veery.protocol.devices import DeviceMalformed


def fresh() -> DeviceGroup:
    return Device("restored", Swarm()).state


def member() -> DeviceGroup:
    swarm = Swarm()
    first, _, third = linked(3, swarm)
    first.remove(third, START_MS + HOUR)
    first.fetch(START_MS + 8 * DAY)
    first.wake(START_MS + 8 * DAY)
    return first.state


def asked() -> DeviceGroup:
    swarm = Swarm()
    first = Device("first", swarm, first=True)
    first.poll(START_MS)
    newcomer = Device("newcomer", swarm)
    newcomer.poll(START_MS)
    newcomer.ask(first.group, START_MS)
    first.poll(START_MS)
    first.accept(START_MS)
    first.poll(START_MS)
    newcomer.fetch(START_MS)
    assert newcomer.state.held is not None
    return newcomer.state


def prompted() -> DeviceGroup:
    swarm = Swarm()
    first = Device("first", swarm, first=True)
    first.poll(START_MS)
    newcomer = Device("newcomer", swarm)
    newcomer.poll(START_MS)
    newcomer.ask(first.group, START_MS)
    first.poll(START_MS)
    assert first.state.prompts
    return first.state


def switching() -> DeviceGroup:
    swarm = Swarm()
    _, second = linked(2, swarm)
    other = Device("other", swarm)
    other.state = device_group.start_group(other.state, START_MS, other.random)
    other.poll(START_MS)
    second.poll(START_MS)
    second.ask(other.group, START_MS)
    second.confirm(START_MS)
    other.poll(START_MS)
    other.accept(START_MS)
    other.poll(START_MS)
    second.fetch(START_MS)
    assert second.state.farewell is not None
    return second.state


@pytest.mark.parametrize("make", [fresh, member, asked, prompted, switching])
def test_what_is_kept_is_what_was(make: Callable[[], DeviceGroup]) -> None:
    state = make().restarted()
    kept = device_group_kept.encode(state)
    again = device_group_kept.decode(kept)
    assert device_group_kept.encode(again) == kept
    assert (again.rows, again.seen, again.requests, again.prompts) == (
        state.rows,
        state.seen,
        state.requests,
        state.prompts,
    )
    assert (again.group, again.broadcast, again.merged, again.pushed_seqno) == (
        state.group,
        state.broadcast,
        state.merged,
        state.pushed_seqno,
    )
    assert [key.seed.reveal() for key in again.device_keys] == [key.seed.reveal() for key in state.device_keys]


def test_what_belongs_to_the_process_is_not_kept() -> None:
    again = device_group_kept.decode(
        device_group_kept.encode(replace(member(), fetched=True, ready=True, pushing=True))
    )
    assert (again.fetched, again.ready, again.pushing) == (False, False, False)


def test_deleted_keys_are_gone_from_the_bytes() -> None:
    state = member()
    retired = [key.seed.reveal() for key in state.device_keys if key.retired_s is not None]
    rotated = [key.seed.reveal() for key in state.account_keys if key.rotated_s is not None]
    assert retired
    assert rotated
    late = START_MS + 60 * DAY
    deletion = state.deletion.advanced(late, confirmed=True)
    pruned = replace(
        state,
        deletion=deletion,
        device_keys=state.device_keys.pruned(deletion.now_s),
        account_keys=state.account_keys.pruned(deletion.now_s),
    )
    kept = device_group_kept.encode(pruned)
    for seed in retired + rotated:
        assert seed in device_group_kept.encode(state)
        assert seed not in kept


@pytest.mark.parametrize(
    "change",
    [
        {b"": 2},
        {b"id": bytes(31)},
        {b"id": bytes(32)},
        {b"device_keys": []},
        {b"rows": []},
        {b"group": bytes(7)},
        {b"broadcast": [5]},
        {b"broadcast": {}},
        {b"merged": {b"\xff": 5}},
        {b"requests": [{b"group": bytes(8)}]},
        {b"seen": {bytes(9): {b"key": bytes(32), b"newest": 1, b"expires": 1}}},
    ],
)
def test_bytes_that_are_none_are_refused_by_name(change: dict[bytes, bt.Encodable]) -> None:
    kept = bt.decode_dict(device_group_kept.encode(fresh()))
    with pytest.raises(DeviceMalformed) as caught:
        device_group_kept.decode(bt.encode(kept | change))
    assert caught.value.kind == "policy.devices.kept"


def test_nothing_secret_is_printed() -> None:
    state = switching()
    printed = repr(state)
    for key in (*state.device_keys, *state.account_keys):
        assert repr(key.seed.reveal())[2:-1] not in printed
        assert key.seed.reveal().hex() not in printed
    assert state.own_id.hex() not in printed
