"""Read state: the mark up to which a conversation is read, read receipts, and the running of disappearing messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from veery.protocol.account import AccountId
from veery.store.message_values import Expiration, Message
from veery.store.messages import SELECT, message_of
from veery.store.sql import INTEGER_MAX, Connection, clamp, one

_NEWLY_READ: Final = SELECT + " WHERE c.id = ? AND read = 0 AND timestamp_ms <= ? ORDER BY timestamp_ms, m.id"
_EXPIRED: Final = SELECT + " WHERE expires_ms <= ? ORDER BY expires_ms, m.id LIMIT ?"


class Reading:
    """What is read, and what disappears."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def mark_read(self, conversation: str, until_ms: int) -> tuple[Message, ...]:
        """Mark everything with T up to `until_ms` as read; gives the messages that were unread before.

        The mark of a conversation only moves forward (07.10.3), and being read takes the "marked unread" flag away.
        """
        until = clamp(until_ms)
        found = tuple(message_of(row) for row in self._db.execute(_NEWLY_READ, (conversation, until)))
        self._db.executemany("UPDATE messages SET read = 1 WHERE id = ?", [(message.id,) for message in found])
        self._db.execute(
            "UPDATE conversations SET last_read_ms = max(last_read_ms, ?), marked_unread = 0 WHERE id = ?",
            (until, conversation),
        )
        return found

    def receipt(self, conversation: str, author: AccountId, timestamps: Iterable[int]) -> tuple[int, ...]:
        """Mark own messages of a conversation as read by the other side (02.7.6); gives the ids that changed.

        author: the own account. Numbers that are no T of an own stored message there are ignored.
        """
        changed: list[int] = []
        for timestamp in timestamps:
            if 0 <= timestamp <= INTEGER_MAX:
                rows = self._db.execute(
                    "UPDATE messages SET state = 'read', reason = NULL WHERE author = ? AND timestamp_ms = ?"
                    " AND outgoing = 1 AND state <> 'read'"
                    " AND conversation = (SELECT key FROM conversations WHERE id = ?) RETURNING id",
                    (author.raw, timestamp, conversation),
                ).fetchall()
                changed += [int(row[0]) for row in rows]
        return tuple(changed)

    def set_expiration(self, id_: int, expiration: Expiration) -> None:
        """Start, move or clear the disappearing of a message (02.8.1)."""
        start, expires = expiration.start_ms, expiration.expires_ms
        self._db.execute(
            "UPDATE messages SET expiration_type = ?, expiration_timer_s = ?, expiration_start_ms = ?, expires_ms = ?"
            " WHERE id = ?",
            (
                expiration.type,
                expiration.timer_s,
                None if start is None else clamp(start),
                None if expires is None else clamp(expires),
                id_,
            ),
        )

    def expired(self, now_ms: int, limit: int) -> tuple[Message, ...]:
        """At most `limit` messages whose time is over, the longest first."""
        return tuple(message_of(row) for row in self._db.execute(_EXPIRED, (now_ms, limit)))

    def next_expiry(self) -> int | None:
        """When the next message disappears (local time, ms), or None."""
        row = one(self._db, "SELECT min(expires_ms) FROM messages WHERE expires_ms IS NOT NULL")
        return None if row is None or row[0] is None else int(row[0])
