"""Messages and conversations as JSON: what events, the CLI, the control socket and the HTTP API show.

Account IDs and conversations are 66 hex characters, times milliseconds. Keys of attachments never leave the engine.
"""

from __future__ import annotations

from typing import Any, Final

from veery.protocol.account import AccountId, AccountIdWrong
from veery.protocol.constants import ACCOUNT_ID_HEX, PREFIX_GROUP
from veery.protocol.content import ContentMalformed, DataMessage, ExpirationType, Kind, Quote, decode
from veery.protocol.content.body import mentions
from veery.protocol.content.preview import is_kept
from veery.protocol.fingerprint import fingerprint_of
from veery.store.conversations import Conversation
from veery.store.message_values import Attachment, Deleted, DeliveryState, Message, Reaction
from veery.store.tables import Tables

Json = dict[str, Any]
TEXT: Final = "text"  # kind of a message that people wrote; all other kinds are notices
INCOMING, OUTGOING = "in", "out"
GROUP_LEVEL: Final = "group"  # level of messages in groups, which are sealed with the keys of the group alone
_GROUP: Final = f"{PREFIX_GROUP:02x}"


def message_fields(tables: Tables, message: Message, *, request: bool, kind: Kind | None = None) -> Json:
    """What an event tells of a message. expires: ms, or null.

    hash: of the copy in the recipient's swarm, the same for both sides; null for an own message until it is sealed, and
    when another device has written it. own_hash: of the copy in the own swarm.

    kind: what its content holds, for those who have decoded it already.
    """
    data = _data(message, kind)
    return {
        "id": message.id,
        "conversation": message.conversation,
        "sender": message.author.hex,
        "sender_name": _listed_name(tables, message),
        "text": message.body,
        "sent_at": message.timestamp_ms,
        "received_at": message.received_ms,
        "hash": hash_of(message),
        "own_hash": message.storage_hash,
        "protocol": protocol_of(message),
        "attachments": [attachment_fields(each) for each in tables.attachments.of(message.id)],
        "expires": message.expiration.expires_ms,
        "direction": OUTGOING if message.outgoing else INCOMING,
        "request": request,
        "late": message.late,
        "quote": None if data is None or data.quote is None else _quote(tables, data.quote, message.conversation),
        "mentions": _mentions(tables, message.body),
        "preview": None if data is None else _preview(tables, message, data),
        "invitation": None if data is None else _invitation(data),
        "disappears": _disappears(message.expiration.type, message.expiration.timer_s),
    }


def _listed_name(tables: Tables, message: Message) -> str | None:
    """What a group calls the sender, elsewhere the name that a contact has chosen; None if there is none."""
    if not message.conversation.startswith(_GROUP):
        held = None if message.outgoing else tables.conversations.settings(message.conversation)
        return None if held is None else held.name or None
    return tables.groups.member_name(message.conversation, message.author) or None


def hash_of(message: Message) -> str | None:
    """The hash of the copy in the recipient's swarm: of what came, that is the own one."""
    alone = message.conversation == message.author.hex or message.conversation.startswith(_GROUP)  # one copy for all
    return message.storage_hash if alone or not message.outgoing else message.recipient_hash


def state_fields(message: Message) -> Json:
    """What an event tells of the fate of an own message. hash: of the copy that decides its state."""
    delivery = message.delivery
    return {
        "id": message.id,
        "conversation": message.conversation,
        "state": delivery.state.value,
        "reason": delivery.reason,
        "stored_on": delivery.stored_on,
        "swarm_size": delivery.swarm_size,
        "protocol": protocol_of(message),
        "hash": hash_of(message),
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
        "mark": tables.held.mark(message.id),
        "read": message.read,
        "deleted": None if message.deleted is Deleted.NO else message.deleted.name.lower(),
        "reactions": [_reaction(each) for each in reactions],
    }


def protocol_of(message: Message) -> str | None:
    """The level of a message: v2, v2-fallback, v1, or group; None for an own one that is not sealed yet."""
    queued = message.outgoing and message.delivery.state is DeliveryState.QUEUED
    if queued:
        return None
    return GROUP_LEVEL if message.conversation.startswith(_GROUP) else message.level


def conversation_view(conversation: Conversation, own: str) -> Json:
    """Everything that is shown of a conversation."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "fingerprint": fingerprint_of(conversation.id),
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
        "marked_unread": conversation.marked_unread,
        "expiration_timer_s": conversation.expiration_timer_s,
        "disappears": _disappears(conversation.expiration_type, conversation.expiration_timer_s),
        "muted_until": conversation.muted_until_ms or None,
        "downloads": conversation.downloads,
    }


def attachment_fields(attachment: Attachment) -> Json:
    """What is told of an attachment."""
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
        "thumbnail": pointer.thumbnail is not None,
    }


def _data(message: Message, kind: Kind | None) -> DataMessage | None:
    """What a message held on the wire, if it was a data message that can be read."""
    try:
        if kind is None:
            kind = decode(message.content).kind if message.content else None
    except ContentMalformed:
        return None
    return kind if isinstance(kind, DataMessage) else None


def _quote(tables: Tables, quote: Quote, conversation: str) -> Json:
    """Author and T of what a message quotes, with its id and text as they stand here; neither is taken from the wire.

    id: null when the message is not here (any more); text: null also when it was deleted.
    """
    found: Message | None = None
    if len(quote.author) == ACCOUNT_ID_HEX:
        try:
            found = tables.messages.find(AccountId.from_hex(quote.author), quote.id)
        except AccountIdWrong:
            found = None
    if found is not None and found.conversation != conversation:
        found = None
    shown = found is not None and found.deleted is Deleted.NO
    return {
        "sender": quote.author,
        "own": quote.author == tables.accounts.get().account_id.hex,
        "sent_at": quote.id,
        "id": None if found is None else found.id,
        "text": found.body if found is not None and shown else None,
    }


def _mentions(tables: Tables, body: str) -> list[Json]:
    """Who is mentioned, with what the account calls them; `own`: it is the own account (02.7.5)."""
    ids = [each for each in dict.fromkeys(mentions(body)) if len(each) == ACCOUNT_ID_HEX] if "@" in body else []
    if not ids:
        return []
    own = tables.accounts.get().account_id.hex
    known = {each: tables.conversations.get(each) for each in ids}
    titles = {each: held.title for each, held in known.items() if held is not None}
    return [
        {"id": each, "title": titles.get(each), "fingerprint": fingerprint_of(each), "own": each == own} for each in ids
    ]


def _preview(tables: Tables, message: Message, data: DataMessage) -> Json | None:
    """The first link preview, if it belongs to a link of the body (02.3.3). image: its picture, as an attachment."""
    for preview in data.preview[:1]:
        if is_kept(preview, data.body or ""):
            image = None if preview.image is None else tables.attachments.preview_of(message.id)
            shown = None if image is None else attachment_fields(image)
            return {"url": preview.url, "title": preview.title, "image": shown}
    return None


def _invitation(data: DataMessage) -> Json | None:
    offer = data.shown_invitation
    return None if offer is None else {"url": offer.url, "name": offer.name}


def _disappears(type_: int, timer_s: int) -> Json | None:
    """How messages disappear: `after_read` or `after_send`, and after how many seconds; null: they do not."""
    modes = {int(ExpirationType.DELETE_AFTER_READ): "after_read", int(ExpirationType.DELETE_AFTER_SEND): "after_send"}
    return {"mode": modes[type_], "seconds": timer_s} if type_ in modes and timer_s > 0 else None


def _reaction(reaction: Reaction) -> Json:
    return {"emoji": reaction.emoji, "sender": reaction.author.hex}
