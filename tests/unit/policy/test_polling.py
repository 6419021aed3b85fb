"""Polling: the schedule, and what an answer means."""

from __future__ import annotations

import pytest

from tests.unit.policy.networks import chance
from veery.policy.late import Horizon
from veery.policy.poll_schedule import Activity, PollRules, PollSchedule, activity_of
from veery.policy.polling import Ask, Cursor, Fetched, Page, Polled, PolledItem, Poller, read_answer
from veery.protocol.constants import DAY_MS, MINUTE_MS

MEMBERS = [bytes([n]) * 32 for n in range(1, 6)]
NOW = 1_700_000_000_000


def schedule(members: list[bytes] | None = None, rules: PollRules | None = None) -> PollSchedule:
    made = PollSchedule(chance(), rules)
    made.set_members(MEMBERS if members is None else members)
    return made


def poll(polls: PollSchedule, now_ms: int, *, more: bool = False) -> bytes:
    member = polls.begin(now_ms)
    assert member is not None
    polls.answered(member, now_ms, more=more)
    return member


@pytest.mark.parametrize(
    ("last_used_ms", "is_open", "activity"),
    [
        (None, True, Activity.OPEN),
        (None, False, Activity.DORMANT),
        (NOW - 2 * DAY_MS, False, Activity.ACTIVE),
        (NOW - 2 * DAY_MS - 1, False, Activity.QUIET),
        (NOW - 7 * DAY_MS, False, Activity.QUIET),
        (NOW - 7 * DAY_MS - 1, False, Activity.DORMANT),
        (NOW - 9 * DAY_MS, True, Activity.OPEN),
    ],
)
def test_activity(last_used_ms: int | None, is_open: bool, activity: Activity) -> None:
    assert activity_of(last_used_ms, NOW, is_open=is_open) is activity


def test_intervals() -> None:
    assert [PollRules().interval_ms(each) for each in Activity] == [5_000, 5_000, 60_000, 120_000]


def test_two_members_are_asked_at_the_start_then_one_every_five_seconds_in_turn() -> None:
    polls = schedule()
    first, second = poll(polls, 0), poll(polls, 10)
    assert first != second
    assert polls.get_timer() == 5_010
    assert polls.begin(5_009) is None
    rest = [poll(polls, 5_010 + 5_000 * n) for n in range(8)]
    assert {first, second, *rest[:3]} == set(MEMBERS)
    assert rest[3:5] == [first, second]


def test_the_first_member_is_random() -> None:
    firsts = set()
    for seed in range(60):
        polls = PollSchedule(chance(seed))
        polls.set_members(MEMBERS)
        firsts.add(polls.begin(0))
    assert firsts == set(MEMBERS)


def test_more_goes_on_at_once_at_the_same_member() -> None:
    polls = schedule()
    first = poll(polls, 0, more=True)
    assert polls.get_timer() == 0
    assert poll(polls, 1, more=True) == first
    assert poll(polls, 2) == first
    assert poll(polls, 3) != first


def test_a_member_cannot_hold_the_reader_for_ever() -> None:
    polls = schedule(rules=PollRules(pages=3))
    first = poll(polls, 0, more=True)
    assert poll(polls, 1, more=True) == first
    assert poll(polls, 2, more=True) == first
    assert poll(polls, 3, more=True) != first


def test_a_failed_member_is_left_alone_for_a_time_that_doubles() -> None:
    polls = schedule()
    poll(polls, 0)
    poll(polls, 0)
    failed = polls.begin(5_000)
    assert failed is not None
    polls.failed(failed, 5_100)
    now = 5_100
    assert polls.get_timer() == now  # another one at once
    asked = []
    for _ in range(8):
        member = polls.begin(now)
        assert member is not None
        asked.append((now, member))
        if member == failed:
            polls.failed(member, now)
        else:
            polls.answered(member, now, more=False)
        timer = polls.get_timer()
        assert timer is not None
        now = timer
    again = [at for at, member in asked if member == failed]
    assert again
    assert again[0] >= 10_100
    assert len(again) == 1 or again[1] - again[0] >= 10_000


def test_a_member_that_fails_in_the_middle_gives_way() -> None:
    polls = schedule()
    first = poll(polls, 0, more=True)
    assert polls.begin(1) == first
    polls.failed(first, 1)
    assert polls.begin(1) not in (None, first)


def test_an_answer_ends_the_count_of_failures() -> None:
    polls = schedule(MEMBERS[:1])
    now = 0
    pauses = []
    for works in (False, False, True, False):
        member = polls.begin(now)
        assert member is not None
        if works:
            polls.answered(member, now, more=False)
        else:
            polls.failed(member, now)
        timer = polls.get_timer()
        assert timer is not None
        pauses.append(timer - now)
        now = timer
    assert pauses == [5_000, 10_000, 5_000, 5_000]


def test_when_all_fail_the_first_to_be_free_is_waited_for() -> None:
    polls = schedule(MEMBERS[:2])
    for at in (0, 100):
        member = polls.begin(at)
        assert member is not None
        polls.failed(member, at)
    assert polls.get_timer() == 5_000
    assert polls.begin(4_999) is None
    assert polls.begin(5_000) is not None


def test_after_a_spell_without_answers_two_are_asked_again() -> None:
    polls = schedule()
    poll(polls, 0)
    poll(polls, 0)
    now = 5_000
    for _ in range(30):
        member = polls.begin(now)
        if member is not None:
            polls.failed(member, now)
        timer = polls.get_timer()
        assert timer is not None
        now = max(timer, now)
    polls.resumed(now)
    first = poll(polls, now)
    assert polls.get_timer() == now
    assert poll(polls, now) != first
    timer = polls.get_timer()
    assert timer == now + 5_000


def test_a_lone_member_is_not_asked_twice() -> None:
    polls = schedule(MEMBERS[:1])
    poll(polls, 0)
    assert polls.get_timer() == 5_000


def test_activity_changes_the_next_poll() -> None:
    polls = schedule()
    polls.set_activity(Activity.DORMANT)
    poll(polls, 0)
    poll(polls, 0)
    assert polls.get_timer() == 2 * MINUTE_MS
    polls.set_activity(Activity.OPEN)
    assert polls.get_timer() == 5_000
    polls.poll_now(1_000)
    assert polls.get_timer() == 1_000


def test_slow_polling_is_not_a_spell_without_answers() -> None:
    polls = schedule()
    polls.set_activity(Activity.DORMANT)
    poll(polls, 0)
    poll(polls, 0)
    poll(polls, 2 * MINUTE_MS)
    assert polls.get_timer() == 4 * MINUTE_MS


def test_a_new_swarm_keeps_what_is_known_of_members_that_stay() -> None:
    polls = schedule(MEMBERS[:2])
    first = poll(polls, 0)
    poll(polls, 0)
    polls.set_members([first, MEMBERS[4]])
    assert poll(polls, 5_000) == MEMBERS[4]
    polls.set_members([])
    assert polls.get_timer() is None
    assert polls.begin(99_999) is None


def test_reports_of_polls_that_are_over_are_ignored() -> None:
    polls = schedule()
    member = poll(polls, 0)
    polls.failed(member, 1)
    assert polls.answered(member, 1, more=True)
    polls.begin(1)
    polls.failed(b"stranger", 1)
    assert polls.get_timer() is None


# -- answers -------------------------------------------------------------------------------------------------------


def items(*numbers: int) -> list[PolledItem]:
    return [PolledItem(f"h{number}", NOW + number) for number in numbers]


def test_what_was_seen_is_dropped_and_the_cursor_is_the_last_hash() -> None:
    reading = read_answer(0, Page(items(1, 2, 2, 3), more=True), "h0", {"h1"}, Horizon(), NOW)
    assert [each.item.hash for each in reading.fetched] == ["h2", "h3"]
    assert (reading.cursor, reading.again) == ("h3", True)


def test_an_empty_answer_leaves_the_cursor() -> None:
    reading = read_answer(0, Page([], more=True), "h0", (), Horizon(), NOW)
    assert (reading.fetched, reading.cursor, reading.again) == ((), None, False)


def test_more_without_getting_on_is_not_believed() -> None:
    assert not read_answer(0, Page(items(1), more=True), "h1", (), Horizon(), NOW).again


def test_a_message_from_behind_the_horizon_is_late() -> None:
    old = PolledItem("old", NOW - 2 * MINUTE_MS)
    reading = read_answer(0, Page([old, *items(1)]), None, (), Horizon(NOW), NOW + 5)
    assert [each.late for each in reading.fetched] == [True, False]
    assert reading.horizon == Horizon(NOW, NOW + 1)


def test_a_poll_asks_all_namespaces_with_the_cursors_of_its_member() -> None:
    poller = Poller({2: -8, 0: -2}, chance(), cursors=[Cursor(MEMBERS[0], 0, "h7"), Cursor(MEMBERS[1], 2, "h8")])
    poller.schedule.set_members(MEMBERS[:1])
    polled = poller.poll_to_send(0)
    assert polled is not None
    assert polled.asks == (Ask(2, None, -8), Ask(0, "h7", -2))
    assert poller.poll_to_send(0) is None
    result = poller.receive(polled, {2: Page(items(1)), 0: Page(items(8, 9), more=True)}, {"h8"}, 0, NOW)
    assert result.fetched == (Fetched(2, items(1)[0], False), Fetched(0, items(9)[0], False))
    assert result.cursors == (Cursor(MEMBERS[0], 2, "h1"), Cursor(MEMBERS[0], 0, "h9"))
    again = poller.poll_to_send(0)
    assert again is not None
    assert again.asks == (Ask(2, "h1", -8), Ask(0, "h9", -2))


def test_an_answer_without_any_page_is_a_failure() -> None:
    poller = Poller({0: -1}, chance())
    poller.schedule.set_members(MEMBERS[:1])
    polled = poller.poll_to_send(0)
    assert polled is not None
    assert poller.receive(polled, {}, (), 10, NOW) == Polled((), ())
    assert poller.schedule.get_timer() == 5_010


def test_a_namespace_that_was_refused_keeps_its_cursor() -> None:
    poller = Poller({0: -2, 2: -8}, chance())
    poller.schedule.set_members(MEMBERS[:1])
    polled = poller.poll_to_send(0)
    assert polled is not None
    assert poller.receive(polled, {2: Page(items(1))}, (), 0, NOW).cursors == (Cursor(MEMBERS[0], 2, "h1"),)
