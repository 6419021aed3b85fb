"""The store as a whole: creation, opening, threads, errors, and what lies on the disk."""

from __future__ import annotations

import asyncio
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.store.samples import ALICE, CHEAP, NOW, PASSPHRASE, make_store, profile, received, with_conversation
from veery.errors import StoreBusy, StoreError, WrongKey
from veery.runtime.sqlite import Connection, open_encrypted, transaction
from veery.secret import Secret
from veery.store import migrations
from veery.store.conversations import CONTACT
from veery.store.database import DATABASE_NAME, LOCK_NAME, Store, exists
from veery.store.faults import StoreClosed, StoreDamaged, StoreFull, StoreTooNew
from veery.store.header import HEADER_NAME, HeaderError, open_header, read_header
from veery.store.keys import KeyFile, Passphrase
from veery.store.message_values import NewAttachment
from veery.store.tables import Tables

MARKS = (b"Needle in body", b"Needle name", b"Needle file", b"Needle emoji", b"Needle event", b"Needle network")


def database(directory: Path) -> Path:
    return directory / DATABASE_NAME


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir() if file.name != LOCK_NAME}


def modes_of(directory: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}


def number(tables: Tables) -> int:
    return tables.usage.get().messages


async def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    home = tmp_path / "profiles" / "me"
    assert not exists(home)
    async with await make_store(home) as store:
        made = await store.read(lambda tables: tables.accounts.get())
        await store.run(lambda tables: with_conversation(tables, ALICE).messages.insert(received(NOW)))
    assert exists(home)
    async with await Store.open(home, PASSPHRASE) as store:
        held = await store.read(lambda tables: tables.accounts.get())
        assert await store.read(number) == 1
    given = profile()
    assert held.account_id == given.account.account_id == made.account_id
    assert held.seed.reveal() == given.account.seed.reveal()
    assert (held.display_name, held.profile_s, held.restored) == ("Me", given.profile_s, False)
    assert (held.network, held.created_ms) == (given.network, NOW)
    assert held.device_id == made.device_id
    assert len(held.device_id) == 32


async def test_account_and_settings_can_be_changed(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:

        def change(tables: Tables) -> None:
            tables.accounts.set_profile("New", 7)
            tables.accounts.set_restored(True)
            tables.accounts.set_network("other")
            tables.accounts.set_setting("receipts", "on")
            tables.accounts.set_setting("receipts", "off")
            tables.accounts.set_setting("gone", "x")
            tables.accounts.set_setting("gone", None)

        await store.run(change)
        held = await store.read(lambda tables: tables.accounts.get())
        assert (held.display_name, held.profile_s, held.restored, held.network) == ("New", 7, True, "other")
        assert await store.read(lambda tables: tables.accounts.settings()) == {"receipts": "off"}
        assert await store.read(lambda tables: tables.accounts.setting("gone")) is None
        assert await store.read(lambda tables: tables.accounts.setting("receipts")) == "off"


async def test_files_and_directory_are_private(tmp_path: Path) -> None:
    home = tmp_path / "me"
    async with await make_store(home) as store:
        await store.run(lambda tables: tables.accounts.set_setting("a", "b"))
        modes = modes_of(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {DATABASE_NAME, f"{DATABASE_NAME}-wal", HEADER_NAME, LOCK_NAME} <= modes.keys()
    assert set(modes.values()) == {0o600}


async def test_wider_rights_from_a_backup_are_taken_back(tmp_path: Path) -> None:
    await (await make_store(tmp_path)).close()
    database(tmp_path).chmod(0o644)
    await (await Store.open(tmp_path, PASSPHRASE)).close()
    assert stat.S_IMODE(database(tmp_path).stat().st_mode) == 0o600


async def test_no_plain_text_is_on_the_disk(tmp_path: Path) -> None:
    def fill(tables: Tables) -> None:
        tables.conversations.ensure(ALICE.hex, CONTACT, NOW)
        tables.conversations.update(ALICE.hex, lambda held: replace(held, name="Needle name"))
        for each in range(200):
            new = replace(received(NOW + each, f"Needle in body {each}"), attachments=(NewAttachment("Needle file"),))
            message = tables.messages.insert(new)
            assert message is not None
            tables.reactions.add(message, "Needle emoji", ALICE, NOW)
        tables.events.append("note", {"text": "Needle event"}, NOW)
        tables.accounts.set_network("Needle network")

    def check() -> int:
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        seed = profile().account.seed.reveal()
        hidden = (*MARKS, seed, seed.hex().encode(), ALICE.raw, ALICE.hex.encode(), b"SQLite format", b"CREATE TABLE")
        for file in files:
            data = file.read_bytes()
            assert not [mark for mark in hidden if mark in data], file.name
        return sum(file.stat().st_size for file in files)

    async with await make_store(tmp_path) as store:
        await store.run(fill)
        assert check() > 100_000
    assert check() > 50_000


async def test_a_wrong_passphrase_opens_nothing_and_changes_nothing(tmp_path: Path) -> None:
    await (await make_store(tmp_path)).close()
    before = contents(tmp_path)
    with pytest.raises(WrongKey):
        await Store.open(tmp_path, Passphrase.of("wrong", CHEAP))
    assert contents(tmp_path) == before
    await (await Store.open(tmp_path, PASSPHRASE)).close()


async def test_the_passphrase_can_be_changed_while_open(tmp_path: Path) -> None:
    new = Passphrase.of("battery staple", CHEAP)
    async with await make_store(tmp_path) as store:
        with pytest.raises(WrongKey):
            await store.change_unlock(new, new)
        await store.change_unlock(PASSPHRASE, new)
        await store.run(lambda tables: tables.accounts.set_setting("a", "b"))
    with pytest.raises(WrongKey):
        await Store.open(tmp_path, PASSPHRASE)
    async with await Store.open(tmp_path, new) as store:
        assert await store.read(lambda tables: tables.accounts.setting("a")) == "b"


async def test_a_store_opens_unattended_with_a_key_file(tmp_path: Path) -> None:
    unlock = KeyFile(tmp_path / "service.key")
    home = tmp_path / "home"
    await (await Store.create(home, unlock, profile(), NOW)).close()
    await (await Store.open(home, unlock)).close()


async def test_one_profile_is_used_by_one_at_a_time(tmp_path: Path) -> None:
    async with await make_store(tmp_path):
        with pytest.raises(StoreBusy):
            await Store.open(tmp_path, PASSPHRASE)
    await (await Store.open(tmp_path, PASSPHRASE)).close()


async def test_a_failed_opening_gives_the_lock_back(tmp_path: Path) -> None:
    await (await make_store(tmp_path)).close()
    for _ in range(2):
        with pytest.raises(WrongKey):
            await Store.open(tmp_path, Passphrase.of("wrong", CHEAP))
    await (await Store.open(tmp_path, PASSPHRASE)).close()


async def test_a_profile_is_never_made_over_another(tmp_path: Path) -> None:
    await (await make_store(tmp_path)).close()
    with pytest.raises(StoreError) as caught:
        await make_store(tmp_path)
    assert caught.value.kind == "store.exists"
    (tmp_path / HEADER_NAME).unlink()
    with pytest.raises(StoreError) as caught:
        await make_store(tmp_path)
    assert caught.value.kind == "store.header_missing"


async def test_opening_where_nothing_is_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(HeaderError):
        await Store.open(tmp_path, PASSPHRASE)
    assert contents(tmp_path) == {}


async def test_leftovers_of_an_interrupted_creation_are_cleared_away(tmp_path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        (tmp_path / f"store.db.new{ending}").write_bytes(b"half")
    await (await make_store(tmp_path)).close()
    assert contents(tmp_path).keys() == {DATABASE_NAME, HEADER_NAME}


async def test_a_creation_killed_before_its_last_step_is_completed(tmp_path: Path) -> None:
    await (await make_store(tmp_path)).close()
    database(tmp_path).rename(tmp_path / "store.db.new")
    async with await Store.open(tmp_path, PASSPHRASE) as store:
        assert (await store.read(lambda tables: tables.accounts.get())).display_name == "Me"


async def test_a_missing_database_is_not_made_anew(tmp_path: Path) -> None:
    await (await make_store(tmp_path)).close()
    database(tmp_path).unlink()
    with pytest.raises(StoreDamaged):
        await Store.open(tmp_path, PASSPHRASE)
    assert not database(tmp_path).exists()


@pytest.mark.parametrize("damage", ["first page", "foreign file", "cut"])
async def test_a_damaged_database_is_a_clear_error(tmp_path: Path, damage: str) -> None:
    await (await make_store(tmp_path)).close()
    data = bytearray(database(tmp_path).read_bytes())
    if damage == "first page":
        data[100] ^= 1
    elif damage == "foreign file":
        data[:] = b"this is no database at all, but long enough" * 1_000
    else:
        del data[3_000:]
    database(tmp_path).write_bytes(data)
    with pytest.raises(StoreDamaged, match="backup"):
        await Store.open(tmp_path, PASSPHRASE)
    assert database(tmp_path).read_bytes() == data


async def test_a_flipped_bit_in_a_later_page_is_found_when_it_is_read(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: tables.accounts.set_network("n" * 100_000))
    data = bytearray(database(tmp_path).read_bytes())
    data[len(data) - 50_000] ^= 1
    database(tmp_path).write_bytes(data)
    async with await Store.open(tmp_path, PASSPHRASE) as store:
        with pytest.raises(StoreDamaged):
            await store.read(lambda tables: tables.accounts.get())


async def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    await (await make_store(tmp_path)).close()
    key = open_header(read_header(tmp_path), PASSPHRASE)
    connection = open_encrypted(database(tmp_path), key)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = database(tmp_path).read_bytes()
    with pytest.raises(StoreTooNew, match="newer Veery"):
        await Store.open(tmp_path, PASSPHRASE)
    assert database(tmp_path).read_bytes() == before


async def test_an_older_schema_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await make_store(tmp_path)).close()
    later = (
        *migrations.MIGRATIONS,
        (len(migrations.MIGRATIONS) + 1, "CREATE TABLE later (x); INSERT INTO later VALUES (41);"),
    )
    monkeypatch.setattr("veery.store.database.MIGRATIONS", later)
    async with await Store.open(tmp_path, PASSPHRASE) as store:
        assert (await store.read(lambda tables: tables.accounts.get())).display_name == "Me"


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await make_store(tmp_path)).close()
    broken = (
        *migrations.MIGRATIONS,
        (len(migrations.MIGRATIONS) + 1, "DROP TABLE settings; SELECT no_such_function();"),
    )
    monkeypatch.setattr("veery.store.database.MIGRATIONS", broken)
    with pytest.raises(StoreError):
        await Store.open(tmp_path, PASSPHRASE)
    monkeypatch.undo()
    async with await Store.open(tmp_path, PASSPHRASE) as store:
        assert await store.read(lambda tables: tables.accounts.settings()) == {}


async def test_a_write_that_raises_leaves_nothing(tmp_path: Path) -> None:
    def half(tables: Tables) -> None:
        with_conversation(tables, ALICE).messages.insert(received(NOW))
        raise KeyError("the caller's own")

    async with await make_store(tmp_path) as store:
        with pytest.raises(KeyError):
            await store.run(half)
        assert await store.read(number) == 0
        assert await store.read(lambda tables: tables.conversations.all()) == ()


async def test_writes_that_come_together_fail_alone(tmp_path: Path) -> None:
    def make(name: str, wrong: bool) -> str:
        if wrong:
            raise KeyError(name)
        return name

    async with await make_store(tmp_path) as store:

        async def one(name: str, wrong: bool) -> object:
            def work(tables: Tables) -> object:
                tables.accounts.set_setting(name, "x")
                return make(name, wrong)

            return await store.run(work)

        results = await asyncio.gather(*(one(f"s{n}", n % 3 == 0) for n in range(30)), return_exceptions=True)
        settings = await store.read(lambda tables: tables.accounts.settings())
    good = {f"s{n}" for n in range(30) if n % 3}
    assert settings.keys() == good
    assert {result for result in results if isinstance(result, str)} == good
    assert sum(isinstance(result, KeyError) for result in results) == 10


async def test_reads_do_not_wait_for_a_slow_write(tmp_path: Path) -> None:
    writing, go_on = threading.Event(), threading.Event()

    def slow(tables: Tables) -> None:
        tables.accounts.set_setting("slow", "x")
        writing.set()
        assert go_on.wait(30)

    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: tables.accounts.set_setting("before", "x"))
        write = asyncio.create_task(store.run(slow))
        await asyncio.to_thread(writing.wait, 30)
        try:
            assert (await store.read(lambda tables: tables.accounts.settings())).keys() == {"before"}
        finally:
            go_on.set()
        await write
        assert (await store.read(lambda tables: tables.accounts.settings())).keys() == {"before", "slow"}


async def test_a_read_sees_one_state_throughout(tmp_path: Path) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def twice(tables: Tables) -> tuple[str | None, str | None]:
        first = tables.accounts.setting("a")
        reading.set()
        assert go_on.wait(30)
        return first, tables.accounts.setting("a")

    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: tables.accounts.set_setting("a", "1"))
        read = asyncio.create_task(store.read(twice))
        await asyncio.to_thread(reading.wait, 30)
        await store.run(lambda tables: tables.accounts.set_setting("a", "2"))
        go_on.set()
        assert await read == ("1", "1")


async def test_a_read_cannot_write(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        with pytest.raises(StoreError):
            await store.read(lambda tables: tables.accounts.set_setting("a", "b"))


async def test_a_row_against_the_schema_is_a_store_error(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        account = await store.read(lambda tables: tables.accounts.get())
        with pytest.raises(StoreError) as caught:
            await store.run(lambda tables: tables.accounts.insert(account))
    assert caught.value.kind == "store.constraint"


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await make_store(tmp_path)
    await store.close()
    await store.close()
    with pytest.raises(StoreClosed):
        await store.run(number)
    with pytest.raises(StoreClosed):
        await store.read(number)
    with pytest.raises(StoreClosed):
        await store.change_unlock(PASSPHRASE, PASSPHRASE)


async def test_cancelling_an_opening_leaves_the_profile_free(tmp_path: Path) -> None:
    await (await make_store(tmp_path)).close()
    task = asyncio.create_task(Store.open(tmp_path, PASSPHRASE))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await (await Store.open(tmp_path, PASSPHRASE)).close()


async def test_a_full_disk_undoes_the_write_as_a_whole(tmp_path: Path) -> None:
    def limit(tables: Tables, pages: int) -> None:
        connection = tables.accounts._db
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def pages(tables: Tables) -> int:
        return int(tables.accounts._db.execute("PRAGMA page_count").fetchone()[0])

    def too_much(tables: Tables) -> None:
        for each in range(200):
            tables.messages.insert(received(NOW + each, "x" * 4_000))

    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: with_conversation(tables, ALICE).messages.insert(received(NOW - 1)))
        room = await store.run(pages) + 8
        await store.run(lambda tables: limit(tables, room))
        with pytest.raises(StoreFull, match="space") as caught:
            await store.run(too_much)
        assert caught.value.kind == "store.full"
        assert await store.read(number) == 1
        await store.run(lambda tables: tables.messages.insert(received(NOW)))
        assert await store.read(number) == 2
        await store.run(lambda tables: limit(tables, 2**30))
        await store.run(lambda tables: tables.messages.insert(received(NOW + 1, "x" * 40_000)))
    key = open_header(read_header(tmp_path), PASSPHRASE)
    connection = open_encrypted(database(tmp_path), key)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA cipher_integrity_check").fetchall() == []
    connection.close()


async def test_a_full_disk_while_a_profile_is_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(path: Path, key: Secret) -> Connection:
        connection = open_encrypted(path, key)
        connection.execute("PRAGMA max_page_count = 4")
        return connection

    monkeypatch.setattr("veery.store.database.open_encrypted", small)
    with pytest.raises(StoreFull):
        await make_store(tmp_path)
    assert not exists(tmp_path)
    monkeypatch.undo()
    await (await make_store(tmp_path)).close()


async def test_free_pages_can_be_given_back_later(tmp_path: Path) -> None:
    await (await make_store(tmp_path)).close()
    connection = open_encrypted(database(tmp_path), open_header(read_header(tmp_path), PASSPHRASE))
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    with transaction(connection):
        connection.execute("UPDATE account SET network = ?", ("n" * 400_000,))
        connection.execute("UPDATE account SET network = ''")
    connection.execute("PRAGMA incremental_vacuum").fetchall()
    assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    connection.close()


async def test_usage_counts_rows_and_bytes(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        empty = await store.read(lambda tables: tables.usage.get())

        def fill(tables: Tables) -> None:
            with_conversation(tables, ALICE)
            new = replace(received(NOW), content=b"c" * 100_000, attachments=(NewAttachment("u"), NewAttachment("v")))
            message = tables.messages.insert(new)
            assert message is not None
            tables.reactions.add(message, "+", ALICE, NOW)
            tables.events.append("x", {}, NOW)

        await store.run(fill)
        full = await store.read(lambda tables: tables.usage.get())
        await store.run(lambda tables: tables.messages.delete(tables.messages.oldest(ALICE.hex, 1_000)))
        cleared = await store.read(lambda tables: tables.usage.get())
    assert (empty.messages, empty.content_bytes, empty.free_bytes) == (0, 0, 0)
    assert (full.conversations, full.messages, full.attachments, full.reactions, full.events) == (1, 1, 2, 1, 1)
    assert (full.content_bytes, full.outbox, full.undecoded) == (100_000, 0, 0)
    assert full.file_bytes > 100_000 > empty.content_bytes
    assert cleared.free_bytes >= 90_000
