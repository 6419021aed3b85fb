"""Fetching a contact's record: who is asked, and what their answers amount to."""

from __future__ import annotations

from tests.unit.policy.contact_world import BOB_ID, DAY, NOW, NOW_S, raw_record, raw_withdrawal, record
from tests.unit.protocol.devices.people import Counted, account, account_pair
from veery.policy.downgrade import ContactKeys, RecordVerdict
from veery.policy.key_fetch import Fetched, FetchEnd, KeyFetch
from veery.protocol.devices import account_record

MEMBERS = tuple(bytes([number]) * 32 for number in range(7))
NEW = ContactKeys()
SEEN = NEW.accepted(record(1, NOW_S), NOW - DAY)
FOREIGN = account_record.sign(
    account_pair(3).public, account_x25519_secret=account(3).x25519_secret, random=Counted(), signed_s=NOW_S + 9
)


def fetch(contact: ContactKeys = SEEN, members: tuple[bytes, ...] = MEMBERS) -> KeyFetch:
    return KeyFetch(BOB_ID, contact, members, lambda below: below - 1)


def ended(each: KeyFetch) -> Fetched:
    assert each.asks_to_send() == ()
    assert each.result is not None
    return each.result


def test_one_good_answer_is_enough() -> None:
    for contact in (NEW, SEEN):
        each = fetch(contact)
        [member] = each.asks_to_send()
        assert each.asks_to_send() == ()
        each.receive(member, [raw_record(2, NOW_S + 1)], NOW)
        assert ended(each).record == record(2, NOW_S + 1)


def test_a_strangers_absence_needs_one_word() -> None:
    each = fetch(NEW)
    [member] = each.asks_to_send()
    each.receive(member, [], NOW)
    assert ended(each).end is FetchEnd.ABSENT


def test_a_remembered_contacts_absence_needs_three() -> None:
    each = fetch()
    [first] = each.asks_to_send()
    each.receive(first, [], NOW)
    assert each.result is None
    second, third = each.asks_to_send()
    assert len({first, second, third}) == 3
    each.receive(second, [], NOW)
    assert each.result is None
    each.receive(third, [], NOW)
    assert ended(each).end is FetchEnd.ABSENT


def test_of_a_smaller_swarm_all_are_asked() -> None:
    each = fetch(members=MEMBERS[:2])
    for _ in range(2):
        for member in each.asks_to_send():
            each.receive(member, [], NOW)
    assert ended(each).end is FetchEnd.ABSENT


def test_any_valid_record_beats_absence_and_the_newest_wins() -> None:
    each = fetch()
    [first] = each.asks_to_send()
    each.receive(first, [], NOW)
    second, third = each.asks_to_send()
    each.receive(second, [raw_record(2, NOW_S + 1)], NOW)
    assert each.result is None
    each.receive(third, [raw_record(3, NOW_S + 2)], NOW)
    assert ended(each).record == record(3, NOW_S + 2)


def test_invalid_and_old_records_are_as_if_none_was_there() -> None:
    each = fetch()
    [first] = each.asks_to_send()
    each.receive(first, [b"nonsense", FOREIGN], NOW)
    second, third = each.asks_to_send()
    each.receive(second, [raw_record(2, NOW_S - 9)], NOW)
    each.receive(third, [raw_record(2)], NOW)
    outcome = ended(each)
    assert (outcome.end, outcome.record) == (FetchEnd.ABSENT, None)
    assert outcome.refused == {RecordVerdict.OLDER, RecordVerdict.TIMELESS}


def test_one_invalid_record_does_not_spoil_a_valid_one() -> None:
    each = fetch()
    [first] = each.asks_to_send()
    each.receive(first, [raw_record(2, NOW_S + 3), b"nonsense", raw_record(1, NOW_S + 2)], NOW)
    assert ended(each).record == record(2, NOW_S + 3)


def test_silence_is_no_answer() -> None:
    each = fetch()
    asked = []
    for _ in range(3):
        [member] = each.asks_to_send()
        asked.append(member)
        each.failed(member)
    assert len(set(asked)) == 3
    outcome = ended(each)
    assert outcome.end is FetchEnd.FAILED
    assert outcome.applied(SEEN, NOW) == SEEN


def test_silence_does_not_count_as_absence() -> None:
    each = fetch()
    [first] = each.asks_to_send()
    each.receive(first, [], NOW)
    second, third = each.asks_to_send()
    each.receive(second, [], NOW)
    each.failed(third)
    assert each.result is None
    [fourth] = each.asks_to_send()
    each.receive(fourth, [], NOW)
    assert ended(each).end is FetchEnd.ABSENT


def test_without_enough_voices_nothing_is_established() -> None:
    each = fetch(members=MEMBERS[:3])
    [first] = each.asks_to_send()
    each.receive(first, [], NOW)
    second, third = each.asks_to_send()
    each.receive(second, [], NOW)
    each.failed(third)
    assert ended(each).end is FetchEnd.FAILED


def test_no_members_no_answer() -> None:
    assert ended(fetch(members=())).end is FetchEnd.FAILED


def test_answers_of_strangers_and_second_answers_change_nothing() -> None:
    each = fetch()
    [first] = each.asks_to_send()
    each.receive(MEMBERS[0] if first != MEMBERS[0] else MEMBERS[1], [raw_record(2, NOW_S + 9)], NOW)
    each.failed(bytes(32))
    assert each.result is None
    each.receive(first, [raw_record(2, NOW_S + 1)], NOW)
    each.receive(first, [raw_record(3, NOW_S + 9)], NOW)
    assert ended(each).record == record(2, NOW_S + 1)


def test_a_withdrawal_is_an_answer() -> None:
    each = fetch()
    [first] = each.asks_to_send()
    each.receive(first, [raw_withdrawal(NOW_S + 1)], NOW)
    after = ended(each).applied(SEEN, NOW)
    assert after.withdrawn_s == NOW_S + 1
    assert after.record is None


def test_a_record_that_came_meanwhile_is_not_set_back() -> None:
    each = fetch()
    [first] = each.asks_to_send()
    each.receive(first, [raw_record(2, NOW_S + 1)], NOW)
    meanwhile = SEEN.accepted(record(3, NOW_S + 5), NOW)
    assert ended(each).applied(meanwhile, NOW) == meanwhile
    assert ended(each).applied(SEEN, NOW).record == record(2, NOW_S + 1)


def test_absence_is_noted_and_forgets_nothing() -> None:
    after = Fetched(FetchEnd.ABSENT).applied(SEEN, NOW)
    assert after.cache.nak_ms == NOW
    assert (after.record, after.seen_last_ms) == (SEEN.record, SEEN.seen_last_ms)
