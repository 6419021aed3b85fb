"""Attachments as a program or person handles them: sending files, listing what came, having one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from veery.client.attachments.downloading import EXPIRED, Downloads
from veery.client.attachments.faults import AttachmentGone, AttachmentRefused, AttachmentTrimmed
from veery.client.attachments.images import EXTENSIONS, THUMBNAIL_TYPE
from veery.client.attachments.local_files import LocalFiles
from veery.client.attachments.preparing import Attached
from veery.client.attachments.servers import FileLimits, FileServers
from veery.client.attachments.small_pictures import Kept, write_with_thumbnail
from veery.client.attachments.uploading import Uploads
from veery.client.core import Core
from veery.client.notices import Notices
from veery.client.settings import Switch, switched_on
from veery.client.views import TEXT, Json, attachment_fields
from veery.client.writing import Draft, write_unsent
from veery.errors import NotFound, ProtocolError, Retry
from veery.network.proxy import Proxy
from veery.protocol.account import AccountId
from veery.protocol.attachments import FileServerRefused, safe_file_name
from veery.protocol.constants import ATTACHMENTS_MAX, SECOND_MS
from veery.protocol.content import DataMessage, Quote
from veery.protocol.content.attachment import VOICE_MESSAGE
from veery.runtime.faults import FilePresent, files_mapped
from veery.runtime.paths import write_new
from veery.store.conversations import CONTACT, Conversation
from veery.store.message_values import Attachment, AttachmentState, NewAttachment
from veery.store.tables import Tables

_NAMES_TRIED: Final = 1_000

QuoteOf = Callable[[Tables, Conversation], Quote | None]


@dataclass(frozen=True, slots=True)
class _Files:
    recipient: AccountId
    text: str = field(repr=False)
    attachments: tuple[NewAttachment, ...]


class AttachmentsService:
    """The attachments of one account."""

    def __init__(self, core: Core, proxy: Proxy | None = None) -> None:
        self._core = core
        self._notices = Notices(core)
        self.files = LocalFiles(core)
        self.servers = FileServers(core, proxy)
        self.uploads = Uploads(core, self.files, self.servers)
        self.downloads = Downloads(core, self.files, self.servers)

    async def send(self, recipient: AccountId, text: str, files: Sequence[Attached], quote: QuoteOf) -> int:
        """Keep a message with files, to be uploaded and sent; gives its id. quote: called in the transaction.

        Everything is on the disk when this returns. Raises AttachmentRefused (LargeFileRefused names both limits and
        what to do), ContactBlocked, StoreError.
        """
        limits = await self.servers.limits()
        for each in files:
            limits.check(len(each.data))
        if len(files) > ATTACHMENTS_MAX:
            raise AttachmentRefused(
                f"a message takes {ATTACHMENTS_MAX} files, not {len(files)}",
                kind="client.attachment.too_many",
                remedy="Send them in several messages",
            )
        kept = [(each, await write_with_thumbnail(self.files, each.data, each.content_type)) for each in files]
        given = _Files(recipient, text, tuple(_attachment(each, file) for each, file in kept))
        times = self._core.times()

        def work(tables: Tables) -> int:
            conversation = tables.conversations.ensure(given.recipient.hex, CONTACT, times.local_ms)
            data = DataMessage(body=given.text or None, quote=quote(tables, conversation))
            draft = Draft(data, TEXT, given.text, attachments=given.attachments)
            return write_unsent(tables, conversation, self._core.own, draft, times)

        return await self._core.write(work)

    async def limits(self) -> FileLimits:
        """How long files may be now, for `prepare` and for telling users."""
        return await self.servers.limits()

    async def list(self, conversation: str | None = None, limit: int = 100) -> list[Json]:
        """The attachments of a conversation, or of all, newest first. preview: the picture of a link preview."""
        return await self._core.read(
            lambda tables: [
                {
                    **attachment_fields(each),
                    "message": each.message,
                    "preview": each.pointer.preview,
                    "conversation": where,
                    "sent_at": sent_ms,
                    "sender": sender,
                    "trimmed_at": each.trimmed_ms,
                }
                for each, where, sent_ms, sender in tables.attachments.listed(conversation, limit)
            ]
        )

    async def content(self, id_: int) -> tuple[str, bytes]:
        """Name and content of an attachment, fetched if it is not here.

        Raises NotFound, AttachmentGone (it has expired, or cannot be opened), AttachmentTrimmed, NetworkError,
        FileServerMissing.
        """
        attachment = await self._held(id_)
        pointer = attachment.pointer
        name = safe_file_name(pointer.file_name)
        if pointer.file is not None and pointer.file_key is not None:
            return name, await self.files.read(pointer.file, pointer.file_key)
        if pointer.state is AttachmentState.TRIMMED:
            raise _trimmed(attachment)
        if pointer.key is None:
            raise AttachmentGone("the file is not here, and cannot be fetched any more")
        return name, await self._fetched(attachment)

    async def thumbnail(self, id_: int) -> tuple[str, bytes]:
        """Name and content of the small picture beside a picture: WebP, at most 200 pixels a side (09.6.1).

        It stays when a rule has trimmed the picture, and goes with its message. Raises NotFound.
        """
        pointer = (await self._held(id_)).pointer
        if pointer.thumbnail is None or pointer.thumbnail_key is None:
            raise NotFound(
                "there is no thumbnail of this file",
                remedy="Pictures get one when they are fetched: `veery attachments save` does that",
            )
        stem = safe_file_name(pointer.file_name).rpartition(".")[0] or "image"
        data = await self.files.read(pointer.thumbnail, pointer.thumbnail_key)
        return f"{stem}-small{EXTENSIONS[THUMBNAIL_TYPE]}", data

    async def save(self, id_: int, to: Path, *, thumbnail: bool = False) -> Path:
        """Write an attachment to a new file, or into a directory under its own name; gives where it is.

        thumbnail: the small picture in its place. Its sender is told if the user wants that (02.8.8).
        Nothing is overwritten. Raises as `content` and `thumbnail`, FilePresent, FileFault.
        """
        held = await self._held(id_)
        name, data = await (self.thumbnail(id_) if thumbnail else self.content(id_))
        place = await asyncio.to_thread(_write, to, name, data)
        if not thumbnail and await self._core.read(lambda tables: switched_on(tables, Switch.TELL_SAVED)):
            await self._notices.media_saved(held.message)
        return place

    async def want(self, id_: int) -> None:
        """Fetch an attachment in the background. Raises NotFound."""

        def work(tables: Tables) -> None:
            held = _needed(tables, id_)
            if held.pointer.state in (AttachmentState.REMOTE, AttachmentState.FAILED) and held.pointer.key is not None:
                tables.attachments.want(id_)

        await self._core.write(work)

    async def _held(self, id_: int) -> Attachment:
        return await self._core.read(lambda tables: _needed(tables, id_))

    async def _fetched(self, attachment: Attachment) -> bytes:
        try:
            return await self.downloads.fetch(attachment)
        except FileServerRefused as error:
            if error.retry is not Retry.NEVER:
                raise
            raise AttachmentGone("the file server has the file no more", kind=EXPIRED) from error
        except ProtocolError as error:
            if error.retry is not Retry.NEVER:
                raise
            raise AttachmentGone(
                f"the file cannot be opened: {error.message}", kind=error.kind, remedy="Ask the sender for it again"
            ) from error


def _needed(tables: Tables, id_: int) -> Attachment:
    held = tables.attachments.get(id_)
    if held is None:
        raise NotFound(f"there is no attachment {id_}", remedy="`veery attachments list` shows them")
    return held


def _trimmed(attachment: Attachment) -> AttachmentTrimmed:
    at = attachment.trimmed_ms
    day = "" if at is None else f" on {datetime.fromtimestamp(at / SECOND_MS).astimezone().date().isoformat()}"
    return AttachmentTrimmed(f"a rule of yours took this file off this device{day}")


def _attachment(attached: Attached, kept: Kept) -> NewAttachment:
    new = NewAttachment(
        url="",
        content_type=attached.content_type,
        file_name=attached.name,
        size=len(attached.data),
        flags=VOICE_MESSAGE if attached.voice else 0,
        width=attached.width,
        height=attached.height,
        state=AttachmentState.UPLOADING,
    )
    return kept.kept_in(new)


def _write(to: Path, name: str, data: bytes) -> Path:
    if not to.is_dir():
        with files_mapped(f"The file {to}"):
            write_new(to, data)
        return to
    stem, dot, extension = name.rpartition(".")
    for number in range(1, _NAMES_TRIED):
        tried = name if number == 1 else f"{stem or name} ({number}){dot if stem else ''}{extension if stem else ''}"
        try:
            write_new(to / tried, data)
        except FilePresent:
            continue
        return to / tried
    raise FilePresent(f"{to} holds too many files of this name", remedy="Name the file with -o FILE")
