"""Blobs in files (09.7.4)."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from veery.fileserver.blobs import UPLOADS, DiskBlobs
from veery.protocol.attachments import FileId, http_id
from veery.runtime.faults import DiskFull, FileFault, FileUnsafe

HASH = http_id(b"blob")
NUMBER = FileId("2478430809375318")


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[DiskBlobs]:
    made = DiskBlobs(tmp_path / "blobs")
    await made.start()
    yield made
    await made.close()


async def ids(blobs: DiskBlobs) -> set[str]:
    return {file_id.text async for batch in blobs.batches() for file_id in batch}


async def test_blobs_come_and_go(blobs: DiskBlobs, tmp_path: Path) -> None:
    assert await blobs.get(HASH) is None
    assert not await blobs.has(HASH)
    await blobs.put(HASH, b"blob")
    await blobs.put(NUMBER, b"number")
    assert (await blobs.get(HASH), await blobs.get(NUMBER)) == (b"blob", b"number")
    assert await blobs.has(HASH)
    assert await ids(blobs) == {HASH.text, NUMBER.text}
    assert (tmp_path / "blobs" / HASH.text[:2] / HASH.text).read_bytes() == b"blob"
    assert (tmp_path / "blobs" / "318" / NUMBER.text).exists()
    await blobs.put(HASH, b"again")
    assert await blobs.get(HASH) == b"again"
    await blobs.remove([HASH, NUMBER, FileId("1")])
    assert await ids(blobs) == set()
    assert await blobs.get(HASH) is None
    assert list((tmp_path / "blobs" / UPLOADS).iterdir()) == []


async def test_files_are_private(blobs: DiskBlobs, tmp_path: Path) -> None:
    await blobs.put(HASH, b"blob")
    place = tmp_path / "blobs" / HASH.folder / HASH.text
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


async def test_what_a_crash_left_is_removed_at_the_next_start(blobs: DiskBlobs, tmp_path: Path) -> None:
    left = tmp_path / "blobs" / UPLOADS / "half"
    left.write_bytes(b"half a blob")
    again = DiskBlobs(tmp_path / "blobs")
    await again.start()
    assert not left.exists()
    await again.close()


async def test_files_of_others_are_not_listed(blobs: DiskBlobs, tmp_path: Path) -> None:
    await blobs.put(HASH, b"blob")
    (tmp_path / "blobs" / HASH.folder / "notes.txt").write_text("mine")
    (tmp_path / "blobs" / "readme").write_text("mine")
    (tmp_path / "blobs" / "other").mkdir()
    (tmp_path / "blobs" / "other" / HASH.text).write_text("in a folder that is not its own")
    assert await ids(blobs) == {HASH.text}


async def test_a_failed_write_leaves_the_old_blob_and_no_rest(
    blobs: DiskBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await blobs.put(HASH, b"old")

    def refuse(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(DiskFull):
        await blobs.put(HASH, b"new")
    monkeypatch.undo()
    assert await blobs.get(HASH) == b"old"
    assert list((tmp_path / "blobs" / UPLOADS).iterdir()) == []


async def test_some_room_stays_free(tmp_path: Path) -> None:
    blobs = DiskBlobs(tmp_path / "blobs", free=2**62)
    await blobs.start()
    with pytest.raises(DiskFull):
        await blobs.put(HASH, b"blob")
    assert not await blobs.has(HASH)
    await blobs.close()


async def test_a_directory_that_others_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs").chmod(0o777)
    blobs = DiskBlobs(tmp_path / "blobs")
    with pytest.raises(FileUnsafe):
        await blobs.start()
    await blobs.close()


async def test_what_is_no_file_is_a_fault(blobs: DiskBlobs, tmp_path: Path) -> None:
    (tmp_path / "blobs" / HASH.folder / HASH.text).mkdir(parents=True)
    with pytest.raises(FileFault):
        await blobs.get(HASH)
    assert not await blobs.has(HASH)
