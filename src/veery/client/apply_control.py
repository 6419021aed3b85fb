"""Effects of contents that are no visible messages: receipts, typing, unsend requests, responses, notices, calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from veery.client import fates
from veery.client.apply_data import apply_profile
from veery.client.approval import Change, shown, tell
from veery.client.arrivals import Arrival, Batch
from veery.client.deleting import erase
from veery.client.keeping import keep
from veery.client.settings import Switch, switched_on
from veery.protocol.constants import TYPING_SHOWN_MS
from veery.protocol.content import (
    CallMessage,
    CallType,
    DataExtraction,
    MessageRequestResponse,
    ReceiptMessage,
    TypingMessage,
    UnsendRequest,
    decode,
)
from veery.store.conversations import CONTACT
from veery.store.message_values import Deleted

ACCEPTED_NOTICE: Final = "request_accepted"
MISSED_CALL: Final = "missed_call"  # kind of a message: somebody has called, and calls are off (11)
_CALLS_LOOKED_AT: Final = 20  # newest messages among which an earlier offer of the same call is looked for
CALL_EVENT: Final = "call"
TYPING_EVENT: Final = "typing"
_FROM_OWN_DEVICES: Final = (CallType.ANSWER, CallType.END_CALL)  # all that is looked at, 02.8.9


def apply_receipt(batch: Batch, arrival: Arrival, receipt: ReceiptMessage) -> None:
    """Own messages of this conversation become read, if receipts are switched on (02.7.6)."""
    if not switched_on(batch.tables, Switch.READ_RECEIPTS) or arrival.own:
        return
    for message in batch.tables.reading.receipt(arrival.sender.hex, batch.own, receipt.timestamp):
        fates.tell_state(batch.tables, message, batch.times.local_ms)


def apply_typing(batch: Batch, arrival: Arrival, typing: TypingMessage) -> None:
    """Tell who is listening, if indicators are switched on (02.7.7)."""
    conversation = batch.tables.conversations.get(arrival.sender.hex)
    if arrival.own or conversation is None or not switched_on(batch.tables, Switch.TYPING):
        return
    action = typing.action.name.lower()
    until = batch.times.local_ms + TYPING_SHOWN_MS
    batch.live.append({"event": TYPING_EVENT, "conversation": conversation.id, "action": action, "until": until})


def apply_unsend(batch: Batch, arrival: Arrival, unsend: UnsendRequest) -> None:
    """Delete a message of the sender: a placeholder stays, in note to self nothing (02.8.3)."""
    tables = batch.tables
    target = tables.messages.find(arrival.sender, unsend.timestamp)
    if target is None or target.storage_hash is None or target.deleted is Deleted.EVERYWHERE:
        return
    erase(tables, target, batch.own, arrival.sender, batch.times.local_ms)


def apply_response(batch: Batch, arrival: Arrival, response: MessageRequestResponse) -> None:
    """The contact has accepted us (02.8.6). Somebody who was never written to cannot make a notice appear."""
    if arrival.own:
        return
    tables = batch.tables
    before = tables.conversations.ensure(arrival.sender.hex, CONTACT, batch.times.local_ms)
    tables.conversations.save(replace(shown(before), approved_me=True))
    apply_profile(batch, arrival, response.profile, response.profile_key)
    if not before.approved_me and before.approved:
        keep(batch, arrival, ACCEPTED_NOTICE)
        held = tables.conversations.get(arrival.sender.hex) or before
        tell(tables, held, Change.ACCEPTED, batch.times.local_ms)


def apply_extraction(batch: Batch, arrival: Arrival, notice: DataExtraction) -> None:
    """A notice in the conversation with a contact; nowhere else (02.8.8)."""
    if not arrival.own and batch.tables.conversations.get(arrival.sender.hex) is not None:
        keep(batch, arrival, notice.type.name.lower())


def apply_call(batch: Batch, arrival: Arrival, call: CallMessage) -> None:
    """Hand a call message to who is listening; an offer of an approved contact also leaves a missed call (11.4)."""
    conversation = batch.tables.conversations.get(arrival.sender.hex)
    if arrival.own and call.type not in _FROM_OWN_DEVICES:
        return
    if not arrival.own and (conversation is None or not conversation.approved):
        return
    if call.type is CallType.OFFER and not _is_known(batch, arrival.conversation, call.uuid):
        keep(batch, arrival, MISSED_CALL)
    fields = {"conversation": arrival.conversation, "type": call.type.name.lower(), "uuid": call.uuid}
    batch.live.append({"event": CALL_EVENT, **fields, "sent_at": arrival.timestamp_ms})


def _is_known(batch: Batch, conversation: str, uuid: str) -> bool:
    """Whether a missed call of this uuid is shown already: a caller may repeat its offer."""
    newest = batch.tables.messages.page(conversation, _CALLS_LOOKED_AT)
    calls = (decode(each.content).kind for each in newest if each.kind == MISSED_CALL and each.content)
    return any(isinstance(each, CallMessage) and each.uuid == uuid for each in calls)
