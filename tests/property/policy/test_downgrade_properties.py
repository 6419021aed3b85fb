"""No sequence of network answers lowers the level of a remembered contact without the user (14.1)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.contact_world import BOB_ID, DAY, HOUR, NOW, NOW_S, raw_record, record
from tests.unit.protocol.devices.people import Counted, account, account_pair
from veery.policy.downgrade import ContactKeys, RecordVerdict, SendLongTerm, SendPfs, decide
from veery.policy.key_fetch import KeyFetch
from veery.policy.record_exchange import receive_gossip
from veery.protocol.devices import account_record
from veery.protocol.extension import Extension

MEMBERS = tuple(bytes([number]) * 32 for number in range(6))
FOREIGN = account_record.sign(
    account_pair(3).public, account_x25519_secret=account(3).x25519_secret, random=Counted(), signed_s=NOW_S + 10**9
)
# what nodes can lay their hands on without the contact's keys: its records of any time, and everybody else's
SERVED = st.lists(
    st.sampled_from(
        [b"", b"nonsense", FOREIGN, raw_record(1), raw_record(2), *(raw_record(1, NOW_S + at) for at in (-9, 0, 5, 99))]
    ),
    max_size=3,
)
ANSWERS = st.lists(st.none() | SERVED, min_size=6, max_size=6)
STEPS = st.lists(st.tuples(ANSWERS, st.integers(0, 60)), max_size=8)
REMEMBERED = ContactKeys().accepted(record(1, NOW_S), NOW)


def after(contact: ContactKeys, answers: list[list[bytes] | None], now_ms: int) -> ContactKeys:
    fetch = KeyFetch(BOB_ID, contact, MEMBERS, lambda below: 0)
    given_to = dict(zip(MEMBERS, answers, strict=True))
    asked = 0
    while asks := fetch.asks_to_send():
        for member in asks:
            asked += 1
            answer = given_to[member]
            if answer is None:
                fetch.failed(member)
            else:
                fetch.receive(member, answer, now_ms)
    assert asked <= len(MEMBERS)
    assert fetch.result is not None
    return fetch.result.applied(contact, now_ms)


@given(STEPS)
def test_no_answers_of_nodes_lower_a_remembered_contact(steps: list[tuple[list[list[bytes] | None], int]]) -> None:
    contact, now_ms = REMEMBERED, NOW
    for answers, hours in steps:
        now_ms += hours * HOUR
        contact = after(contact, answers, now_ms)
        for later in (0, DAY, 30 * DAY):
            assert not isinstance(decide(contact, now_ms + later), SendLongTerm)


@given(STEPS)
def test_times_of_records_never_go_back(steps: list[tuple[list[list[bytes] | None], int]]) -> None:
    contact, now_ms = REMEMBERED, NOW
    for answers, hours in steps:
        now_ms += hours * HOUR
        latest = contact.vt_max_s
        contact = after(contact, answers, now_ms)
        assert contact.vt_max_s >= latest
        assert contact.record is not None
        assert contact.record.signed_s == contact.vt_max_s


@given(st.lists(SERVED, max_size=6))
def test_gossip_never_lowers_either(served: list[list[bytes]]) -> None:
    contact = REMEMBERED
    for records in served:
        for raw in records:
            contact = receive_gossip(contact, Extension(record=raw), BOB_ID, NOW)
    assert isinstance(decide(contact, NOW), SendPfs)
    assert contact.vt_max_s >= NOW_S


@given(ANSWERS, st.permutations(range(6)))
def test_the_outcome_of_a_whole_swarm_is_its_best_record(answers: list[list[bytes] | None], order: list[int]) -> None:
    """Once one node gave nothing acceptable, the best of those that were asked with it counts."""
    contact = after(REMEMBERED, [answers[place] for place in order], NOW)
    verdicts = {
        REMEMBERED.judge(opened, NOW)
        for answer in answers
        if answer is not None
        for raw in answer
        if (opened := account_record.newest([raw], BOB_ID)) is not None
    }
    if RecordVerdict.ACCEPTED not in verdicts:
        assert contact.record == REMEMBERED.record
    assert contact.record is not None
