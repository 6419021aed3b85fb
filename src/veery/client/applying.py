"""Applying fetched messages: the receive rules in their order, then the effect of each kind of content.

Runs inside the transaction of the batch. What the rules refuse is raised and counts as seen; what a later build may
understand is kept with its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from veery.client.admission import admit
from veery.client.apply_control import (
    apply_call,
    apply_extraction,
    apply_receipt,
    apply_response,
    apply_typing,
    apply_unsend,
)
from veery.client.apply_data import apply_data
from veery.client.arrivals import Arrival, Batch
from veery.client.levels.learning import learn_message
from veery.client.levels.notices import tell_unreadable
from veery.client.opening import NO_KEY, Broken, Opened, Opening
from veery.protocol.content import (
    CallMessage,
    DataExtraction,
    DataMessage,
    MessageRequestResponse,
    ReceiptMessage,
    SharedConfig,
    TypingMessage,
    Unknown,
    UnsendRequest,
)
from veery.protocol.receive_rules import Dropped, DropReason, Known, check, conversation_of
from veery.protocol.storage_rpc import Namespace
from veery.store.inbox import FetchedItem, Undecoded

UNKNOWN_KIND = "content.unknown"


def apply_item(batch: Batch, openings: Mapping[str, Opening], item: FetchedItem) -> Undecoded | None:
    """Apply one item of a batch. Raises ProtocolError when it is refused."""
    opening = openings[item.hash]
    if isinstance(opening, Broken):
        raise opening.error
    if isinstance(opening, Undecoded):
        if opening.reason == NO_KEY and not batch.tables.inbox.is_seen(item.hash):
            tell_unreadable(batch.tables, item, batch.times.local_ms)
        return opening
    conversation = conversation_of(opening.received, batch.own.raw)
    arrival = Arrival(item, opening, conversation.hex(), own=opening.sender == batch.own)
    try:
        check(opening.received, batch.own.raw, known(batch, arrival))
    except Dropped as dropped:
        if dropped.reason is DropReason.NO_EFFECT and _may_be_known_later(opening):
            return Undecoded(UNKNOWN_KIND)
        raise
    admit(batch, arrival)
    if not arrival.own:
        learnt = learn_message(
            batch.tables, arrival.sender, opening.content, opening.level, arrival.timestamp_ms, batch.times
        )
        batch.queued = batch.queued or learnt
    return _apply(batch, arrival)


def known(batch: Batch, arrival: Arrival) -> Known:
    """What this device knows of the author, the conversation and the message, also by the configuration (02.5.2)."""
    conversations, configs = batch.tables.conversations, batch.tables.configs
    author = conversations.settings(arrival.sender.hex)
    same = arrival.conversation == arrival.sender.hex
    conversation = author if same else conversations.settings(arrival.conversation)
    note_to_self = conversations.settings(batch.own.hex)
    return Known(
        author_blocked=author is not None and author.blocked,
        conversation_exists=conversation is not None,
        contact_shown=conversation is not None and not conversation.hidden,
        note_to_self_shown=note_to_self is not None and not note_to_self.hidden,
        contacts_config_ms=configs.stored_ms(batch.own, Namespace.CONTACTS),
        profile_config_ms=configs.stored_ms(batch.own, Namespace.USER_PROFILE),
        duplicate=batch.tables.messages.find(arrival.sender, arrival.timestamp_ms) is not None,
    )


def _may_be_known_later(opened: Opened) -> bool:
    return isinstance(opened.content.kind, Unknown) and bool(opened.content.kind.raw)


def _apply(batch: Batch, arrival: Arrival) -> Undecoded | None:
    match arrival.opened.content.kind:
        case DataMessage() as data:
            return apply_data(batch, arrival, data)
        case ReceiptMessage() as receipt:
            apply_receipt(batch, arrival, receipt)
        case TypingMessage() as typing:
            apply_typing(batch, arrival, typing)
        case UnsendRequest() as unsend:
            apply_unsend(batch, arrival, unsend)
        case MessageRequestResponse() as response:
            apply_response(batch, arrival, response)
        case DataExtraction() as notice:
            apply_extraction(batch, arrival, notice)
        case CallMessage() as call:
            apply_call(batch, arrival, call)
        case SharedConfig() | Unknown():  # the rules have dropped these
            pass
    return None
