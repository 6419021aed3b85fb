"""Downloads: files that are wanted here, three at a time, and again when the way there fails (09.6).

How often a download has failed, and when it is tried again, stands in the store: a restart changes neither.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from veery.client.attachments.faults import FileServerMissing, LargeFileRefused
from veery.client.attachments.local_files import LocalFiles
from veery.client.attachments.retrying import keep_trying
from veery.client.attachments.servers import FileServers
from veery.client.attachments.small_pictures import Kept, write_with_thumbnail
from veery.client.core import Core
from veery.client.views import Json
from veery.errors import NetworkError, ProtocolError, Retry, VeeryError
from veery.protocol.attachments import FileUrl, open_attachment, parse_url
from veery.protocol.attachments.errors import FileServerRefused
from veery.protocol.attachments.sizes import legacy_blob_size, stream_blob_size
from veery.protocol.constants import ATTACHMENT_MAX, FILE_BLOB_MAX, SECOND_MS
from veery.runtime.together import all_done
from veery.store.message_values import Attachment, AttachmentState, NewAttachment
from veery.store.tables import Tables

log: Final = logging.getLogger(__name__)

ATTACHMENT_EVENT: Final = "attachment"
EXPIRED: Final = "client.attachment.expired"
PAUSES_S: Final = (30, 1_800)  # after the first and the second failure; the third is the last, 09.6
_LOOKED_AT: Final = 100
_TOGETHER: Final = 3
_GONE: Final = 404
_LONGEST_MS: Final = max(PAUSES_S) * SECOND_MS


class Downloads:
    """Fetches the files of messages."""

    def __init__(self, core: Core, files: LocalFiles, servers: FileServers) -> None:
        self._core = core
        self._files = files
        self._servers = servers
        self._slots = asyncio.Semaphore(_TOGETHER)

    async def run(self) -> None:
        """Fetch what is wanted, until cancelled."""
        await keep_trying(self._core, self.run_due)

    async def run_due(self) -> float | None:
        """Try every file that is due; gives the moment (monotonic) of the next attempt, None if none waits."""
        clock = self._core.clock
        now_ms = clock.now_ms()
        waiting = await self._core.read(lambda tables: tables.attachments.wanted(now_ms, _LOOKED_AT, _LONGEST_MS))
        await all_done(*(self._try(each) for each in waiting))
        due_ms = await self._core.read(lambda tables: tables.attachments.next_wanted_ms())
        return (
            None
            if due_ms is None
            else clock.monotonic() + min(max(0, due_ms - clock.now_ms()), _LONGEST_MS) / SECOND_MS
        )

    async def fetch(self, attachment: Attachment) -> bytes:
        """The content of a file that is not here: from the server, opened, and kept.

        Raises NetworkError (it may be tried again) and ProtocolError (it is given up, and marked as failed).
        """
        async with self._slots:
            try:
                url = parse_url(attachment.pointer.url)
                blob = await self._servers.download(url, large=_is_large(attachment.pointer, url))
                plain = await asyncio.to_thread(_open, attachment.pointer, blob)
            except ProtocolError as error:
                if error.retry is Retry.NEVER:
                    await self._failed(attachment, error)
                raise
        kept = await write_with_thumbnail(self._files, plain, attachment.pointer.content_type)
        await self._note(attachment, None, lambda tables: _stored(tables, attachment.id, kept))
        return plain

    async def _try(self, attachment: Attachment) -> None:
        try:
            await self.fetch(attachment)
        except ProtocolError as error:
            if error.retry is not Retry.NEVER:
                await self._again(attachment, error)
        except (NetworkError, FileServerMissing) as error:
            await self._again(attachment, error)
        except LargeFileRefused as error:
            await self._failed(attachment, error)

    async def _again(self, attachment: Attachment, error: VeeryError) -> None:
        log.info("A download failed: %s", error)
        failures = attachment.failures + 1
        if failures > len(PAUSES_S):
            await self._failed(attachment, error)
            return
        next_ms = self._core.clock.now_ms() + PAUSES_S[failures - 1] * SECOND_MS
        await self._core.write(lambda tables: tables.attachments.try_again(attachment.id, failures, next_ms))

    async def _failed(self, attachment: Attachment, error: VeeryError) -> None:
        gone = isinstance(error, FileServerRefused) and error.code == _GONE
        reason = EXPIRED if gone else error.kind

        def change(tables: Tables) -> None:
            tables.attachments.set_state(attachment.id, AttachmentState.FAILED)
            if gone:
                tables.attachments.forget_pointer(attachment.id)  # 09.6: it is never asked for again

        await self._note(attachment, reason, change)

    async def _note(self, attachment: Attachment, reason: str | None, change: Callable[[Tables], None]) -> None:
        now_ms = self._core.clock.now_ms()
        await self._core.write(partial(_noted, attachment=attachment, reason=reason, change=change, now_ms=now_ms))


def _open(pointer: NewAttachment, blob: bytes) -> bytes:
    url = parse_url(pointer.url)
    large = _is_large(pointer, url)
    return open_attachment(blob, url=url, key=pointer.key, digest=pointer.digest, size=pointer.size, allow_large=large)


def _is_large(pointer: NewAttachment, url: FileUrl) -> bool:
    """Whether a file is too long for onion requests, as its pointer says; one that lies is refused when it comes."""
    if pointer.size <= ATTACHMENT_MAX:
        return False
    size = stream_blob_size(pointer.size, allow_large=True) if url.stream else legacy_blob_size(pointer.size)
    return size > FILE_BLOB_MAX


def _stored(tables: Tables, id_: int, kept: Kept) -> None:
    tables.attachments.set_stored(id_, kept.file.name, kept.file.key)
    if kept.thumbnail is not None:
        tables.attachments.set_thumbnail(id_, kept.thumbnail.name, kept.thumbnail.key)


def _noted(
    tables: Tables, attachment: Attachment, reason: str | None, change: Callable[[Tables], None], now_ms: int
) -> None:
    if tables.attachments.get(attachment.id) is None:
        return  # deleted meanwhile: the local file goes at the next start
    change(tables)
    held = tables.attachments.get(attachment.id)
    state = AttachmentState.FAILED if held is None else held.pointer.state
    fields: Json = {"id": attachment.id, "message": attachment.message, "state": state.value, "reason": reason}
    tables.events.append(ATTACHMENT_EVENT, fields, now_ms)
