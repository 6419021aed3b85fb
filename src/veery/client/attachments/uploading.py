"""Uploads: own messages whose files are not on the file server yet, and what makes them go out when they are.

A message with files is in the store from the beginning, with its T, but without copies in the outbox. Files are
encrypted and uploaded one by one, and what the server says of each is kept. With the last one the pointers go into the
content and the copies into the outbox, in one transaction. A kill repeats at most one upload; the server forgets a file
that nobody points to.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Final

from veery.client import fates
from veery.client.attachments.faults import FileServerMissing, LargeFileRefused
from veery.client.attachments.local_files import FileDamaged, LocalFiles
from veery.client.attachments.retrying import Retrying, keep_trying
from veery.client.attachments.servers import FileServers
from veery.client.contents import outgoing
from veery.client.core import Core
from veery.errors import NetworkError, ProtocolError, Retry, VeeryError
from veery.protocol.account import AccountId
from veery.protocol.attachments import Domain, FileUrl, legacy, stream
from veery.protocol.constants import ATTACHMENT_MAX, PREFIX_GROUP
from veery.protocol.content import AttachmentPointer, DataMessage, decode, encode
from veery.protocol.content.attachment import VOICE_MESSAGE
from veery.secret import Secret
from veery.store.message_values import Attachment, AttachmentState, Delivery, DeliveryState, Message
from veery.store.tables import Tables

log: Final = logging.getLogger(__name__)

PAUSES_S: Final = (2.0, 10.0, 60.0, 300.0)  # after an attempt that failed; the last one again and again
_LOOKED_AT: Final = 100


class Uploads:
    """Uploads the files of own messages."""

    def __init__(self, core: Core, files: LocalFiles, servers: FileServers) -> None:
        self._core = core
        self._files = files
        self._servers = servers
        self._retrying = Retrying(core.clock, PAUSES_S)

    async def run(self) -> None:
        """Go on until cancelled."""
        await keep_trying(self._core, self.run_due)

    async def run_due(self) -> float | None:
        """Try every file whose time it is; gives the moment (monotonic) of the next attempt, None if none waits."""
        waiting = await self._core.read(lambda t: t.attachments.in_state(AttachmentState.UPLOADING, _LOOKED_AT))
        for attachment in waiting:
            if self._retrying.is_due(attachment.id):
                await self._try(attachment)
        return self._retrying.next(each.id for each in waiting)

    async def _try(self, attachment: Attachment) -> None:
        try:
            await self._upload(attachment)
        except (FileServerMissing, FileDamaged, LargeFileRefused) as error:
            await self._give_up(attachment, error)
        except (NetworkError, ProtocolError) as error:
            if error.retry is not Retry.NEVER or isinstance(error, NetworkError):
                self._retrying.failed(attachment.id)
                log.info("An upload failed and is tried again: %s", error)
                return
            await self._give_up(attachment, error)
        self._retrying.done(attachment.id)

    async def _upload(self, attachment: Attachment) -> None:
        pointer = attachment.pointer
        assert pointer.file is not None
        assert pointer.file_key is not None
        plain = await self._files.read(pointer.file, pointer.file_key)
        large = len(plain) > ATTACHMENT_MAX  # the legacy scheme has no such files
        newest = large or await self._core.read(lambda t: reads_newest(t, attachment.message, self._core.own))
        if newest:
            seed = self._core.account.ed25519_secret
            made = await asyncio.to_thread(stream.encrypt, plain, seed, Domain.ATTACHMENT, allow_large=large)
            blob, key, digest = made.blob, made.key, None
        else:
            old = await asyncio.to_thread(legacy.encrypt, plain, random=self._core.random.random_bytes)
            blob, key, digest = old.blob, old.keys, old.digest
        url = await self._servers.upload(blob, stream=newest)
        times = self._core.times()
        await self._core.write(lambda tables: _uploaded(tables, attachment, url, key, digest, times.local_ms))
        self._core.outbox_changed.set()

    async def _give_up(self, attachment: Attachment, error: VeeryError) -> None:
        now_ms = self._core.clock.now_ms()

        def work(tables: Tables) -> None:
            held = tables.messages.get(attachment.message)
            for each in tables.attachments.of(attachment.message):
                if each.pointer.state is AttachmentState.UPLOADING:
                    tables.attachments.set_state(each.id, AttachmentState.FAILED)
            if held is not None:
                failed = replace(held.delivery, state=DeliveryState.FAILED, reason=error.kind)
                tables.messages.set_delivery(held.id, failed)
                fates.tell_state(tables, held.id, now_ms)

        await self._core.write(work)


def reads_newest(tables: Tables, message: int, own: AccountId) -> bool:
    """Whether everybody who will read a message surely reads the stream scheme: oneself, and peers of v2 (09)."""
    held = tables.messages.get(message)
    if held is None or held.conversation.startswith(f"{PREFIX_GROUP:02x}"):
        return False
    return (
        held.conversation == own.hex or tables.contact_keys.get(AccountId.from_hex(held.conversation)).keys.remembered
    )


def retry_uploads(tables: Tables, message: Message, now_ms: int) -> bool:
    """Try a message again whose files could not be uploaded; False when it is none."""
    failed = [
        each
        for each in tables.attachments.of(message.id)
        if message.outgoing and each.pointer.state is AttachmentState.FAILED and each.pointer.file is not None
    ]
    for each in failed:
        tables.attachments.set_state(each.id, AttachmentState.UPLOADING)
    if failed:
        tables.messages.set_delivery(message.id, Delivery(DeliveryState.QUEUED, sync=message.delivery.sync))
        fates.tell_state(tables, message.id, now_ms)
    return bool(failed)


def _uploaded(
    tables: Tables, attachment: Attachment, url: FileUrl, key: Secret, digest: bytes | None, now_ms: int
) -> None:
    message = tables.messages.get(attachment.message)
    held = tables.attachments.get(attachment.id)
    if message is None or held is None or held.pointer.state is not AttachmentState.UPLOADING:
        return  # deleted meanwhile
    tables.attachments.set_uploaded(attachment.id, url.text, key, digest)
    every = tables.attachments.of(message.id)
    if all(each.pointer.state is AttachmentState.STORED for each in every):
        _send(tables, message, every, now_ms)


def _send(tables: Tables, message: Message, attachments: tuple[Attachment, ...], now_ms: int) -> None:
    """Put the pointers into the content, and the copies into the outbox."""
    kind = decode(message.content).kind
    conversation = tables.conversations.get(message.conversation)
    if not isinstance(kind, DataMessage) or conversation is None:
        return
    pointers = tuple(_pointer(each) for each in attachments)
    data = replace(kind, attachments=pointers, profile=None, profile_key=None, sync_target=None)
    account, recipient = tables.accounts.get(), AccountId.from_hex(message.conversation)
    sent = outgoing(conversation, account, data, message.timestamp_ms, message.expiration)
    to_self = recipient == account.account_id
    tables.messages.set_content(message.id, encode(sent.sync if to_self else sent.content))
    tables.deliveries.add_copies(message.id, sent.copies(account.account_id, recipient), now_ms)
    for each in attachments:
        tables.attachments.forget_pointer(each.id)  # 09.6.1: the key of the server's copy is in the content alone


def _pointer(attachment: Attachment) -> AttachmentPointer:
    pointer = attachment.pointer
    return AttachmentPointer(
        content_type=pointer.content_type or None,
        key=None if pointer.key is None else pointer.key.reveal(),
        size=pointer.size,
        digest=pointer.digest,
        file_name=pointer.file_name or None,
        flags=VOICE_MESSAGE if pointer.flags & VOICE_MESSAGE else None,
        width=pointer.width or None,
        height=pointer.height or None,
        caption=pointer.caption or None,
        url=pointer.url,
    )
