"""Approval between two accounts: who has accepted whom, and what goes on the wire for it (02.8.6).

Writing to somebody accepts them. If they had accepted us before and we had not accepted them, that answers a message
request, and the response goes out before the message, 100 ms earlier by its T.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Final

from veery.client.contents import request_response
from veery.client.core import Times
from veery.client.timestamps import next_timestamp
from veery.protocol.account import AccountId
from veery.protocol.constants import REQUEST_RESPONSE_LEAD_MS
from veery.protocol.fingerprint import fingerprint_of
from veery.store.conversations import Conversation
from veery.store.tables import Tables

CONVERSATION_EVENT: Final = "conversation"


class Change(Enum):
    """What a `conversation` event tells."""

    APPROVED = "approved"  # this account has accepted the contact
    ACCEPTED = "accepted"  # the contact has accepted this account's request
    DECLINED = "declined"  # this account has declined a request
    BLOCKED = "blocked"  # by this account
    UNBLOCKED = "unblocked"  # by this account
    PROFILE = "profile"  # the contact has another name or picture
    TIMER = "timer"  # messages of this account disappear in another way
    READ = "read"  # everything up to a message is read
    UNREAD = "unread"  # it is marked unread by hand
    PINNED = "pinned"  # stands above the others
    UNPINNED = "unpinned"  # no longer stands above the others
    MUTED = "muted"  # its messages do not notify
    UNMUTED = "unmuted"  # its messages notify again
    HIDDEN = "hidden"  # is kept out of the list
    SHOWN = "shown"  # is back in the list
    TRUSTED = "trusted"  # files of the contact are fetched by themselves
    UNTRUSTED = "untrusted"  # they wait until they are asked for
    NAMED = "named"  # this account calls the contact something else
    CLEARED = "cleared"  # its messages are gone from this device
    REMOVED = "removed"  # its messages are gone from this device, and it from the list
    FORGOTTEN = "forgotten"  # the contact is gone from this account, with all that was settled


def approve_by_message(tables: Tables, conversation: Conversation, own: AccountId, times: Times) -> int:
    """Accept whom a visible message is written to; gives the T of that message."""
    answering = _is_answer(conversation, own)
    lead_ms = REQUEST_RESPONSE_LEAD_MS if answering else 0
    timestamp_ms = next_timestamp(tables, own, times.network_ms, lead_ms=lead_ms)
    if answering:
        _respond(tables, conversation, timestamp_ms - lead_ms, times.local_ms)
    _set_approved(tables, conversation, times.local_ms)
    return timestamp_ms


def approve(tables: Tables, conversation: Conversation, own: AccountId, times: Times) -> None:
    """Accept somebody without writing to them."""
    if _is_answer(conversation, own):
        _respond(tables, conversation, next_timestamp(tables, own, times.network_ms), times.local_ms)
    _set_approved(tables, conversation, times.local_ms)


def tell(tables: Tables, conversation: Conversation, change: Change, now_ms: int) -> None:
    """Write a `conversation` event."""
    fields = {
        "conversation": conversation.id,
        "change": change.value,
        "title": conversation.title,
        "fingerprint": fingerprint_of(conversation.id),
        "request": conversation.is_request,
        "blocked": conversation.blocked,
        "unread": conversation.unread,
    }
    tables.events.append(CONVERSATION_EVENT, fields, now_ms)


def shown(conversation: Conversation) -> Conversation:
    """The conversation, no longer hidden."""
    return replace(conversation, priority=max(0, conversation.priority))


def _is_answer(conversation: Conversation, own: AccountId) -> bool:
    return conversation.approved_me and not conversation.approved and conversation.id != own.hex


def _respond(tables: Tables, conversation: Conversation, timestamp_ms: int, now_ms: int) -> None:
    recipient = AccountId.from_hex(conversation.id)
    response = request_response(tables.accounts.get(), recipient, timestamp_ms)
    tables.deliveries.queue_control([response], now_ms)


def _set_approved(tables: Tables, conversation: Conversation, now_ms: int) -> None:
    changed = tables.conversations.update(conversation.id, lambda held: replace(shown(held), approved=True))
    if not conversation.approved:
        tell(tables, changed, Change.APPROVED, now_ms)
