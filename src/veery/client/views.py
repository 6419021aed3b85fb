"""Messages and conversations as JSON: what events, the CLI, the control socket and the HTTP API show.

Account IDs and conversations are 66 hex characters, times milliseconds. Keys of attachments never leave the engine.
"""

from __future__ import annotations

from typing import Any, Final

from veery.protocol.content import ContentMalformed, DataMessage, decode
from veery.store.conversations import Conversation
from veery.store.message_values import Attachment, Deleted, Message, Reaction
from veery.store.tables import Tables

Json = dict[str, Any]
TEXT: Final = "text"  # kind of a message that people wrote; all other kinds are notices
INCOMING, OUTGOING = "in", "out"


def message_fields(tables: Tables, message: Message, *, request: bool) -> Json:
    """What an event tells of a message. hash: of the copy in the own swarm; expires: ms, or null."""
    return {
        "id": message.id,
        "conversation": message.conversation,
        "sender": message.author.hex,
        "text": message.body,
        "sent_at": message.timestamp_ms,
        "received_at": message.received_ms,
        "hash": message.storage_hash,
        "protocol": message.level,
        "attachments": [_attachment(each) for each in tables.attachments.of(message.id)],
        "expires": message.expiration.expires_ms,
        "direction": OUTGOING if message.outgoing else INCOMING,
        "request": request,
        "late": message.late,
    }


def state_fields(message: Message, storage_hash: str | None) -> Json:
    """What an event tells of the fate of an own message. hash: of the copy that decides its state."""
    delivery = message.delivery
    return {
        "id": message.id,
        "conversation": message.conversation,
        "state": delivery.state.value,
        "reason": delivery.reason,
        "stored_on": delivery.stored_on,
        "swarm_size": delivery.swarm_size,
        "hash": storage_hash,
    }


def message_view(tables: Tables, message: Message, *, request: bool = False) -> Json:
    """Everything that is shown of a stored message."""
    reactions = tables.reactions.of((message.id,)).get(message.id, ())
    delivery = message.delivery
    return {
        **message_fields(tables, message, request=request),
        "kind": message.kind,
        "state": delivery.state.value,
        "reason": delivery.reason,
        "stored_on": delivery.stored_on,
        "swarm_size": delivery.swarm_size,
        "sync": delivery.sync.value,
        "read": message.read,
        "deleted": None if message.deleted is Deleted.NO else message.deleted.name.lower(),
        "quote": _quote(message),
        "reactions": [_reaction(each) for each in reactions],
    }


def conversation_view(conversation: Conversation, own: str) -> Json:
    """Everything that is shown of a conversation."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "name": conversation.name,
        "nickname": conversation.nickname,
        "note_to_self": conversation.id == own,
        "request": conversation.is_request,
        "approved": conversation.approved,
        "approved_me": conversation.approved_me,
        "blocked": conversation.blocked,
        "hidden": conversation.hidden,
        "pinned": conversation.priority > 0,
        "active_at": conversation.active_ms,
        "unread": conversation.unread,
        "expiration_timer_s": conversation.expiration_timer_s,
    }


def _attachment(attachment: Attachment) -> Json:
    pointer = attachment.pointer
    return {
        "id": attachment.id,
        "name": pointer.file_name,
        "content_type": pointer.content_type,
        "size": pointer.size,
        "width": pointer.width,
        "height": pointer.height,
        "caption": pointer.caption,
        "flags": pointer.flags,
        "state": pointer.state.value,
    }


def _quote(message: Message) -> Json | None:
    """Author and T of what a message quotes; the text is looked up by the reader, never taken from the wire."""
    try:
        kind = decode(message.content).kind if message.content else None
    except ContentMalformed:
        return None
    if not isinstance(kind, DataMessage) or kind.quote is None:
        return None
    return {"sender": kind.quote.author, "sent_at": kind.quote.id}


def _reaction(reaction: Reaction) -> Json:
    return {"emoji": reaction.emoji, "sender": reaction.author.hex}
