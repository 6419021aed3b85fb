"""Databases and object stores that fail, are taken, or are not what the settings say."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.fileserver.rooms import NOW_MS, rooms
from tests.unit.fileserver.storages import Servers
from tests.unit.fileserver.stores import needs_package
from veery.fileserver.blobs import BlobStore, DiskBlobs
from veery.fileserver.database import SqliteMetadata
from veery.fileserver.errors import PackageMissing, StorageFault, StorageRefused, StorageTaken
from veery.fileserver.metadata import Metadata, StoredFile, Totals
from veery.fileserver.settings import FileServerSettings, S3Settings
from veery.fileserver.storage import blobs_of, metadata_of
from veery.protocol.attachments import FileId, http_id
from veery.runtime.randomness import random_bytes
from veery.secret import Secret

FILE = StoredFile(http_id(b"blob").text, 4, NOW_MS, NOW_MS + 1_000)
ID = FileId(FILE.id)


def rows(url: str) -> Metadata:
    return metadata_of(FileServerSettings(postgres=Secret(url.encode())), Path("/nonexistent"))


def objects(settings: S3Settings) -> BlobStore:
    return blobs_of(FileServerSettings(s3=settings), Path("/nonexistent"), random_bytes)


def test_without_settings_everything_lies_in_the_directory(tmp_path: Path) -> None:
    assert isinstance(metadata_of(FileServerSettings(), tmp_path), SqliteMetadata)
    assert isinstance(blobs_of(FileServerSettings(), tmp_path, random_bytes), DiskBlobs)


def test_packages_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("asyncpg", "obstore"):
        monkeypatch.setitem(sys.modules, module, None)
    for module in ("veery.fileserver.postgres", "veery.fileserver.s3"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(PackageMissing, match=r"pip install 'veery\[postgres\]'"):
        rows("postgresql://localhost/files")
    with pytest.raises(PackageMissing, match=r"pip install 'veery\[s3\]'"):
        objects(S3Settings(bucket="files"))


async def test_files_of_other_rows_are_not_taken_for_garbage(storage_servers: Servers, tmp_path: Path) -> None:
    """Any database with any place of files; what lies there when the database is another is left as it is."""
    first, second = (Secret(storage_servers.postgres().encode()) for _ in range(2))
    s3 = storage_servers.s3()
    settings = FileServerSettings()
    for number, (ours, others) in enumerate(
        (
            (replace(settings, postgres=first), replace(settings, postgres=second)),
            (replace(settings, postgres=first), settings),
            (replace(settings, s3=s3), replace(settings, postgres=second, s3=s3)),
        )
    ):
        async with rooms(tmp_path / f"{number}", ours) as found:
            file = await found.files.upload(b"blob", None, "192.0.2.1")
        with pytest.raises(StorageRefused, match="another database"):
            async with rooms(tmp_path / f"{number}", others):
                pass
        async with rooms(tmp_path / f"{number}", ours) as again:
            assert await again.files.remove_orphans() == 0
            assert (await again.files.download(file.id, "192.0.2.1"))[1] == b"blob"


# -- PostgreSQL --------------------------------------------------------------------------------------------------


async def ended(url: str, application: str) -> int:
    """End the connections of an application, as a database does that is stopped; gives how many."""
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = $1", application
        )
        return len(found)
    finally:
        await connection.close()


async def test_one_server_at_a_time(storage_servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    url, other_url = storage_servers.postgres(), storage_servers.postgres()
    first, second, other = rows(url), rows(url), rows(other_url)
    await first.start()
    monkeypatch.setattr("veery.fileserver.postgres._LOCK_WAIT_S", 0.05)
    with pytest.raises(StorageTaken):
        await second.start()
    await second.close()
    await other.start()
    await other.close()
    await first.close()
    await second.start()
    await second.close()


async def test_rows_after_the_database_was_stopped(storage_servers: Servers) -> None:
    url = storage_servers.postgres()
    metadata = rows(url)
    await metadata.start()
    await metadata.keep(FILE)
    assert await ended(url, "veery fileserver") == 2
    for call in (metadata.extend(FILE.id, 0), metadata.find(FILE.id)):
        with suppress(StorageFault):  # whoever had not heard of it yet
            await call
    assert await metadata.extend(FILE.id, 0) == FILE
    assert await metadata.find(FILE.id) == FILE
    assert await metadata.totals() == Totals(1, 4)
    await metadata.close()


async def test_a_write_that_is_cut_off_is_done_or_not_and_the_next_one_sees(storage_servers: Servers) -> None:
    metadata = rows(storage_servers.postgres())
    await metadata.start()
    for number in range(10):
        writing = asyncio.create_task(metadata.keep(replace(FILE, id=str(number))))
        for _ in range(number):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        seen = await metadata.extend(str(number), 0)
        assert seen in (None, replace(FILE, id=str(number)))
        assert await metadata.find(str(number)) == seen
    await metadata.close()


async def test_a_schema_of_the_future(storage_servers: Servers) -> None:
    url = storage_servers.postgres()
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE veery_schema (version integer NOT NULL)")
    await connection.execute("INSERT INTO veery_schema (version) VALUES (99)")
    await connection.close()
    metadata = rows(url)
    with pytest.raises(StorageRefused, match="newer version"):
        await metadata.start()
    await metadata.close()


async def test_databases_that_are_not_there(storage_servers: Servers, tmp_path: Path) -> None:
    url = storage_servers.postgres()
    for wrong, fault in (
        (url.replace("/postgres?", "/nothing?"), StorageRefused),
        (url.replace("//postgres@", "//nobody-known@"), StorageRefused),
        (f"postgresql://postgres@/postgres?host={tmp_path}", StorageFault),
        ("postgresql://localhost:0/x", StorageFault),
    ):
        metadata = rows(wrong)
        with pytest.raises(fault) as raised:
            await metadata.start()
        assert "nobody-known" not in str(raised.value)
        await metadata.close()


async def test_no_column_in_postgresql_leads_to_a_person(storage_servers: Servers) -> None:
    url = storage_servers.postgres()
    import asyncpg

    metadata = rows(url)
    await metadata.start()
    await metadata.close()
    connection = await asyncpg.connect(url)
    found = await connection.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    )
    await connection.close()
    columns = {(str(row[0]), str(row[1])) for row in found}
    assert columns == {
        *(("files", name) for name in ("id", "size", "uploaded", "expiry")),
        *(("version_checks", name) for name in ("day", "id", "platform", "channel")),
        ("veery_schema", "version"),
        ("own_name", "name"),
    }


# -- S3 ----------------------------------------------------------------------------------------------------------


async def test_objects_lie_below_their_prefix_alone(storage_servers: Servers) -> None:
    settings = storage_servers.s3()
    ours, outer = objects(settings), objects(replace(settings, prefix=""))
    await ours.start()
    await ours.put(ID, b"blob")
    assert [found async for found in ours.batches()] == [[ID]]
    assert ID not in [each async for batch in outer.batches() for each in batch]
    assert await outer.get(ID) is None
    await ours.remove([ID, FileId("7")])
    assert [found async for found in ours.batches()] == []
    await ours.close()
    await outer.close()


async def test_a_bucket_that_is_not_there(storage_servers: Servers) -> None:
    blobs = objects(replace(storage_servers.s3(), bucket="nothing"))
    with pytest.raises(StorageFault):
        await blobs.start()
    await blobs.close()


async def test_a_store_that_does_not_answer(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_package("obstore")
    monkeypatch.setattr("veery.fileserver.s3._RETRIES", 0)
    blobs = objects(S3Settings(bucket="files", endpoint=f"http://127.0.0.1:{unused_tcp_port}", access_key="a"))
    with pytest.raises(StorageFault) as raised:
        await blobs.start()
    assert str(unused_tcp_port) not in str(raised.value)
    await blobs.close()


async def test_a_server_does_not_start_over_storage_that_is_not_there(tmp_path: Path) -> None:
    needs_package("asyncpg")
    settings = FileServerSettings(postgres=Secret(f"postgresql:///x?host={tmp_path}".encode()))
    with pytest.raises(StorageFault):
        async with rooms(tmp_path, settings):
            pass
