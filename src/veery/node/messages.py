"""The node's message database: one writer whose commits are grouped, and a reading connection beside it.

An awaited write is on disk when it returns. Readers see what was committed; a retrieve reads one indexed range, which
costs microseconds, so it is done on the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from veery.errors import RuntimeFault
from veery.node import message_table as table
from veery.node.message_table import StoredMessage, StoreResult
from veery.runtime.sqlite import Connection, Options, WriterThread, mapped, migrate, open_plain

T = TypeVar("T")
Stored = Callable[[StoredMessage], None]

DATABASE = "messages.sqlite"


class DatabaseFull(RuntimeFault):
    """The database has reached its bound; stores fail until messages expire (04.4.2)."""

    default_kind = "node.database_full"


class MessageStore:
    """Messages on disk. `on_stored` hears of each newly stored message, also of one that another member forwarded."""

    def __init__(self, directory: Path, *, size_max: int) -> None:
        self._path = directory / DATABASE
        self._size_max = size_max
        self._writer = WriterThread(self._open_to_write, name="message writer")
        self._reader: Connection | None = None
        self.on_stored: Stored = lambda message: None

    async def start(self) -> None:
        """Open the database, bringing its schema up to date. Raises RuntimeFault leaves."""
        await self._writer.start()
        self._reader = open_plain(self._path, Options(read_only=True))

    async def close(self) -> None:
        """Finish the writes that wait, then close."""
        await self._writer.close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open_to_write(self) -> Connection:
        connection = open_plain(self._path, Options())
        migrate(connection, table.MIGRATIONS)
        page = int(connection.execute("PRAGMA page_size").fetchone()[0])
        connection.execute(f"PRAGMA max_page_count = {self._size_max // page}")
        return connection

    # -- writing -----------------------------------------------------------------------------------------------

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a statement function in the next grouped commit; its result is durable. Raises RuntimeFault leaves."""
        return await self._writer.run(work)

    async def put(self, message: StoredMessage) -> StoreResult:
        """Store one message; `on_stored` is told when it is new."""
        kept = await self._writer.run_joined(table.store_many, message)
        if kept.inserted:
            self.on_stored(message)
        return kept

    async def put_pushed(self, messages: Sequence[StoredMessage]) -> int:
        """Store what a member pushed in bulk; nobody is notified (05.4.1). Gives how many were new."""
        return await self._writer.run(lambda db: table.store_pushed(db, messages))

    # -- reading -----------------------------------------------------------------------------------------------

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a short read now."""
        if self._reader is None:
            raise RuntimeFault("the message database is closed", kind="node.database_closed")
        with mapped():
            return work(self._reader)

    async def read_long(self, work: Callable[[Connection], T]) -> T:
        """Run a long read on a connection and thread of its own."""

        def run() -> T:
            connection = open_plain(self._path, Options(read_only=True))
            try:
                with mapped():
                    return work(connection)
            finally:
                connection.close()

        return await asyncio.to_thread(run)
