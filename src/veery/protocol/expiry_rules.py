"""How long messages live: in the swarm (02.4.1) and on a device once they disappear (02.8.1).

All times are milliseconds; timers are seconds, as on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from veery.protocol.constants import (
    SECOND_MS,
    TIMER_AFTER_READ_DEFAULT_S,
    TIMER_AFTER_SEND_DEFAULT_S,
    TIMERS_AFTER_READ_S,
    TIMERS_AFTER_SEND_S,
    TTL_CALL_MS,
    TTL_MESSAGE_MS,
    TTL_TYPING_MS,
)
from veery.protocol.content import (
    CallMessage,
    Content,
    DataExtraction,
    DataMessage,
    ExpirationType,
    TypingMessage,
)


class ConversationKind(Enum):
    """What kind of conversation a message stands in."""

    CONTACT = "contact"  # one other person
    NOTE_TO_SELF = "note_to_self"  # oneself
    GROUP = "group"  # a group (03)
    COMMUNITY = "community"  # a community room


class DisappearingMode(Enum):
    """When messages disappear."""

    OFF = "off"  # never
    AFTER_READ = "after_read"  # a while after each was read
    AFTER_SEND = "after_send"  # a while after each was sent


# -- settings --------------------------------------------------------------------------------------------------


def received_mode(conversation: ConversationKind, expiration_type: ExpirationType, timer_s: int) -> DisappearingMode:
    """The mode of a received message by its fields 12 and 13. Any positive timer counts, also one never offered."""
    if expiration_type is ExpirationType.UNKNOWN or timer_s <= 0 or conversation is ConversationKind.COMMUNITY:
        return DisappearingMode.OFF
    if conversation is not ConversationKind.CONTACT or expiration_type is ExpirationType.DELETE_AFTER_SEND:
        return DisappearingMode.AFTER_SEND
    return DisappearingMode.AFTER_READ


def expiration_type(mode: DisappearingMode) -> ExpirationType:
    """Field 12 for a mode."""
    return {
        DisappearingMode.OFF: ExpirationType.UNKNOWN,
        DisappearingMode.AFTER_READ: ExpirationType.DELETE_AFTER_READ,
        DisappearingMode.AFTER_SEND: ExpirationType.DELETE_AFTER_SEND,
    }[mode]


def notice_mode(mode: DisappearingMode) -> DisappearingMode:
    """The mode of data-extraction and call notices: after send becomes after read, so that they stay to be read."""
    return DisappearingMode.AFTER_READ if mode is DisappearingMode.AFTER_SEND else mode


def offered_timers(conversation: ConversationKind, mode: DisappearingMode) -> tuple[int, ...]:
    """The timers (seconds) that a user may choose; none where the mode is not allowed."""
    if conversation is ConversationKind.COMMUNITY or mode is DisappearingMode.OFF:
        return ()
    if mode is DisappearingMode.AFTER_SEND:
        return TIMERS_AFTER_SEND_S
    return TIMERS_AFTER_READ_S if conversation is ConversationKind.CONTACT else ()


def default_timer(mode: DisappearingMode) -> int:
    """The timer (seconds) that is proposed first; 0 for OFF."""
    if mode is DisappearingMode.AFTER_SEND:
        return TIMER_AFTER_SEND_DEFAULT_S
    return TIMER_AFTER_READ_DEFAULT_S if mode is DisappearingMode.AFTER_READ else 0


# -- lifetimes in the swarm ------------------------------------------------------------------------------------


def ttl_ms(content: Content) -> int:
    """The `ttl` of a message to another account, or of an unsend request or call message to oneself."""
    match content.kind:
        case TypingMessage():
            return TTL_TYPING_MS
        case CallMessage():
            return TTL_CALL_MS
        case DataMessage() | DataExtraction() if _after_send(content):
            return content.expiration_timer * SECOND_MS
        case _:
            return TTL_MESSAGE_MS


def sync_copy_ttl_ms(content: Content) -> int:
    """The `ttl` of the copy in one's own swarm: for its sender, a message that disappears after reading is read."""
    if _after_read(content) and isinstance(content.kind, DataMessage):
        return content.expiration_timer * SECOND_MS
    return ttl_ms(content)


def _after_send(content: Content) -> bool:
    return content.expiration_type is ExpirationType.DELETE_AFTER_SEND and content.expiration_timer > 0


def _after_read(content: Content) -> bool:
    return content.expiration_type is ExpirationType.DELETE_AFTER_READ and content.expiration_timer > 0


# -- lifetimes on a device -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Countdown:
    """A message that is disappearing. shorten: the own swarm must still be asked to shorten its copy to expires_ms."""

    started_ms: int
    expires_ms: int
    shorten: bool = False


def _from_start(started_ms: int, timer_s: int, *, shorten: bool = False) -> Countdown:
    return Countdown(started_ms, started_ms + timer_s * SECOND_MS, shorten)


def _from_expiry(expires_ms: int, timer_s: int) -> Countdown:
    return Countdown(expires_ms - timer_s * SECOND_MS, expires_ms)


def when_sent(timer_s: int, *, now_ms: int, stored_ms: int | None) -> Countdown:
    """For the sender, in both modes. stored_ms: `t` of the store reply."""
    return _from_start(now_ms if stored_ms is None else min(now_ms, stored_ms), timer_s)


def when_received_after_send(timer_s: int, *, now_ms: int, timestamp_ms: int, expiration_ms: int | None) -> Countdown:
    """For a receiver, or another own device, of a message that disappears after sending.

    expiration_ms: of the copy in the swarm, which is the truth where it is known; timestamp_ms: T.
    """
    if expiration_ms is not None:
        return _from_expiry(expiration_ms, timer_s)
    return _from_start(min(now_ms, timestamp_ms), timer_s)


def when_read(timer_s: int, *, now_ms: int) -> Countdown:
    """For the device on which an incoming message that disappears after reading is read."""
    return _from_start(now_ms, timer_s, shorten=True)


def when_shortened(timer_s: int, *, now_ms: int, expiry_ms: int | None) -> Countdown:
    """After the own swarm answered `expire` or `get_expiries`: its time is adopted.

    expiry_ms: of the message's hash in the answer; None = the swarm does not know it, so it expires now.
    """
    return _from_expiry(now_ms if expiry_ms is None else expiry_ms, timer_s)


def when_fetched_read(timer_s: int, *, now_ms: int, expiration_ms: int | None) -> Countdown:
    """For a fetched message that disappears after reading and that the configuration already marks as read.

    expiration_ms: of the copy in the swarm. If it lies no later than the timer would end, another device has shortened
    it, and it is adopted; otherwise the countdown starts now and the copy must be shortened.
    """
    if expiration_ms is not None and expiration_ms <= now_ms + timer_s * SECOND_MS:
        return _from_expiry(expiration_ms, timer_s)
    return when_read(timer_s, now_ms=now_ms)


def by_expiry(messages: Iterable[tuple[str, int]]) -> dict[int, tuple[str, ...]]:
    """Group (hash, expiry ms) by equal expiry: one `expire` request each, hashes in the order given."""
    grouped: dict[int, tuple[str, ...]] = {}
    for message_hash, expiry_ms in messages:
        grouped[expiry_ms] = (*grouped.get(expiry_ms, ()), message_hash)
    return grouped
