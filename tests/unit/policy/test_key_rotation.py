"""Rotation of account keys and device keys, and the time by which keys are deleted."""

from __future__ import annotations

import pytest

from tests.unit.protocol.devices.people import device_id
from veery.policy import key_rotation
from veery.policy.key_rotation import DeletionClock, DeviceKeys
from veery.protocol.devices import AccountKey, AccountKeys, HybridKeys
from veery.secret import Secret

HOUR_S, DAY_S = 3_600, 24 * 3_600
DAY_MS = DAY_S * 1_000
CREATED = 1_777_000_000


def key(number: int) -> AccountKey:
    return AccountKey(Secret(number.to_bytes(32, "big")), CREATED)


@pytest.mark.parametrize("registered", [1, 2, 5, 24])
def test_every_moment_lies_between_eleven_and_thirteen_hours(registered: int) -> None:
    for number in range(200):
        at = key_rotation.rotate_at(device_id(1), key(number), registered)
        assert CREATED + 11 * HOUR_S <= at <= CREATED + 13 * HOUR_S


@pytest.mark.parametrize("registered", [1, 2, 8])
def test_the_first_rotation_says_nothing_about_the_number_of_devices(registered: int) -> None:
    keys = [key(number) for number in range(300)]
    devices = [device_id(number) for number in range(1, registered + 1)]
    firsts = [min(key_rotation.rotate_at(device, each, registered) for device in devices) for each in keys]
    places = sorted((first - CREATED - 11 * HOUR_S) / (2 * HOUR_S) for first in firsts)
    # Kolmogorov-Smirnov against the uniform distribution; 0.115 is beyond what chance does once in a thousand
    distance = max(abs(place - (index + 0.5) / len(places)) for index, place in enumerate(places))
    assert distance < 0.115


def test_moments_differ_by_device_and_key() -> None:
    shares = {key_rotation.share(device_id(device), key(each)) for device in (1, 2) for each in (1, 2)}
    assert len(shares) == 4


def test_the_timer_is_in_whole_seconds_and_needs_an_active_key() -> None:
    keys = AccountKeys().merged([key(1)], CREATED)
    timer = key_rotation.rotation_timer(device_id(1), keys, 1)
    assert timer == int(key_rotation.rotate_at(device_id(1), key(1), 1))
    assert key_rotation.rotation_timer(device_id(1), AccountKeys(), 1) is None


# -- device keys -----------------------------------------------------------------------------------------------

FIRST = Secret(bytes([1]) * 32)
SECOND = Secret(bytes([2]) * 32)
THIRD = Secret(bytes([3]) * 32)
START = DeviceKeys.first(FIRST, CREATED)


def held(keys: DeviceKeys) -> list[int]:
    return [each.seed.reveal()[0] for each in keys]


def test_device_keys_are_due_after_seven_days() -> None:
    assert not START.due(CREATED + 7 * DAY_S - 1)
    assert START.due(CREATED + 7 * DAY_S)
    assert not START.rotated(SECOND, CREATED + 7 * DAY_S).due(CREATED + 8 * DAY_S)


def test_an_old_device_key_goes_when_the_new_one_was_seen_to_work_and_72_hours_have_passed() -> None:
    at = CREATED + 7 * DAY_S
    rotated = START.rotated(SECOND, at)
    assert held(rotated) == [2, 1]
    works = rotated.read_with(HybridKeys.of_device(SECOND).public)
    assert held(works.pruned(at + 72 * HOUR_S - 1)) == [2, 1]
    assert held(works.pruned(at + 72 * HOUR_S)) == [2]
    assert held(rotated.pruned(at + 72 * HOUR_S)) == [2, 1]


def test_after_fourteen_days_it_goes_in_any_case() -> None:
    at = CREATED + 7 * DAY_S
    rotated = START.rotated(SECOND, at)
    assert held(rotated.pruned(at + 14 * DAY_S - 1)) == [2, 1]
    assert held(rotated.pruned(at + 14 * DAY_S)) == [2]


def test_the_current_key_is_never_deleted() -> None:
    assert held(START.pruned(CREATED + 1_000 * DAY_S)) == [1]


def test_reading_with_an_old_key_replaces_only_older_ones() -> None:
    keys = START.rotated(SECOND, CREATED + 10).rotated(THIRD, CREATED + 20)
    assert [each.replaced for each in keys.read_with(HybridKeys.of_device(SECOND).public)] == [False, False, True]
    assert [each.replaced for each in keys.read_with(HybridKeys.of_device(THIRD).public)] == [False, True, True]
    strange = HybridKeys.of_device(Secret(bytes(32))).public
    assert [each.replaced for each in keys.read_with(strange)] == [False, False, False]


# -- deleting --------------------------------------------------------------------------------------------------


def test_the_deletion_clock_follows_small_steps_and_steps_back() -> None:
    clock = DeletionClock(CREATED * 1_000)
    assert clock.advanced(clock.now_ms + DAY_MS, confirmed=False).now_ms == clock.now_ms + DAY_MS
    assert clock.advanced(clock.now_ms - 400 * DAY_MS, confirmed=False).now_ms == clock.now_ms - 400 * DAY_MS


def test_a_jump_waits_for_the_network() -> None:
    clock = DeletionClock(CREATED * 1_000)
    later = clock.now_ms + DAY_MS + 1
    assert clock.advanced(later, confirmed=False) == clock
    assert clock.advanced(later, confirmed=True).now_ms == later
    assert clock.now_s == CREATED
