"""How much a store holds: rows by kind, and bytes on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from veery.store.sql import Connection, one


@dataclass(frozen=True, slots=True)
class Usage:
    """Rows, and bytes. free_bytes: inside the database file and not in use; file_bytes: the file and its log."""

    conversations: int
    messages: int
    attachments: int
    reactions: int
    outbox: int
    events: int
    undecoded: int
    content_bytes: int
    undecoded_bytes: int
    free_bytes: int
    file_bytes: int


class UsageReader:
    """Counts what there is."""

    __slots__ = ("_db", "_path")

    def __init__(self, connection: Connection, path: Path) -> None:
        self._db = connection
        self._path = path

    def get(self) -> Usage:
        """Count everything. Walks the tables: for settings pages and `doctor`, not for every start."""
        return Usage(
            conversations=self._number("SELECT count(*) FROM conversations"),
            messages=self._number("SELECT count(*) FROM messages"),
            attachments=self._number("SELECT count(*) FROM attachments"),
            reactions=self._number("SELECT count(*) FROM reactions"),
            outbox=self._number("SELECT count(*) FROM outbox"),
            events=self._number("SELECT count(*) FROM events"),
            undecoded=self._number("SELECT count(*) FROM undecoded"),
            content_bytes=self._number("SELECT coalesce(sum(length(content)), 0) FROM messages"),
            undecoded_bytes=self._number("SELECT coalesce(sum(length(data)), 0) FROM undecoded"),
            free_bytes=self._number("PRAGMA freelist_count") * self._number("PRAGMA page_size"),
            file_bytes=self.file_bytes(),
        )

    def file_bytes(self) -> int:
        """Bytes of the database and its log on the disk."""
        return sum(_size(self._path.with_name(self._path.name + ending)) for ending in ("", "-wal"))

    def _number(self, sql: str) -> int:
        row = one(self._db, sql)
        return int(row[0]) if row else 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
