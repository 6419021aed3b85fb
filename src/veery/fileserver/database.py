"""The file server's database: one writer whose commits are grouped, and a reading connection beside it.

An awaited write is on disk when it returns. Reads are of one indexed row, so they are done on the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from veery.fileserver import table
from veery.fileserver.errors import FileServerError
from veery.runtime.sqlite import Connection, Options, WriterThread, mapped, migrate, open_plain

T = TypeVar("T")
DATABASE: Final = "files.sqlite"


class Database:
    """Rows on disk, in a directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / DATABASE
        self._writer = WriterThread(self._open, name="veery-file-rows")
        self._reader: Connection | None = None

    async def start(self) -> None:
        """Open the database, bringing its schema up to date. Raises RuntimeFault leaves."""
        await self._writer.start()
        self._reader = open_plain(self._path, Options(read_only=True))

    async def close(self) -> None:
        """Finish the writes that wait, then close."""
        await self._writer.close()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a statement function in the next grouped commit; its result is durable. Raises RuntimeFault leaves."""
        return await self._writer.run(work)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a short read now. Raises RuntimeFault leaves."""
        if self._reader is None:
            raise FileServerError("the database of files is closed", kind="fileserver.closed")
        with mapped():
            return work(self._reader)

    def _open(self) -> Connection:
        connection = open_plain(self._path, Options())
        migrate(connection, table.MIGRATIONS)
        return connection
