"""Late messages."""

from __future__ import annotations

from veery.policy.late import LATE_AFTER_MS, Horizon

NOW = 1_700_000_000_000


def test_nothing_is_late_before_a_poll_was_finished() -> None:
    horizon = Horizon().with_message(NOW, NOW)
    assert not horizon.is_late(0)
    assert horizon.settled().is_late(0)


def test_late_is_older_than_the_horizon_by_more_than_the_bound() -> None:
    horizon = Horizon(newest_ms=NOW)
    assert not horizon.is_late(NOW - LATE_AFTER_MS)
    assert horizon.is_late(NOW - LATE_AFTER_MS - 1)
    assert horizon.is_late(NOW - 2, after_ms=1)


def test_order_within_a_poll_means_nothing() -> None:
    horizon = Horizon(newest_ms=NOW).with_message(NOW + 900_000, NOW + 900_000).with_message(NOW + 5, NOW + 900_000)
    assert not horizon.is_late(NOW + 10)
    assert horizon.settled() == Horizon(NOW + 900_000)


def test_a_time_in_the_future_does_not_make_everything_late() -> None:
    horizon = Horizon().with_message(NOW + 10**12, NOW).settled()
    assert horizon == Horizon(NOW)
    assert Horizon().settled() == Horizon()
