"""Reading a backup: to check it, or to make a store of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from veery.protocol.crypto import RandomBytes
from veery.runtime.faults import files_mapped
from veery.runtime.locks import FileLock
from veery.runtime.paths import FILE_MODE, private_directory
from veery.runtime.sqlite import migrate, transaction
from veery.secret import Secret
from veery.store.backup import rows
from veery.store.backup.create import Progress, Tell
from veery.store.backup.format import (
    BackupIncomplete,
    BackupTooNew,
    BackupWrong,
    End,
    FilePart,
    FrameReader,
    Header,
    Record,
    Rows,
    backup_key,
    read_header,
)
from veery.store.backup.settling import settle
from veery.store.database import FILES_NAME, LOCK_NAME, discard_unmade, make_store, new_database
from veery.store.faults import store_faults
from veery.store.keys import Passphrase, Unlock
from veery.store.migrations import MIGRATIONS

_NEW: Final = ".new"
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Summary:
    """What a backup holds. created_ms: local time of the machine that made it; rows: by table."""

    created_ms: int
    schema: int
    files: int
    file_bytes: int
    rows: dict[str, int]


def verify_backup(source: Path, passphrase: Passphrase, tell: Tell) -> Summary:
    """Read a backup to its end. Raises BackupWrong and its kinds, StoreError, FileFault, and what `tell` raises."""
    with files_mapped(f"The backup {source.name}"), source.open("rb") as file:
        reading = _opened(file, passphrase, tell)
        for _ in reading.records():
            pass
        return reading.summary()


def restore_backup(
    source: Path, passphrase: Passphrase, directory: Path, unlock: Unlock, random: RandomBytes, tell: Tell
) -> Summary:
    """Make the profile of a backup in a directory that holds none, all or nothing.

    An attempt that was broken off leaves whole local files alone, and the next one goes on after them; what a wrong
    backup has brought is removed, as is whatever else lies among the local files in the end. The new store counts as
    restored: it merges configuration before it pushes any (07.9), has a new device id, and what was not sent has
    failed, to be sent again by hand.
    Raises BackupWrong and its kinds, StoreError (`store.exists`), StoreBusy, FileFault, and what `tell` raises.
    """
    lock = FileLock(private_directory(directory) / LOCK_NAME)
    lock.acquire_now()
    try:
        with files_mapped(f"The backup {source.name}"), source.open("rb") as file:
            reading = _opened(file, passphrase, tell)
            unpacking = _Unpacking(private_directory(directory / FILES_NAME))

            def fill(path: Path, key: Secret) -> None:
                _fill(path, key, reading, unpacking, random)

            try:
                make_store(directory, unlock, fill, random)
            except BackupWrong:
                unpacking.undo()
                raise
            finally:
                unpacking.clear()
                discard_unmade(directory)
            unpacking.keep_only_own()
            return reading.summary()
    finally:
        lock.release()


class _Reading:
    """Reads records and counts them."""

    def __init__(self, reader: FrameReader, header: Header, tell: Tell) -> None:
        self.header = header
        self._reader = reader
        self._tell = tell
        self._rows: dict[str, int] = {}
        self._files = 0
        self._file_bytes = 0

    def records(self) -> Iterator[FilePart | Rows]:
        """Every file piece and batch, then the end is checked."""
        last: Record | None = None
        for last in self._reader:
            if isinstance(last, End):
                break
            self._count(last)
            yield last
        if not isinstance(last, End):
            raise BackupIncomplete("the backup has no end")
        if (last.files, last.rows) != (self._files, sum(self._rows.values())) or self._reader.read() is not None:
            raise BackupWrong("the backup does not hold what its end says")

    def summary(self) -> Summary:
        """What was read."""
        return Summary(self.header.created_ms, self.header.schema, self._files, self._file_bytes, dict(self._rows))

    def _count(self, record: FilePart | Rows) -> None:
        if isinstance(record, Rows):
            if record.table not in rows.INCLUDED and record.table not in rows.PASSED_OVER:
                raise BackupWrong("the backup holds rows of a table that does not belong into one")
            self._rows[record.table] = self._rows.get(record.table, 0) + len(record.rows)
        else:
            if not _NAME.fullmatch(record.name):
                raise BackupWrong("the backup holds a file with an impossible name")
            self._files += record.last
            self._file_bytes += len(record.data)
        done = sum(self._rows.values())
        self._tell(Progress(self._files, self._files, done, done))


def _opened(file: BinaryIO, passphrase: Passphrase, tell: Tell) -> _Reading:
    header, line = read_header(file)
    if header.schema > len(MIGRATIONS):
        raise BackupTooNew(f"the backup has schema {header.schema}, this program knows {len(MIGRATIONS)}")
    return _Reading(FrameReader(file, backup_key(header, passphrase), line), header, tell)


def _fill(path: Path, key: Secret, reading: _Reading, unpacking: _Unpacking, random: RandomBytes) -> None:
    with closing(new_database(path, key)) as connection, store_faults():
        migrate(connection, MIGRATIONS[: reading.header.schema])
        with transaction(connection):
            known = rows.columns_of(connection)
            table = ""
            for record in reading.records():
                if isinstance(record, FilePart):
                    unpacking.take(record)
                    continue
                if record.table != table:
                    table = record.table
                    rows.clear(connection, table)
                rows.insert(connection, record, known)
        migrate(connection, MIGRATIONS)
        with transaction(connection):
            settle(connection, random)


class _Unpacking:
    """Writes local files, each under another name until it is whole."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._name: str | None = None
        self._skip = False
        self._own: set[str] = set()

    def take(self, part: FilePart) -> None:
        """The next piece."""
        target = self._directory / part.name
        partial = target.with_name(part.name + _NEW)
        first = part.name != self._name
        if first:
            self._name, self._skip = part.name, target.exists()
            self._own.add(part.name)
        if not self._skip:
            with partial.open("wb" if first else "ab") as file:
                file.write(part.data)
                if part.last:
                    file.flush()
                    os.fsync(file.fileno())  # its name says that it is whole, also after a power cut
            if part.last:
                partial.chmod(FILE_MODE)
                partial.replace(target)
        if part.last:
            self._name = None

    def clear(self) -> None:
        """Remove what is half a file."""
        for partial in self._directory.glob(f"*{_NEW}"):
            partial.unlink(missing_ok=True)

    def undo(self) -> None:
        """Remove every file that came out of this backup."""
        for name in self._own:
            (self._directory / name).unlink(missing_ok=True)

    def keep_only_own(self) -> None:
        """Remove what an attempt with another backup has left."""
        for path in self._directory.iterdir():
            if path.name not in self._own and path.is_file():
                path.unlink(missing_ok=True)
