"""Where blobs lie. `BlobStore` is all that the server knows of it; `DiskBlobs` is a directory.

A blob is written to `uploads/`, brought to the disk, and renamed to its place, so that its place holds it whole or not
at all. What a crash leaves in `uploads/` is removed at the next start. Which blobs count is said by the database alone:
a blob without a row is garbage (see `files`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final, Protocol, TypeVar

from veery.protocol.attachments import FileId, FileIdMalformed
from veery.runtime.faults import DiskFull, FileMissing, files_mapped
from veery.runtime.paths import FILE_MODE, private_directory, read_bounded, write_atomic
from veery.runtime.randomness import random_bytes

T = TypeVar("T")
UPLOADS: Final = "uploads"
OWNER: Final = "owner"  # where the name of the rows stands that the blobs belong to
OWNER_MAX: Final = 256  # bytes
_THREADS: Final = 4
_BATCH: Final = 256  # ids that are listed at a time
_NAME_SIZE: Final = 16  # random bytes of a name in `uploads`


class BlobStore(Protocol):
    """Keeps blobs by id. Calls for one id do not overlap: the server sees to that. All raise RuntimeFault leaves."""

    async def start(self) -> None:
        """Get ready; remove what an earlier run left unfinished."""

    async def close(self) -> None:
        """Finish what is under way."""

    async def claim(self, name: str) -> str:
        """Note that the blobs belong to the rows of a name, if they belong to none yet; gives the name they have."""

    async def put(self, file_id: FileId, blob: bytes) -> None:
        """Keep a blob, in the place of what has its id: durable on return, and whole or absent after a crash.

        Raises DiskFull.
        """

    async def get(self, file_id: FileId) -> bytes | None:
        """The blob, None if there is none."""

    async def has(self, file_id: FileId) -> bool:
        """Whether there is a blob."""

    async def remove(self, file_ids: Sequence[FileId]) -> None:
        """Remove blobs; those that are not there are passed over."""

    def batches(self) -> AsyncIterator[Sequence[FileId]]:
        """The ids of all blobs, in no order; of those put or removed meanwhile some may appear."""


class DiskBlobs:
    """Blobs in files below a directory, in the layout of 09.7.4. free: bytes that must stay free on the device."""

    def __init__(self, directory: Path, *, free: int = 0, random: Callable[[int], bytes] = random_bytes) -> None:
        self._directory = directory
        self._uploads = directory / UPLOADS
        self._free = free
        self._random = random
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="veery-blobs")

    async def start(self) -> None:
        """See `BlobStore`. Raises FileUnsafe, FileDenied and the like."""
        await self._run(self._prepare)

    async def close(self) -> None:
        """See `BlobStore`."""
        await asyncio.to_thread(self._threads.shutdown)

    async def claim(self, name: str) -> str:
        """See `BlobStore`."""
        return await self._run(lambda: self._claim(name))

    async def put(self, file_id: FileId, blob: bytes) -> None:
        """See `BlobStore`."""
        await self._run(lambda: self._write(self._place(file_id), blob))

    async def get(self, file_id: FileId) -> bytes | None:
        """See `BlobStore`."""
        return await self._run(lambda: _read(self._place(file_id)))

    async def has(self, file_id: FileId) -> bool:
        """See `BlobStore`."""
        return await self._run(self._place(file_id).is_file)

    async def remove(self, file_ids: Sequence[FileId]) -> None:
        """See `BlobStore`."""
        await self._run(lambda: _unlink([self._place(file_id) for file_id in file_ids]))

    async def batches(self) -> AsyncIterator[Sequence[FileId]]:
        """See `BlobStore`."""
        found = self._ids()
        while batch := await self._run(lambda: list(islice(found, _BATCH))):
            yield batch

    def _place(self, file_id: FileId) -> Path:
        return self._directory / file_id.folder / file_id.text

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    # -- in threads --------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        private_directory(self._directory)
        private_directory(self._uploads)
        with files_mapped(f"The directory {self._uploads}"):
            for left in self._uploads.iterdir():
                left.unlink()

    def _claim(self, name: str) -> str:
        place = self._directory / OWNER
        if not place.exists():
            write_atomic(place, name.encode())
        return read_bounded(place, OWNER_MAX).decode("ascii", "replace")

    def _write(self, place: Path, blob: bytes) -> None:
        with files_mapped("The directory of files"):
            if shutil.disk_usage(self._directory).free < self._free + len(blob):
                raise DiskFull("The device has no more room for files")
            is_new_folder = not place.parent.exists()
            beside = self._uploads / self._random(_NAME_SIZE).hex()
            try:
                _write_and_sync(beside, blob)
                place.parent.mkdir(mode=0o700, exist_ok=True)
                beside.replace(place)
            finally:
                beside.unlink(missing_ok=True)
            _sync_directory(place.parent)
            if is_new_folder:
                _sync_directory(self._directory)

    def _ids(self) -> Iterator[FileId]:
        with files_mapped("The directory of files"):
            for folder in self._directory.iterdir():
                if folder.name == UPLOADS or not folder.is_dir():
                    continue
                for place in folder.iterdir():
                    try:
                        file_id = FileId.parse(place.name)
                    except FileIdMalformed:  # not ours: never touched
                        continue
                    if file_id.folder == folder.name:
                        yield file_id


def _read(place: Path) -> bytes | None:
    try:
        with files_mapped("A file"):
            return place.read_bytes()
    except FileMissing:
        return None


def _unlink(places: Sequence[Path]) -> None:
    with files_mapped("A file"):
        for place in places:
            place.unlink(missing_ok=True)


def _write_and_sync(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, FILE_MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
