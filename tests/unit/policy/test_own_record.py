"""The own record: when it is published, and what is found in its place."""

from __future__ import annotations

from tests.unit.policy.contact_world import DAY, HOUR, NOW, NOW_S, record, withdrawal
from veery.policy.own_record import OutboxFind, OwnRecord
from veery.protocol.devices import AccountKey, AccountKeys, AccountRecord
from veery.secret import Secret


def seed(number: int) -> Secret:
    return Secret(number.to_bytes(32, "big"))


KEYS = AccountKeys().merged([AccountKey(seed(1), NOW_S), AccountKey(seed(2), NOW_S - 50, NOW_S)], NOW_S)
PUBLISHING = OwnRecord(allowed=True).stored(record(1, NOW_S), NOW)


def twice(state: OwnRecord, found: AccountRecord | None, now_ms: int = NOW + HOUR) -> tuple[OutboxFind, OutboxFind]:
    first = state.watch(found, KEYS, now_ms)
    second = first.state.watch(found, KEYS, now_ms)
    return first.find, second.find


def test_publishing_waits_for_permission_membership_and_distribution() -> None:
    fresh = AccountKeys().rotated(seed(1), NOW_S)
    assert OwnRecord(allowed=True).due(fresh, member=True) is None
    stored = fresh.carried(key.seed for key in fresh)
    assert OwnRecord(allowed=True).due(stored, member=True) is stored.active
    assert OwnRecord(allowed=True).due(stored, member=False) is None
    assert OwnRecord().due(stored, member=True) is None
    assert OwnRecord(allowed=True).due(AccountKeys(), member=True) is None


def test_a_key_is_published_once() -> None:
    assert PUBLISHING.due(KEYS, member=True) is None
    rotated = KEYS.rotated(seed(3), NOW_S + 5)
    assert PUBLISHING.due(rotated.carried(key.seed for key in rotated), member=True) is not None


def test_times_of_records_only_grow() -> None:
    assert PUBLISHING.next_signed_s(NOW) == NOW_S + 1
    assert PUBLISHING.next_signed_s(NOW + DAY) == NOW_S + 86_400
    foreign = PUBLISHING.watch(record(9, NOW_S + 500), KEYS, NOW)
    assert foreign.state.next_signed_s(NOW) == NOW_S + 501


def test_our_record_in_its_place() -> None:
    watched = PUBLISHING.watch(record(1, NOW_S), KEYS, NOW + HOUR)
    assert (watched.find, watched.warn, watched.publish) == (OutboxFind.OURS, False, False)


def test_a_record_that_another_own_device_published_is_ours() -> None:
    watched = OwnRecord(allowed=True).watch(record(1, NOW_S), KEYS, NOW)
    assert watched.find is OutboxFind.OURS
    assert watched.state.due(KEYS, member=True) is None


def test_the_loser_of_a_race_is_replaced_without_alarm() -> None:
    watched = PUBLISHING.watch(record(2, NOW_S), KEYS, NOW + HOUR)
    assert (watched.find, watched.warn, watched.publish) == (OutboxFind.OUTDATED, False, True)
    assert watched.state.due(KEYS, member=True) is KEYS.active


def test_what_is_found_once_only_makes_us_look_again() -> None:
    for found, find in ((record(9, NOW_S), OutboxFind.FOREIGN), (None, OutboxFind.MISSING)):
        first, second = twice(PUBLISHING, found)
        assert first is OutboxFind.SUSPECT
        assert second is find


def test_a_suspicion_that_is_cleared_is_forgotten() -> None:
    suspect = PUBLISHING.watch(None, KEYS, NOW + HOUR).state
    cleared = suspect.watch(record(1, NOW_S), KEYS, NOW + HOUR).state
    assert cleared.watch(None, KEYS, NOW + HOUR).find is OutboxFind.SUSPECT


def test_another_foreign_record_is_another_suspicion() -> None:
    suspect = PUBLISHING.watch(record(9, NOW_S), KEYS, NOW + HOUR).state
    assert suspect.watch(record(8, NOW_S), KEYS, NOW + HOUR).find is OutboxFind.SUSPECT


def test_alarms_lead_to_publishing_anew() -> None:
    for found in (record(9, NOW_S + 5), None, withdrawal(NOW_S + 5)):
        suspect = PUBLISHING.watch(found, KEYS, NOW + HOUR).state
        alarmed = suspect.watch(found, KEYS, NOW + HOUR)
        assert alarmed.warn
        assert alarmed.publish
        assert alarmed.state.due(KEYS, member=True) is KEYS.active


def test_a_foreign_record_is_an_alarm_even_if_we_never_published() -> None:
    first, second = twice(OwnRecord(), record(9, NOW_S))
    assert (first, second) == (OutboxFind.SUSPECT, OutboxFind.FOREIGN)


def test_no_record_is_right_for_those_who_published_none() -> None:
    assert twice(OwnRecord(), None) == (OutboxFind.OURS, OutboxFind.OURS)
    withdrawn = PUBLISHING.stored(withdrawal(NOW_S + 5), NOW + HOUR)
    assert withdrawn.due(KEYS, member=True) is None
    assert twice(withdrawn, None) == (OutboxFind.OURS, OutboxFind.OURS)
    assert twice(withdrawn, withdrawal(NOW_S + 5)) == (OutboxFind.OURS, OutboxFind.OURS)


def test_a_record_may_expire_after_thirty_days() -> None:
    assert twice(PUBLISHING, None, NOW + 30 * DAY)[1] is OutboxFind.MISSING
    assert twice(PUBLISHING, None, NOW + 30 * DAY + 1)[1] is OutboxFind.OURS


def test_a_record_that_is_seen_counts_as_published() -> None:
    seen = PUBLISHING.watch(record(1, NOW_S), KEYS, NOW + 20 * DAY).state
    assert twice(seen, None, NOW + 40 * DAY)[1] is OutboxFind.MISSING
