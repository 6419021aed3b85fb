"""Keeping a fetched message: its conversation, its place, its effects on both, and the event (02.5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from veery.client.approval import approve, shown
from veery.client.arrivals import Arrival, Batch
from veery.client.disappearing import arrived, arrived_read, start_after_reading
from veery.client.downloads import fetched_by_itself
from veery.client.fates import MESSAGE_EVENT
from veery.client.levels.notices import level_of, note_level
from veery.client.settings import Strangers, Switch, strangers, switched_on
from veery.client.views import TEXT, message_fields
from veery.protocol.content import AttachmentPointer, DataMessage
from veery.protocol.content.preview import is_kept
from veery.secret import Secret
from veery.store.conversations import CONTACT, Conversation
from veery.store.message_values import (
    AttachmentState,
    Delivery,
    DeliveryState,
    Message,
    NewAttachment,
    NewMessage,
)
from veery.store.tables import Tables

NOTICE_EVENT: Final = "notice"


def keep(
    batch: Batch, arrival: Arrival, kind: str, body: str = "", attachments: Sequence[AttachmentPointer] = ()
) -> Message | None:
    """Keep a message and tell of it; gives it, or None when its author's T is there already."""
    tables = batch.tables
    conversation = open_conversation(batch, arrival)
    if is_stranger(conversation, batch, arrival) and strangers(batch.tables) is Strangers.OPEN:
        approve(batch.tables, conversation, batch.own, batch.times)
        batch.queued = True
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
        attachments=_attachments(batch, arrival, conversation, attachments),
    )
    id_ = tables.messages.insert(new)
    message = None if id_ is None else tables.messages.get(id_)
    if message is None:
        return None
    _effects(batch, arrival, message)
    held = message
    if arrival.own or message.expiration.type:  # else the effects have not touched it
        held = tables.messages.get(message.id) or message
    if held.expiration.expires_ms is not None and held.expiration.expires_ms <= batch.times.local_ms:
        tables.messages.delete((message.id,))  # it has disappeared before it was fetched
        return None
    _tell(batch, arrival, held)
    if not arrival.own and arrival.conversation == arrival.sender.hex:  # groups have one level only
        note_level(tables, arrival.sender, level_of(held.level), held.id, batch.times)
    return held


def open_conversation(batch: Batch, arrival: Arrival) -> Conversation:
    """The conversation of a message that is shown: made if needed, unhidden, with the approval that it proves."""
    conversations = batch.tables.conversations
    held = conversations.settings(arrival.conversation)
    if held is None:
        held = conversations.ensure(arrival.conversation, CONTACT, batch.times.local_ms)
    proved = held.approved if arrival.own else held.approved_me
    if proved and not held.hidden:
        return held
    seen = shown(held)
    changed = replace(seen, approved=True) if arrival.own else replace(seen, approved_me=True)
    conversations.save(changed)
    return changed


def is_stranger(conversation: Conversation | None, batch: Batch, arrival: Arrival) -> bool:
    """Whether a message comes, one to one, from somebody whom this account has not accepted."""
    if arrival.own or arrival.conversation != arrival.sender.hex:
        return False
    return conversation is None or not conversation.approved


def is_visible(arrival: Arrival) -> bool:
    """Whether the content is one that people see; what groups tell of themselves is not (02.5.2)."""
    kind = arrival.opened.content.kind
    return isinstance(kind, DataMessage) and kind.has_visible_content


def _effects(batch: Batch, arrival: Arrival, message: Message) -> None:
    if arrival.own:
        if not is_visible(arrival):
            return
        read = batch.tables.reading.mark_read(arrival.conversation, arrival.timestamp_ms)
        batch.shorten.extend(start_after_reading(batch.tables, read, batch.times))
    else:
        arrived_read(batch, arrival, message)


def _tell(batch: Batch, arrival: Arrival, message: Message) -> None:
    tables = batch.tables
    conversation = tables.conversations.settings(message.conversation)
    request = conversation is not None and conversation.is_request
    notify = conversation is not None and _notifies(tables, conversation, message, batch.times.local_ms)
    fields = {**message_fields(tables, message, request=request, kind=arrival.opened.content.kind), "notify": notify}
    if message.kind == TEXT:
        tables.events.append(MESSAGE_EVENT, fields, batch.times.local_ms)
    else:
        tables.events.append(NOTICE_EVENT, {**fields, "notice": message.kind}, batch.times.local_ms)


def _notifies(tables: Tables, conversation: Conversation, message: Message, now_ms: int) -> bool:
    """Whether whoever shows notifications is to show one. Requests do not, unless the user wants them to."""
    if message.outgoing or message.read or conversation.blocked or conversation.is_muted(now_ms):
        return False
    return not conversation.is_request or switched_on(tables, Switch.NOTIFY_REQUESTS)


def _attachments(
    batch: Batch, arrival: Arrival, conversation: Conversation, pointers: Sequence[AttachmentPointer]
) -> tuple[NewAttachment, ...]:
    """What is kept of pointers, and of that to a preview's picture; some are to be fetched at once (09.6)."""
    kept = [_attachment(each) for each in pointers]
    data = arrival.opened.content.kind
    if isinstance(data, DataMessage) and data.preview[:1] and is_kept(data.preview[0], data.body or ""):
        image = data.preview[0].image
        if image is not None and image.url:
            kept.append(replace(_attachment(image), preview=True))
    return tuple(
        replace(each, state=AttachmentState.WANTED)
        if fetched_by_itself(batch.tables, conversation, each, own=arrival.own)
        else each
        for each in kept
    )


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
