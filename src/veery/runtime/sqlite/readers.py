"""Reading beside the writer.

In WAL mode readers do not wait for the writer, nor it for them. A read of one row costs less than handing it to a
thread (about 15 against 60 microseconds), so this is for reads that take long: searches, pages, counts.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, Self, TypeVar

from veery.errors import Retry, RuntimeFault
from veery.runtime.sqlite.connect import Connection
from veery.runtime.sqlite.faults import driver_errors, mapped

T = TypeVar("T")
_SIZE: Final = 2  # threads


class ReadersClosed(RuntimeFault):
    """The pool is closed."""

    default_kind = "runtime.readers.closed"
    default_retry = Retry.NEVER


class ReaderPool:
    """Threads with a reading connection each, opened when first used. `async with` closes them at the end.

    open_connection: should open with `Options(read_only=True)`.
    """

    def __init__(
        self, open_connection: Callable[[], Connection], *, size: int = _SIZE, name: str = "veery-reader"
    ) -> None:
        self._open = open_connection
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._own = threading.local()
        self._connections: list[Connection] = []
        self._closed = False

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Give `work(connection)`, which sees one state of the database throughout.

        Raises what `work` raises (the engines' errors as leaves of DatabaseFault), ReadersClosed. A caller that is
        cancelled no longer waits, but the read goes on.
        """
        if self._closed:
            raise ReadersClosed("the readers are closed")
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._read, work)

    async def close(self) -> None:
        """Wait for the reads that have begun, and close the connections. Reads that wait are dropped."""
        self._closed = True
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
        while self._connections:
            self._connections.pop().close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with mapped():
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                with suppress(*driver_errors()):  # an error of the read is the one to tell
                    connection.execute("ROLLBACK")

    def _connection(self) -> Connection:
        found: Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = self._open()
            self._connections.append(found)
        return found
