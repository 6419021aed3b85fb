"""The fate of own messages with the events that tell of it: each change and its event in one transaction.

A `state` event is written when the state of a message changes, never when only its copies do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from veery.client.core import Times
from veery.client.views import message_fields, state_fields
from veery.protocol.constants import TTL_TYPING_MS
from veery.protocol.content import ExpirationType
from veery.protocol.expiry_rules import when_sent
from veery.store.message_values import Delivery, DeliveryState, Message, NewMessage, SyncState
from veery.store.outbox import Copy, CopyRole, NewCopy
from veery.store.tables import Tables

R = TypeVar("R")

MESSAGE_EVENT: Final = "message"
STATE_EVENT: Final = "state"
DELETED_EVENT: Final = "deleted"
OUTBOX_EVENT: Final = "outbox"  # something that no message shows was given up
EXPIRED: Final = "client.send.expired"  # reason of a message whose time ran out before any member took it
CANCELLED: Final = "client.send.cancelled"  # reason of a message that was deleted before it was stored


@dataclass(frozen=True, slots=True)
class Storing:
    """What a swarm said of a stored copy. stored_ms: `t` of the answer; expiry_ms: what holds there."""

    stored_on: int
    swarm_size: int
    stored_ms: int | None
    expiry_ms: int | None


def queue(tables: Tables, message: NewMessage, copies: tuple[NewCopy, ...], now_ms: int) -> int | None:
    """Keep an own message, its copies and the events of both; gives its id, or None when its T is taken."""
    queued = tables.deliveries.queue(message, copies, now_ms)
    if queued is None:
        return None
    held = tables.messages.get(queued.message)
    if held is not None:
        tables.events.append(MESSAGE_EVENT, {**message_fields(tables, held, request=False), "notify": False}, now_ms)
        tables.events.append(STATE_EVENT, state_fields(held), now_ms)
    return queued.message


def seal(tables: Tables, copy: Copy, sealed: bytes, sealed_hash: str, level: str, seen_until_ms: int, now: int) -> Copy:
    """Fix the bytes of a copy once; gives the row with the bytes that count. Raises NoCopy."""

    def change() -> Copy:
        return tables.deliveries.seal(copy.id, sealed, sealed_hash, level, seen_until_ms)

    return _told(tables, copy, change, now)


def stored(tables: Tables, copy: Copy, storing: Storing, times: Times) -> None:
    """Note that a swarm has stored a copy, and start the timer of a message that disappears."""

    def change() -> None:
        _start_timer(tables, copy, storing, times)
        tables.deliveries.stored(copy.id, storing.stored_on, storing.swarm_size, storing.expiry_ms)

    _told(tables, copy, change, times.local_ms)


def fail(tables: Tables, copy: Copy, reason: str, now_ms: int) -> None:
    """Give a copy up. What no message shows is forgotten once its time is over: nobody waits for it any more."""
    if copy.message is not None:
        _told(tables, copy, lambda: tables.deliveries.fail(copy.id, reason), now_ms)
        return
    if reason == EXPIRED:
        tables.outbox.cancel(copy.id)
    else:
        tables.deliveries.fail(copy.id, reason)
    if copy.ttl_ms > TTL_TYPING_MS:
        fields = {"copy": copy.id, "destination": copy.destination.hex, "state": "failed", "reason": reason}
        tables.events.append(OUTBOX_EVENT, fields, now_ms)


def revive(tables: Tables, copy: Copy, now_ms: int) -> None:
    """Try a failed copy again from now on, with the bytes that it has."""
    _told(tables, copy, lambda: tables.deliveries.revive(copy.id, now_ms), now_ms)


def requeue(tables: Tables, message: int, copies: Sequence[Copy], now_ms: int) -> None:
    """Begin anew with a message whose time to live ran out: the same contents, not sealed, with a full life."""
    placed: dict[int, int] = {}
    for copy in copies:
        tables.outbox.finish(copy.id)
        new = NewCopy(copy.role, copy.destination, copy.namespace, copy.timestamp_ms, copy.ttl_ms, copy.content)
        after = None if copy.after is None else placed.get(copy.after)
        placed[copy.id] = tables.outbox.insert(new, now_ms, message=message, after=after)
    held = tables.messages.get(message)
    if held is not None:
        sync = SyncState.WAITING if any(copy.role is CopyRole.SYNC for copy in copies) else held.delivery.sync
        tables.messages.set_delivery(message, Delivery(DeliveryState.QUEUED, sync=sync))
        tables.messages.set_recipient_hash(message, None)
        tell_state(tables, message, now_ms)


def tell_state(tables: Tables, message: int, now_ms: int) -> None:
    """Write a `state` event of a message as it is now."""
    held = tables.messages.get(message)
    if held is not None:
        tables.events.append(STATE_EVENT, state_fields(held), now_ms)


def tell_deleted(tables: Tables, message: Message, by: str | None, now_ms: int) -> None:
    """Write a `deleted` event. by: who deleted it for everyone; None: it was deleted on this device alone."""
    fields = {"id": message.id, "conversation": message.conversation, "by": by}
    tables.events.append(DELETED_EVENT, fields, now_ms)


def cancel(tables: Tables, message: Message, now_ms: int) -> None:
    """Note that an own message whose copies were removed is not on its way any more."""
    delivery = message.delivery
    if delivery.state in (DeliveryState.QUEUED, DeliveryState.SEALED):
        tables.messages.set_delivery(message.id, replace(delivery, state=DeliveryState.FAILED, reason=CANCELLED))
        tell_state(tables, message.id, now_ms)


def _told(tables: Tables, copy: Copy, change: Callable[[], R], now_ms: int) -> R:
    before = _message(tables, copy)
    result = change()
    after = _message(tables, copy)
    if before is not None and after is not None and _fate(before) != _fate(after):
        tables.events.append(STATE_EVENT, state_fields(after), now_ms)
    return result


def _message(tables: Tables, copy: Copy) -> Message | None:
    return None if copy.message is None else tables.messages.get(copy.message)


def _fate(message: Message) -> tuple[DeliveryState, str | None, int | None, int | None]:
    delivery = message.delivery
    return delivery.state, delivery.reason, delivery.stored_on, delivery.swarm_size


def _drives(message: Message, copy: Copy) -> bool:
    """Whether the state of a message follows this copy: the recipient's, or the only one in note to self."""
    return copy.role is CopyRole.RECIPIENT or message.conversation == message.author.hex


def _start_timer(tables: Tables, copy: Copy, storing: Storing, times: Times) -> None:
    """For the sender a message counts as read, so that both modes start when it is stored (02.8.1)."""
    message = _message(tables, copy)
    if message is None or not _drives(message, copy):
        return
    expiration = message.expiration
    if expiration.type == ExpirationType.UNKNOWN or expiration.timer_s <= 0:
        return
    countdown = when_sent(expiration.timer_s, now_ms=times.network_ms, stored_ms=storing.stored_ms)
    started, expires = times.to_local(countdown.started_ms), times.to_local(countdown.expires_ms)
    tables.reading.set_expiration(message.id, replace(expiration, start_ms=started, expires_ms=expires))
