"""Writing what an account says: one data message with all its copies, in the transaction that is open.

`write_message` keeps a message that is shown; `write_change` queues a data message that is not kept (reactions).
Neither asks whether the conversation is one with a person, oneself, or a group: `contents.Outgoing` knows what copies
each of them needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.client import fates
from veery.client.approval import approve_by_message
from veery.client.contents import Outgoing, outgoing
from veery.client.core import Times
from veery.client.faults import ContactBlocked
from veery.client.groups.standing import GROUP_PREFIX, check_writable
from veery.client.views import TEXT
from veery.errors import ClientError
from veery.protocol.account import AccountId
from veery.protocol.content import DataMessage, encode
from veery.store.conversations import Conversation
from veery.store.message_values import Expiration, NewAttachment, NewMessage
from veery.store.outbox import CopyRole
from veery.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be said. data: without profile and syncTarget; kind: of the message; body: the text that is shown.

    expiration: in place of what the conversation says now. attachments: of the message's row.
    """

    data: DataMessage
    kind: str = TEXT
    body: str = field(default="", repr=False)
    expiration: Expiration | None = None
    attachments: tuple[NewAttachment, ...] = ()


def write_message(tables: Tables, conversation: Conversation, own: AccountId, draft: Draft, times: Times) -> int:
    """Keep an own message and queue its copies; gives its id. Raises ContactBlocked."""
    return _write(tables, conversation, own, draft, times, with_copies=True)


def write_unsent(tables: Tables, conversation: Conversation, own: AccountId, draft: Draft, times: Times) -> int:
    """Keep an own message whose copies cannot be made yet; gives its id. Raises ContactBlocked."""
    return _write(tables, conversation, own, draft, times, with_copies=False)


def _write(
    tables: Tables, conversation: Conversation, own: AccountId, draft: Draft, times: Times, *, with_copies: bool
) -> int:
    timestamp_ms = approved_timestamp(tables, conversation, own, times)
    sent = outgoing(conversation, tables.accounts.get(), draft.data, timestamp_ms, draft.expiration)
    recipient = AccountId.from_hex(conversation.id)
    new = NewMessage(
        conversation=conversation.id,
        author=own,
        timestamp_ms=timestamp_ms,
        outgoing=True,
        kind=draft.kind,
        body=draft.body,
        content=encode(sent.sync if own == recipient else sent.content),
        received_ms=times.local_ms,
        expiration=sent.expiration,
        attachments=draft.attachments,
    )
    copies = sent.copies(own, recipient) if with_copies else ()
    message = fates.queue(tables, new, copies, times.local_ms)
    if message is None:  # impossible while T comes from `next_timestamp`, and then nothing of this is kept
        raise ClientError("the time of the message is taken", kind="client.timestamp", remedy="Send it again")
    return message


def write_change(tables: Tables, conversation: Conversation, own: AccountId, draft: Draft, times: Times) -> int:
    """Queue a data message that is not kept as a message; gives its T. Raises ContactBlocked."""
    timestamp_ms = approved_timestamp(tables, conversation, own, times)
    sent: Outgoing = outgoing(conversation, tables.accounts.get(), draft.data, timestamp_ms, draft.expiration)
    copies = sent.copies(own, AccountId.from_hex(conversation.id), CopyRole.CONTROL)
    tables.deliveries.queue_control(copies, times.local_ms)
    return timestamp_ms


def approved_timestamp(tables: Tables, conversation: Conversation, own: AccountId, times: Times) -> int:
    """The T of a visible message, which accepts whom it is written to. Raises ContactBlocked."""
    if conversation.id.startswith(GROUP_PREFIX):
        check_writable(tables, AccountId.from_hex(conversation.id))
    if conversation.blocked:
        raise ContactBlocked("the contact is blocked")
    return approve_by_message(tables, conversation, own, times)
