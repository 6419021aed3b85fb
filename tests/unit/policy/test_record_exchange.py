"""Records and echoes inside messages."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.policy.contact_world import BOB_ID, DAY, HOUR, NOW, NOW_S, raw_record, record, withdrawal
from tests.unit.protocol.devices.people import account
from veery.policy.downgrade import ContactKeys, SendPfs, decide
from veery.policy.level import Level
from veery.policy.record_exchange import Echo, Gossip, OwnEchoes, receive_gossip
from veery.protocol.extension import Extension

MARK = frozenset({"gossip"})
OWN = OwnEchoes().after_publishing(record(1, NOW_S), NOW)


def test_gossip_goes_out_once_a_day_and_only_if_there_is_news() -> None:
    sent = Gossip().attached(record(1, NOW_S), NOW)
    assert Gossip().due(record(1, NOW_S), NOW)
    assert not sent.due(record(1, NOW_S), NOW + 9 * DAY)
    assert not sent.due(record(2, NOW_S + 5), NOW + DAY - 1)
    assert sent.due(record(2, NOW_S + 5), NOW + DAY)


def test_a_record_that_is_too_long_is_not_attached() -> None:
    long = replace(record(1, NOW_S), raw=bytes(1_321))
    assert not Gossip().due(long, NOW)


def test_gossip_gives_keys_without_any_node() -> None:
    after = receive_gossip(ContactKeys(), Extension(record=raw_record(1, NOW_S)), BOB_ID, NOW)
    assert isinstance(decide(after, NOW), SendPfs)
    assert after.cache.fetched_ms == NOW


def test_gossip_that_is_none_of_the_senders_changes_nothing() -> None:
    known = ContactKeys().accepted(record(1, NOW_S), NOW)
    other = account(3).account_id.raw
    assert receive_gossip(known, Extension(record=raw_record(2, NOW_S + 9)), other, NOW) == known
    assert receive_gossip(known, Extension(record=raw_record(2, NOW_S - 9)), BOB_ID, NOW) == known
    assert receive_gossip(known, Extension(record=raw_record(2)), BOB_ID, NOW) == known
    assert receive_gossip(known, Extension(record=b"nonsense"), BOB_ID, NOW) == known
    assert receive_gossip(known, Extension(), BOB_ID, NOW) == known


def test_an_echo_of_our_record_is_confirmed() -> None:
    assert OWN.judge(Level.PFS, Extension(MARK, record(1, NOW_S).echo), NOW) is Echo.CONFIRMED


def test_an_echo_of_somebody_elses_record_is_an_alarm() -> None:
    thief = Extension(MARK, record(9, NOW_S).echo)
    assert OWN.judge(Level.PFS, thief, NOW) is Echo.FOREIGN
    assert replace(OWN, whole=False).judge(Level.PFS, thief, NOW) is Echo.UNKNOWN


def test_old_echoes_are_kept_for_twenty_days() -> None:
    later = OWN.after_publishing(record(2, NOW_S + 5), NOW + 20 * DAY)
    assert later.judge(Level.PFS, Extension(MARK, record(1, NOW_S).echo), NOW) is Echo.CONFIRMED
    latest = later.after_publishing(record(3, NOW_S + 6), NOW + 20 * DAY + 1)
    assert len(latest.published) == 2


def test_no_extension_says_nothing() -> None:
    assert OWN.judge(Level.V1, None, NOW + 9 * DAY) is Echo.NOTHING
    assert OWN.judge(Level.V1, Extension(), NOW + 9 * DAY) is Echo.NOTHING


def test_a_veery_peer_that_writes_v1_was_denied_our_record() -> None:
    after = NOW + 2 * DAY
    assert OWN.judge(Level.V1, Extension(MARK), after) is Echo.NOTHING
    assert OWN.judge(Level.V1, Extension(MARK), after + 1) is Echo.DENIED
    assert OWN.judge(Level.FALLBACK, Extension(MARK), after + 1) is Echo.DENIED
    assert OWN.judge(Level.PFS, Extension(MARK), after + 1) is Echo.NOTHING
    assert OwnEchoes().judge(Level.V1, Extension(MARK), after + 1) is Echo.NOTHING


def test_publishing_without_a_break_is_what_counts() -> None:
    renewed = OWN.after_publishing(record(2, NOW_S + 5), NOW + HOUR)
    assert renewed.since_ms == NOW
    withdrawn = renewed.after_publishing(withdrawal(NOW_S + 6), NOW + DAY)
    assert withdrawn.judge(Level.V1, Extension(MARK), NOW + 9 * DAY) is Echo.NOTHING
    assert withdrawn.after_publishing(record(2, NOW_S + 7), NOW + 5 * DAY).since_ms == NOW + 5 * DAY


def test_denials_are_shown_after_three_contacts() -> None:
    state = OWN
    for number in (1, 1, 2):
        state = state.after_denial(account(number).account_id.raw)
        assert not state.denial_shown
    assert state.after_denial(account(3).account_id.raw).denial_shown
