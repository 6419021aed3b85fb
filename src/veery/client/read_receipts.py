"""Read receipts: telling a contact which of their messages were read, if the user wants that told (02.7.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from veery.client.contents import control
from veery.client.core import Times
from veery.client.settings import Switch, switched_on
from veery.client.timestamps import next_timestamp
from veery.client.views import TEXT
from veery.protocol.account import AccountId
from veery.protocol.content import ReceiptMessage
from veery.store.conversations import CONTACT, Conversation
from veery.store.message_values import Deleted, Message
from veery.store.tables import Tables

_TOGETHER: Final = 500  # messages that one receipt tells of


def queue_receipts(
    tables: Tables, conversation: Conversation, read: Sequence[Message], own: AccountId, times: Times
) -> bool:
    """Queue receipts for messages that were just read on this device; tells whether there is something to send.

    Nothing goes to strangers, blocked contacts and groups, and nothing at all while the setting is off.
    """
    told = [each.timestamp_ms for each in read if _is_told(each)]
    if not told or not is_told_of_reading(conversation, own) or not switched_on(tables, Switch.READ_RECEIPTS):
        return False
    recipient = AccountId.from_hex(conversation.id)
    for start in range(0, len(told), _TOGETHER):
        timestamp_ms = next_timestamp(tables, own, times.network_ms)
        receipt = ReceiptMessage(timestamp=tuple(told[start : start + _TOGETHER]))
        tables.deliveries.queue_control([control(recipient, receipt, timestamp_ms)], times.local_ms)
    return True


def is_told_of_reading(conversation: Conversation, own: AccountId) -> bool:
    """Whether receipts and typing indicators may go to a conversation: to accepted contacts alone."""
    return (
        conversation.kind == CONTACT
        and conversation.id != own.hex
        and conversation.approved
        and not conversation.blocked
    )


def _is_told(message: Message) -> bool:
    return not message.outgoing and message.kind == TEXT and message.deleted is Deleted.NO
