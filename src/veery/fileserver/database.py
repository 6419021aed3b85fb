"""The file server's rows in SQLite: one writer whose commits are grouped, and a reading connection beside it.

Reads are of one indexed row, so they are done on the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from veery.fileserver import table
from veery.fileserver.errors import FileServerError
from veery.fileserver.metadata import StoredFile, Totals
from veery.runtime.sqlite import Connection, Options, WriterThread, mapped, migrate, open_plain

T = TypeVar("T")
DATABASE: Final = "files.sqlite"


class SqliteMetadata:
    """`Metadata` in a file of a directory, which the server has locked."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / DATABASE
        self._writer = WriterThread(self._open, name="veery-file-rows")
        self._reader: Connection | None = None

    async def start(self) -> None:
        """See `Metadata`."""
        await self._writer.start()
        self._reader = open_plain(self._path, Options(read_only=True))

    async def close(self) -> None:
        """See `Metadata`."""
        await self._writer.close()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    async def name(self) -> str:
        """See `Metadata`."""
        return self._read(table.name)

    async def find(self, file_id: str) -> StoredFile | None:
        """See `Metadata`."""
        return self._read(lambda db: table.find(db, file_id))

    async def keep(self, file: StoredFile) -> StoredFile:
        """See `Metadata`."""
        return await self._writer.run(lambda db: table.keep(db, file))

    async def extend(self, file_id: str, expiry_ms: int) -> StoredFile | None:
        """See `Metadata`."""
        return await self._writer.run(lambda db: table.extend(db, file_id, expiry_ms))

    async def expired(self, now_ms: int, limit: int) -> Sequence[str]:
        """See `Metadata`."""
        return self._read(lambda db: table.expired(db, now_ms, limit))

    async def remove_expired(self, file_ids: Sequence[str], now_ms: int) -> Sequence[StoredFile]:
        """See `Metadata`."""
        return await self._writer.run(lambda db: table.remove_expired(db, file_ids, now_ms))

    async def totals(self) -> Totals:
        """See `Metadata`."""
        return self._read(table.totals)

    async def count_check(self, day: int, key: bytes, platform: str, channel: str) -> int:
        """See `Metadata`."""
        return await self._writer.run(lambda db: table.count_check(db, day, key, platform, channel))

    async def checks_of(self, day: int) -> int:
        """See `Metadata`."""
        return self._read(lambda db: table.checks_of(db, day))

    async def forget_checks(self, before_day: int) -> None:
        """See `Metadata`."""
        await self._writer.run(lambda db: table.forget_checks(db, before_day))

    async def checks(self, since_day: int) -> Mapping[tuple[str, str], int]:
        """See `Metadata`."""
        return self._read(lambda db: table.checks(db, since_day))

    def _read(self, work: Callable[[Connection], T]) -> T:
        if self._reader is None:
            raise FileServerError("the database of files is closed", kind="fileserver.closed")
        with mapped():
            return work(self._reader)

    def _open(self) -> Connection:
        connection = open_plain(self._path, Options())
        migrate(connection, table.MIGRATIONS)
        return connection
