"""Deciding how a message goes out: the table of 14.1, and the rules about times of records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.policy.contact_world import DAY, HOUR, NOW, NOW_S, record, withdrawal
from tests.unit.protocol.devices.people import account_pair
from veery.policy import downgrade, level
from veery.policy.downgrade import (
    ContactKeys,
    Floor,
    Mark,
    Reason,
    RecordVerdict,
    SendLongTerm,
    SendPfs,
    Withhold,
    decide,
)
from veery.policy.level import Level

NEW = ContactKeys()
SEEN = NEW.accepted(record(1, NOW_S), NOW)
WAITING = Withhold(Reason.WAITING)


def test_usable_keys_are_used() -> None:
    for age in (0, DAY, 2 * DAY - 1):
        decision = decide(SEEN, NOW + age)
        assert decision == SendPfs(account_pair(1).public, record(1, NOW_S).echo)


def test_a_remembered_record_is_used_for_seven_days() -> None:
    for age in (2 * DAY, 7 * DAY):
        decision = decide(SEEN, NOW + age)
        assert isinstance(decision, SendPfs)
        assert (decision.mark, decision.resend) == (Mark.UNCONFIRMED, True)


def test_after_that_a_message_waits() -> None:
    assert decide(SEEN, NOW + 7 * DAY + 1) == WAITING
    assert decide(SEEN.absent(NOW + 8 * DAY), NOW + 8 * DAY) == WAITING
    assert decide(SEEN, NOW + 400 * DAY) == WAITING


def test_control_messages_are_dropped_and_not_downgraded() -> None:
    assert decide(SEEN, NOW + 8 * DAY, user_content=False) == Withhold(Reason.DROPPED)
    sent = decide(SEEN, NOW + 3 * DAY, user_content=False)
    assert isinstance(sent, SendPfs)
    assert not sent.resend


def test_the_user_may_choose_long_term_keys() -> None:
    assert decide(SEEN, NOW + 8 * DAY, chosen=True) == SendLongTerm(Mark.CHOSEN)
    assert decide(SEEN.allowing_long_term(), NOW + 8 * DAY) == SendLongTerm(Mark.CHOSEN)
    # but not instead of keys
    assert isinstance(decide(SEEN.allowing_long_term(), NOW, chosen=True), SendPfs)


def test_the_choice_for_a_conversation_ends_when_keys_are_seen_again() -> None:
    allowed = SEEN.allowing_long_term().accepted(record(2, NOW_S + 9), NOW + 8 * DAY)
    assert decide(allowed, NOW + 16 * DAY) == WAITING


def test_for_strangers_v1_is_normal() -> None:
    assert decide(NEW, NOW) == SendLongTerm()
    assert decide(NEW.absent(NOW), NOW) == SendLongTerm()


def test_a_signed_withdrawal_allows_v1_and_is_told_once() -> None:
    withdrawn = SEEN.accepted(withdrawal(NOW_S + 5), NOW + HOUR)
    assert decide(withdrawn, NOW + HOUR) == SendLongTerm(Mark.SWITCHED_OFF)
    assert decide(withdrawn.told(), NOW + HOUR) == SendLongTerm()
    again = withdrawn.told().accepted(withdrawal(NOW_S + 6), NOW + DAY)
    assert decide(again, NOW + DAY) == SendLongTerm()


def test_a_record_after_a_withdrawal_counts_again() -> None:
    back = SEEN.accepted(withdrawal(NOW_S + 5), NOW).told().accepted(record(2, NOW_S + 6), NOW + HOUR)
    assert isinstance(decide(back, NOW + HOUR), SendPfs)
    gone = back.accepted(withdrawal(NOW_S + 7), NOW + DAY)
    assert decide(gone, NOW + DAY) == SendLongTerm(Mark.SWITCHED_OFF)


def test_the_users_floor() -> None:
    strict = replace(NEW, floor=Floor.REQUIRE_V2)
    assert decide(strict, NOW) == Withhold(Reason.REFUSED)
    withdrawn = replace(SEEN, floor=Floor.REQUIRE_V2).accepted(withdrawal(NOW_S + 5), NOW)
    assert decide(withdrawn, NOW) == WAITING
    assert decide(withdrawn, NOW, user_content=False) == Withhold(Reason.DROPPED)
    assert decide(strict, NOW, chosen=True) == SendLongTerm(Mark.CHOSEN)


# -- times of records ------------------------------------------------------------------------------------------


def test_an_older_record_is_not_accepted() -> None:
    assert SEEN.judge(record(1, NOW_S - 1), NOW) is RecordVerdict.OLDER
    assert SEEN.judge(record(1, NOW_S), NOW) is RecordVerdict.ACCEPTED
    assert SEEN.judge(record(1, NOW_S + 1), NOW) is RecordVerdict.ACCEPTED
    assert SEEN.judge(withdrawal(NOW_S - 1), NOW) is RecordVerdict.OLDER


def test_a_record_without_time_only_from_those_who_never_had_one() -> None:
    assert SEEN.judge(record(1), NOW) is RecordVerdict.TIMELESS
    plain = NEW.accepted(record(1), NOW)
    assert plain.judge(record(2), NOW) is RecordVerdict.ACCEPTED
    assert plain.judge(record(2, 5), NOW) is RecordVerdict.ACCEPTED


def test_a_time_far_ahead_binds_nobody() -> None:
    ahead = NEW.accepted(record(1, NOW_S + 20 * 60 + 1), NOW)
    assert ahead.judge(record(2, NOW_S), NOW) is RecordVerdict.ACCEPTED
    assert ahead.judge(record(2), NOW) is RecordVerdict.TIMELESS
    near = NEW.accepted(record(1, NOW_S + 20 * 60), NOW)
    assert near.judge(record(2, NOW_S), NOW) is RecordVerdict.OLDER
    # it binds once time has caught up
    assert ahead.judge(record(2, NOW_S), NOW + HOUR) is RecordVerdict.OLDER
    assert ahead.accepted(record(2, NOW_S), NOW).vt_max_s == NOW_S


def test_first_and_last_sight() -> None:
    later = SEEN.accepted(record(2, NOW_S + 5), NOW + DAY)
    assert (later.seen_first_ms, later.seen_last_ms) == (NOW, NOW + DAY)
    assert SEEN.absent(NOW + DAY).seen_last_ms == NOW


# -- sending again, and what is shown --------------------------------------------------------------------------


def test_an_unconfirmed_message_is_sent_again_under_a_new_record() -> None:
    old = account_pair(1).public
    renewed = SEEN.accepted(record(2, NOW_S + 5), NOW + 6 * DAY)
    sent = NOW + 5 * DAY
    assert downgrade.resend_due(renewed, old, sent, None)
    assert downgrade.resend_due(renewed, old, sent, sent - 1)
    assert not downgrade.resend_due(renewed, old, sent, sent)
    assert not downgrade.resend_due(SEEN.accepted(record(1, NOW_S + 5), NOW + 6 * DAY), old, sent, None)
    assert not downgrade.resend_due(SEEN.accepted(withdrawal(NOW_S + 5), NOW), old, sent, None)


def test_a_drop_is_told_once() -> None:
    shown: Level | None = None
    told = []
    for each in (Level.PFS, Level.V1, Level.V1, Level.FALLBACK, Level.V1, Level.PFS, Level.V1):
        shown, notice = level.after_message(shown, each)
        told.append(notice)
    assert told == [False, True, False, False, True, False, True]


@pytest.mark.parametrize(("sent", "copy"), [(Level.V1, Level.V1), (Level.FALLBACK, Level.PFS), (Level.PFS, Level.PFS)])
def test_copies_for_the_own_devices_are_no_weaker(sent: Level, copy: Level) -> None:
    assert level.sync_level(sent) is copy
    assert level.sync_level(sent) >= sent


def test_levels_have_names_of_their_own() -> None:
    assert len({each.label for each in Level}) == len(Level)


def test_an_old_withdrawal_counts_for_nothing_even_beside_a_record_from_the_future() -> None:
    old = withdrawal(NOW_S - 10)
    ahead = NEW.accepted(record(1, NOW_S + 3_600), NOW)  # signed by a clock that is an hour ahead: it binds nobody
    back = ahead.accepted(record(2, NOW_S - 20), NOW)
    assert ahead.judge(record(2, NOW_S - 20), NOW) is RecordVerdict.ACCEPTED
    for seen in (SEEN, ahead, back):
        assert seen.judge(old, NOW) is RecordVerdict.OLDER
    assert ahead.judge(withdrawal(NOW_S + 3_600), NOW) is RecordVerdict.OLDER
    assert ahead.judge(withdrawal(NOW_S + 3_601), NOW) is RecordVerdict.ACCEPTED
