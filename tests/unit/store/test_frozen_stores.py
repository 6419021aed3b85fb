"""Stores of past releases open with everything in them, and a kill while they are migrated loses nothing."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.store.frozen.fill_1 import ALICE, NOW, PASSPHRASE, columns_of, dumped
from tests.unit.store.samples import make_store
from veery.protocol.account import AccountId
from veery.runtime.sqlite import Options, open_encrypted, schema_version
from veery.store.database import DATABASE_NAME, Store
from veery.store.header import open_header, read_header
from veery.store.message_values import DeliveryState
from veery.store.migrations import MIGRATIONS
from veery.store.outbox import CopyState
from veery.store.search import Search
from veery.store.tables import Tables

FROZEN = Path(__file__).with_name("frozen")
RELEASED = sorted(int(each.name[1:]) for each in FROZEN.glob("v*"))
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.unit.store.frozen.fill_1 import PASSPHRASE
from veery.runtime.sqlite import migrate
from veery.store import database

class Killing:
    def __init__(self, connection, left):
        self.connection, self.left = connection, left
    def execute(self, *args):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.connection.execute(*args)
    def __getattr__(self, name):
        return getattr(self.connection, name)

database.migrate = lambda connection, migrations: migrate(Killing(connection, int(sys.argv[2])), migrations)
asyncio.run(database.Store.open(Path(sys.argv[1]), PASSPHRASE))
"""


def thawed(number: int, directory: Path) -> Path:
    """A copy of a frozen store that may be changed."""
    place = directory / "profile"
    place.mkdir(mode=0o700)
    for name in ("store.json", DATABASE_NAME):
        shutil.copy(FROZEN / f"v{number}" / name, place / name)
    return place


def expected(number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FROZEN / f"v{number}" / "rows.json").read_text())
    return found


def rows(directory: Path, columns: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
    """Version and rows of a store that nobody has open."""
    key = open_header(read_header(directory), PASSPHRASE)
    connection = open_encrypted(directory / DATABASE_NAME, key, Options())
    try:
        return schema_version(connection), dumped(connection, columns)
    finally:
        connection.close()


@pytest.mark.parametrize("number", RELEASED)
async def test_a_store_of_every_release_opens_with_everything_in_it(tmp_path: Path, number: int) -> None:
    place, kept = thawed(number, tmp_path), expected(number)
    assert rows(place, kept["columns"]) == (number, kept["rows"])
    async with await Store.open(place, PASSPHRASE):
        pass
    assert rows(place, kept["columns"]) == (len(MIGRATIONS), kept["rows"])


@pytest.mark.parametrize("number", RELEASED)
async def test_what_is_migrated_can_be_worked_with(tmp_path: Path, number: int) -> None:
    async with await Store.open(thawed(number, tmp_path), PASSPHRASE) as store:

        def look(tables: Tables) -> None:
            alice = AccountId(ALICE)
            assert [each.title for each in tables.conversations.all()] != []
            (found,) = tables.search.page(Search(("北京",), before=3), 10, NOW)
            assert (found.id, found.author) == (1, alice)
            assert len(tables.search.page(Search(("morning",)), 100, NOW)) == 5
            assert [tables.blobs.get(name).refs for name in ("first", "second")] == [2, 1]  # type: ignore[union-attr]
            failed = tables.messages.get(33)
            assert failed is not None
            assert failed.delivery.state is DeliveryState.FAILED
            (copy,) = tables.outbox.of(33)
            assert (copy.state, copy.sealed) == (CopyState.FAILED, b"sealed")

        await store.read(look)

        def change(tables: Tables) -> None:
            tables.search.check()
            tables.messages.delete(range(1, 34))
            tables.search.check()
            assert set(tables.blobs.unreferenced(10)) == {"first", "second"}

        await store.run(change)
        await store.purge(thorough=True)


def fresh_columns(directory: Path) -> dict[str, list[str]]:
    key = open_header(read_header(directory), PASSPHRASE)
    connection = open_encrypted(directory / DATABASE_NAME, key)
    try:
        return columns_of(connection)
    finally:
        connection.close()


@pytest.mark.parametrize("number", RELEASED)
async def test_a_migrated_store_has_the_schema_of_a_new_one(tmp_path: Path, number: int) -> None:
    old = thawed(number, tmp_path)
    await (await Store.open(old, PASSPHRASE)).close()
    await (await make_store(tmp_path / "new")).close()
    assert fresh_columns(old) == fresh_columns(tmp_path / "new")


@pytest.mark.parametrize("number", RELEASED)
@pytest.mark.parametrize("statements", [1, 4, 6, 9, 14, 20, 27, 35, 50, 70])
async def test_a_kill_in_the_middle_of_a_migration_keeps_the_store_whole(
    tmp_path: Path, number: int, statements: int
) -> None:
    place, kept = thawed(number, tmp_path), expected(number)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(place), str(statements)], check=False)  # noqa: ASYNC221
    assert killed.returncode == -signal.SIGKILL
    version, found = rows(place, kept["columns"])
    assert number <= version < len(MIGRATIONS)
    assert found == kept["rows"]
    async with await Store.open(place, PASSPHRASE) as store:
        await store.run(lambda tables: tables.search.check())
    assert rows(place, kept["columns"]) == (len(MIGRATIONS), kept["rows"])
