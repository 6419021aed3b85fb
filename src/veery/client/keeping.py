"""Keeping a fetched message: its conversation, its place, its effects on both, and the event (02.5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from veery.client.approval import shown
from veery.client.arrivals import Arrival, Batch
from veery.client.disappearing import arrived, arrived_read, start_after_reading
from veery.client.fates import MESSAGE_EVENT
from veery.client.views import TEXT, message_fields
from veery.protocol.content import AttachmentPointer
from veery.secret import Secret
from veery.store.conversations import CONTACT, Conversation
from veery.store.message_values import Delivery, DeliveryState, Message, NewAttachment, NewMessage

NOTICE_EVENT: Final = "notice"


def keep(
    batch: Batch, arrival: Arrival, kind: str, body: str = "", attachments: Sequence[AttachmentPointer] = ()
) -> Message | None:
    """Keep a message and tell of it; gives it, or None when its author's T is there already."""
    tables = batch.tables
    conversation = open_conversation(batch, arrival)
    new = NewMessage(
        conversation=conversation.id,
        author=arrival.sender,
        timestamp_ms=arrival.timestamp_ms,
        outgoing=arrival.own,
        kind=kind,
        body=body,
        content=arrival.opened.raw,
        received_ms=batch.times.local_ms,
        storage_hash=arrival.item.hash,
        server_expiry_ms=arrival.item.expires_ms,
        delivery=Delivery(DeliveryState.STORED if arrival.own else DeliveryState.RECEIVED),
        level=arrival.opened.level,
        late=arrival.item.hash in batch.late,
        expiration=arrived(batch, arrival),
        attachments=tuple(_attachment(each) for each in attachments),
    )
    id_ = tables.messages.insert(new)
    message = None if id_ is None else tables.messages.get(id_)
    if message is not None:
        _effects(batch, arrival, message)
        _tell(batch, message)
    return message


def open_conversation(batch: Batch, arrival: Arrival) -> Conversation:
    """The conversation of a message that is shown: made if needed, unhidden, with the approval that it proves."""
    conversations = batch.tables.conversations
    conversations.ensure(arrival.conversation, CONTACT, batch.times.local_ms)

    def change(held: Conversation) -> Conversation:
        if arrival.own:
            return replace(shown(held), approved=True)
        return replace(shown(held), approved_me=True)

    return conversations.update(arrival.conversation, change)


def _effects(batch: Batch, arrival: Arrival, message: Message) -> None:
    if arrival.own:
        read = batch.tables.reading.mark_read(arrival.conversation, arrival.timestamp_ms)
        batch.shorten.extend(start_after_reading(batch.tables, read, batch.times))
    else:
        arrived_read(batch, arrival, message)


def _tell(batch: Batch, message: Message) -> None:
    tables = batch.tables
    held = tables.messages.get(message.id) or message
    conversation = tables.conversations.get(message.conversation)
    request = conversation is not None and conversation.is_request
    fields = message_fields(tables, held, request=request)
    if message.kind == TEXT:
        tables.events.append(MESSAGE_EVENT, fields, batch.times.local_ms)
    else:
        tables.events.append(NOTICE_EVENT, {**fields, "notice": message.kind}, batch.times.local_ms)


def _attachment(pointer: AttachmentPointer) -> NewAttachment:
    return NewAttachment(
        url=pointer.url or "",
        content_type=pointer.content_type or "",
        file_name=pointer.file_name or "",
        size=pointer.size or 0,
        flags=pointer.flags or 0,
        width=pointer.width or 0,
        height=pointer.height or 0,
        caption=pointer.caption or "",
        key=None if pointer.key is None else Secret(pointer.key),
        digest=pointer.digest,
    )
