"""The writing thread: grouping, durability, and errors that stay with their caller."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from veery.runtime import loop
from veery.runtime.faults import DiskFull, FileMissing
from veery.runtime.sqlite import (
    Connection,
    ConstraintBroken,
    DatabaseFault,
    DatabaseLocked,
    Options,
    WriterClosed,
    WriterFull,
    WriterThread,
    open_encrypted,
    open_plain,
    transaction,
)
from veery.secret import Secret

TABLE = "CREATE TABLE IF NOT EXISTS t (a UNIQUE)"
Work = Callable[[Connection], Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


def opening(path: Path, *pragmas: str, busy_timeout_ms: int = 5_000) -> Callable[[], Connection]:
    def opened() -> Connection:
        connection = open_plain(path, Options(busy_timeout_ms=busy_timeout_ms))
        for statement in (TABLE, *pragmas):
            connection.execute(statement)
        return connection

    return opened


def insert(value: object) -> Work:
    return lambda connection: connection.execute("INSERT INTO t VALUES (?)", (value,)).lastrowid  # type: ignore[arg-type]


def rows(path: Path) -> list[object]:
    connection = open_plain(path)
    found = [value for (value,) in connection.execute("SELECT a FROM t ORDER BY rowid")]
    connection.close()
    return found


class Gate:
    """Work that holds the writer until it is let go, so that a group gathers behind it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, connection: Connection) -> None:
        self.reached.set()
        assert self.open.wait(10)


@asynccontextmanager
async def gathered(writer: WriterThread) -> Any:
    """What is called inside runs as one group at the end of the body."""
    gate = Gate()
    held = asyncio.create_task(writer.run(gate))
    await asyncio.to_thread(gate.reached.wait, 10)
    try:
        yield
        await asyncio.sleep(0)  # the calls are made,
        await asyncio.sleep(0)  # and handed over
    finally:
        gate.open.set()
        await held


def group(writer: WriterThread) -> AbstractAsyncContextManager[None]:
    return gathered(writer)


async def all_of(*calls: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_results_come_back_and_are_stored(path: Path) -> None:
    async with WriterThread(opening(path)) as writer:
        assert await writer.run(insert("x")) == 1
        assert await writer.run(lambda connection: connection.execute("SELECT a FROM t").fetchall()) == [("x",)]
        assert writer.waiting == 0
    assert rows(path) == ["x"]


async def test_what_waits_shares_one_commit(path: Path) -> None:
    commits: list[str] = []

    def opened() -> Connection:
        connection = opening(path)()
        connection.set_trace_callback(commits.append)  # type: ignore[attr-defined]  # both engines have it
        return connection

    async with WriterThread(opened) as writer:
        async with group(writer):
            calls = [asyncio.create_task(writer.run(insert(n))) for n in range(50)]
        assert await asyncio.gather(*calls) == list(range(1, 51))
    assert commits.count("COMMIT") == 2
    assert rows(path) == list(range(50))


async def test_nobody_is_answered_before_the_commit(path: Path) -> None:
    async with WriterThread(opening(path)) as writer:
        other = open_plain(path)
        async with group(writer):
            call = asyncio.create_task(writer.run(insert(1)))
            await asyncio.sleep(0)
            assert not call.done()
            assert other.execute("SELECT count(*) FROM t").fetchone() == (0,)
        await call
        assert other.execute("SELECT count(*) FROM t").fetchone() == (1,)
        other.close()


async def test_one_that_fails_fails_alone(path: Path) -> None:
    def half(connection: Connection) -> None:
        connection.execute("INSERT INTO t VALUES ('half')")
        raise LookupError("stop")

    async with WriterThread(opening(path)) as writer:
        async with group(writer):
            works: tuple[Work, ...] = (insert(1), half, insert(1), insert(2), lambda connection: next(iter([])))
            calls = [asyncio.create_task(writer.run(work)) for work in works]
        first, second, third, fourth, fifth = await all_of(*calls)
    assert (first, fourth) == (1, 2)
    assert isinstance(second, LookupError)
    assert isinstance(third, ConstraintBroken)
    assert isinstance(fifth, DatabaseFault)
    assert rows(path) == [1, 2]


async def test_when_the_engine_ends_the_transaction_those_before_fail_and_the_rest_runs(path: Path) -> None:
    def ends(connection: Connection) -> None:
        connection.execute("INSERT OR ROLLBACK INTO t VALUES ('there')")

    async with WriterThread(opening(path, "INSERT INTO t VALUES ('there')")) as writer:
        async with group(writer):
            calls = [asyncio.create_task(writer.run(work)) for work in (insert(1), ends, insert(2))]
        first, second, third = await all_of(*calls)
    assert isinstance(first, ConstraintBroken)
    assert isinstance(second, ConstraintBroken)
    assert first is not second
    assert third == 2
    assert rows(path) == ["there", 2]


async def test_work_that_ends_the_transaction_is_refused(path: Path) -> None:
    async with WriterThread(opening(path)) as writer:
        for statement in ("ROLLBACK", "COMMIT"):
            with pytest.raises(DatabaseFault) as caught:
                await writer.run(lambda connection, ends=statement: connection.execute(ends))  # type: ignore[misc]
            assert caught.value.kind == "runtime.database.usage"
        await writer.run(insert(1))
    assert rows(path) == [1]


async def test_a_full_disk(path: Path) -> None:
    async with WriterThread(opening(path, "PRAGMA max_page_count = 10")) as writer:
        async with group(writer):
            calls = [asyncio.create_task(writer.run(insert(bytes([n]) * 9_000))) for n in range(8)]
        results = await all_of(*calls)
        faults = [result for result in results if isinstance(result, BaseException)]
        assert faults
        assert all(isinstance(fault, DiskFull) for fault in faults)
        await writer.run(lambda connection: connection.execute("DELETE FROM t"))
        await writer.run(insert(1))
    assert rows(path) == [1]


async def test_a_failing_commit_fails_everybody(path: Path) -> None:
    deferred = "CREATE TABLE c (p REFERENCES t (a) DEFERRABLE INITIALLY DEFERRED)"
    async with WriterThread(opening(path, deferred)) as writer:
        async with group(writer):
            orphan: Work = lambda connection: connection.execute("INSERT INTO c VALUES (9)")  # noqa: E731
            calls = [asyncio.create_task(writer.run(work)) for work in (insert(1), orphan)]
        results = await all_of(*calls)
        assert [type(result) for result in results] == [ConstraintBroken, ConstraintBroken]
        await writer.run(insert(2))
    assert rows(path) == [2]


async def test_another_process_holds_the_database(path: Path) -> None:
    async with WriterThread(opening(path, busy_timeout_ms=0)) as writer:
        other = open_plain(path)
        with transaction(other):
            results = await all_of(writer.run(insert(1)), writer.run(insert(2)))
        assert [type(result) for result in results] == [DatabaseLocked, DatabaseLocked]
        other.close()
        await writer.run(insert(3))
    assert rows(path) == [3]


async def test_a_caller_cancelled_in_time_writes_nothing(path: Path) -> None:
    async with WriterThread(opening(path)) as writer:
        async with group(writer):
            calls = [asyncio.create_task(writer.run(insert(n))) for n in range(3)]
            await asyncio.sleep(0)
            calls[1].cancel()
        results = await all_of(*calls)
        assert isinstance(results[1], asyncio.CancelledError)
        assert writer.waiting == 0
    assert rows(path) == [0, 2]


async def test_the_queue_is_bounded(path: Path) -> None:
    async with WriterThread(opening(path), waiting_max=3) as writer:
        async with group(writer):
            calls = [asyncio.create_task(writer.run(insert(n))) for n in range(2)]
            await asyncio.sleep(0)
            assert writer.waiting == 3
            with pytest.raises(WriterFull):
                await writer.run(insert(9))
        await asyncio.gather(*calls)
        await writer.run(insert(2))
    assert rows(path) == [0, 1, 2]


async def test_closing_drains(path: Path) -> None:
    writer = WriterThread(opening(path))
    await writer.start()
    calls = [asyncio.create_task(writer.run(insert(n))) for n in range(2_500)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    with pytest.raises(WriterClosed):
        await writer.run(insert(9))
    await asyncio.gather(closing, *calls)
    await writer.close()
    assert len(rows(path)) == 2_500
    assert not path.with_name("a.db-wal").exists()


async def test_opening_errors_come_out_of_start(tmp_path: Path) -> None:
    writer = WriterThread(opening(tmp_path / "none" / "a.db"))
    with pytest.raises(FileMissing):
        await writer.start()
    with pytest.raises(WriterClosed):
        await writer.run(insert(1))
    broken = WriterThread(opening(tmp_path / "a.db", "SELEC"), name="broken-writer")
    with pytest.raises(DatabaseFault, match="syntax"):
        await broken.start()
    assert "broken-writer" not in [thread.name for thread in threading.enumerate()]


async def test_a_cancelled_start_leaves_no_thread(path: Path) -> None:
    gate = threading.Event()

    def slow() -> Connection:
        assert gate.wait(10)
        return opening(path)()

    writer = WriterThread(slow, name="slow-writer")
    starting = asyncio.create_task(writer.start())
    await asyncio.sleep(0)
    starting.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert "slow-writer" not in [thread.name for thread in threading.enumerate()]


async def test_it_starts_once(path: Path) -> None:
    async with WriterThread(opening(path)) as writer:
        with pytest.raises(WriterClosed):
            await writer.start()


async def test_encrypted_databases_are_written_the_same_way(path: Path) -> None:
    def opened() -> Connection:
        connection = open_encrypted(path, Secret(bytes(32)))
        connection.execute(TABLE)
        return connection

    async with WriterThread(opened) as writer:
        await writer.run(insert(1))
        with pytest.raises(ConstraintBroken):
            await writer.run(insert(1))


def test_under_uvloop(path: Path) -> None:
    async def main() -> list[object]:
        async with WriterThread(opening(path)) as writer:
            return list(await asyncio.gather(*[writer.run(insert(n)) for n in range(200)]))

    assert loop.run(main()) == list(range(1, 201))


KILLED = """
import asyncio, sys
from pathlib import Path
from veery.runtime.sqlite import WriterThread, open_plain

def opened():
    connection = open_plain(Path(sys.argv[1]))
    connection.execute("CREATE TABLE t (a)")
    return connection

async def main():
    async with WriterThread(opened) as writer:
        async def client(first):
            for number in range(first, 10**9, 16):
                await writer.run(lambda connection: connection.execute("INSERT INTO t VALUES (?)", (number,)))
                sys.stdout.write(f"{number}\\n")
                sys.stdout.flush()
        await asyncio.gather(*map(client, range(16)))

asyncio.run(main())
"""


def test_what_was_answered_survives_a_kill(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as writing:
        assert writing.stdout is not None
        answered = [writing.stdout.readline() for _ in range(500)]
        writing.kill()
        answered += writing.stdout.readlines()
    numbers = {int(line) for line in answered if line.endswith(b"\n")}
    assert len(numbers) >= 500
    assert numbers <= set(rows(path))
