"""The contents that a client writes: what of the own profile and of a conversation goes into each of them (02.4, 02.7).

Content to the contact carries the sender's profile; the copy for one's own other devices does not, and names the
contact as its syncTarget instead (02.4.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from veery.protocol.account import AccountId
from veery.protocol.constants import TTL_MAX_PUBLIC_MS, TTL_MESSAGE_MS, TTL_MIN_MS
from veery.protocol.content import (
    Content,
    DataMessage,
    ExpirationType,
    MessageRequestResponse,
    Profile,
    Quote,
    encode,
)
from veery.protocol.expiry_rules import (
    ConversationKind,
    DisappearingMode,
    expiration_type,
    received_mode,
    sync_copy_ttl_ms,
    ttl_ms,
)
from veery.protocol.storage_rpc import Namespace
from veery.store.accounts import AccountRow
from veery.store.conversations import Conversation
from veery.store.message_values import Expiration, Message
from veery.store.outbox import CopyRole, NewCopy


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A visible message in its two forms: for the contact, and for the own swarm."""

    content: Content
    sync: Content

    @property
    def expiration(self) -> Expiration:
        """Mode and timer, for the row of the message."""
        return Expiration(int(self.content.expiration_type), self.content.expiration_timer)

    def copies(self, own: AccountId, recipient: AccountId) -> tuple[NewCopy, ...]:
        """The copies in the order of their storing; to oneself the sync form alone."""
        sync = _copy(CopyRole.SYNC, own, self.sync, sync_copy_ttl_ms(self.sync))
        if own == recipient:
            return (sync,)
        return (_copy(CopyRole.RECIPIENT, recipient, self.content, ttl_ms(self.content)), sync)


def text_message(
    conversation: Conversation, account: AccountRow, body: str, timestamp_ms: int, quote: Quote | None
) -> Outgoing:
    """A text to a conversation with one person, disappearing as the conversation says."""
    recipient = AccountId.from_hex(conversation.id)
    mode = outgoing_mode(conversation, account.account_id)
    content = Content(
        DataMessage(body=body, quote=quote, profile=own_profile(account)),
        timestamp=timestamp_ms,
        expiration_type=expiration_type(mode),
        expiration_timer=0 if mode is DisappearingMode.OFF else conversation.expiration_timer_s,
    )
    sync = replace(content, kind=DataMessage(body=body, quote=quote, sync_target=recipient.hex))
    return Outgoing(content, sync)


def outgoing_mode(conversation: Conversation, own: AccountId) -> DisappearingMode:
    """How a message that is written now disappears."""
    type_ = ExpirationType(conversation.expiration_type)
    return received_mode(conversation_kind(conversation.id, own), type_, conversation.expiration_timer_s)


def conversation_kind(conversation: str, own: AccountId) -> ConversationKind:
    """What kind of conversation with one person this is."""
    return ConversationKind.NOTE_TO_SELF if conversation == own.hex else ConversationKind.CONTACT


def request_response(account: AccountRow, recipient: AccountId, timestamp_ms: int) -> NewCopy:
    """The answer that accepts a message request (02.8.6)."""
    content = Content(MessageRequestResponse(profile=own_profile(account)), timestamp=timestamp_ms)
    return _copy(CopyRole.CONTROL, recipient, content, TTL_MESSAGE_MS)


def own_profile(account: AccountRow) -> Profile:
    """The own profile as it travels with messages (02.7.2)."""
    return Profile(display_name=account.display_name or None, last_profile_update_seconds=account.profile_s)


def quote_of(message: Message) -> Quote:
    """A quote of a stored message."""
    return Quote(id=message.timestamp_ms, author=message.author.hex)


def _copy(role: CopyRole, destination: AccountId, content: Content, ttl: int) -> NewCopy:
    timestamp_ms = content.timestamp or 0
    bounded = max(TTL_MIN_MS, min(ttl, TTL_MAX_PUBLIC_MS))  # a timer may be anything, a swarm takes no other times
    return NewCopy(role, destination, int(Namespace.INBOX), timestamp_ms, bounded, encode(content))
