"""The fate of an own message: message and copies changed together, so that a kill leaves them in agreement.

    queue -> seal -> (postpone -> …) -> stored     message: queued -> sealed -> stored on k of n
                                     -> fail       message: failed, with the kind of the error

The recipient's copy drives the message's state; the copy for the own swarm (sent only after it, 02.4.2) drives its
sync state. In note to self there is only the latter, and it drives both. What a device stores in its own swarm it marks
as seen in the transaction that seals it, so that it never processes its own copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from veery.protocol.storage_rpc import Namespace
from veery.store.inbox import Inbox
from veery.store.message_values import Delivery, DeliveryState, Message, NewMessage, SyncState
from veery.store.messages import Messages
from veery.store.outbox import Copy, CopyRole, NewCopy, Outbox
from veery.store.reading import Reading
from veery.store.sql import Connection


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that was written: its local id, and the ids of its copies in the order in which they were given."""

    message: int
    copies: tuple[int, ...]


class Deliveries:
    """Own messages on their way."""

    __slots__ = ("_inbox", "_messages", "_outbox", "_reading")

    def __init__(self, connection: Connection) -> None:
        self._messages = Messages(connection)
        self._outbox = Outbox(connection)
        self._inbox = Inbox(connection)
        self._reading = Reading(connection)

    def queue(self, message: NewMessage, copies: Sequence[NewCopy], now_ms: int) -> Queued | None:
        """Keep an own message and its copies. None when the author's T is taken: choose another. Raises NoConversation.

        Copies of role SYNC wait for the copy before them that is for the other side, if there is one.
        """
        sync = SyncState.WAITING if any(copy.role is CopyRole.SYNC for copy in copies) else SyncState.NONE
        delivery = Delivery(DeliveryState.QUEUED, sync=sync)
        id_ = self._messages.insert(replace(message, outgoing=True, delivery=delivery))
        if id_ is None:
            return None
        return Queued(id_, self._insert(copies, now_ms, id_))

    def add_copies(self, message: int, copies: Sequence[NewCopy], now_ms: int) -> None:
        """Keep the copies of a message that was queued without them: its files had to be uploaded first."""
        held = self._messages.get(message)
        if held is None:
            return
        sync = SyncState.WAITING if any(copy.role is CopyRole.SYNC for copy in copies) else SyncState.NONE
        self._set(held, replace(held.delivery, state=DeliveryState.QUEUED, reason=None, sync=sync))
        self._insert(copies, now_ms, message)

    def queue_control(self, copies: Sequence[NewCopy], now_ms: int) -> tuple[int, ...]:
        """Keep the copies of something that no message shows; gives their ids."""
        return self._insert(copies, now_ms, None)

    def seal(self, id_: int, sealed: bytes, sealed_hash: str, level: str, seen_until_ms: int) -> Copy:
        """Fix the bytes of a copy, once; gives the row with the bytes that count, which may be earlier ones.

        seen_until_ms: how long the hash of a copy to the own swarm is remembered as seen. Raises NoCopy.
        """
        copy = self._outbox.seal(id_, sealed, sealed_hash, level)
        message = self._message(copy)
        ours = copy.role is CopyRole.SYNC or copy.namespace == Namespace.GROUP_MESSAGES  # this device fetches them
        if ours and copy.sealed_hash is not None:
            self._inbox.mark_seen(copy.sealed_hash, seen_until_ms)
            if message is not None:
                self._messages.set_storage(message.id, copy.sealed_hash, message.server_expiry_ms)
        if message is not None and self._drives(copy, message):
            self._messages.set_level(message.id, copy.level or level)
            self._messages.set_recipient_hash(message.id, copy.sealed_hash)
            if message.delivery.state is DeliveryState.QUEUED:
                self._set(message, replace(message.delivery, state=DeliveryState.SEALED))
        return copy

    def stored(self, id_: int, stored_on: int, swarm_size: int, server_expiry_ms: int | None = None) -> None:
        """Note that a swarm has stored a copy, on so many of its members. A copy that is gone changes nothing."""
        copy = self._outbox.get(id_)
        if copy is None:
            return
        message = self._message(copy)
        if message is not None and copy.role is CopyRole.SYNC:
            self._messages.set_storage(message.id, copy.sealed_hash, server_expiry_ms)
            message = self._set(message, replace(message.delivery, sync=SyncState.STORED))
        if message is not None and self._drives(copy, message):
            read = message.delivery.state is DeliveryState.READ
            state = DeliveryState.READ if read else DeliveryState.STORED
            self._set(message, Delivery(state, None, stored_on, swarm_size, message.delivery.sync))
        self._outbox.finish(id_)

    def postpone(self, id_: int, next_attempt_ms: int, error: str) -> None:
        """Count an attempt that failed; the message stays as it is."""
        self._outbox.postpone(id_, next_attempt_ms, error)

    def fail(self, id_: int, error: str) -> None:
        """Give a copy up. A message whose recipient's copy failed no longer disappears (02.4.1)."""
        copy = self._outbox.get(id_)
        if copy is None:
            return
        self._outbox.fail(id_, error)
        message = self._message(copy)
        if message is not None and copy.role is CopyRole.SYNC:
            message = self._set(message, replace(message.delivery, sync=SyncState.FAILED))
        if message is not None and self._drives(copy, message):
            self._set(message, replace(message.delivery, state=DeliveryState.FAILED, reason=error))
            self._reading.set_expiration(message.id, replace(message.expiration, start_ms=None, expires_ms=None))

    def revive(self, id_: int, now_ms: int) -> Copy:
        """Try a failed copy again from now on. Raises NoCopy."""
        copy = self._outbox.revive(id_, now_ms)
        message = self._message(copy)
        if message is not None and copy.role is CopyRole.SYNC:
            message = self._set(message, replace(message.delivery, sync=SyncState.WAITING))
        if message is not None and self._drives(copy, message):
            state = DeliveryState.QUEUED if copy.sealed is None else DeliveryState.SEALED
            self._set(message, replace(message.delivery, state=state, reason=None))
        return copy

    def _insert(self, copies: Sequence[NewCopy], now_ms: int, message: int | None) -> tuple[int, ...]:
        ids: list[int] = []
        recipient: int | None = None
        for copy in copies:
            after = recipient if copy.role is CopyRole.SYNC else None
            ids.append(self._outbox.insert(copy, now_ms, message=message, after=after))
            if copy.role is not CopyRole.SYNC:
                recipient = ids[-1]
        return tuple(ids)

    def _message(self, copy: Copy) -> Message | None:
        return None if copy.message is None else self._messages.get(copy.message)

    def _drives(self, copy: Copy, message: Message) -> bool:
        """Whether the message's state follows this copy: the recipient's, or the only one in note to self."""
        if copy.role is CopyRole.RECIPIENT:
            return True
        return copy.role is CopyRole.SYNC and message.conversation == message.author.hex

    def _set(self, message: Message, delivery: Delivery) -> Message:
        self._messages.set_delivery(message.id, delivery)
        return replace(message, delivery=delivery)
