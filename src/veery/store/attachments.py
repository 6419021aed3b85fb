"""Attachments of messages: the pointer, and the state of the local file. The files themselves lie elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from veery.secret import Secret
from veery.store.message_values import Attachment, AttachmentState, NewAttachment
from veery.store.search_words import index_words
from veery.store.sql import Connection, Row, clamp, one

_SELECT: Final = (
    "SELECT a.id, a.message, a.position, a.url, a.content_type, a.file_name, a.size, a.flags, a.width, a.height,"
    " a.caption, a.key, a.digest, a.state, a.file, a.file_key, a.thumbnail, a.thumbnail_key, a.preview,"
    " a.failures, a.trimmed_ms"
)
_PLACE: Final = ", c.id, m.timestamp_ms, m.author"
_FROM: Final = " FROM attachments AS a"
_ONE: Final = _SELECT + _FROM
_LISTED: Final = (
    _SELECT
    + _PLACE
    + _FROM
    + " JOIN messages AS m ON m.id = a.message JOIN conversations AS c ON c.key = m.conversation"
    " WHERE ?1 IS NULL OR c.id = ?1 ORDER BY m.timestamp_ms DESC, a.id DESC LIMIT ?2"
)


class Attachments:
    """The attachments."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def insert(self, message: int, attachments: Sequence[NewAttachment]) -> None:
        """Keep the attachments of a message, in their order."""
        self._db.executemany(
            "INSERT INTO attachments (message, position, url, content_type, file_name, size, flags, width, height,"
            " caption, key, digest, state, file, file_key, thumbnail, thumbnail_key, preview)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(message, position, *_columns(each)) for position, each in enumerate(attachments)],
        )

    def get(self, id_: int) -> Attachment | None:
        """One attachment."""
        row = one(self._db, _ONE + " WHERE id = ?", (clamp(id_),))
        return None if row is None else _attachment(row)

    def of(self, message: int) -> tuple[Attachment, ...]:
        """The attachments of a message, in their order; not the picture of its link preview."""
        rows = self._db.execute(_ONE + " WHERE message = ? AND preview = 0 ORDER BY position", (message,))
        return tuple(_attachment(row) for row in rows)

    def preview_of(self, message: int) -> Attachment | None:
        """The picture of the link preview of a message."""
        row = one(self._db, _ONE + " WHERE message = ? AND preview = 1 ORDER BY position", (message,))
        return None if row is None else _attachment(row)

    def wanted(self, now_ms: int, limit: int, longest_ms: int) -> tuple[Attachment, ...]:
        """At most `limit` attachments that are to be fetched now, oldest first.

        longest_ms: nobody waits for longer, so that one whose time lies further ahead waits for a clock that was wrong.
        """
        rows = self._db.execute(
            _ONE + " WHERE state = 'wanted' AND (next_try_ms <= ?1 OR next_try_ms > ?1 + ?3) ORDER BY id LIMIT ?2",
            (clamp(now_ms), limit, longest_ms),
        )
        return tuple(_attachment(row) for row in rows)

    def next_wanted_ms(self) -> int | None:
        """The local time at which the next of those that are to be fetched is due; None if there is none."""
        row = one(self._db, "SELECT min(next_try_ms) FROM attachments WHERE state = 'wanted'")
        return None if row is None or row[0] is None else int(row[0])

    def want(self, id_: int) -> None:
        """Let a file be fetched, as if it had never failed."""
        self._db.execute(
            "UPDATE attachments SET state = 'wanted', failures = 0, next_try_ms = 0 WHERE id = ?", (clamp(id_),)
        )

    def try_again(self, id_: int, failures: int, next_try_ms: int) -> None:
        """A download has failed so often in a row, and is tried again at a moment of local time."""
        self._db.execute(
            "UPDATE attachments SET failures = ?, next_try_ms = ? WHERE id = ?", (failures, clamp(next_try_ms), id_)
        )

    def in_state(self, state: AttachmentState, limit: int) -> tuple[Attachment, ...]:
        """At most `limit` attachments in a state, oldest first: what is still to be fetched or uploaded."""
        rows = self._db.execute(_ONE + " WHERE state = ? ORDER BY id LIMIT ?", (state.value, limit))
        return tuple(_attachment(row) for row in rows)

    def set_state(self, id_: int, state: AttachmentState) -> None:
        """Change the state alone."""
        self._db.execute("UPDATE attachments SET state = ? WHERE id = ?", (state.value, id_))

    def set_uploaded(self, id_: int, url: str, key: Secret, digest: bytes | None) -> None:
        """Note where the file of an own message lies, and what opens it there."""
        self._db.execute(
            "UPDATE attachments SET state = 'stored', url = ?, key = ?, digest = ? WHERE id = ?",
            (url, key.reveal(), digest, id_),
        )

    def forget_pointer(self, id_: int) -> None:
        """Forget what opens the file on the server: it is here (09.6.1)."""
        self._db.execute("UPDATE attachments SET key = NULL, digest = NULL WHERE id = ?", (id_,))

    def listed(self, conversation: str | None, limit: int) -> tuple[tuple[Attachment, str, int, str], ...]:
        """At most `limit` attachments of a conversation, or of all, newest first.

        Each with the id of its conversation, T of its message, and its author as hex.
        """
        rows = self._db.execute(_LISTED, (conversation, limit))
        return tuple((_attachment(row[:-3]), str(row[-3]), int(row[-2]), bytes(row[-1]).hex()) for row in rows)

    def set_stored(self, id_: int, file: str, file_key: Secret) -> None:
        """Note the local file; the pointer's key and digest are forgotten (09.6.1)."""
        self._db.execute(
            "UPDATE attachments SET state = 'stored', file = ?, file_key = ?, key = NULL, digest = NULL, failures = 0"
            " WHERE id = ?",
            (file, file_key.reveal(), id_),
        )

    def set_thumbnail(self, id_: int, file: str, file_key: Secret) -> None:
        """Note the local file of the small picture."""
        self._db.execute(
            "UPDATE attachments SET thumbnail = ?, thumbnail_key = ? WHERE id = ?", (file, file_key.reveal(), id_)
        )

    def delete_of(self, message: int) -> tuple[str, ...]:
        """Forget the attachments of a message, also for searches; gives the names of files to remove."""
        files = self.files((message,))
        row = one(self._db, "SELECT body FROM messages WHERE id = ?", (message,))
        words = None if row is None else index_words(str(row[0]))
        self._db.execute("UPDATE messages SET words = ? WHERE id = ?", (words, message))
        self._db.execute("DELETE FROM attachments WHERE message = ?", (message,))
        return files

    def files(self, messages: Iterable[int]) -> tuple[str, ...]:
        """Names of the local files of messages."""
        found: list[str] = []
        for message in messages:
            rows = self._db.execute(
                "SELECT file, thumbnail FROM attachments WHERE message = ? ORDER BY position", (message,)
            )
            found += [str(name) for row in rows for name in row if name is not None]
        return tuple(found)

    def all_files(self) -> frozenset[str]:
        """Names of all local files that messages refer to; what else lies in their directory is left over."""
        rows = self._db.execute("SELECT file, thumbnail FROM attachments")
        return frozenset(str(name) for row in rows for name in row if name is not None)


def _columns(new: NewAttachment) -> tuple[int | str | bytes | None, ...]:
    return (
        new.url,
        new.content_type,
        new.file_name,
        new.size,
        new.flags,
        new.width,
        new.height,
        new.caption,
        None if new.key is None else new.key.reveal(),
        new.digest,
        new.state.value,
        new.file,
        None if new.file_key is None else new.file_key.reveal(),
        new.thumbnail,
        None if new.thumbnail_key is None else new.thumbnail_key.reveal(),
        int(new.preview),
    )


def _attachment(row: Row) -> Attachment:
    (id_, message, position, url, content_type, file_name, size, flags, width, height, caption, *rest) = row
    key, digest, state, file, file_key, thumbnail, thumbnail_key, preview, failures, trimmed_ms = rest
    pointer = NewAttachment(
        url=url,
        content_type=content_type,
        file_name=file_name,
        size=size,
        flags=flags,
        width=width,
        height=height,
        caption=caption,
        key=None if key is None else Secret(key),
        digest=digest,
        state=AttachmentState(state),
        file=file,
        file_key=None if file_key is None else Secret(file_key),
        thumbnail=thumbnail,
        thumbnail_key=None if thumbnail_key is None else Secret(thumbnail_key),
        preview=bool(preview),
    )
    return Attachment(id_, message, position, pointer, failures, trimmed_ms)
