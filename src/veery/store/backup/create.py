"""Writing a backup, and going on with one that was broken off."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from veery.errors import Retry, StoreError
from veery.protocol.crypto import RandomBytes
from veery.runtime.faults import DiskFull, files_mapped
from veery.runtime.paths import FILE_MODE
from veery.runtime.sqlite import Connection, schema_version
from veery.secret import Secret
from veery.store.backup import rows
from veery.store.backup.format import (
    BackupWrong,
    End,
    FilePart,
    FrameReader,
    FrameWriter,
    backup_key,
    new_header,
    read_header,
)
from veery.store.keys import Passphrase

PART_SUFFIX: Final = ".part"
_PIECE: Final = 1024 * 1024  # bytes of a file in one frame


class BackupDiskFull(StoreError):
    """The device that the backup is written to is full."""

    default_kind = "store.backup.full"
    default_retry = Retry.LATER
    default_remedy = "Free some space on it, then run the same command again: what is written is kept"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backup has come: files and rows, done and in all."""

    files: int
    files_total: int
    rows: int
    rows_total: int


Tell: TypeAlias = Callable[[Progress], None]  # may raise to break off


@dataclass(frozen=True, slots=True)
class _Begun:
    """What a file that was begun holds: whole files, and where the next frame goes."""

    key: Secret
    line: bytes
    position: int
    number: int
    files: frozenset[str]


def create_backup(
    connection: Connection,
    files: Path,
    target: Path,
    passphrase: Passphrase,
    now_ms: int,
    random: RandomBytes,
    tell: Tell,
) -> None:
    """Write the backup of an open store to `target`, all or nothing; `target.part` is what is not finished.

    connection: inside a read transaction, whose state the rows have. files: the directory of local files. A `.part` of
    an earlier attempt with the same passphrase is gone on with. Raises BackupDiskFull and other StoreErrors, FileFault,
    and what `tell` raises; the `.part` then stays.
    """
    part = target.with_name(target.name + PART_SUFFIX)
    try:
        _create(connection, files, target, part, passphrase, now_ms, random, tell)
    except DiskFull as error:  # before it is taken for the disk of the store
        raise BackupDiskFull(f"the backup {part.name} cannot be written: the device is full") from error


def _create(
    connection: Connection,
    files: Path,
    target: Path,
    part: Path,
    passphrase: Passphrase,
    now_ms: int,
    random: RandomBytes,
    tell: Tell,
) -> None:
    with files_mapped(f"The backup {part.name}"), ExitStack() as stack:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        file = stack.enter_context(os.fdopen(descriptor, "r+b"))
        schema = schema_version(connection)
        begun = _begun(file, passphrase, schema) or _new(file, passphrase, schema, now_ms, random)
        file.seek(begun.position)
        file.truncate()
        _Writing(file, begun, connection, files, random, tell).run()
        file.flush()
        os.fsync(file.fileno())
        part.replace(target)


class _Writing:
    def __init__(
        self, file: BinaryIO, begun: _Begun, connection: Connection, files: Path, random: RandomBytes, tell: Tell
    ) -> None:
        self._frames = FrameWriter(file, begun.key, begun.line, random, begun.number)
        self._connection = connection
        self._files = files
        self._there = begun.files
        self._tell = tell

    def run(self) -> None:
        missing = [name for name in _local_files(self._connection) if name not in self._there]
        written, total_rows = len(self._there), rows.count(self._connection)
        total_files = written + len(missing)
        for name in missing:
            self._tell(Progress(written, total_files, 0, total_rows))
            written += self._file(name)
        total_files, done = written, 0
        for batch in rows.dump(self._connection):
            self._tell(Progress(total_files, total_files, done, total_rows))
            self._frames.write(batch)
            done += len(batch.rows)
        self._frames.write(End(total_files, done))
        self._tell(Progress(total_files, total_files, done, total_rows))

    def _file(self, name: str) -> bool:
        """Write a file; tells whether it was there: a rule may take it while the backup is under way."""
        try:
            file = (self._files / name).open("rb")
        except FileNotFoundError:
            return False
        with file:
            piece = file.read(_PIECE)
            while True:
                following = file.read(_PIECE)
                self._frames.write(FilePart(name, piece, last=not following))
                if not following:
                    return True
                piece = following


def _local_files(connection: Connection) -> list[str]:
    if "blobs" in rows.columns_of(connection):
        found = connection.execute("SELECT name FROM blobs WHERE refs > 0 ORDER BY name")
    else:
        found = connection.execute("SELECT DISTINCT file FROM attachments WHERE file IS NOT NULL ORDER BY file")
    return [str(row[0]) for row in found]


def _new(file: BinaryIO, passphrase: Passphrase, schema: int, now_ms: int, random: RandomBytes) -> _Begun:
    line, key = new_header(passphrase, schema, now_ms, random)
    file.seek(0)
    file.write(line)
    return _Begun(key, line, len(line), 0, frozenset())


def _begun(file: BinaryIO, passphrase: Passphrase, schema: int) -> _Begun | None:
    """What may be kept of an earlier attempt: up to the last whole file. None to begin anew."""
    try:
        header, line = read_header(file)
    except BackupWrong:
        return None
    if header.schema != schema:
        return None
    reader = FrameReader(file, backup_key(header, passphrase), line)
    position, number, found = reader.position, 0, set[str]()
    while (part := _file_part(reader)) is not None:
        if part.last:
            found.add(part.name)
            position, number = reader.position, reader.number
    return _Begun(reader.key, line, position, number, frozenset(found)) if found else None


def _file_part(reader: FrameReader) -> FilePart | None:
    """The next record, if it is a whole piece of a file."""
    try:
        record = reader.read()
    except BackupWrong:
        return None
    return record if isinstance(record, FilePart) else None
