"""Backups: what comes back, what must not, and every way in which a file can be broken."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.store.samples import (
    ALICE,
    BOB,
    CHEAP,
    ME,
    NOW,
    PASSPHRASE,
    make_store,
    received,
    sent,
    with_conversation,
)
from veery.errors import StoreError
from veery.runtime.randomness import random_bytes
from veery.runtime.sqlite import Connection
from veery.secret import Secret
from veery.store.backup import (
    BackupIncomplete,
    BackupTooNew,
    BackupWrong,
    Progress,
    Summary,
    create_backup,
    restore_backup,
    rows,
    verify_backup,
)
from veery.store.backup.format import BackupKeyWrong, End, FrameReader, FrameWriter, Rows, new_header, read_header
from veery.store.backup.settling import RESTORED
from veery.store.config_dumps import Mark
from veery.store.database import FILES_NAME, Store
from veery.store.keys import Passphrase
from veery.store.message_values import Delivery, DeliveryState, Message, NewAttachment
from veery.store.tables import Tables

SPARE = Passphrase.of("another for the backup", CHEAP)
FILES = {"a1": b"first file " * 200_000, "b2": b"", "c3": b"third"}


def ignore(progress: Progress) -> None:
    """Nobody looks."""


def fill(tables: Tables) -> None:
    with_conversation(tables, ALICE, ME)
    attachments = tuple(
        NewAttachment(url="http://files/1", content_type="text/plain", file_name=name, size=1, file=name, file_key=KEY)
        for name in FILES
    )
    first = tables.messages.insert(replace(received(NOW, "the secret meeting"), attachments=attachments))
    assert first is not None
    tables.reactions.add(first, "👍", ME, NOW)
    tables.messages.insert(replace(sent(NOW + 1), delivery=Delivery(DeliveryState.QUEUED)))
    tables.messages.insert(replace(sent(NOW + 2), delivery=Delivery(DeliveryState.STORED, None, 5, 7)))
    tables.accounts.set_setting("typing_indicators", "on")


KEY = Secret(bytes(32))


async def filled(directory: Path) -> Store:
    store = await make_store(directory)
    await store.run(fill)
    (directory / FILES_NAME).mkdir(exist_ok=True)
    for name, content in FILES.items():
        (directory / FILES_NAME / name).write_bytes(content)
    return store


async def write(store: Store, target: Path, tell: Callable[[Progress], None] = ignore) -> None:
    def work(connection: Connection) -> None:
        create_backup(connection, store.directory / FILES_NAME, target, SPARE, NOW, random_bytes, tell)

    await store.snapshot(work)


async def messages_of(store: Store) -> list[Message]:
    page = await store.read(lambda tables: tables.messages.page(ALICE.hex, 10))
    return list(page)


async def test_what_comes_back(tmp_path: Path) -> None:
    target = tmp_path / "veery.backup"
    async with await filled(tmp_path / "old") as store:
        before = await messages_of(store)
        account = await store.read(lambda tables: tables.accounts.get())
        await write(store, target)
    assert not target.with_name("veery.backup.part").exists()
    summary = restore_backup(target, SPARE, tmp_path / "new", PASSPHRASE, random_bytes, ignore)
    assert summary == verify_backup(target, SPARE, ignore)
    assert (summary.rows["messages"], summary.files) == (3, 3)
    assert summary.file_bytes == sum(map(len, FILES.values()))
    async with await Store.open(tmp_path / "new", PASSPHRASE) as store:
        after = await messages_of(store)
        unsent = replace(before[1], delivery=Delivery(DeliveryState.FAILED, RESTORED))
        assert [asdict(each) for each in after] == [asdict(each) for each in (before[0], unsent, before[2])]
        found = await store.read(lambda tables: tables.accounts.get())
        assert (found.account_id, found.seed.reveal()) == (account.account_id, account.seed.reveal())
        assert found.restored
        assert found.device_id != account.device_id
        assert await store.read(lambda tables: tables.accounts.setting("typing_indicators")) == "on"
        assert await store.read(lambda tables: tables.reactions.of((before[2].id,)))
        assert not await store.read(lambda tables: tables.outbox.due(NOW * 2, 10))
    for name, content in FILES.items():
        assert (tmp_path / "new" / FILES_NAME / name).read_bytes() == content


async def test_numbers_go_on(tmp_path: Path) -> None:
    target = tmp_path / "veery.backup"
    async with await filled(tmp_path / "old") as store:
        for _ in range(5):
            await store.run(lambda tables: tables.events.append("sync", {}, NOW))
        newest = (await messages_of(store))[0].id
        await store.run(lambda tables: tables.messages.delete([newest]))
        await write(store, target)
    restore_backup(target, SPARE, tmp_path / "new", PASSPHRASE, random_bytes, ignore)
    async with await Store.open(tmp_path / "new", PASSPHRASE) as store:
        assert await store.run(lambda tables: tables.messages.insert(received(NOW + 9))) == newest + 1
        page = await store.read(lambda tables: tables.events.after(2, 10))
        assert (page.events, page.missed) == ((), True)
        assert await store.run(lambda tables: tables.events.append("sync", {}, NOW)) == 6


async def test_a_backup_shows_nothing_without_its_passphrase(tmp_path: Path) -> None:
    target = tmp_path / "veery.backup"
    async with await filled(tmp_path / "old") as store:
        await write(store, target)
    data = target.read_bytes()
    for plain in (b"secret meeting", ALICE.raw, ALICE.hex.encode(), bytes(range(16)), b"third"):
        assert plain not in data
    with pytest.raises(BackupKeyWrong):
        verify_backup(target, PASSPHRASE, ignore)
    with pytest.raises(BackupKeyWrong):
        restore_backup(target, PASSPHRASE, tmp_path / "new", PASSPHRASE, random_bytes, ignore)
    assert not (tmp_path / "new" / "store.json").exists()


async def test_a_profile_is_never_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "veery.backup"
    async with await filled(tmp_path / "old") as store:
        await write(store, target)
    with pytest.raises(StoreError) as caught:
        restore_backup(target, SPARE, tmp_path / "old", PASSPHRASE, random_bytes, ignore)
    assert caught.value.kind == "store.exists"


async def test_a_creation_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    target = tmp_path / "veery.backup"
    part = target.with_name("veery.backup.part")

    def stop_at_the_second_file(progress: Progress) -> None:
        if progress.files == 1:
            raise KeyboardInterrupt

    async with await filled(tmp_path / "old") as store:
        with pytest.raises(KeyboardInterrupt):
            await write(store, target, stop_at_the_second_file)
        begun = part.read_bytes()
        told: list[Progress] = []
        await write(store, target, told.append)
    assert target.read_bytes().startswith(begun)
    assert told[0].files == 1
    assert verify_backup(target, SPARE, ignore).files == 3


async def test_a_file_that_goes_meanwhile_is_left_out(tmp_path: Path) -> None:
    gone, target = list(FILES)[-1], tmp_path / "veery.backup"
    told: list[Progress] = []

    def trim(progress: Progress) -> None:
        (tmp_path / "old" / FILES_NAME / gone).unlink(missing_ok=True)
        told.append(progress)

    async with await filled(tmp_path / "old") as store:
        await write(store, target, trim)
    assert verify_backup(target, SPARE, ignore).files == 2
    assert (told[0].files_total, told[-1].files_total) == (3, 2)
    restore_backup(target, SPARE, tmp_path / "new", PASSPHRASE, random_bytes, ignore)
    async with await Store.open(tmp_path / "new", PASSPHRASE):
        assert not (tmp_path / "new" / FILES_NAME / gone).exists()


async def test_a_part_of_another_passphrase_or_schema_is_begun_anew(tmp_path: Path) -> None:
    target = tmp_path / "veery.backup"
    line, _ = new_header(PASSPHRASE, 1, NOW, random_bytes)
    async with await filled(tmp_path / "old") as store:
        for content in (b"", b"nonsense\n" * 1000, line + bytes(100)):
            target.with_name("veery.backup.part").write_bytes(content)
            await write(store, target)
            assert verify_backup(target, SPARE, ignore).files == 3
            target.unlink()


@pytest.fixture(scope="module")
def backup_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    key = new_header(SPARE, 1, NOW, random_bytes)
    file = io.BytesIO()
    file.write(key[0])
    frames = FrameWriter(file, key[1], key[0], random_bytes)
    for number in range(4):
        frames.write(Rows("settings", ["name", "value"], [[f"name {number}", "value"]]))
    frames.write(End(0, 4))
    return file.getvalue()


def verified(tmp_path: Path, data: bytes) -> Summary:
    (tmp_path / "b").write_bytes(data)
    return verify_backup(tmp_path / "b", SPARE, ignore)


def test_every_truncation_is_noticed(tmp_path: Path, backup_bytes: bytes) -> None:
    verified(tmp_path, backup_bytes)
    header = backup_bytes.index(b"\n") + 1
    for size in range(0, len(backup_bytes), 7):
        with pytest.raises(BackupWrong if size < header else BackupIncomplete):
            verified(tmp_path, backup_bytes[:size])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_change_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    directory = tmp_path_factory.mktemp("changed")
    line, key = new_header(SPARE, 1, NOW, random_bytes)
    file = io.BytesIO()
    file.write(line)
    frames = FrameWriter(file, key, line, random_bytes)
    sizes = [frames.write(Rows("settings", ["name", "value"], [[f"name {n}", "v"]])) for n in range(3)]
    frames.write(End(0, 3))
    whole = bytearray(file.getvalue())
    if data.draw(st.booleans()):
        at = data.draw(st.integers(len(line), len(whole) - 1))
        whole[at] ^= data.draw(st.integers(1, 255))
    else:  # two frames change places
        start, first = len(line), sizes[0]
        second = whole[start + first : start + first + sizes[1]]
        whole[start : start + first + sizes[1]] = second + whole[start : start + first]
    with pytest.raises(BackupWrong):
        verified(directory, bytes(whole))


def test_what_follows_the_end_is_refused(tmp_path: Path, backup_bytes: bytes) -> None:
    with pytest.raises(BackupWrong):
        verified(tmp_path, backup_bytes + b"\0")


def test_foreign_rows_are_refused(tmp_path: Path) -> None:
    strange = (
        Rows("device_group", ["only"], [[1]]),
        Rows("settings; DROP TABLE account", ["name"], [["x"]]),
        Rows("settings", ["name; --", "value"], [["x", "y"]]),
        Rows("settings", ["name", "value"], [["x"]]),
        Rows("settings", [], [[]]),
    )
    for number, batch in enumerate(strange):
        line, key = new_header(SPARE, 1, NOW, random_bytes)
        file = io.BytesIO()
        file.write(line)
        frames = FrameWriter(file, key, line, random_bytes)
        frames.write(batch)
        frames.write(End(0, len(batch.rows)))
        (tmp_path / "b").write_bytes(file.getvalue())
        with pytest.raises(BackupWrong):
            restore_backup(tmp_path / "b", SPARE, tmp_path / str(number), PASSPHRASE, random_bytes, ignore)


async def test_tables_that_backups_held_once_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "veery.backup"
    async with await filled(tmp_path / "old") as store:
        await store.run(lambda tables: tables.configs.add_obsolete(ME, 2, ["h"], NOW))
        await store.run(lambda tables: tables.configs.mark(Mark.CONTACT, [BOB.hex]))
        with monkeypatch.context() as patch:
            patch.setattr(rows, "INCLUDED", (*rows.INCLUDED, *sorted(rows.PASSED_OVER)))
            await write(store, target)
    summary = restore_backup(target, SPARE, tmp_path / "new", PASSPHRASE, random_bytes, ignore)
    assert summary.rows["config_obsolete"] == 1
    async with await Store.open(tmp_path / "new", PASSPHRASE) as store:
        assert not await store.read(lambda tables: tables.configs.obsolete(ME, 10))
        assert BOB.hex not in await store.read(lambda tables: tables.configs.marks(Mark.CONTACT))


def test_backups_of_the_future_say_so(tmp_path: Path) -> None:
    line, _ = new_header(SPARE, 10_000, NOW, random_bytes)
    (tmp_path / "b").write_bytes(line)
    with pytest.raises(BackupTooNew):
        verify_backup(tmp_path / "b", SPARE, ignore)
    (tmp_path / "b").write_bytes(line.replace(b'"version":1', b'"version":2'))
    with pytest.raises(BackupTooNew):
        verify_backup(tmp_path / "b", SPARE, ignore)


@given(st.binary(max_size=300))
def test_noise_is_no_backup(data: bytes) -> None:
    with pytest.raises(BackupWrong):
        read_header(io.BytesIO(data))


def test_frames_have_bounds() -> None:
    reader = FrameReader(io.BytesIO(b"\xff\xff\xff\xff" + bytes(100)), Secret(bytes(32)), b"line\n")
    with pytest.raises(BackupWrong):
        reader.read()


async def test_every_table_is_thought_of(tmp_path: Path) -> None:
    """A new table is in backups or it is not, and somebody has decided which."""

    def names(connection: Connection) -> set[str]:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {str(row[0]) for row in found}

    async with await make_store(tmp_path) as store:
        tables = await store.snapshot(names)
    decided = {*rows.INCLUDED, *rows.LEFT_OUT} - {"sqlite_sequence"}  # of the engine
    assert {name for name in tables if not name.startswith(rows.INDEXES)} == decided
