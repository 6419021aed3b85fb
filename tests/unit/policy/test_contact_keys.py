"""The cache of a contact's keys: ages at their edges, NAKs, withdrawals, clocks that were wrong."""

from __future__ import annotations

import pytest

from tests.unit.policy.contact_world import DAY, HOUR, NOW
from tests.unit.protocol.devices.people import account_pair
from veery.policy.contact_keys import Freshness, KeyCache, PrefetchStatus, SendStep

KEYS = account_pair(1).public
FETCHED = KeyCache().found(KEYS, NOW)


@pytest.mark.parametrize(
    ("age", "freshness", "usable"),
    [
        (0, Freshness.FRESH, True),
        (DAY - 1, Freshness.FRESH, True),
        (DAY, Freshness.STALE, True),
        (2 * DAY - 1, Freshness.STALE, True),
        (2 * DAY, Freshness.EXPIRED, False),
        (-1, Freshness.STALE, True),
    ],
)
def test_ages(age: int, freshness: Freshness, usable: bool) -> None:
    assert FETCHED.freshness(NOW + age) is freshness
    assert (FETCHED.usable(NOW + age) is not None) is usable


def test_never_fetched() -> None:
    cache = KeyCache()
    assert cache.freshness(NOW) is Freshness.NONE
    assert cache.usable(NOW) is None
    assert cache.prefetch(NOW).status is PrefetchStatus.FETCHING
    assert (cache.send(NOW).step, cache.send(NOW).fetch) == (SendStep.FETCH_THEN_DECIDE, True)


def test_fresh_keys_ask_nobody() -> None:
    assert not FETCHED.prefetch(NOW + HOUR).fetch
    assert (FETCHED.send(NOW + HOUR).step, FETCHED.send(NOW + HOUR).fetch) == (SendStep.SEND, False)


def test_a_nak_keeps_sends_from_asking_for_an_hour() -> None:
    for cache, age in ((KeyCache(), 0), (FETCHED, DAY), (FETCHED, 3 * DAY)):
        denied = cache.absent(NOW + age)
        assert not denied.send(NOW + age + HOUR - 1).fetch
        assert denied.send(NOW + age + HOUR).fetch


def test_opening_the_conversation_heals_a_lying_none() -> None:
    denied = FETCHED.absent(NOW + DAY)
    assert denied.prefetch(NOW + DAY).fetch
    assert KeyCache().absent(NOW).prefetch(NOW).status is PrefetchStatus.NAK


def test_a_nak_leaves_the_keys_and_a_record_leaves_the_nak() -> None:
    denied = FETCHED.absent(NOW + DAY)
    assert (denied.fetched_ms, denied.keys) == (NOW, KEYS)
    found = denied.found(KEYS, NOW + DAY + 1)
    assert found.nak_ms == NOW + DAY


def test_a_nak_from_the_future_denies_nothing() -> None:
    assert KeyCache().absent(NOW + DAY).send(NOW).fetch


def test_a_withdrawal_is_asked_about_as_keys_are() -> None:
    withdrawn = FETCHED.found(None, NOW)
    assert withdrawn.usable(NOW) is None
    assert (withdrawn.send(NOW).step, withdrawn.send(NOW).fetch) == (SendStep.DECIDE, False)
    assert (withdrawn.send(NOW + DAY).step, withdrawn.send(NOW + DAY).fetch) == (SendStep.DECIDE, True)
    assert withdrawn.send(NOW + 2 * DAY).step is SendStep.FETCH_THEN_DECIDE


def test_keys_are_not_printed() -> None:
    assert KEYS.x25519.hex() not in repr(FETCHED)
    assert "keys" not in repr(FETCHED)
