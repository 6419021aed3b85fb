"""Rooms of a file server without its listener: real files and rows, a clock that stands still, and faults on demand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from veery.fileserver.blobs import DiskBlobs
from veery.fileserver.database import Database
from veery.fileserver.endpoints import Endpoints
from veery.fileserver.files import Files
from veery.fileserver.news import News
from veery.fileserver.settings import FileServerSettings
from veery.fileserver.version_checks import VersionChecks
from veery.protocol.attachments import FileId
from veery.protocol.onion.servers import ServerReply, ServerRequest
from veery.runtime.clock import ManualClock
from veery.runtime.paths import private_directory
from veery.runtime.randomness import Randomness

NOW_MS = 1_764_000_000_000
TTL_S = 1_209_600


class WatchedBlobs(DiskBlobs):
    """Blobs on disk. before: called with the verb and the id before each verb; it may raise."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.verbs: list[tuple[str, str]] = []
        self.before: Callable[[str, str], None] = lambda verb, file_id: None

    async def put(self, file_id: FileId, blob: bytes) -> None:
        self._note("put", file_id)
        await super().put(file_id, blob)

    async def remove(self, file_ids: Sequence[FileId]) -> None:
        for file_id in file_ids:
            self._note("remove", file_id)
        await super().remove(file_ids)

    def _note(self, verb: str, file_id: FileId) -> None:
        self.verbs.append((verb, file_id.text))
        self.before(verb, file_id.text)


@dataclass
class Rooms:
    """What a file server is made of."""

    clock: ManualClock
    database: Database
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
    clock = ManualClock(NOW_MS)
    private_directory(directory)
    database, blobs, news = Database(directory), WatchedBlobs(directory / "blobs"), News(settings.news, clock)
    files = Files(settings, database, blobs, clock, (randomness or Randomness()).randbelow)
    news.start()
    await blobs.start()
    await database.start()
    files.start()
    checks = VersionChecks(database, clock, days=settings.check_days, most=settings.checks_a_day)
    endpoints = Endpoints(settings, files, news, checks, clock)
    try:
        yield Rooms(clock, database, blobs, files, news, checks, endpoints)
    finally:
        await database.close()
        await blobs.close()
