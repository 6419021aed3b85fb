"""A file server as a service: opens what the rooms need, ties them together, and closes them in order.

```python
async with FileServerService(FileServerSettings(port=0), directory) as server:
    print(server.url, server.keys.ed25519.hex())
```
"""

from __future__ import annotations

import logging
import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from veery.fileserver.blobs import BlobStore
from veery.fileserver.endpoints import Endpoints
from veery.fileserver.files import Files
from veery.fileserver.listener import FileListener
from veery.fileserver.metadata import Metadata
from veery.fileserver.news import News
from veery.fileserver.onion_door import OnionDoor, ServerKeys
from veery.fileserver.settings import FileServerSettings
from veery.fileserver.storage import blobs_of, metadata_of
from veery.fileserver.version_checks import VersionChecks
from veery.protocol.attachments import FileServer
from veery.protocol.constants import ONION_BODY_MAX, ONION_V3_TARGETS, ONION_V4_TARGET
from veery.protocol.onion.servers import BYTES_TYPE, TEXT_TYPE, ServerFrameRefused, ServerReply, ServerRequest
from veery.runtime.clock import Clock, SystemClock
from veery.runtime.lifecycle import Background, Periodic, Startable
from veery.runtime.locks import FileLock
from veery.runtime.paths import private_directory
from veery.runtime.randomness import Randomness

log = logging.getLogger(__name__)

LOCK_FILE: Final = "lock"
_FORGET_S: Final = 3_600.0
_ORPHANS_S: Final = 24 * 3_600.0


class FileServerService(Startable):
    """One running file server. `async with`, or `start`, `run_until_stopped` and `close`."""

    def __init__(
        self,
        settings: FileServerSettings,
        directory: Path,
        *,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        randomness: Randomness | None = None,
        blobs: BlobStore | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        """Nothing is opened yet. tls: without it the server speaks plain HTTP, as usual (09.5.1).

        blobs, metadata: where they lie; by default as the settings say. Raises FileUnsafe, KeyFileBroken,
        PackageMissing.
        """
        randomness = randomness or Randomness()
        self.settings = settings
        self.port = 0
        self.keys = ServerKeys.of_directory(directory)
        self._tls = tls
        self._clock = clock or SystemClock()
        self._lock = FileLock(private_directory(directory) / LOCK_FILE)
        self._open = AsyncExitStack()
        self._background = Background(self._clock)
        self._metadata = metadata or metadata_of(settings, directory)
        self._blobs = blobs or blobs_of(settings, directory, randomness.random_bytes)
        self._news = News(settings.news, self._clock)
        self.files = Files(settings, self._metadata, self._blobs, self._clock, randomness.randbelow)
        self._checks = VersionChecks(self._metadata, self._clock, days=settings.check_days, most=settings.checks_a_day)
        endpoints = Endpoints(settings, self.files, self._news, self._checks, self._clock)
        self._endpoints = endpoints
        self._onion = OnionDoor(self.keys, endpoints.handle, randomness.random_bytes)
        body_max = max(ONION_BODY_MAX, settings.blob_max)
        self._listener = FileListener(self._answer, body_max=body_max, limits=settings.limits)

    # -- life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open everything and begin to serve. Raises RuntimeFault and FileServerError leaves."""
        self._lock.acquire_now()
        self._open.callback(self._lock.release)
        self._news.start()
        self._open.push_async_callback(self._blobs.close)
        await self._blobs.start()
        self._open.push_async_callback(self._metadata.close)
        await self._metadata.start()
        await self.files.start()
        self._open.push_async_callback(self._background.close)
        self._open.push_async_callback(self._listener.close)
        self.port = await self._listener.start(self.settings.host, self.settings.port, self._tls)
        self._background.start("expiry", Periodic(self._clock, self.settings.sweep_s, self._sweep).run)
        self._background.start("version checks", Periodic(self._clock, _FORGET_S, self._checks.forget, first_s=0.0).run)
        orphans = Periodic(self._clock, _ORPHANS_S, self._remove_orphans, first_s=0.0)
        self._background.start("orphans", orphans.run)
        log.info("File server listens on %s:%d", self.settings.host, self.port)

    async def run_until_stopped(self) -> None:
        """Return when the service has been asked to stop from inside."""
        await self._background.run_until_stopped()

    async def close(self) -> None:
        """Stop accepting, answer what is in flight, then close."""
        await self._open.aclose()

    # -- what is known -----------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it can be reached on this machine or, if it listens on one address, from elsewhere."""
        host = "127.0.0.1" if self.settings.host in ("0.0.0.0", "") else self.settings.host
        return f"{'https' if self._tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def address(self, host: str | None = None, port: int | None = None) -> FileServer:
        """The server as clients name it. host, port: if others reach it elsewhere than where it listens."""
        listens = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        scheme = "https" if self._tls else "http"
        return FileServer(self.keys.ed25519, host or listens, scheme, port or self.port)

    @property
    def bodies_in_flight(self) -> int:
        """Bytes of the request bodies that are held now."""
        return self._listener.in_flight

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return self._listener.connections

    async def status(self) -> dict[str, object]:
        """How the server stands, without identifiers. Raises RuntimeFault leaves."""
        found = await self._metadata.totals()
        counted = await self._checks.totals()
        return {
            "files": found.files,
            "bytes": found.size,
            "quota": self.settings.quota,
            "connections": self._listener.connections,
            "version_checks": {f"{platform}/{channel}": number for (platform, channel), number in counted.items()},
        }

    # -- requests and time -------------------------------------------------------------------------------------

    async def _answer(self, request: ServerRequest, source: str) -> ServerReply:
        target = request.path
        if request.method != "POST" or target not in (ONION_V4_TARGET, *ONION_V3_TARGETS):
            return await self._direct(request, source)
        is_v4 = target == ONION_V4_TARGET
        answer = self._onion.answer_v4 if is_v4 else self._onion.answer_v3
        try:
            sealed = await answer(request.body or b"", source)
        except ServerFrameRefused as refused:
            return ServerReply(refused.code)
        return ServerReply(200, {"content-type": BYTES_TYPE if is_v4 else TEXT_TYPE}, sealed)

    async def _direct(self, request: ServerRequest, source: str) -> ServerReply:
        try:
            return await self._endpoints.handle(request, source)
        except Exception:
            # The listener's own answer to a crash would write the asker's address to the log.
            log.exception("A request could not be answered")
            return ServerReply(500, {"content-type": TEXT_TYPE}, b"Internal Server Error")

    async def _sweep(self) -> None:
        removed = await self.files.sweep()
        if removed:
            log.debug("%d expired files were removed", removed)

    async def _remove_orphans(self) -> None:
        removed = await self.files.remove_orphans()
        if removed:
            log.info("%d files of uploads that were cut off were removed", removed)
