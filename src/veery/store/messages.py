"""Messages: keeping, finding, paging, delivery state, placeholders and removal.

Order in a conversation is T, then the local id (02.5.3). A page is cut by `Position`, never by an offset, so that
messages which arrive or vanish between two pages neither repeat others nor hide them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from veery.protocol.account import AccountId
from veery.store.attachments import Attachments
from veery.store.conversations import NoConversation
from veery.store.message_values import (
    AFTER_ALL,
    Deleted,
    Delivery,
    DeliveryState,
    Expiration,
    Message,
    NewMessage,
    Position,
    SyncState,
)
from veery.store.search_words import message_words
from veery.store.sql import INTEGER_MAX, Connection, Row, account, clamp, one

SELECT: Final = (
    "SELECT m.id, c.id, author, timestamp_ms, outgoing, m.kind, body, content, received_ms, storage_hash,"
    " server_expiry_ms, state, reason, stored_on, swarm_size, sync, level, late, read, deleted, m.expiration_type,"
    " m.expiration_timer_s, expiration_start_ms, expires_ms, recipient_hash"
    " FROM messages AS m JOIN conversations AS c ON c.key = m.conversation"
)
_BETWEEN: Final = SELECT + " WHERE c.id = ? AND (timestamp_ms, m.id) > (?, ?) AND (timestamp_ms, m.id) < (?, ?)"
_NEWEST_FIRST: Final = _BETWEEN + " ORDER BY timestamp_ms DESC, m.id DESC LIMIT ?"
_OLDEST_FIRST: Final = _BETWEEN + " ORDER BY timestamp_ms, m.id LIMIT ?"
_START: Final = Position(-1, -1)
_END: Final = Position(INTEGER_MAX, AFTER_ALL)


class Messages:
    """The messages."""

    __slots__ = ("_attachments", "_db")

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._attachments = Attachments(connection)

    def insert(self, new: NewMessage) -> int | None:
        """Keep a message and its attachments; raises the conversation's active time to T.

        Gives its local id, or None if a message of this author and T is there already. Raises NoConversation.
        """
        row = one(self._db, "SELECT key, last_read_ms FROM conversations WHERE id = ?", (new.conversation,))
        if row is None:
            raise NoConversation("the message belongs to a conversation that is not in the store")
        key, last_read = row
        read = new.read or new.outgoing or new.timestamp_ms <= last_read
        cursor = self._db.execute(
            "INSERT INTO messages (conversation, author, timestamp_ms, outgoing, kind, body, content, received_ms,"
            " storage_hash, server_expiry_ms, state, reason, stored_on, swarm_size, sync, level, late, read,"
            " expiration_type, expiration_timer_s, expiration_start_ms, expires_ms, words)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (author, timestamp_ms) DO NOTHING",
            (key, *_columns(new), int(read), *_expiration_columns(new.expiration), _words(new)),
        )
        if cursor.rowcount != 1:
            return None
        id_ = int(cursor.lastrowid or 0)
        self._attachments.insert(id_, new.attachments)
        self._db.execute(
            "UPDATE conversations SET active_ms = max(coalesce(active_ms, 0), ?) WHERE key = ?", (new.timestamp_ms, key)
        )
        return id_

    def get(self, id_: int) -> Message | None:
        """One message by its local id."""
        return self._first(SELECT + " WHERE m.id = ?", clamp(id_))

    def find(self, author: AccountId, timestamp_ms: int) -> Message | None:
        """One message by its identity (02.6). Any number may be asked for."""
        if not 0 <= timestamp_ms <= INTEGER_MAX:
            return None
        return self._first(SELECT + " WHERE author = ? AND timestamp_ms = ?", author.raw, timestamp_ms)

    def find_by_hash(self, storage_hash: str) -> Message | None:
        """One message by the hash of its copy in the own swarm."""
        return self._first(SELECT + " WHERE storage_hash = ?", storage_hash)

    def page(
        self,
        conversation: str,
        limit: int,
        *,
        after: Position | None = None,
        before: Position | None = None,
        newest_first: bool = True,
    ) -> tuple[Message, ...]:
        """At most `limit` messages of a conversation that lie strictly between two positions.

        newest_first: from the newer end downwards; else from the older end upwards.
        """
        low, high = after or _START, before or _END
        rows = self._db.execute(
            _NEWEST_FIRST if newest_first else _OLDEST_FIRST,
            (conversation, clamp(low.timestamp_ms), clamp(low.id), clamp(high.timestamp_ms), clamp(high.id), limit),
        )
        return tuple(message_of(row) for row in rows)

    def count(self, conversation: str, last_id: int = INTEGER_MAX, until_ms: int = INTEGER_MAX) -> int:
        """How many messages a conversation has, with local ids up to `last_id` and T up to `until_ms`."""
        row = one(
            self._db,
            "SELECT count(*) FROM messages WHERE conversation = (SELECT key FROM conversations WHERE id = ?)"
            " AND timestamp_ms <= ? AND id <= ?",
            (conversation, clamp(until_ms), last_id),
        )
        return int(row[0]) if row else 0

    def oldest(
        self, conversation: str, limit: int, last_id: int = INTEGER_MAX, until_ms: int = INTEGER_MAX
    ) -> tuple[int, ...]:
        """The local ids of the oldest messages of those that `count` counts, at most `limit`."""
        rows = self._db.execute(
            "SELECT id FROM messages WHERE conversation = (SELECT key FROM conversations WHERE id = ?)"
            " AND timestamp_ms <= ? AND id <= ? ORDER BY timestamp_ms, id LIMIT ?",
            (conversation, clamp(until_ms), last_id, limit),
        )
        return tuple(int(row[0]) for row in rows)

    def last_id(self) -> int:
        """The highest local id of a message, 0 without any. Those of later messages are higher."""
        row = one(self._db, "SELECT max(id) FROM messages")
        return int(row[0] or 0) if row else 0

    def newest(self, conversation: str) -> Message | None:
        """The newest message of a conversation."""
        return next(iter(self.page(conversation, 1)), None)

    def set_delivery(self, id_: int, delivery: Delivery) -> None:
        """Replace what is known about the fate of an own message."""
        self._db.execute(
            "UPDATE messages SET state = ?, reason = ?, stored_on = ?, swarm_size = ?, sync = ? WHERE id = ?",
            (*_delivery_columns(delivery), id_),
        )

    def set_level(self, id_: int, level: str) -> None:
        """Note the protocol level at which an own message was sealed."""
        self._db.execute("UPDATE messages SET level = ? WHERE id = ?", (level, id_))

    def set_storage(self, id_: int, storage_hash: str | None, server_expiry_ms: int | None) -> None:
        """Note hash and expiry of the copy in the own swarm."""
        expiry = None if server_expiry_ms is None else clamp(server_expiry_ms)
        self._db.execute(
            "UPDATE messages SET storage_hash = ?, server_expiry_ms = ? WHERE id = ?", (storage_hash, expiry, id_)
        )

    def set_recipient_hash(self, id_: int, storage_hash: str | None) -> None:
        """Note the hash of the copy that decides the state of an own message."""
        self._db.execute("UPDATE messages SET recipient_hash = ? WHERE id = ?", (storage_hash, id_))

    def set_content(self, id_: int, content: bytes) -> None:
        """Replace the kept Content of a message."""
        self._db.execute("UPDATE messages SET content = ? WHERE id = ?", (content, id_))

    def replace_by_placeholder(self, id_: int, deleted: Deleted) -> tuple[str, ...]:
        """Erase what a message held and leave a placeholder that counts as read (02.8.2, 02.8.3).

        Waiting copies are no longer sent. Gives the names of attachment files to remove.
        """
        files = self._attachments.files((id_,))
        self._db.execute(
            "UPDATE messages SET deleted = ?, body = '', words = NULL, content = x'', read = 1 WHERE id = ?",
            (int(deleted), id_),
        )
        for statement in (
            "DELETE FROM attachments WHERE message = ?",
            "DELETE FROM reactions WHERE message = ?",
            "DELETE FROM outbox WHERE message = ?",
        ):
            self._db.execute(statement, (id_,))
        return files

    def delete(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Remove messages with all that belongs to them; gives the names of attachment files to remove."""
        wanted = tuple(ids)
        files = self._attachments.files(wanted)
        self._db.executemany("DELETE FROM messages WHERE id = ?", [(id_,) for id_ in wanted])
        return files

    def _first(self, sql: str, *parameters: int | str | bytes) -> Message | None:
        row = one(self._db, sql, parameters)
        return None if row is None else message_of(row)


def message_of(row: Row) -> Message:
    """The message of a row of `SELECT`."""
    (id_, conversation, author, timestamp, outgoing, kind, body, content, received, storage_hash, expiry, *rest) = row
    (state, reason, stored_on, swarm_size, sync, level, late, read, deleted, *rest) = rest
    type_, timer, start, expires, recipient_hash = rest
    return Message(
        id=id_,
        conversation=conversation,
        author=account(author),
        timestamp_ms=timestamp,
        outgoing=bool(outgoing),
        kind=kind,
        body=body,
        content=bytes(content),
        received_ms=received,
        storage_hash=storage_hash,
        server_expiry_ms=expiry,
        delivery=Delivery(DeliveryState(state), reason, stored_on, swarm_size, SyncState(sync)),
        level=level,
        late=bool(late),
        read=bool(read),
        deleted=Deleted(deleted),
        expiration=Expiration(type_, timer, start, expires),
        recipient_hash=recipient_hash,
    )


def _words(new: NewMessage) -> str | None:
    return message_words(new.body, (each.file_name for each in new.attachments if not each.preview))


def _columns(new: NewMessage) -> tuple[int | str | bytes | None, ...]:
    return (
        new.author.raw,
        new.timestamp_ms,
        int(new.outgoing),
        new.kind,
        new.body,
        new.content,
        new.received_ms,
        new.storage_hash,
        None if new.server_expiry_ms is None else clamp(new.server_expiry_ms),
        *_delivery_columns(new.delivery),
        new.level,
        int(new.late),
    )


def _delivery_columns(delivery: Delivery) -> tuple[int | str | None, ...]:
    return delivery.state.value, delivery.reason, delivery.stored_on, delivery.swarm_size, delivery.sync.value


def _expiration_columns(expiration: Expiration) -> tuple[int | None, ...]:
    start, expires = expiration.start_ms, expiration.expires_ms
    return (
        expiration.type,
        expiration.timer_s,
        None if start is None else clamp(start),
        None if expires is None else clamp(expires),
    )
