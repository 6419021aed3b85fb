"""Files beside the database, counted by who refers to them.

`attachments.file` is counted by triggers (see `schema_storage`). A file is made and removed so that a kill at any
point leaves neither a file that nobody knows for longer than until the next start, nor a reference without a file:

    add (a held row) -> write the file under its name -> refer to it in the transaction that needs it
    the last reference goes (count 0), in the transaction that deletes -> commit -> unlink -> forget the row

`unreferenced` gives what may be unlinked now. At the start nobody is making files, so held rows without references are
left over as well (`release_held`), and so is every file of the directory that `names` does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from veery.store.sql import Connection, one


@dataclass(frozen=True, slots=True)
class Blob:
    """A local file. size: bytes on the disk; refs: how many refer to it; held: it is being made."""

    name: str
    size: int
    refs: int
    held: bool


class Blobs:
    """The files."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, name: str, size: int, now_ms: int) -> None:
        """Announce a file before it is written, or correct its size; it is kept until the next start at least."""
        self._db.execute(
            "INSERT INTO blobs (name, size, held, created_ms) VALUES (?, ?, 1, ?)"
            " ON CONFLICT (name) DO UPDATE SET size = excluded.size",
            (name, size, now_ms),
        )

    def refer(self, name: str) -> None:
        """Count one more who refers to a file; for all but `attachments.file`, which counts by itself."""
        self._db.execute("UPDATE blobs SET refs = refs + 1, held = 0 WHERE name = ?", (name,))

    def release(self, name: str) -> None:
        """Count one fewer; at 0 the file goes after the commit. A file that is only held is given up."""
        self._db.execute("UPDATE blobs SET refs = max(0, refs - 1), held = 0 WHERE name = ?", (name,))

    def release_held(self) -> int:
        """At the start: nobody makes files any more that were begun before. Gives how many were left over."""
        return self._db.execute("UPDATE blobs SET held = 0 WHERE refs = 0 AND held = 1").rowcount

    def get(self, name: str) -> Blob | None:
        """One file."""
        row = one(self._db, "SELECT name, size, refs, held FROM blobs WHERE name = ?", (name,))
        return None if row is None else Blob(row[0], row[1], row[2], bool(row[3]))

    def unreferenced(self, limit: int) -> tuple[str, ...]:
        """At most `limit` names of files that nobody needs."""
        rows = self._db.execute("SELECT name FROM blobs WHERE refs = 0 AND held = 0 LIMIT ?", (limit,))
        return tuple(str(row[0]) for row in rows)

    def forget(self, names: Iterable[str]) -> None:
        """The files are gone. One that is referred to again meanwhile keeps its row."""
        self._db.executemany("DELETE FROM blobs WHERE name = ? AND refs = 0", [(name,) for name in names])

    def names(self) -> frozenset[str]:
        """The names of all files that there should be, or may be while they are made."""
        return frozenset(str(row[0]) for row in self._db.execute("SELECT name FROM blobs"))

    def total(self) -> tuple[int, int]:
        """How many files there are, and their bytes."""
        count, size = one(self._db, "SELECT count(*), coalesce(sum(size), 0) FROM blobs") or (0, 0)
        return int(count), int(size)
