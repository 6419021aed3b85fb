"""Attachments of messages: the pointer, and the state of the local file. The files themselves lie elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from veery.secret import Secret
from veery.store.message_values import Attachment, AttachmentState, NewAttachment
from veery.store.sql import Connection, Row, clamp, one

_SELECT: Final = (
    "SELECT id, message, position, url, content_type, file_name, size, flags, width, height, caption, key, digest,"
    " state, file, file_key FROM attachments"
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
            " caption, key, digest, state, file, file_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(message, position, *_columns(each)) for position, each in enumerate(attachments)],
        )

    def get(self, id_: int) -> Attachment | None:
        """One attachment."""
        row = one(self._db, _SELECT + " WHERE id = ?", (clamp(id_),))
        return None if row is None else _attachment(row)

    def of(self, message: int) -> tuple[Attachment, ...]:
        """The attachments of a message, in their order."""
        rows = self._db.execute(_SELECT + " WHERE message = ? ORDER BY position", (message,))
        return tuple(_attachment(row) for row in rows)

    def in_state(self, state: AttachmentState, limit: int) -> tuple[Attachment, ...]:
        """At most `limit` attachments in a state, oldest first: what is still to be fetched or uploaded."""
        rows = self._db.execute(_SELECT + " WHERE state = ? ORDER BY id LIMIT ?", (state.value, limit))
        return tuple(_attachment(row) for row in rows)

    def set_state(self, id_: int, state: AttachmentState) -> None:
        """Change the state alone."""
        self._db.execute("UPDATE attachments SET state = ? WHERE id = ?", (state.value, id_))

    def set_stored(self, id_: int, file: str, file_key: Secret) -> None:
        """Note the local file; the pointer's key and digest are forgotten (09.6.1)."""
        self._db.execute(
            "UPDATE attachments SET state = 'stored', file = ?, file_key = ?, key = NULL, digest = NULL WHERE id = ?",
            (file, file_key.reveal(), id_),
        )

    def delete_of(self, message: int) -> tuple[str, ...]:
        """Forget the attachments of a message; gives the names of files to remove."""
        files = self.files((message,))
        self._db.execute("DELETE FROM attachments WHERE message = ?", (message,))
        return files

    def files(self, messages: Iterable[int]) -> tuple[str, ...]:
        """Names of the local files of messages."""
        found: list[str] = []
        for message in messages:
            rows = self._db.execute(
                "SELECT file FROM attachments WHERE message = ? AND file IS NOT NULL ORDER BY position", (message,)
            )
            found += [str(row[0]) for row in rows]
        return tuple(found)

    def all_files(self) -> frozenset[str]:
        """Names of all local files that messages refer to; what else lies in their directory is left over."""
        return frozenset(str(row[0]) for row in self._db.execute("SELECT file FROM attachments WHERE file IS NOT NULL"))


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
    )


def _attachment(row: Row) -> Attachment:
    (id_, message, position, url, content_type, file_name, size, flags, width, height, caption, *rest) = row
    key, digest, state, file, file_key = rest
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
    )
    return Attachment(id_, message, position, pointer)
