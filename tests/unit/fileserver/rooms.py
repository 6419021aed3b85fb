"""Rooms of a file server without its listener: real files and rows, a clock that stands still, and faults on demand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from veery.fileserver.blobs import BlobStore
from veery.fileserver.endpoints import Endpoints
from veery.fileserver.files import Files
from veery.fileserver.metadata import Metadata, StoredFile
from veery.fileserver.news import News
from veery.fileserver.settings import FileServerSettings
from veery.fileserver.storage import blobs_of, metadata_of
from veery.fileserver.version_checks import VersionChecks
from veery.protocol.attachments import FileId
from veery.protocol.onion.servers import ServerReply, ServerRequest
from veery.runtime.clock import ManualClock
from veery.runtime.paths import private_directory
from veery.runtime.randomness import Randomness, random_bytes

NOW_MS = 1_764_000_000_000
TTL_S = 1_209_600


Before = Callable[[str, str], None]


class WatchedBlobs:
    """Blobs of any store. before: called with the verb and the id before each verb; it may raise."""

    def __init__(self, inner: BlobStore) -> None:
        self._inner = inner
        self.verbs: list[tuple[str, str]] = []
        self.before: Before = lambda verb, file_id: None
        self.start, self.close, self.batches = inner.start, inner.close, inner.batches
        self.get, self.has, self.claim = inner.get, inner.has, inner.claim

    async def put(self, file_id: FileId, blob: bytes) -> None:
        self._note("put", file_id)
        await self._inner.put(file_id, blob)

    async def remove(self, file_ids: Sequence[FileId]) -> None:
        for file_id in file_ids:
            self._note("remove", file_id)
        await self._inner.remove(file_ids)

    def _note(self, verb: str, file_id: FileId) -> None:
        self.verbs.append((verb, file_id.text))
        self.before(verb, file_id.text)


class WatchedMetadata:
    """Rows of any store. before: called with the verb and the id before and after a row is kept; it may raise."""

    def __init__(self, inner: Metadata) -> None:
        self._inner = inner
        self.before: Before = lambda verb, file_id: None
        self.start, self.close, self.totals, self.find = inner.start, inner.close, inner.totals, inner.find
        self.extend, self.expired, self.remove_expired = inner.extend, inner.expired, inner.remove_expired
        self.count_check, self.checks_of = inner.count_check, inner.checks_of
        self.forget_checks, self.checks, self.name = inner.forget_checks, inner.checks, inner.name

    async def keep(self, file: StoredFile) -> StoredFile:
        self.before("keep", file.id)
        kept = await self._inner.keep(file)
        self.before("kept", file.id)
        return kept


@dataclass
class Rooms:
    """What a file server is made of."""

    clock: ManualClock
    metadata: WatchedMetadata
    blobs: WatchedBlobs
    files: Files
    news: News
    checks: VersionChecks
    endpoints: Endpoints
    source: str = field(default="192.0.2.1")

    async def ask(
        self, method: str, endpoint: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, Any, ServerReply]:
        """Code, JSON (or text) and reply. Underscores in names of headers stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = await self.endpoints.handle(ServerRequest(method, endpoint, named, body), self.source)
        is_json = reply.headers.get("content-type") == "application/json"
        return reply.code, json.loads(reply.body) if is_json else reply.body, reply


@asynccontextmanager
async def rooms(
    directory: Path, settings: FileServerSettings | None = None, randomness: Randomness | None = None
) -> AsyncIterator[Rooms]:
    """Open them in a directory, which a test may use twice in turn."""
    settings = settings or FileServerSettings()
    randomness = randomness or Randomness()
    clock = ManualClock(NOW_MS)
    private_directory(directory)
    metadata = WatchedMetadata(metadata_of(settings, directory))
    blobs = WatchedBlobs(blobs_of(settings, directory, random_bytes))
    news = News(settings.news, clock)
    files = Files(settings, metadata, blobs, clock, randomness.randbelow)
    news.start()
    try:
        await blobs.start()
        await metadata.start()
        await files.start()
        checks = VersionChecks(metadata, clock, days=settings.check_days, most=settings.checks_a_day)
        endpoints = Endpoints(settings, files, news, checks, clock)
        yield Rooms(clock, metadata, blobs, files, news, checks, endpoints)
    finally:
        await metadata.close()
        await blobs.close()
