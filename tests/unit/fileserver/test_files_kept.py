"""The rules of keeping files: ids, deduplication, expiry, quotas, and what a crash leaves (09.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.unit.fileserver.rooms import NOW_MS, TTL_S, Rooms
from tests.unit.fileserver.storages import Opened
from veery.errors import RuntimeFault
from veery.fileserver import table
from veery.fileserver.errors import Refused
from veery.fileserver.metadata import StoredFile, Totals
from veery.fileserver.settings import FileServerSettings, LimitSettings
from veery.protocol.attachments import FileId, http_id
from veery.runtime.faults import DiskFull, FileFault
from veery.runtime.randomness import Randomness
from veery.runtime.sqlite import DatabaseFault

BLOB = b"an encrypted file"
SOURCE = "192.0.2.1"


async def code_of(awaitable: object) -> int:
    with pytest.raises(Refused) as refused:
        await awaitable  # type: ignore[misc]
    return refused.value.code


async def info_code(found: Rooms, file_id: str) -> int:
    return await code_of(found.files.info(file_id))


async def test_a_file_is_kept_under_its_hash(opened: Opened) -> None:
    async with opened() as found:
        file = await found.files.upload(BLOB, None, SOURCE)
        assert file == StoredFile(http_id(BLOB).text, len(BLOB), NOW_MS, NOW_MS + TTL_S * 1_000)
        assert await found.files.download(file.id, SOURCE) == (file, BLOB)
        assert await found.files.info(file.id) == file
        assert found.files.used == len(BLOB)


async def test_files_outlive_the_server(opened: Opened) -> None:
    async with opened() as found:
        file = await found.files.upload(BLOB, None, SOURCE)
    async with opened() as again:
        assert await again.files.download(file.id, SOURCE) == (file, BLOB)
        assert again.files.used == len(BLOB)


async def test_the_same_blob_is_written_once_and_lives_longer(opened: Opened) -> None:
    async with opened() as found:
        first = await found.files.upload(BLOB, 1_000, SOURCE)
        found.clock.move(10)
        shorter = await found.files.upload(BLOB, 5, SOURCE)
        assert shorter == StoredFile(first.id, first.size, NOW_MS + 10_000, first.expiry_ms)
        longer = await found.files.upload(BLOB, None, SOURCE)
        assert longer.expiry_ms == NOW_MS + 10_000 + TTL_S * 1_000
        assert found.blobs.verbs == [("put", first.id)]
        assert found.files.used == len(BLOB)


async def test_many_uploads_of_one_blob_at_once(opened: Opened) -> None:
    async with opened() as found:
        kept = await asyncio.gather(*(found.files.upload(BLOB, None, SOURCE) for _ in range(20)))
        assert len({file.id for file in kept}) == 1
        assert found.blobs.verbs == [("put", kept[0].id)]
        assert found.files.used == len(BLOB)


async def test_a_blob_that_was_lost_is_written_again(opened: Opened) -> None:
    async with opened() as found:
        file = await found.files.upload(BLOB, None, SOURCE)
        await found.blobs.remove([FileId(file.id)])
        assert await code_of(found.files.download(file.id, SOURCE)) == 404
        await found.files.upload(BLOB, None, SOURCE)
        assert (await found.files.download(file.id, SOURCE))[1] == BLOB


async def test_sizes(opened: Opened) -> None:
    async with opened(FileServerSettings(blob_max=10)) as found:
        for size, code in ((0, 413), (11, 413)):
            assert await code_of(found.files.upload(bytes(size), None, SOURCE)) == code
        assert (await found.files.upload(bytes(10), None, SOURCE)).size == 10


@pytest.mark.parametrize("written", ["", "..", "../../../../etc/passwd", "a" * 44, "7", "é", "a/b", "0" * 17])
async def test_what_is_not_there(opened: Opened, written: str) -> None:
    async with opened() as found:
        assert await info_code(found, written) == 404
        assert await code_of(found.files.download(written, SOURCE)) == 404
        assert await code_of(found.files.extend(written, None)) == 404


# -- time --------------------------------------------------------------------------------------------------------


async def test_an_expired_file_is_gone_at_once_and_swept_later(opened: Opened) -> None:
    async with opened() as found:
        file = await found.files.upload(BLOB, 60, SOURCE)
        other = await found.files.upload(b"other", 61, SOURCE)
        found.clock.move(59.999)
        assert await found.files.info(file.id) == file
        assert await found.files.sweep() == 0
        found.clock.move(0.001)
        assert await info_code(found, file.id) == 404
        assert await code_of(found.files.download(file.id, SOURCE)) == 404
        assert await found.blobs.has(FileId(file.id))
        assert await found.files.sweep() == 1
        assert not await found.blobs.has(FileId(file.id))
        assert found.files.used == 5
        assert await found.files.download(other.id, SOURCE) == (other, b"other")


async def test_the_sweep_takes_any_number(opened: Opened) -> None:
    async with opened() as found:
        await asyncio.gather(*(found.files.upload(b"%d" % number, 1, SOURCE) for number in range(250)))
        found.clock.move(1)
        assert await found.files.sweep() == 250
        assert found.files.used == 0
        assert await found.metadata.totals() == Totals(0, 0)


async def test_a_life_of_no_time(opened: Opened) -> None:
    async with opened() as found:
        file = await found.files.upload(BLOB, 0, SOURCE)
        assert await info_code(found, file.id) == 404
        assert await found.files.sweep() == 1


async def test_extending(opened: Opened) -> None:
    async with opened() as found:
        file = await found.files.upload(BLOB, 100, SOURCE)
        assert await found.files.extend(file.id, 50) == file
        found.clock.move(10)
        longer = await found.files.extend(file.id, 100)
        assert longer == StoredFile(file.id, file.size, file.uploaded_ms, NOW_MS + 110_000)
        assert (await found.files.extend(file.id, None)).expiry_ms == NOW_MS + 10_000 + TTL_S * 1_000


async def test_extending_revives_an_expired_file_until_the_sweep(opened: Opened) -> None:
    async with opened() as found:
        file = await found.files.upload(BLOB, 10, SOURCE)
        found.clock.move(20)
        assert await info_code(found, file.id) == 404
        await found.files.extend(file.id, 100)
        assert await found.files.sweep() == 0
        assert (await found.files.download(file.id, SOURCE))[1] == BLOB
        found.clock.move(100)
        assert await found.files.sweep() == 1
        assert await code_of(found.files.extend(file.id, 100)) == 404


async def test_an_upload_during_the_sweep_is_not_lost(opened: Opened) -> None:
    async with opened() as found:
        file = await found.files.upload(BLOB, 10, SOURCE)
        found.clock.move(10)
        uploads: list[asyncio.Task[StoredFile]] = []

        def upload_meanwhile(verb: str, file_id: str) -> None:
            if verb == "remove":
                uploads.append(asyncio.create_task(found.files.upload(BLOB, None, SOURCE)))

        found.blobs.before = upload_meanwhile
        assert await found.files.sweep() == 1
        (kept,) = await asyncio.gather(*uploads)
        assert kept.expiry_ms > file.expiry_ms
        assert await found.files.download(file.id, SOURCE) == (kept, BLOB)
        assert found.files.used == len(BLOB)


# -- numbers for ids ---------------------------------------------------------------------------------------------


async def test_numeric_ids_are_not_shared(opened: Opened) -> None:
    async with opened(FileServerSettings(ids="numeric")) as found:
        files = [await found.files.upload(BLOB, None, SOURCE) for _ in range(3)]
        assert len({file.id for file in files}) == 3
        assert all(file.id.isdigit() and int(file.id) < 2**53 for file in files)
        assert (await found.files.download(files[2].id, SOURCE))[1] == BLOB
        assert await code_of(found.files.extend(files[0].id, None)) == 404
        assert found.files.used == 3 * len(BLOB)


async def test_a_number_that_is_taken_is_drawn_again_and_again(opened: Opened) -> None:
    drawn = iter([5, *[5] * 24, 6, *[5] * 25])
    randomness = Randomness(randbelow=lambda bound: next(drawn))
    async with opened(FileServerSettings(ids="numeric"), randomness) as found:
        assert (await found.files.upload(BLOB, None, SOURCE)).id == "5"
        assert (await found.files.upload(b"other", None, SOURCE)).id == "6"
        assert await code_of(found.files.upload(b"third", None, SOURCE)) == 507
        assert (await found.files.download("5", SOURCE))[1] == BLOB
        assert next(drawn, None) is None


# -- limits ------------------------------------------------------------------------------------------------------


def limited(**limits: int) -> FileServerSettings:
    return FileServerSettings(limits=LimitSettings(**limits))


async def test_bytes_up_and_down_are_counted_for_each_address(opened: Opened) -> None:
    async with opened(limited(minute_mib=32, minute_each_mib=16)) as found:
        big = bytes(8 << 20)
        file = await found.files.upload(big, None, "one")
        await found.files.download(file.id, "one")
        assert await code_of(found.files.download(file.id, "one")) == 429
        assert await code_of(found.files.upload(BLOB, None, "one")) == 429
        assert await found.files.info(file.id) == file
        await found.files.download(file.id, "two")
        await found.files.download(file.id, "two")
        assert await code_of(found.files.upload(BLOB, None, "three")) == 429
        found.clock.move(60)
        await found.files.upload(BLOB, None, "one")


async def test_the_quota(opened: Opened) -> None:
    async with opened(FileServerSettings(quota_mib=1)) as found:
        file = await found.files.upload(bytes(1 << 20), 10, SOURCE)
        assert await code_of(found.files.upload(b"x", None, SOURCE)) == 507
        await found.files.upload(bytes(1 << 20), 10, SOURCE)
        found.clock.move(10)
        await found.files.sweep()
        assert (await found.files.upload(b"x", None, SOURCE)).id != file.id


async def test_uploads_at_once_do_not_pass_the_quota_together(opened: Opened) -> None:
    async with opened(FileServerSettings(quota_mib=1)) as found:
        blobs = [bytes([number]) * 300_000 for number in range(10)]
        kept = await asyncio.gather(*(found.files.upload(blob, None, SOURCE) for blob in blobs), return_exceptions=True)
        assert sum(isinstance(each, StoredFile) for each in kept) == 3
        assert {each.code for each in kept if isinstance(each, Refused)} == {507}
        assert found.files.used == (await found.metadata.totals()).size == 900_000


# -- what goes wrong ---------------------------------------------------------------------------------------------


async def test_a_full_device(opened: Opened) -> None:
    async with opened() as found:

        def full(verb: str, file_id: str) -> None:
            raise DiskFull("The device is full")

        found.blobs.before = full
        assert await code_of(found.files.upload(BLOB, None, SOURCE)) == 507
        assert found.files.used == 0
        assert (await found.metadata.totals()).files == 0


async def test_another_fault_of_the_disk(opened: Opened) -> None:
    async with opened() as found:

        def broken(verb: str, file_id: str) -> None:
            raise FileFault("The disk is broken")

        found.blobs.before = broken
        with pytest.raises(FileFault):
            await found.files.upload(BLOB, None, SOURCE)
        assert found.files.used == 0


def broken_at(moment: str) -> Callable[[str, str], None]:
    def broken(verb: str, file_id: str) -> None:
        if verb == moment:
            raise DatabaseFault("The database is broken")

    return broken


async def test_a_row_that_cannot_be_written_takes_its_blob_along(opened: Opened) -> None:
    async with opened() as found:
        found.metadata.before = broken_at("keep")
        with pytest.raises(RuntimeFault):
            await found.files.upload(BLOB, None, SOURCE)
        assert found.blobs.verbs == [("put", http_id(BLOB).text), ("remove", http_id(BLOB).text)]
        assert found.files.used == 0


async def test_a_row_that_was_written_although_the_write_failed(opened: Opened) -> None:
    async with opened() as found:
        found.metadata.before = broken_at("kept")
        file = await found.files.upload(BLOB, None, SOURCE)
        assert file == StoredFile(http_id(BLOB).text, len(BLOB), NOW_MS, NOW_MS + TTL_S * 1_000)
        assert found.blobs.verbs == [("put", file.id)]
        assert await found.files.download(file.id, SOURCE) == (file, BLOB)
        assert found.files.used == len(BLOB)


async def test_a_row_that_cannot_be_renewed_keeps_its_blob(opened: Opened) -> None:
    async with opened() as found:
        file = await found.files.upload(BLOB, None, SOURCE)
        found.metadata.before = broken_at("keep")
        with pytest.raises(RuntimeFault):
            await found.files.upload(BLOB, None, SOURCE)
        assert await found.files.download(file.id, SOURCE) == (file, BLOB)
        assert found.files.used == len(BLOB)


async def test_blobs_without_rows_are_garbage(opened: Opened) -> None:
    async with opened() as found:
        file = await found.files.upload(BLOB, None, SOURCE)
        orphans = [http_id(b"%d" % number) for number in range(300)]
        for orphan in orphans:
            await found.blobs.put(orphan, b"left by a crash")
        assert await found.files.remove_orphans() == 300
        assert not any([await found.blobs.has(orphan) for orphan in orphans])
        assert await found.files.download(file.id, SOURCE) == (file, BLOB)


async def test_an_upload_under_way_is_no_garbage(opened: Opened) -> None:
    async with opened() as found:
        searches: list[asyncio.Task[int]] = []

        def search(verb: str, file_id: str) -> None:
            # The blob lies there, its row does not: the moment at which it looks like garbage.
            if verb == "keep":
                searches.append(asyncio.create_task(found.files.remove_orphans()))

        found.metadata.before = search
        file = await found.files.upload(BLOB, None, SOURCE)
        assert await asyncio.gather(*searches) == [0]
        assert (await found.files.download(file.id, SOURCE))[1] == BLOB


def test_no_column_leads_to_a_person() -> None:
    for _, schema in table.MIGRATIONS:
        assert isinstance(schema, str)
        columns = schema.lower().replace("own_name (name", "")
        assert not [word for word in ("account", "session", "address", "ip ", "source", "name ") if word in columns]
