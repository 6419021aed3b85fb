"""Stores of past releases open with everything in them, and a kill while they are migrated loses nothing."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.store.frozen.fill_1 import ALICE, ME, NOW, PASSPHRASE, columns_of, dumped
from tests.unit.store.samples import make_store
from veery.client.groups import pending
from veery.network.memory import nodes_from_json
from veery.protocol.account import AccountId
from veery.protocol.config import dumps
from veery.protocol.groups import key_list
from veery.runtime.sqlite import Connection, Options, migrate, open_encrypted, schema_version
from veery.store import database
from veery.store.database import DATABASE_NAME, Store
from veery.store.header import open_header, read_header
from veery.store.message_values import DeliveryState
from veery.store.migrations import MIGRATIONS
from veery.store.outbox import CopyState
from veery.store.search import Search
from veery.store.tables import Tables

FROZEN = Path(__file__).with_name("frozen")
RELEASED = sorted(int(each.name[1:]) for each in FROZEN.glob("v*"))
PARTS = 10  # of a migration, after each of which it is killed once
KILLED = """
import asyncio, sys
from pathlib import Path
from tests.unit.store.test_frozen_stores import killed_open
asyncio.run(killed_open(Path(sys.argv[1]), int(sys.argv[2])))
"""


class Counting:
    """A connection that tells of each statement before it runs."""

    def __init__(self, connection: Connection, told: Callable[[], None]) -> None:
        self.connection, self.told = connection, told

    def execute(self, *arguments: Any) -> Any:
        self.told()
        return self.connection.execute(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


async def opened(directory: Path, told: Callable[[], None]) -> None:
    """Open a store, and tell of each statement of its migration."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "migrate", lambda connection, known: migrate(Counting(connection, told), known))
        await (await Store.open(directory, PASSPHRASE)).close()


async def killed_open(directory: Path, statements: int) -> None:
    """Open a store, and die before a statement of its migration."""
    left = itertools.count(statements, -1)
    await opened(directory, lambda: os.kill(os.getpid(), signal.SIGKILL) if next(left) <= 0 else None)


def thawed(number: int, directory: Path) -> Path:
    """A copy of a frozen store that may be changed."""
    place = directory / "profile"
    place.mkdir(mode=0o700)
    for name in ("store.json", DATABASE_NAME):
        shutil.copy(FROZEN / f"v{number}" / name, place / name)
    return place


def expected(number: int) -> dict[str, Any]:
    """What a frozen store holds, but for what is made of its rows: the index and its words."""
    found: dict[str, Any] = json.loads((FROZEN / f"v{number}" / "rows.json").read_text())
    for table, columns in [*found["columns"].items()]:
        if table.startswith("search"):
            del found["columns"][table], found["rows"][table]
        elif "words" in columns:
            at = columns.index("words")
            found["columns"][table] = columns[:at] + columns[at + 1 :]
            found["rows"][table] = sorted((row[:at] + row[at + 1 :] for row in found["rows"][table]), key=json.dumps)
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
            assert [each.id for each in tables.search.page(Search(("picture 3",)), 10, NOW)] == [3]
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
async def test_a_kill_in_the_middle_of_a_migration_keeps_the_store_whole(tmp_path: Path, number: int) -> None:
    said: list[None] = []
    (tmp_path / "whole").mkdir()
    await opened(thawed(number, tmp_path / "whole"), lambda: said.append(None))
    for part in range(PARTS):
        (tmp_path / str(part)).mkdir()
        place, kept = thawed(number, tmp_path / str(part)), expected(number)
        statements = 1 + part * (len(said) - 1) // PARTS
        killed = subprocess.run([sys.executable, "-c", KILLED, str(place), str(statements)], check=False)  # noqa: ASYNC221
        assert killed.returncode == -signal.SIGKILL
        version, found = rows(place, kept["columns"])
        assert number <= version < len(MIGRATIONS)
        assert found == kept["rows"]
        async with await Store.open(place, PASSPHRASE) as store:
            await store.run(lambda tables: tables.search.check())
        assert rows(place, kept["columns"]) == (len(MIGRATIONS), kept["rows"])


async def test_what_an_engine_of_schema_7_kept_is_read(tmp_path: Path) -> None:
    def look(tables: Tables) -> None:
        own, alice = AccountId(ME), AccountId(ALICE)
        state = tables.devices.group()
        assert state is not None
        assert tables.devices.alone()
        assert tables.devices.publishing().state.published == state.account_keys.active.keys.public  # type: ignore[union-attr]
        (group,) = tables.groups.all()
        assert (group.name, group.is_open, pending.load(group.pending).notices) == ("Walks", True, ())
        assert group.keys is not None
        key_list.load(group.keys.reveal())
        for row in (*tables.configs.all(own), *tables.configs.all(group.id)):
            assert dumps.as_known(row.dump)[1] > 0
        assert len(tables.configs.all(group.id)) == 2
        (contact,) = (AccountId.from_hex(row[0].removeprefix("hex:")) for row in expected(7)["rows"]["contact_keys"])
        assert tables.contact_keys.get(contact).keys.record is not None
        nodes = tables.network.node_list()
        assert nodes is not None
        assert len(nodes_from_json(nodes.nodes)) == 5
        picture = tables.pictures.get(alice)
        assert picture is not None
        blob = tables.blobs.get(picture.file)
        assert blob is not None
        assert blob.refs == 1
        assert tables.held.all()[3].reason == "client.keys.waiting"
        assert tables.held.mark(3) == "unconfirmed"
        (unconfirmed,) = tables.unconfirmed.of(alice)
        assert unconfirmed.message == 2
        assert tables.shortenings.pending(10) == (("hash5", 2 * NOW),)
        assert tables.own_echoes.get(whole=True).published
        assert len(tables.trimming.rules()) == 2

    async with await Store.open(thawed(7, tmp_path), PASSPHRASE) as store:
        await store.read(look)
