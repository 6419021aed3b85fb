"""Writes that are run as one: their results, their order among others, and that one which fails fails alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from veery.runtime.faults import DiskFull
from veery.runtime.sqlite import Connection, ConstraintBroken, WriterThread, open_plain


def opened(path: Path) -> Connection:
    connection = open_plain(path)
    connection.execute("CREATE TABLE t (a UNIQUE)")
    return connection


class Inserting:
    """Inserts all of its arguments by one statement, and remembers how many there were."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, connection: Connection, values: Sequence[str]) -> list[str]:
        self.sizes.append(len(values))
        connection.execute(f"INSERT INTO t VALUES {', '.join(['(?)'] * len(values))}", values)
        return [f"kept {value}" for value in values]


async def held(writer: WriterThread, gate: threading.Event) -> asyncio.Task[object]:
    """Let the writer wait, so that what is called next is one group."""
    reached = threading.Event()

    def wait(connection: Connection) -> object:
        reached.set()
        return gate.wait(10)

    task: asyncio.Task[object] = asyncio.create_task(writer.run(wait))
    await asyncio.to_thread(reached.wait, 10)
    return task


async def let_go(gate: threading.Event, task: asyncio.Task[object]) -> None:
    await asyncio.sleep(0)  # the calls are made,
    await asyncio.sleep(0)  # and handed over
    gate.set()
    await task


async def grouped(writer: WriterThread, *calls: object) -> list[object]:
    gate = threading.Event()
    task = await held(writer, gate)
    waiting = asyncio.gather(*calls, return_exceptions=True)  # type: ignore[call-overload]
    await let_go(gate, task)
    found: list[object] = await waiting
    return found


async def test_neighbours_are_run_as_one_and_each_gets_its_own_result(tmp_path: Path) -> None:
    insert = Inserting()
    async with WriterThread(lambda: opened(tmp_path / "a.db")) as writer:
        calls = [writer.run_joined(insert, f"{number:03}") for number in range(70)]
        assert await grouped(writer, *calls) == [f"kept {number:03}" for number in range(70)]
        assert insert.sizes == [32, 32, 6]
        kept = await writer.run(lambda connection: connection.execute("SELECT a FROM t ORDER BY rowid").fetchall())
        assert kept == [(f"{number:03}",) for number in range(70)]


async def test_another_write_between_them_keeps_its_place(tmp_path: Path) -> None:
    insert, other = Inserting(), Inserting()
    async with WriterThread(lambda: opened(tmp_path / "a.db")) as writer:
        counted = writer.run(lambda connection: connection.execute("SELECT count(*) FROM t").fetchone()[0])
        found = await grouped(
            writer,
            writer.run_joined(insert, "a"),
            counted,
            writer.run_joined(insert, "b"),
            writer.run_joined(other, "c"),
        )
        assert found == ["kept a", 1, "kept b", "kept c"]
        assert (insert.sizes, other.sizes) == ([1, 1], [1])


async def test_one_that_fails_fails_alone(tmp_path: Path) -> None:
    insert = Inserting()
    async with WriterThread(lambda: opened(tmp_path / "a.db")) as writer:
        found = await grouped(writer, *(writer.run_joined(insert, value) for value in ("a", "b", "a", "c")))
        assert [type(each) for each in found] == [str, str, ConstraintBroken, str]
        assert insert.sizes == [4, 1, 1, 1, 1]
        assert await writer.run(lambda connection: connection.execute("SELECT count(*) FROM t").fetchone()[0]) == 3


async def test_what_fills_the_disk_is_undone_and_the_rest_stays(tmp_path: Path) -> None:
    insert = Inserting()

    def small() -> Connection:
        connection = opened(tmp_path / "a.db")
        connection.execute("PRAGMA max_page_count = 24")
        return connection

    async with WriterThread(small) as writer:
        found = await grouped(writer, *(writer.run_joined(insert, value) for value in ("a", "b" * 200_000)))
        assert isinstance(found[1], DiskFull)
        found = await grouped(writer, writer.run_joined(insert, "c"), writer.run_joined(insert, "d"))
        assert found == ["kept c", "kept d"]


async def test_a_cancelled_caller_is_left_out(tmp_path: Path) -> None:
    insert = Inserting()
    async with WriterThread(lambda: opened(tmp_path / "a.db")) as writer:
        gate = threading.Event()
        task = await held(writer, gate)
        gone, stays = (asyncio.create_task(writer.run_joined(insert, value)) for value in ("gone", "stays"))
        await asyncio.sleep(0)
        gone.cancel()
        await let_go(gate, task)
        assert await stays == "kept stays"
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert insert.sizes == [1]
