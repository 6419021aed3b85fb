"""The rules of keeping files: ids, deduplication, expiry, limits (09.7.2, 09.7.4, 09.7.6).

A row says that a file exists. It is written after its blob is durable, and removed before its blob is, so whatever
moment a crash chooses, a row has its blob; a blob without a row is garbage, which `remove_orphans` looks for. Uploads,
the sweep and the search for garbage hold the lock of an id while they touch its blob.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from veery.errors import RuntimeFault
from veery.fileserver.blobs import BlobStore
from veery.fileserver.budget import ByteBudget
from veery.fileserver.errors import Refused, StorageRefused
from veery.fileserver.id_locks import IdLocks
from veery.fileserver.metadata import Metadata, StoredFile
from veery.fileserver.settings import FileServerSettings
from veery.protocol.attachments import FileId, FileIdMalformed, http_id, numeric_id
from veery.protocol.constants import FILE_ID_ATTEMPTS
from veery.runtime.clock import Clock
from veery.runtime.faults import DiskFull

log = logging.getLogger(__name__)

_MS: Final = 1_000
_SWEEP_FILES: Final = 100  # that are removed in one transaction
_HASHED_ON_THE_LOOP: Final = 65_536  # bytes; hashing more would hold others up

RandBelow = Callable[[int], int]


class Files:
    """The files of a server. source: the address that a request came from, for counting bytes alone."""

    def __init__(
        self, settings: FileServerSettings, metadata: Metadata, blobs: BlobStore, clock: Clock, randbelow: RandBelow
    ) -> None:
        self._settings = settings
        self._metadata = metadata
        self._blobs = blobs
        self._clock = clock
        self._randbelow = randbelow
        self._locks = IdLocks()
        self._used = 0  # bytes of files that have a row or are about to get one
        limits = settings.limits
        self._budget = ByteBudget(limits.minute_mib << 20, limits.minute_each_mib << 20, limits.addresses)

    @property
    def used(self) -> int:
        """Bytes of all files."""
        return self._used

    async def start(self) -> None:
        """Count what is there. Raises RuntimeFault leaves; StorageRefused if the blobs belong to other rows.

        To these rows all of them would be garbage, and be removed as such.
        """
        name = await self._metadata.name()
        if await self._blobs.claim(name) != name:
            raise StorageRefused(
                "The files belong to another database than the one that the settings name",
                remedy="Put the settings right, or give this database another directory, bucket or prefix for files",
            )
        self._used = (await self._metadata.totals()).size

    # -- requests ----------------------------------------------------------------------------------------------

    async def upload(self, blob: bytes, ttl_s: int | None, source: str, *, is_numbered: bool = False) -> StoredFile:
        """Keep a blob for `ttl_s` seconds, the longest time if None; the file as it is kept then.

        is_numbered: its id is a number, whatever the ids of others are.

        Raises Refused: 413 (empty or too large), 429 (too many bytes), 507 (no room).
        """
        if not 0 < len(blob) <= self._settings.blob_max:
            raise Refused(413, "the blob is empty or too large")
        self._take(source, len(blob))
        if is_numbered or self._settings.ids == "numeric":
            return await self._upload_numbered(blob, ttl_s)
        file_id = http_id(blob) if len(blob) <= _HASHED_ON_THE_LOOP else await asyncio.to_thread(http_id, blob)
        async with self._locks.hold([file_id.text]):
            return await self._keep(file_id, blob, ttl_s)

    async def download(self, written_id: str, source: str) -> tuple[StoredFile, bytes]:
        """A file and its blob. Raises Refused: 404 (no such file, or expired), 429."""
        file = await self.info(written_id)
        self._take(source, file.size)
        blob = await self._blobs.get(FileId(file.id))
        if blob is None:
            if await self._metadata.find(file.id) is not None:
                log.error("A file that has a row has no blob: the directory of files was changed from outside")
            raise Refused(404, "the file is gone")
        return file, blob

    async def info(self, written_id: str) -> StoredFile:
        """A file. Raises Refused: 404."""
        file_id = _read_id(written_id)
        file = await self._metadata.find(file_id.text)
        if file is None or file.expiry_ms <= self._clock.now_ms():
            raise Refused(404, "no such file")
        return file

    async def extend(self, written_id: str, ttl_s: int | None) -> StoredFile:
        """Keep a file for `ttl_s` seconds from now on, never shorter than before; also an expired one, if it is there.

        Raises Refused: 404 (no such file, or its id is a number).
        """
        file_id = _read_id(written_id)
        expiry_ms = self._expiry_ms(ttl_s)
        file = None
        if file_id.is_extendable:
            file = await self._metadata.extend(file_id.text, expiry_ms)
        if file is None:
            raise Refused(404, "no such file, or none that can be extended")
        return file

    # -- housekeeping ------------------------------------------------------------------------------------------

    async def sweep(self) -> int:
        """Remove the files whose time is up; gives how many."""
        removed = 0
        while found := await self._metadata.expired(self._clock.now_ms(), _SWEEP_FILES):
            async with self._locks.hold(found):
                now_ms = self._clock.now_ms()
                gone = await self._metadata.remove_expired(found, now_ms)
                self._used -= sum(file.size for file in gone)
                await self._blobs.remove([FileId(file.id) for file in gone])
            removed += len(gone)
        return removed

    async def remove_orphans(self) -> int:
        """Remove blobs that no row speaks of, left by a crash; gives how many."""
        removed = 0
        async for batch in self._blobs.batches():
            for file_id in batch:
                if await self._has_row(file_id):
                    continue
                async with self._locks.hold([file_id.text]):
                    if not await self._has_row(file_id):  # an upload may have been under way
                        await self._blobs.remove([file_id])
                        removed += 1
        return removed

    # -- steps -------------------------------------------------------------------------------------------------

    async def _upload_numbered(self, blob: bytes, ttl_s: int | None) -> StoredFile:
        for _ in range(FILE_ID_ATTEMPTS):
            file_id = numeric_id(self._randbelow)
            async with self._locks.hold([file_id.text]):
                if not await self._has_row(file_id):
                    return await self._keep(file_id, blob, ttl_s)
        raise Refused(507, "no free id was found")

    async def _keep(self, file_id: FileId, blob: bytes, ttl_s: int | None) -> StoredFile:
        """Keep a blob under an id whose lock is held."""
        known = await self._has_row(file_id)
        async with self._room(0 if known else len(blob)), self._disk_errors():
            if not (known and await self._blobs.has(file_id)):
                await self._blobs.put(file_id, blob)
            wanted = StoredFile(file_id.text, len(blob), self._clock.now_ms(), self._expiry_ms(ttl_s))
            try:
                return await self._metadata.keep(wanted)
            except RuntimeFault:
                kept = None if known else await self._kept_after_all(file_id)
                if kept is None:
                    raise
                return kept

    async def _kept_after_all(self, file_id: FileId) -> StoredFile | None:
        """What a write that failed has left: its row, or nothing, and then the blob is removed too.

        Only a write tells for certain, because it waits for the end of what went before it (see `Metadata`).
        """
        try:
            kept = await self._metadata.extend(file_id.text, 0)
            if kept is None:
                await self._blobs.remove([file_id])
            return kept
        except RuntimeFault as error:
            log.warning("The blob of an upload that failed is left for the search for garbage: %s", error)
            return None

    @asynccontextmanager
    async def _room(self, size: int) -> AsyncIterator[None]:
        """Count a new file in advance, so that many uploads at once do not pass the quota together."""
        if self._used + size > self._settings.quota:
            raise Refused(507, "the quota is used up")
        self._used += size
        try:
            yield
        except BaseException:
            self._used -= size
            raise

    @asynccontextmanager
    async def _disk_errors(self) -> AsyncIterator[None]:
        try:
            yield
        except DiskFull as error:
            log.error("A file cannot be kept: %s", error)
            raise Refused(507, "the device is full") from error

    async def _has_row(self, file_id: FileId) -> bool:
        return await self._metadata.find(file_id.text) is not None

    def _expiry_ms(self, ttl_s: int | None) -> int:
        return self._clock.now_ms() + (self._settings.ttl_s if ttl_s is None else ttl_s) * _MS

    def _take(self, source: str, size: int) -> None:
        wait_s = self._budget.take(source, size, self._clock.monotonic())
        if wait_s:
            raise Refused(429, "too many bytes in this minute", retry_after_s=wait_s)


def _read_id(text: str) -> FileId:
    """Raises Refused (404) for what is no id, before any disk is asked for it."""
    try:
        return FileId.parse(text)
    except FileIdMalformed:
        raise Refused(404, "not the id of a file") from None
