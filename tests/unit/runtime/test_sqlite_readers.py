"""Reading beside the writer."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from veery.runtime.sqlite import Connection, DatabaseDenied, DatabaseFault, Options, ReaderPool, open_plain
from veery.runtime.sqlite.readers import ReadersClosed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    connection = open_plain(tmp_path / "a.db")
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    return tmp_path / "a.db"


def pool(path: Path) -> ReaderPool:
    return ReaderPool(lambda: open_plain(path, Options(read_only=True)), size=2)


def count(connection: Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


async def test_reads_and_errors(path: Path) -> None:
    async with pool(path) as readers:
        assert await readers.run(count) == 1
        with pytest.raises(DatabaseFault, match="no such table"):
            await readers.run(lambda connection: connection.execute("SELECT * FROM none"))
        with pytest.raises(DatabaseDenied):
            await readers.run(lambda connection: connection.execute("DELETE FROM t"))
        assert await readers.run(count) == 1
    with pytest.raises(ReadersClosed):
        await readers.run(count)


async def test_a_read_sees_one_state_while_others_write(path: Path) -> None:
    reached, written = threading.Event(), threading.Event()

    def twice(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        reached.set()
        assert written.wait(10)
        return before, count(connection)

    writing = open_plain(path)
    async with pool(path) as readers:
        reading = asyncio.create_task(readers.run(twice))
        await asyncio.to_thread(reached.wait, 10)
        writing.execute("INSERT INTO t VALUES (2)")
        written.set()
        assert await reading == (1, 1)
        assert await readers.run(count) == 2
    writing.close()


async def test_two_read_at_the_same_time(path: Path) -> None:
    meeting = threading.Barrier(2, timeout=10)

    def meet(connection: Connection) -> int:
        meeting.wait()
        return count(connection)

    async with pool(path) as readers:
        assert list(await asyncio.gather(readers.run(meet), readers.run(meet))) == [1, 1]
