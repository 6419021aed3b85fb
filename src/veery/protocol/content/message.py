"""The Content message: one of several kinds, and what they have in common, 02.3.2."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, IntEnum
from typing import TypeAlias

from veery.errors import Misuse
from veery.protocol.content import (
    call,
    data_extraction,
    data_message,
    pro,
    receipt,
    request_response,
    shared_config,
    typing_message,
    unsend,
)
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.call import CallMessage
from veery.protocol.content.data_extraction import DataExtraction
from veery.protocol.content.data_message import DataMessage
from veery.protocol.content.pro import ProMessage
from veery.protocol.content.receipt import ReceiptMessage
from veery.protocol.content.request_response import MessageRequestResponse
from veery.protocol.content.shared_config import SharedConfig
from veery.protocol.content.typing_message import TypingMessage
from veery.protocol.content.unsend import UnsendRequest
from veery.protocol.content.value import Value, keep, others, parse, serialise, writing


class ExpirationType(IntEnum):
    """When a message disappears."""

    UNKNOWN = 0  # it does not
    DELETE_AFTER_READ = 1  # a while after it was read
    DELETE_AFTER_SEND = 2  # a while after it was sent


class ExpirationFields(Flag):
    """Which of the two expiration fields are written."""

    NEITHER = 0
    TYPE = 1
    TIMER = 2
    BOTH = 3


@dataclass(frozen=True, slots=True)
class Unknown:
    """None of the kinds that the chapter knows. raw: the fields of the Content that have no place, in wire form."""

    raw: bytes = b""

    def __repr__(self) -> str:
        return f"<Unknown of {len(self.raw)} bytes>"


Kind: TypeAlias = (
    DataMessage
    | ReceiptMessage
    | TypingMessage
    | DataExtraction
    | UnsendRequest
    | CallMessage
    | MessageRequestResponse
    | SharedConfig
    | Unknown
)


@dataclass(frozen=True, slots=True, repr=False)
class Content(Value):
    """A message between people, devices or clients.

    timestamp: sigTimestamp, ms, always written by Veery, missing from old senders; expiration_timer: seconds, 0 = off.
    expiration_fields: None = as the chapter has it for the kind (`default_expiration_fields`); decoding gives another
    value only for senders that did it differently. community_pro_signature: field 17. other_fields also hold further
    kinds, of which only the first in the order of the chapter is ever handled.
    """

    kind: Kind
    timestamp: int | None = None
    expiration_type: ExpirationType = ExpirationType.UNKNOWN
    expiration_timer: int = 0
    pro_message: ProMessage | None = None
    community_pro_signature: bytes | None = None
    expiration_fields: ExpirationFields | None = None


_COMMON = ("expirationType", "expirationTimer", "sigTimestamp", "proMessage", "proSigForCommunityMessageOnly")


def default_expiration_fields(kind: Kind) -> ExpirationFields:
    """Both for data messages, calls and data-extraction notices, even when they are 0; else neither, 02.3.2."""
    carries = isinstance(kind, DataMessage | CallMessage | DataExtraction)
    return ExpirationFields.BOTH if carries else ExpirationFields.NEITHER


def encode(content: Content) -> bytes:
    """The bytes of a Content, as deployed clients write them.

    Raises Misuse when a value does not fit into its field, or a kind that does not disappear is given a timer.
    """
    with writing():
        return serialise(_to_wire(content))


def decode(data: bytes) -> Content:
    """Read a Content of at most CONTENT_MAX bytes. Raises ContentMalformed, and nothing else."""
    return _from_wire(parse(wire.Content, data))


def _to_wire(content: Content) -> wire.Content:
    written = content.expiration_fields
    if written is None:
        written = default_expiration_fields(content.kind)
    if (content.expiration_type and ExpirationFields.TYPE not in written) or (
        content.expiration_timer and ExpirationFields.TIMER not in written
    ):
        raise Misuse("this kind of content does not disappear", kind="content.expiration")
    message = _kind_to_wire(content.kind)
    if ExpirationFields.TYPE in written:
        message.MergeFrom(wire.Content(expirationType=content.expiration_type.name))
    if ExpirationFields.TIMER in written:
        message.expirationTimer = content.expiration_timer
    if content.timestamp is not None:
        message.sigTimestamp = content.timestamp
    if content.pro_message is not None:
        message.proMessage.CopyFrom(pro.to_wire(content.pro_message))
    if content.community_pro_signature is not None:
        message.proSigForCommunityMessageOnly = content.community_pro_signature
    return keep(message, content.other_fields)


def _kind_to_wire(kind: Kind) -> wire.Content:
    match kind:
        case DataMessage():
            return wire.Content(dataMessage=data_message.to_wire(kind))
        case ReceiptMessage():
            return wire.Content(receiptMessage=receipt.to_wire(kind))
        case TypingMessage():
            return wire.Content(typingMessage=typing_message.to_wire(kind))
        case DataExtraction():
            return wire.Content(dataExtractionNotification=data_extraction.to_wire(kind))
        case UnsendRequest():
            return wire.Content(unsendRequest=unsend.to_wire(kind))
        case CallMessage():
            return wire.Content(callMessage=call.to_wire(kind))
        case MessageRequestResponse():
            return wire.Content(messageRequestResponse=request_response.to_wire(kind))
        case SharedConfig():
            return wire.Content(sharedConfigMessage=shared_config.to_wire(kind))
        case Unknown():
            return keep(wire.Content(), kind.raw)


def _kind_from_wire(message: wire.Content) -> tuple[Kind, str]:
    """The first kind in the order in which receivers try them, and the name of its field."""
    has = message.HasField
    if has("dataMessage"):
        return data_message.from_wire(message.dataMessage), "dataMessage"
    if has("receiptMessage"):
        return receipt.from_wire(message.receiptMessage), "receiptMessage"
    if has("typingMessage"):
        return typing_message.from_wire(message.typingMessage), "typingMessage"
    if has("dataExtractionNotification"):
        return data_extraction.from_wire(message.dataExtractionNotification), "dataExtractionNotification"
    if has("unsendRequest"):
        return unsend.from_wire(message.unsendRequest), "unsendRequest"
    if has("callMessage"):
        return call.from_wire(message.callMessage), "callMessage"
    if has("messageRequestResponse"):
        return request_response.from_wire(message.messageRequestResponse), "messageRequestResponse"
    if has("sharedConfigMessage"):
        return shared_config.from_wire(message.sharedConfigMessage), "sharedConfigMessage"
    return Unknown(others(message, *_COMMON)), ""


def _from_wire(message: wire.Content) -> Content:
    kind, name = _kind_from_wire(message)
    has = message.HasField
    found = ExpirationFields.NEITHER
    found |= ExpirationFields.TYPE if has("expirationType") else ExpirationFields.NEITHER
    found |= ExpirationFields.TIMER if has("expirationTimer") else ExpirationFields.NEITHER
    return Content(
        kind=kind,
        timestamp=message.sigTimestamp if has("sigTimestamp") else None,
        expiration_type=ExpirationType(message.expirationType),
        expiration_timer=message.expirationTimer,
        pro_message=pro.from_wire(message.proMessage) if has("proMessage") else None,
        community_pro_signature=message.proSigForCommunityMessageOnly if has("proSigForCommunityMessageOnly") else None,
        expiration_fields=None if found == default_expiration_fields(kind) else found,
        other_fields=b"" if isinstance(kind, Unknown) else others(message, *_COMMON, name),
    )
