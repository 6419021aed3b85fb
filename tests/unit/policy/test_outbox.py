"""The outbox automaton."""

from __future__ import annotations

import pytest

from tests.unit.policy.networks import chance
from veery.errors import Retry
from veery.policy.outbox import (
    OutgoingCopy,
    OutOfOrder,
    Step,
    advance,
    advance_main,
    advance_sync,
    new_copy,
    new_delivery,
    next_wakeup,
    step,
    wakeup,
)
from veery.policy.outbox_table import (
    TRANSITIONS,
    AttemptFailed,
    AttemptStarted,
    Cancelled,
    CopyState,
    Event,
    Expired,
    FailReason,
    ReadReceipt,
    Released,
    Restarted,
    Revived,
    RoadOpened,
    Sealed,
    StoreAnswered,
)
from veery.protocol.constants import DAY_MS, MINUTE_MS

HASH = "h" * 43
STORED = StoreAnswered(4, 5, HASH)
ELSEWHERE = AttemptFailed("network.unreachable", Retry.ELSEWHERE)
LATER = AttemptFailed("network.no_path", Retry.LATER)
REFUSED = AttemptFailed("network.refused", Retry.NEVER)
LIFE = 14 * DAY_MS


def after(*events: Event, at: int = 0, copy: OutgoingCopy | None = None) -> OutgoingCopy:
    copy = copy or new_copy(LIFE)
    for event in events:
        copy = advance(copy, event, at, chance())
    return copy


def test_the_plain_way() -> None:
    copy = new_copy(LIFE)
    assert step(copy, 0) is Step.SEAL
    copy = after(Sealed(HASH))
    assert (copy.state, copy.hash) == (CopyState.SEALED, HASH)
    assert step(copy, 0) is Step.SEND
    copy = after(AttemptStarted(b"m1"), copy=copy)
    assert copy.state is CopyState.SENDING
    assert step(copy, 0) is None
    copy = after(STORED, copy=copy)
    assert (copy.state, copy.stored_on, copy.swarm_size) == (CopyState.STORED, 4, 5)
    assert after(ReadReceipt(), copy=copy).state is CopyState.READ
    assert wakeup(copy, 0) is None


def test_three_quick_attempts_at_different_members_then_doubling_pauses() -> None:
    copy = after(Sealed(HASH))
    now, pauses, tried = 0, [], []
    for number in range(14):
        assert step(copy, now) is Step.SEND
        copy = advance(copy, AttemptStarted(bytes([number])), now, chance())
        copy = advance(copy, ELSEWHERE, now, chance())
        at = wakeup(copy, now)
        assert at is not None
        assert step(copy, at - 1) is None
        pauses.append(at - now)
        tried.append(copy.tried)
        now = at
    assert pauses[:2] == [100, 100]
    assert tried[:3] == [(b"\x00",), (b"\x00", b"\x01"), (b"\x01", b"\x02")]
    for index, pause in enumerate(pauses[2:]):
        full = min(300_000, 1_000 << index)
        assert full // 2 <= pause <= full
    assert copy.error == "network.unreachable"


def test_what_no_other_member_can_help_skips_the_quick_attempts() -> None:
    copy = after(Sealed(HASH), LATER)
    at = wakeup(copy, 0)
    assert at is not None
    assert 500 <= at <= 1_000
    assert copy.state is CopyState.SEALED


def test_an_open_road_ends_the_pause() -> None:
    copy = after(Sealed(HASH), *(LATER for _ in range(12)))
    at = wakeup(copy, 0)
    assert at is not None
    assert at >= 150_000
    assert step(after(RoadOpened(), copy=copy), 0) is Step.SEND


def test_refusal_for_good_fails_and_can_be_revived_with_the_same_bytes() -> None:
    copy = after(Sealed(HASH), AttemptStarted(b"m"), REFUSED)
    assert (copy.state, copy.reason, copy.error) == (CopyState.FAILED, FailReason.REFUSED, "network.refused")
    assert wakeup(copy, 0) is None
    again = after(Revived(), copy=copy)
    assert (again.state, again.hash, again.reason) == (CopyState.SEALED, HASH, None)
    assert after(REFUSED, Revived()).state is CopyState.QUEUED  # sealing had failed


def test_the_time_to_live_ends_attempts_but_not_the_one_under_way() -> None:
    copy = new_copy(1_000)
    assert step(copy, 1_000) is Step.EXPIRE
    assert after(Expired(), at=1_000, copy=copy).reason is FailReason.EXPIRED
    sending = after(Sealed(HASH), AttemptStarted(b"m"), Expired(), copy=copy)
    assert sending.state is CopyState.SENDING
    assert after(STORED, at=1_500, copy=sending).state is CopyState.STORED
    assert after(ELSEWHERE, at=1_500, copy=sending).reason is FailReason.EXPIRED


def test_an_answer_must_name_a_member_and_the_right_hash() -> None:
    sending = after(Sealed(HASH), AttemptStarted(b"m"))
    nowhere = after(StoreAnswered(0, 5, HASH), copy=sending)
    other = after(StoreAnswered(5, 5, "x" * 43), copy=sending)
    assert (nowhere.state, nowhere.error) == (CopyState.SEALED, "network.store.nowhere")
    assert (other.state, other.error) == (CopyState.SEALED, "network.store.hash")
    assert nowhere.attempts == other.attempts == 1


def test_late_answers_count() -> None:
    sealed = after(Sealed(HASH), AttemptStarted(b"m"), ELSEWHERE)
    assert after(STORED, copy=sealed).state is CopyState.STORED
    assert after(StoreAnswered(0, 5, HASH), copy=sealed) == sealed
    expired = after(Sealed(HASH), AttemptStarted(b"m"), ELSEWHERE, Expired())
    assert after(STORED, copy=expired).state is CopyState.STORED
    dropped = after(Sealed(HASH), AttemptStarted(b"m"), Cancelled())
    assert after(STORED, copy=dropped) == dropped
    stored = after(STORED, copy=sealed)
    assert after(StoreAnswered(5, 5, HASH), copy=stored).stored_on == 5
    assert after(StoreAnswered(1, 5, HASH), copy=stored).stored_on == 4


def test_receipts_prove_arrival_only_of_what_was_sent() -> None:
    assert after(ReadReceipt()).state is CopyState.QUEUED
    assert after(Sealed(HASH), ReadReceipt()).state is CopyState.SEALED
    sent = after(Sealed(HASH), AttemptStarted(b"m"))
    assert after(ReadReceipt(), copy=sent).state is CopyState.READ
    assert after(ELSEWHERE, ReadReceipt(), copy=sent).state is CopyState.READ
    assert after(ELSEWHERE, Expired(), ReadReceipt(), copy=sent).state is CopyState.READ


def test_a_restart_puts_a_copy_in_flight_back() -> None:
    sending = after(Sealed(HASH), AttemptStarted(b"m"))
    again = after(Restarted(), at=77, copy=sending)
    assert (again.state, again.hash) == (CopyState.SEALED, HASH)
    assert step(again, 77) is Step.SEND
    for copy in (new_copy(LIFE), after(Sealed(HASH)), after(STORED, copy=sending)):
        assert after(Restarted(), copy=copy) == copy


def test_sealing_twice_keeps_the_first_bytes() -> None:
    assert after(Sealed(HASH), Sealed("other")).hash == HASH


def test_a_clock_that_was_set_back_does_not_stop_a_message() -> None:
    copy = after(Sealed(HASH), at=10 * DAY_MS)
    assert step(copy, 0) is Step.SEND
    at = wakeup(copy, 0)
    assert at is not None
    assert at <= 5 * MINUTE_MS


def test_what_cannot_come_is_an_error() -> None:
    cases: list[tuple[OutgoingCopy, Event]] = [
        (new_copy(LIFE), STORED),
        (new_copy(LIFE), AttemptStarted(b"m")),
        (new_copy(LIFE, held=True), Sealed(HASH)),
        (after(Sealed(HASH), AttemptStarted(b"m")), AttemptStarted(b"m")),
        (after(Sealed(HASH), AttemptStarted(b"m"), STORED), AttemptStarted(b"m")),
    ]
    for copy, event in cases:
        with pytest.raises(OutOfOrder):
            advance(copy, event, 0, chance())


def test_the_table_tells_every_state_and_stays_within_it() -> None:
    assert TRANSITIONS.keys() == set(CopyState)
    for state, targets in TRANSITIONS.items():
        assert {Restarted, RoadOpened, Cancelled, Expired, ReadReceipt, Revived} <= targets.keys(), state
        assert all(targets.values())
    final = {CopyState.READ}
    assert {s for s, targets in TRANSITIONS.items() if all(to == (s,) for to in targets.values())} == final


def test_next_wakeup_is_the_earliest() -> None:
    waiting = after(Sealed(HASH), *(LATER for _ in range(9)))
    held = new_copy(50, held=True)
    done = after(Sealed(HASH), AttemptStarted(b"m"), STORED)
    assert next_wakeup([done], 0) is None
    assert next_wakeup([], 0) is None
    assert next_wakeup([waiting, held, done], 0) == 50
    assert next_wakeup([waiting, new_copy(LIFE)], 7) == 7


# -- a message and its copies --------------------------------------------------------------------------------------


def test_the_sync_copy_waits_for_the_main_copy() -> None:
    delivery = new_delivery(LIFE, sync_expires_ms=LIFE)
    assert delivery.sync is not None
    assert step(delivery.sync, 0) is None
    for event in (Sealed(HASH), AttemptStarted(b"m")):
        delivery = advance_main(delivery, event, 0, chance())
        assert delivery.sync is not None
        assert delivery.sync.state is CopyState.HELD
    delivery = advance_main(delivery, STORED, 0, chance())
    assert delivery.sync is not None
    assert step(delivery.sync, 0) is Step.SEAL
    assert not delivery.synced


def test_a_failed_sync_copy_leaves_the_message_stored() -> None:
    delivery = new_delivery(LIFE, sync_expires_ms=LIFE)
    main: list[Event] = [Sealed(HASH), AttemptStarted(b"m"), STORED]
    refused: list[Event] = [Sealed(HASH), AttemptStarted(b"m"), REFUSED]
    revived: list[Event] = [Revived(), AttemptStarted(b"m"), STORED]
    for event in main:
        delivery = advance_main(delivery, event, 0, chance())
    for event in refused:
        delivery = advance_sync(delivery, event, 0, chance())
    assert delivery.main.state is CopyState.STORED
    synced = [delivery.synced]
    for event in revived:
        delivery = advance_sync(delivery, event, 0, chance())
        synced.append(delivery.synced)
    assert synced == [False, False, False, True]


def test_dropping_a_message_drops_its_held_copy_and_reviving_brings_it_back() -> None:
    delivery = advance_main(new_delivery(LIFE, sync_expires_ms=LIFE), Cancelled(), 0, chance())
    assert delivery.sync is not None
    assert delivery.sync.reason is FailReason.CANCELLED
    delivery = advance_main(delivery, Revived(), 0, chance())
    assert delivery.main.state is CopyState.QUEUED
    assert delivery.sync is not None
    assert delivery.sync.state is CopyState.HELD


def test_a_message_without_a_mirror_counts_as_synced() -> None:
    delivery = new_delivery(LIFE)
    assert delivery.synced
    with pytest.raises(OutOfOrder):
        advance_sync(delivery, Released(), 0, chance())
