"""Lifetimes in the swarm, and countdowns on a device."""

from __future__ import annotations

import pytest

from veery.protocol import content, expiry_rules
from veery.protocol.content import ExpirationType
from veery.protocol.expiry_rules import ConversationKind, Countdown, DisappearingMode

DAY = 86_400_000
NOW = 1_774_990_800_000
READ, SEND, NEVER = ExpirationType.DELETE_AFTER_READ, ExpirationType.DELETE_AFTER_SEND, ExpirationType.UNKNOWN


@pytest.mark.parametrize(
    ("conversation", "kind", "timer", "mode"),
    [
        (ConversationKind.CONTACT, NEVER, 60, DisappearingMode.OFF),
        (ConversationKind.CONTACT, READ, 1, DisappearingMode.AFTER_READ),
        (ConversationKind.CONTACT, SEND, 1, DisappearingMode.AFTER_SEND),
        (ConversationKind.NOTE_TO_SELF, READ, 60, DisappearingMode.AFTER_SEND),
        (ConversationKind.GROUP, READ, 60, DisappearingMode.AFTER_SEND),
        (ConversationKind.GROUP, SEND, 60, DisappearingMode.AFTER_SEND),
        (ConversationKind.GROUP, SEND, 0, DisappearingMode.OFF),
        (ConversationKind.GROUP, NEVER, 60, DisappearingMode.OFF),
        (ConversationKind.COMMUNITY, SEND, 60, DisappearingMode.OFF),
    ],
)
def test_received_mode(
    conversation: ConversationKind, kind: ExpirationType, timer: int, mode: DisappearingMode
) -> None:
    assert expiry_rules.received_mode(conversation, kind, timer) is mode


def test_field_12_of_each_mode_is_read_as_that_mode() -> None:
    for mode in DisappearingMode:
        kind = expiry_rules.expiration_type(mode)
        assert expiry_rules.received_mode(ConversationKind.CONTACT, kind, 60) is mode


def test_notices_stay_to_be_read() -> None:
    assert expiry_rules.notice_mode(DisappearingMode.AFTER_SEND) is DisappearingMode.AFTER_READ
    assert expiry_rules.notice_mode(DisappearingMode.AFTER_READ) is DisappearingMode.AFTER_READ
    assert expiry_rules.notice_mode(DisappearingMode.OFF) is DisappearingMode.OFF


def test_timers_that_are_offered() -> None:
    for conversation in ConversationKind:
        for mode in DisappearingMode:
            offered = expiry_rules.offered_timers(conversation, mode)
            allowed = (conversation is ConversationKind.CONTACT and mode is not DisappearingMode.OFF) or (
                conversation in (ConversationKind.NOTE_TO_SELF, ConversationKind.GROUP)
                and mode is DisappearingMode.AFTER_SEND
            )
            assert bool(offered) is allowed
            assert not offered or expiry_rules.default_timer(mode) in offered
    assert expiry_rules.default_timer(DisappearingMode.OFF) == 0


DATA = content.DataMessage(body="x")
CALL = content.CallMessage(content.CallType.OFFER, "u", ("sdp",))
TYPING = content.TypingMessage(1, content.TypingAction.STARTED)
EXTRACTION = content.DataExtraction(content.DataExtractionType.SCREENSHOT)


@pytest.mark.parametrize(
    ("kind", "expiration", "timer", "ttl", "copy"),
    [
        (DATA, NEVER, 0, 14 * DAY, 14 * DAY),
        (DATA, READ, 300, 14 * DAY, 300_000),
        (DATA, SEND, 300, 300_000, 300_000),
        (DATA, READ, 0, 14 * DAY, 14 * DAY),
        (DATA, SEND, 0, 14 * DAY, 14 * DAY),
        (content.DataMessage(flags=2), SEND, 604_800, 7 * DAY, 7 * DAY),
        (CALL, SEND, 60, 300_000, 300_000),
        (CALL, READ, 60, 300_000, 300_000),
        (TYPING, NEVER, 0, 20_000, 20_000),
        (EXTRACTION, READ, 300, 14 * DAY, 14 * DAY),
        (content.UnsendRequest(1, "05"), NEVER, 0, 14 * DAY, 14 * DAY),
        (content.ReceiptMessage(), NEVER, 0, 14 * DAY, 14 * DAY),
        (content.MessageRequestResponse(), NEVER, 0, 14 * DAY, 14 * DAY),
    ],
)
def test_ttl(kind: content.Kind, expiration: ExpirationType, timer: int, ttl: int, copy: int) -> None:
    message = content.Content(kind, NOW, expiration, timer)
    assert expiry_rules.ttl_ms(message) == ttl
    assert expiry_rules.sync_copy_ttl_ms(message) == copy


def test_sender_counts_from_the_earlier_of_now_and_stored() -> None:
    assert expiry_rules.when_sent(60, now_ms=NOW, stored_ms=NOW - 5) == Countdown(NOW - 5, NOW + 59_995)
    assert expiry_rules.when_sent(60, now_ms=NOW, stored_ms=NOW + 5) == Countdown(NOW, NOW + 60_000)
    assert expiry_rules.when_sent(60, now_ms=NOW, stored_ms=None) == Countdown(NOW, NOW + 60_000)


def test_swarm_tells_receivers_when_a_message_ends() -> None:
    received = expiry_rules.when_received_after_send
    known = received(60, now_ms=NOW, timestamp_ms=NOW - 9, expiration_ms=NOW + 100)
    assert known == Countdown(NOW + 100 - 60_000, NOW + 100)
    early = received(60, now_ms=NOW, timestamp_ms=NOW - 9, expiration_ms=None)
    assert early == Countdown(NOW - 9, NOW - 9 + 60_000)
    late = received(60, now_ms=NOW, timestamp_ms=NOW + 9, expiration_ms=None)
    assert late == Countdown(NOW, NOW + 60_000)


def test_reading_starts_the_countdown_and_shortens_the_copy() -> None:
    assert expiry_rules.when_read(300, now_ms=NOW) == Countdown(NOW, NOW + 300_000, shorten=True)


def test_answer_of_the_swarm_is_adopted_and_unknown_hashes_end_now() -> None:
    known = expiry_rules.when_shortened(300, now_ms=NOW, expiry_ms=NOW + 1)
    assert known == Countdown(NOW + 1 - 300_000, NOW + 1)
    assert expiry_rules.when_shortened(300, now_ms=NOW, expiry_ms=None).expires_ms == NOW


def test_copy_that_another_device_has_shortened_is_adopted() -> None:
    fetched = expiry_rules.when_fetched_read
    limit = NOW + 300_000
    assert fetched(300, now_ms=NOW, expiration_ms=limit) == Countdown(NOW, limit)
    assert fetched(300, now_ms=NOW, expiration_ms=limit - 7) == Countdown(NOW - 7, limit - 7)
    assert fetched(300, now_ms=NOW, expiration_ms=limit + 1) == Countdown(NOW, limit, shorten=True)
    assert fetched(300, now_ms=NOW, expiration_ms=None) == Countdown(NOW, limit, shorten=True)


def test_hashes_are_grouped_by_equal_expiry() -> None:
    assert expiry_rules.by_expiry([("a", 5), ("b", 6), ("c", 5)]) == {5: ("a", "c"), 6: ("b",)}
    assert expiry_rules.by_expiry([]) == {}
