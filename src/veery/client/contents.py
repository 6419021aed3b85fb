"""The contents that a client writes: what of the own profile and of a conversation goes into each of them (02.4, 02.7).

Content to the contact carries the sender's profile; the copy for one's own other devices does not, and names the
contact as its syncTarget instead (02.4.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from veery.protocol.account import AccountId
from veery.protocol.constants import PREFIX_GROUP, TTL_MAX_PUBLIC_MS, TTL_MIN_MS
from veery.protocol.content import (
    Content,
    DataMessage,
    ExpirationType,
    Kind,
    MessageRequestResponse,
    Profile,
    Quote,
    encode,
)
from veery.protocol.expiry_rules import (
    ConversationKind,
    DisappearingMode,
    expiration_type,
    notice_mode,
    received_mode,
    sync_copy_ttl_ms,
    ttl_ms,
)
from veery.protocol.storage_rpc import Namespace
from veery.store.accounts import AccountRow
from veery.store.conversations import Conversation
from veery.store.message_values import Expiration, Message
from veery.store.outbox import CopyRole, NewCopy

OFF: Final = Expiration()  # of what does not disappear


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A data message in its two forms: for the other side, and for the own swarm."""

    content: Content
    sync: Content

    @property
    def expiration(self) -> Expiration:
        """Mode and timer, for the row of the message."""
        return Expiration(int(self.content.expiration_type), self.content.expiration_timer)

    def copies(self, own: AccountId, recipient: AccountId, role: CopyRole = CopyRole.RECIPIENT) -> tuple[NewCopy, ...]:
        """The copies in the order of their storing; to oneself the sync form alone, to a group no sync form (02.4.2).

        role: of the copy for the other side; CONTROL when no message is shown for it.
        """
        if recipient.prefix == PREFIX_GROUP:
            return (_copy(role, recipient, self.content, ttl_ms(self.content), Namespace.GROUP_MESSAGES),)
        sync = _copy(CopyRole.SYNC, own, self.sync, sync_copy_ttl_ms(self.sync))
        if own == recipient:
            return (sync,)
        return (_copy(role, recipient, self.content, ttl_ms(self.content)), sync)


def outgoing(
    conversation: Conversation,
    account: AccountRow,
    data: DataMessage,
    timestamp_ms: int,
    expiration: Expiration | None = None,
) -> Outgoing:
    """A data message to a conversation, in its two forms. data: without profile and syncTarget.

    expiration: in place of what the conversation says now. A timer update carries no profile (02.7.2).
    """
    setting = current_expiration(conversation, account.account_id) if expiration is None else expiration
    if not data.is_timer_update:
        data = replace(data, profile=own_profile(account), profile_key=own_profile_key(account))
    content = Content(
        data,
        timestamp=timestamp_ms,
        expiration_type=ExpirationType(setting.type),
        expiration_timer=setting.timer_s,
    )
    sync = replace(content, kind=replace(data, profile=None, profile_key=None, sync_target=conversation.id))
    return Outgoing(content, sync)


def current_expiration(conversation: Conversation, own: AccountId) -> Expiration:
    """How a message that is written now disappears: mode and timer."""
    mode = outgoing_mode(conversation, own)
    timer_s = 0 if mode is DisappearingMode.OFF else conversation.expiration_timer_s
    return Expiration(int(expiration_type(mode)), timer_s)


def notice_expiration(conversation: Conversation, own: AccountId) -> Expiration:
    """How a notice that is sent now disappears: it stays to be read (02.8.1)."""
    mode = notice_mode(outgoing_mode(conversation, own))
    timer_s = 0 if mode is DisappearingMode.OFF else conversation.expiration_timer_s
    return Expiration(int(expiration_type(mode)), timer_s)


def outgoing_mode(conversation: Conversation, own: AccountId) -> DisappearingMode:
    """How a message that is written now disappears."""
    type_ = ExpirationType(conversation.expiration_type)
    return received_mode(conversation_kind(conversation.id, own), type_, conversation.expiration_timer_s)


def conversation_kind(conversation: str, own: AccountId) -> ConversationKind:
    """What kind of conversation this is, by its id."""
    if conversation == own.hex:
        return ConversationKind.NOTE_TO_SELF
    is_group = conversation.startswith(f"{PREFIX_GROUP:02x}")
    return ConversationKind.GROUP if is_group else ConversationKind.CONTACT


def control(recipient: AccountId, kind: Kind, timestamp_ms: int, expiration: Expiration = OFF) -> NewCopy:
    """The copy of something that no message shows: a receipt, a typing indicator, an unsend request, a notice."""
    content = Content(
        kind,
        timestamp=timestamp_ms,
        expiration_type=ExpirationType(expiration.type),
        expiration_timer=expiration.timer_s,
    )
    return _copy(CopyRole.CONTROL, recipient, content, ttl_ms(content))


def request_response(account: AccountRow, recipient: AccountId, timestamp_ms: int) -> NewCopy:
    """The answer that accepts a message request (02.8.6)."""
    response = MessageRequestResponse(profile=own_profile(account), profile_key=own_profile_key(account))
    return control(recipient, response, timestamp_ms)


def own_profile(account: AccountRow) -> Profile:
    """The own profile as it travels with messages (02.7.2)."""
    return Profile(
        display_name=account.display_name or None,
        profile_picture=account.picture_url if account.picture_key is not None else None,
        last_profile_update_seconds=account.updated_s,
    )


def own_profile_key(account: AccountRow) -> bytes | None:
    """What opens the own picture, 32 bytes, beside the profile in messages (02.7.2)."""
    if account.picture_url is None or account.picture_key is None:
        return None
    return account.picture_key.reveal()


def quote_of(message: Message) -> Quote:
    """A quote of a stored message."""
    return Quote(id=message.timestamp_ms, author=message.author.hex)


def _copy(
    role: CopyRole, destination: AccountId, content: Content, ttl: int, namespace: Namespace = Namespace.INBOX
) -> NewCopy:
    timestamp_ms = content.timestamp or 0
    bounded = max(TTL_MIN_MS, min(ttl, TTL_MAX_PUBLIC_MS))  # a timer may be anything, a swarm takes no other times
    return NewCopy(role, destination, int(namespace), timestamp_ms, bounded, encode(content))
