"""What conversations of the store and entries of documents have in common: timers, muting, and telling of changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from veery.client.approval import Change, tell
from veery.client.arrivals import Batch
from veery.protocol.config.contacts import ExpiryMode
from veery.protocol.config.fields import NotificationMode
from veery.protocol.constants import SECOND_MS
from veery.protocol.content import ExpirationType
from veery.store.conversations import Conversation
from veery.store.sql import clamp

# Muted for good is a notification mode of its own: a time so far ahead would be read as milliseconds (07.10).
FOR_GOOD_MS: Final = 253_402_300_799_000
_FOR_GOOD_FROM_MS: Final = 9 * 10**9 * SECOND_MS
_MODES: Final = {
    int(ExpirationType.DELETE_AFTER_SEND): int(ExpiryMode.AFTER_SEND),
    int(ExpirationType.DELETE_AFTER_READ): int(ExpiryMode.AFTER_READ),
}
_TYPES: Final = {mode: type_ for type_, mode in _MODES.items()}


def timer_of(conversation: Conversation) -> tuple[ExpiryMode, int]:
    """Mode and timer in seconds, as documents write them; both 0 when messages do not disappear."""
    mode = _MODES.get(conversation.expiration_type, 0)
    timer_s = conversation.expiration_timer_s
    return (ExpiryMode(mode), timer_s) if mode and timer_s > 0 else (ExpiryMode.OFF, 0)


def expiration_of(conversation: Conversation, priority: int, mode: int, timer_s: int) -> Conversation:
    """A conversation with the priority and the timer of an entry."""
    type_ = _TYPES.get(mode, 0) if timer_s > 0 else 0
    return replace(
        conversation,
        priority=clamp(priority),
        expiration_type=type_,
        expiration_timer_s=clamp(timer_s) if type_ else 0,
    )


def muting_of(conversation: Conversation, mode: NotificationMode) -> tuple[NotificationMode, int]:
    """Notification mode and end of muting (seconds) for an entry that has `mode` now."""
    until_ms = conversation.muted_until_ms
    if until_ms >= _FOR_GOOD_FROM_MS:
        return NotificationMode.NONE, 0
    return (NotificationMode.DEFAULT if mode is NotificationMode.NONE else mode), until_ms // SECOND_MS


def muted_until_ms(mode: NotificationMode, until_s: int) -> int:
    """Until when a conversation is muted by its entry, local time."""
    return FOR_GOOD_MS if mode is NotificationMode.NONE else until_s * SECOND_MS


def tell_changes(batch: Batch, held: Conversation, changed: Conversation) -> None:
    """Write a conversation if it is another than before, and tell of what has changed."""
    if _comparable(held) == _comparable(changed):
        return
    batch.tables.conversations.save(changed)
    for change in _changes(held, changed):
        tell(batch.tables, changed, change, batch.times.local_ms)


def _changes(held: Conversation, changed: Conversation) -> Iterator[Change]:
    if held.approved != changed.approved and changed.approved:
        yield Change.APPROVED
    if held.approved_me != changed.approved_me and changed.approved_me:
        yield Change.ACCEPTED
    if held.blocked != changed.blocked:
        yield Change.BLOCKED if changed.blocked else Change.UNBLOCKED
    if held.nickname != changed.nickname:
        yield Change.NAMED
    if (held.name, _picture(held)) != (changed.name, _picture(changed)):
        yield Change.PROFILE
    if held.hidden != changed.hidden:
        yield Change.HIDDEN if changed.hidden else Change.SHOWN
    if (held.priority > 0) != (changed.priority > 0):
        yield Change.PINNED if changed.priority > 0 else Change.UNPINNED
    if (held.expiration_type, held.expiration_timer_s) != (changed.expiration_type, changed.expiration_timer_s):
        yield Change.TIMER
    if held.muted_until_ms != changed.muted_until_ms:
        yield Change.MUTED if changed.muted_until_ms else Change.UNMUTED


def _picture(held: Conversation) -> tuple[str | None, bytes | None]:
    return held.picture_url, None if held.picture_key is None else held.picture_key.reveal()


def _comparable(held: Conversation) -> Conversation | tuple[object, ...]:
    return (
        held.name,
        held.nickname,
        held.profile_s,
        _picture(held),
        held.approved,
        held.approved_me,
        held.blocked,
        held.priority,
        held.expiration_type,
        held.expiration_timer_s,
        held.muted_until_ms,
    )
