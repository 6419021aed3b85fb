"""Freed means freed: after a purge nothing of what was deleted is in the files, and they are smaller."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.store.raw_pages import decrypted
from tests.unit.store.samples import ALICE, NOW, PASSPHRASE, make_store, received, with_conversation
from veery.store.database import DATABASE_NAME, Store
from veery.store.faults import StoreClosed
from veery.store.message_values import Deleted, NewAttachment, NewMessage
from veery.store.purging import DELETED
from veery.store.tables import Tables

SECRET = b"Needle"


def size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.glob("store.db*") if not file.name.endswith("-shm"))


def telling(number: int, rng: random.Random) -> NewMessage:
    body = f"Needle{number} " + " ".join(f"Needle{rng.randrange(300)}" for _ in range(rng.randrange(40)))
    new = received(NOW + rng.randrange(10**9) * 1_000 + number, body)
    return replace(new, attachments=(NewAttachment(f"Needle-url-{number}", file_name="Needle.jpg"),))


def fill(tables: Tables, rng: random.Random, count: int = 2_000) -> list[int]:
    with_conversation(tables, ALICE)
    found = [tables.messages.insert(telling(each, rng)) for each in range(count)]
    for id_ in found[::3]:
        assert id_ is not None
        tables.reactions.add(id_, "Needle", ALICE, NOW)
        tables.events.append("reaction", {"id": id_, "emoji": "Needle"}, NOW)
    for id_, quoted in zip(found, [None, *found], strict=False):
        quote = None if quoted is None else {"id": quoted, "text": "Needle", "sent_at": NOW}
        tables.events.append("message", {"id": id_, "text": f"Needle{id_}", "quote": quote}, NOW)
    tables.messages.insert(received(1, "what stays"))
    return [id_ for id_ in found if id_ is not None]


async def delete_at_random(store: Store, ids: list[int], rng: random.Random) -> None:
    rng.shuffle(ids)
    for at in range(0, len(ids), 50):
        some = ids[at : at + 50]

        def work(tables: Tables, some: list[int] = some) -> None:
            for id_ in some[:10]:
                tables.messages.replace_by_placeholder(id_, Deleted.HERE)
            tables.messages.delete(some)

        await store.run(work)


async def test_the_pages_can_be_read_at_all(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: fill(tables, random.Random(1), 50))
        assert SECRET in decrypted(tmp_path, PASSPHRASE)
        await store.purge()
        assert SECRET in decrypted(tmp_path, PASSPHRASE)


@pytest.mark.parametrize("seed", range(3))
async def test_after_a_thorough_purge_no_byte_is_left(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    async with await make_store(tmp_path) as store:
        ids = await store.run(lambda tables: fill(tables, rng))
        await store.purge()
        full = size(tmp_path)
        await delete_at_random(store, ids, rng)
        done = await store.purge(thorough=True)
        plain = decrypted(tmp_path, PASSPHRASE)
        assert SECRET not in plain
        assert b"needle" not in plain
        assert b"what stays" in plain
        assert done.after_bytes == size(tmp_path) < full / 3
        assert (tmp_path / f"{DATABASE_NAME}-wal").stat().st_size == 0


async def test_a_quick_purge_leaves_nothing_of_a_whole_conversation(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: fill(tables, random.Random(2)))
        await store.purge()
        full = size(tmp_path)
        await store.run(lambda tables: tables.messages.delete(tables.messages.oldest(ALICE.hex, 100_000)))
        assert SECRET in decrypted(tmp_path, PASSPHRASE)  # in the log: what `purge` is for
        await store.purge()
        assert SECRET not in decrypted(tmp_path, PASSPHRASE)
        assert SECRET.lower() not in decrypted(tmp_path, PASSPHRASE)  # as the index writes it
        assert size(tmp_path) < full / 2


async def test_an_erased_setting_is_gone_after_a_quick_purge(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: tables.accounts.set_setting("secret", "Needle" * 2_000))
        await store.purge()
        await store.run(lambda tables: tables.accounts.set_setting("secret", None))
        await store.purge()
        assert SECRET not in decrypted(tmp_path, PASSPHRASE)


async def test_writing_and_reading_go_on_meanwhile(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        ids = await store.run(lambda tables: fill(tables, random.Random(3), 500))

        async def write() -> None:
            for id_ in ids:
                await store.run(lambda tables, id_=id_: tables.messages.delete((id_,)))  # type: ignore[misc]

        async def read() -> int:
            return len([await store.read(lambda tables: tables.usage.get()) for _ in range(50)])

        await asyncio.gather(write(), read(), store.purge(), store.purge(thorough=True), store.purge())
        await store.purge()
        assert (await store.read(lambda tables: tables.usage.get())).messages == 1


async def test_a_closed_store_cannot_be_purged(tmp_path: Path) -> None:
    store = await make_store(tmp_path)
    await store.close()
    with pytest.raises(StoreClosed):
        await store.purge()


async def test_writers_wait_for_a_thorough_purge_and_lose_nothing(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: fill(tables, random.Random(4), 3_000))
        purging = asyncio.create_task(store.purge(thorough=True))
        writes = [
            store.run(lambda tables, n=n: tables.accounts.set_setting(f"s{n}", "x"))  # type: ignore[misc]
            for n in range(200)
        ]
        await asyncio.gather(purging, *writes)
        assert len(await store.read(lambda tables: tables.accounts.settings())) == 200


async def test_a_thorough_purge_clears_the_mark_that_rows_were_deleted(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        ids = await store.run(lambda tables: fill(tables, random.Random(5), 10))
        assert await store.read(lambda tables: tables.accounts.setting(DELETED)) is None
        await store.run(lambda tables: tables.messages.replace_by_placeholder(ids[0], Deleted.HERE))
        assert await store.read(lambda tables: tables.accounts.setting(DELETED)) == "1"
        await store.purge()
        assert await store.read(lambda tables: tables.accounts.setting(DELETED)) == "1"
        await store.purge(thorough=True)
        assert await store.read(lambda tables: tables.accounts.setting(DELETED)) is None
        await store.run(lambda tables: tables.messages.delete(ids))
        assert await store.read(lambda tables: tables.accounts.setting(DELETED)) == "1"


async def test_a_store_that_is_closed_leaves_no_free_pages(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: fill(tables, random.Random(6)))
        await store.purge()
        full = size(tmp_path)
        await store.run(lambda tables: tables.messages.delete(tables.messages.oldest(ALICE.hex, 100_000)))
    assert size(tmp_path) < full / 2
    assert SECRET not in decrypted(tmp_path, PASSPHRASE)


class Watcher(threading.Thread):
    """Looks into the files without a name that this process has open, as long as it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.seen = b""

    def run(self) -> None:
        while not self.ended.is_set():
            for each in Path("/proc/self/fd").iterdir():
                with suppress(OSError):
                    if "etilqs" in str(each.readlink()):
                        content = each.read_bytes()
                        self.seen = max(self.seen, content, key=len)


async def test_the_temporary_copy_of_a_large_database_is_encrypted(tmp_path: Path) -> None:
    def fill_much(tables: Tables) -> None:
        with_conversation(tables, ALICE)
        for each in range(400):
            tables.messages.insert(replace(received(NOW + each, "x"), content=b"Needle" * 17_000))

    async with await make_store(tmp_path) as store:
        await store.run(fill_much)
        await store.purge()
        assert size(tmp_path) > 33 * 1024**2
        watcher = Watcher()
        watcher.start()
        await store.purge(thorough=True)
        watcher.ended.set()
        watcher.join()
        assert len(watcher.seen) > 1024**2
        assert SECRET not in watcher.seen
        assert b"SQLite format" not in watcher.seen
        assert SECRET in decrypted(tmp_path, PASSPHRASE)
