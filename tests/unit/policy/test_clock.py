"""The network's time."""

from __future__ import annotations

from veery.policy.clock import ClockRules, NetworkClock, Refusal, TimeSample
from veery.protocol.constants import HOUR_MS, MINUTE_MS

BASE = 1_700_000_000_000


def sample(source: int, offset_ms: int, *, at: int = BASE, rtt: int = 400) -> TimeSample:
    """What a node with this offset answers when both ways take equally long."""
    return TimeSample(bytes([source]), at + rtt // 2 + offset_ms, at, at + rtt)


def test_the_way_is_taken_out() -> None:
    assert sample(1, 0).offset_ms == 0
    assert sample(1, -90_000, rtt=9_000).offset_ms == -90_000


def test_three_different_nodes_make_a_measurement() -> None:
    clock = NetworkClock()
    clock.note(sample(1, 500))
    clock.note(sample(1, 500))
    clock.note(sample(2, 520))
    assert clock.offset_ms == 0
    clock.note(sample(3, 540))
    assert clock.offset_ms == 520
    assert clock.network_time(BASE) == BASE + 520


def test_one_liar_does_not_move_the_clock() -> None:
    clock = NetworkClock()
    for source, offset in ((1, 10 * HOUR_MS), (2, 30), (3, 20)):
        clock.note(sample(source, offset))
    assert clock.offset_ms == 30
    assert clock.verdict.disputed
    assert not clock.verdict.wrong


def test_measurements_are_averaged_until_a_jump() -> None:
    clock = NetworkClock(ClockRules(averaged=9))
    for offset in (100, 400, 700, 1_000):
        clock.resynced([], BASE)  # says nothing
        for source in (1, 2, 3):
            clock.note(sample(source, offset))
    assert clock.offset_ms == 700  # of the last three
    for source in (1, 2, 3):
        clock.note(sample(source, 2 * HOUR_MS))
    assert clock.offset_ms == 2 * HOUR_MS


def test_absurd_answers_are_ignored() -> None:
    clock = NetworkClock()
    assert not clock.resynced([TimeSample(b"1", 5, BASE, BASE), TimeSample(b"2", BASE, BASE, BASE - 1)], BASE)
    assert not clock.verdict.measured


def test_a_refusal_starts_one_resync_and_signs_again() -> None:
    clock = NetworkClock()
    assert clock.refused(0, BASE, retried=False) is Refusal.RESYNC
    assert clock.refused(0, BASE + 10, retried=False) is Refusal.WAIT
    assert clock.resynced([sample(1, 90_000), sample(2, 91_000), sample(3, 89_000)], BASE + 500)
    assert clock.offset_ms == 90_000
    assert clock.refused(0, BASE + 600, retried=False) is Refusal.SIGN_AGAIN
    assert clock.refused(90_000, BASE + 700, retried=True) is Refusal.GIVE_UP


def test_a_node_that_refuses_confirmed_time_is_wrong_itself() -> None:
    clock = NetworkClock()
    clock.refused(0, BASE, retried=False)
    clock.resynced([sample(1, 3), sample(2, 4), sample(3, 5)], BASE + 100)
    assert clock.refused(4, BASE + 200, retried=False) is Refusal.ELSEWHERE
    assert clock.refused(4, BASE + MINUTE_MS, retried=False) is Refusal.RESYNC


def test_a_resync_that_never_ended_does_not_block_the_next() -> None:
    clock = NetworkClock()
    assert clock.refused(0, BASE, retried=False) is Refusal.RESYNC
    assert clock.refused(0, BASE + MINUTE_MS, retried=False) is Refusal.RESYNC


def test_a_failed_resync_can_be_tried_again_at_once() -> None:
    clock = NetworkClock()
    clock.refused(0, BASE, retried=False)
    assert not clock.resynced([], BASE + 10)
    assert clock.refused(0, BASE + 20, retried=False) is Refusal.RESYNC


def test_the_verdict_has_a_size_and_a_direction() -> None:
    assert not NetworkClock().verdict.wrong
    clock = NetworkClock()
    clock.resynced([sample(1, -2 * HOUR_MS)], BASE)
    assert clock.verdict.wrong
    assert clock.verdict.measured
    assert clock.verdict.offset_ms == -2 * HOUR_MS


def test_after_a_resume_the_time_is_asked_every_ten_minutes_at_most() -> None:
    clock = NetworkClock()
    assert clock.resume_due(BASE)
    clock.resynced([sample(1, 0)], BASE)
    assert not clock.resume_due(BASE + 10 * MINUTE_MS - 1)
    assert clock.resume_due(BASE + 10 * MINUTE_MS)
    assert clock.resume_due(BASE - HOUR_MS)  # the machine's clock was set back


def test_a_remembered_offset_counts_until_measured() -> None:
    clock = NetworkClock(offset_ms=5_000)
    assert clock.offset_ms == 5_000
    assert not clock.verdict.measured
    for source in (1, 2, 3):
        clock.note(sample(source, 5_200))
    assert clock.offset_ms == 5_200
