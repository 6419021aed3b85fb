"""Freed means freed: what was deleted leaves the database, and the file becomes smaller.

Three things keep deleted rows readable to whoever holds the key, and each is answered:

- free space inside pages and free pages: `secure_delete` (on for every writing connection, and FTS5's own option of
  that name) overwrites both as rows go;
- pages that lost cells to a neighbour when the tree was balanced may keep bytes of cells that were deleted later
  from that neighbour: only a VACUUM, which writes the database anew, is sure to leave none. `thorough` does it;
- the write-ahead log holds older images of pages: it is brought into the database and cut to nothing.

The copy that a VACUUM makes is held in memory, but for a large database in a temporary file of the system, which has no
name and is encrypted with the key of the store (a test looks into it).

Without `thorough` free pages are cut off the end of the file instead (incremental vacuum), a chunk a transaction, so
that writers wait for some milliseconds at most. What no program can promise: a disk, or its file system, may keep old
blocks. They are encrypted, and useless without the key of the store.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from veery.runtime.faults import DiskFull
from veery.runtime.sqlite import Connection, DatabaseFault, DatabaseLocked, mapped, transaction

DELETED: Final = "deleted"  # the setting that a trigger sets when rows go, see `schema_storage`
_CHUNK: Final = 1_000  # pages given back in one transaction
_IN_MEMORY_MAX: Final = 32 * 1024**2  # bytes; the copy of a larger database goes by a temporary file
_CLOSING_CHUNKS: Final = 25
_TRIES: Final = 5  # each waits as long as the connection's busy time-out


@dataclass(frozen=True, slots=True)
class Purged:
    """Bytes of the database and its log before and after."""

    before_bytes: int
    after_bytes: int


def purge(open_connection: Callable[[], Connection], path: Path, *, thorough: bool) -> Purged:
    """Make deleted rows unreadable and give their space back. Blocks; for a thread.

    open_connection: opens a writing connection to the database at `path`, which is closed again.
    Raises DatabaseLocked (somebody reads or writes all the time: nothing is lost, try later), DiskFull.
    """
    before = _bytes(path)
    connection = open_connection()
    try:
        with mapped():
            if thorough:
                _need_space(path)
                if before > _IN_MEMORY_MAX:
                    connection.execute("PRAGMA temp_store = FILE")
                connection.execute("VACUUM")
                with transaction(connection):
                    connection.execute("DELETE FROM settings WHERE name = ?", (DELETED,))
            else:
                _give_back(connection)
            _cut_log(connection)
    finally:
        connection.close()
    return Purged(before, _bytes(path))


def give_back(open_connection: Callable[[], Connection]) -> None:
    """Cut free pages off the file of a store that is closing: as many as that takes a moment, the rest another time.

    What stands in the way (others that read, a full disk, damage) is told to the next who opens the store.
    """
    with suppress(DatabaseFault, DiskFull), mapped():
        connection = open_connection()
        try:
            _give_back(connection, _CLOSING_CHUNKS)
        finally:
            connection.close()


def _give_back(connection: Connection, chunks: int | None = None) -> None:
    done = 0
    while int(connection.execute("PRAGMA freelist_count").fetchone()[0]) and done != chunks:
        with transaction(connection):
            connection.execute(f"PRAGMA incremental_vacuum({_CHUNK})").fetchall()
        done += 1


def _cut_log(connection: Connection) -> None:
    for _ in range(_TRIES):
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return
    raise DatabaseLocked("the log of the database is in use all the time")


def _need_space(path: Path) -> None:
    """A VACUUM writes a whole copy into the log before it counts."""
    if shutil.disk_usage(path.parent).free < 2 * _bytes(path):
        raise DiskFull("there is not enough room to write the database anew")


def _bytes(path: Path) -> int:
    found = (path.with_name(path.name + ending) for ending in ("", "-wal"))
    return sum(each.stat().st_size for each in found if each.exists())
