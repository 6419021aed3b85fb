"""Devices agree: merging in any order, twice or in parts, and whole groups over a swarm that delivers as it likes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cache
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policy.device_world import HOUR, START_MS, Device, Stored, Swarm, linked
from tests.unit.protocol.devices.people import device_id, device_record
from veery.policy import device_membership
from veery.policy.device_group import DeviceInfo
from veery.policy.device_membership import Membership
from veery.protocol.devices import AccountKey, AccountKeys, DeviceRecord, DeviceState, Gone, table
from veery.protocol.devices.payload import Device as PayloadDevice
from veery.protocol.devices.table import Table
from veery.secret import Secret

NOW_S = 500
IDS = st.integers(1, 3).map(device_id)
RECORDS = st.builds(device_record, seqno=st.integers(1, 4), timestamp_s=st.integers(1, 3), number=st.integers(1, 2))
GONE = st.builds(Gone, st.integers(1, 9), st.booleans())
MESSAGES = st.lists(st.dictionaries(IDS, RECORDS | GONE, max_size=3), max_size=6)
LIVE = st.lists(st.dictionaries(IDS, RECORDS, max_size=3), max_size=6)
REMOVALS = st.lists(st.dictionaries(IDS, GONE, max_size=3), max_size=6)

Messages = Sequence[dict[bytes, PayloadDevice]]


def merged(messages: Messages, start: Table | None = None) -> Table:
    rows: Table = {} if start is None else start
    for each in messages:
        rows = table.merge(rows, each, NOW_S).table
    return rows


def essence(rows: Table) -> dict[bytes, tuple[object, ...]]:
    """What devices must agree on: members and their records, and who is gone, in which way."""
    return {device: (row.state, row.seqno, row.digest) if row.live else (row.state,) for device, row in rows.items()}


def exact(rows: Table) -> dict[bytes, tuple[object, ...]]:
    """The same with the times of removals."""
    return {device: (*part, rows[device].gone_s) for device, part in essence(rows).items()}


@given(MESSAGES, st.randoms(use_true_random=False))
def test_order_does_not_matter(messages: Messages, chance: Random) -> None:
    shuffled = list(messages)
    chance.shuffle(shuffled)
    assert essence(merged(messages)) == essence(merged(shuffled))


@given(LIVE, REMOVALS)
def test_without_revivals_order_does_not_even_matter_for_times(live: Messages, removals: Messages) -> None:
    for messages in (live, removals):
        assert exact(merged(messages)) == exact(merged([*messages, *messages]))
        assert exact(merged(messages)) == exact(merged(messages[::-1]))


@given(MESSAGES)
def test_a_message_that_comes_twice_changes_nothing_but_restated_removals(messages: Messages) -> None:
    once = merged(messages)
    for each in messages:
        assert essence(table.merge(once, each, NOW_S).table) == essence(once)


@given(MESSAGES, MESSAGES)
def test_rows_only_rise(earlier: Messages, later: Messages) -> None:
    before, after = merged(earlier), merged([*earlier, *later])
    for device, row in before.items():
        assert after[device].state >= row.state
        if after[device].state is row.state and row.live:
            assert after[device].seqno >= row.seqno


@given(MESSAGES, MESSAGES)
def test_devices_that_exchange_what_they_have_agree_exactly(left: Messages, right: Messages) -> None:
    one, other = merged(left), merged(right)
    for _ in range(3):
        one, other = (
            table.merge(one, everything(other), NOW_S).table,
            table.merge(other, everything(one), NOW_S).table,
        )
    assert exact(one) == exact(other)


def everything(rows: Table) -> dict[bytes, PayloadDevice]:
    """A payload with all removals, however many there are."""
    gone = {
        device: Gone(row.gone_s or 1, left=row.state is DeviceState.LEFT)
        for device, row in rows.items()
        if not row.live
    }
    return {**table.members(rows), **gone}


# -- account keys ----------------------------------------------------------------------------------------------

KEY = st.builds(
    lambda number, created_s, rotated_s: AccountKey(Secret(bytes([number]) * 32), created_s, rotated_s),
    st.integers(1, 5),
    st.integers(1, 6),
    st.none() | st.integers(1, 9),
)
# each seed with one time of creation, as its maker wrote it
KEYS = st.lists(KEY, max_size=8).map(
    lambda keys: [AccountKey(key.seed, key.seed.reveal()[0] % 4 + 1, key.rotated_s) for key in keys]
)


def written(keys: AccountKeys) -> list[tuple[bytes, int, int | None]]:
    return [(key.seed.reveal(), key.created_s, key.rotated_s) for key in keys]


def active(keys: AccountKeys) -> bytes | None:
    return None if keys.active is None else keys.active.seed.reveal()


@given(KEYS)
def test_at_most_one_key_is_active_and_the_order_is_that_of_a_payload(keys: list[AccountKey]) -> None:
    held = AccountKeys().merged(keys, 0)
    assert sum(key.rotated_s is None for key in held) <= 1
    places = [(key.rotated_s is not None, -(key.rotated_s or 0), -key.created_s) for key in held]
    assert places == sorted(places)
    assert {key.seed.reveal() for key in held} == {key.seed.reveal() for key in keys}


@given(KEYS, KEYS)
def test_key_lists_that_are_exchanged_agree(left: list[AccountKey], right: list[AccountKey]) -> None:
    one, other = AccountKeys().merged(left, 0), AccountKeys().merged(right, 0)
    for _ in range(4):
        one, other = one.merged(tuple(other), 0), other.merged(tuple(one), 0)
    assert active(one) == active(other)
    assert written(one) == written(other)


@given(st.lists(st.integers(1, 9), max_size=6, unique=True), st.randoms(use_true_random=False))
def test_of_racing_rotations_the_same_key_wins_everywhere(numbers: list[int], chance: Random) -> None:
    keys = [AccountKey(Secret(bytes([number]) * 32), number % 3 + 1) for number in numbers]
    shuffled = list(keys)
    chance.shuffle(shuffled)
    assert active(AccountKeys().merged(keys, 0)) == active(AccountKeys().merged(shuffled, 0))


@given(KEYS)
def test_merging_the_own_list_changes_nothing(keys: list[AccountKey]) -> None:
    held = AccountKeys().merged(keys, 0)
    assert written(held.merged(tuple(held), 0)) == written(held)


# -- whole groups ----------------------------------------------------------------------------------------------

COUNT = 4


@cache
def founded() -> tuple[Device, ...]:
    """A group of four, made once; `group` copies it."""
    return tuple(linked(COUNT, Swarm()))


def group() -> list[Device]:
    original = founded()[0].swarm
    swarm = Swarm(dict(original.items), list(original.log), original.outbox)
    devices = []
    for each in founded():
        device = copy(each)
        device.swarm, device.taken, device.events, device.random = swarm, set(each.taken), [], copy(each.random)
        devices.append(device)
    return devices


DEVICE = st.integers(0, COUNT - 1)
ACTIONS = st.lists(
    st.tuples(st.just("poll"), DEVICE, st.randoms(use_true_random=False))
    | st.tuples(st.just("fetch"), DEVICE, st.randoms(use_true_random=False))
    | st.tuples(st.just("push"), DEVICE, st.booleans())
    | st.tuples(st.just("name"), DEVICE, st.text("abc", max_size=3))
    | st.tuples(st.just("wake"), DEVICE, st.integers(0, 20))
    | st.tuples(st.just("remove"), DEVICE, DEVICE)
    | st.tuples(st.just("restart"), DEVICE, st.none()),
    max_size=14,
)


def act(devices: list[Device], action: str, device: Device, detail: object, now_ms: int) -> int:
    """One action; gives the time after it."""
    match action:
        case "poll" | "fetch":

            def order(items: list[Stored]) -> list[Stored]:
                assert isinstance(detail, Random)
                detail.shuffle(items)
                return items

            (device.poll if action == "poll" else device.fetch)(now_ms, order)
        case "push":
            device.push(now_ms, lost=bool(detail))
        case "name":
            device.state = device_membership.describe(device.state, DeviceInfo(str(detail), "d", 1), now_ms)
        case "wake":
            assert isinstance(detail, int)
            now_ms += detail * HOUR
            device.wake(now_ms)
        case "remove":
            assert isinstance(detail, int)
            other = devices[detail]
            held = device.state.rows[other.state.own_id]
            if device.state.active_member and other is not device and held.live:
                device.remove(other, now_ms)
        case "restart":
            device.state = device.state.restarted()
    return now_ms


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_whatever_happens_the_members_agree_in_the_end(actions: list[tuple[str, int, object]]) -> None:
    devices, now_ms = group(), START_MS + HOUR
    for action, number, detail in actions:
        now_ms = act(devices, action, devices[number], detail, now_ms) + 60_000
    for _ in range(5):
        for device in devices:
            now_ms += 1_000
            device.poll(now_ms)
    members = [device for device in devices if device.standing(now_ms) is Membership.IN_GROUP]
    removed = {device.state.own_id for device in devices if device.standing(now_ms) is Membership.REMOVED}
    assert len(members) + len(removed) == COUNT
    for device in members:
        assert set(table.members(device.state.rows)) == {each.state.own_id for each in members}
        assert {key: each for key, each in essence(device.state.rows).items() if len(each) == 1}.keys() == removed
    assert len({device.active_seed for device in members}) <= 1
    assert len({tuple(sorted(records(device).items())) for device in members}) <= 1
    assert not any(device.state.broadcast for device in members)


def records(device: Device) -> dict[bytes, bytes]:
    return {
        key: value.raw for key, value in table.members(device.state.rows).items() if isinstance(value, DeviceRecord)
    }
