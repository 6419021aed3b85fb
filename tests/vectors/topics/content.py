"""Contents of messages: encodings of the deployed schema, and call messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import IntEnum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from google.protobuf.message import Message

from tests.vectors.harness import Case, topic
from veery.protocol import content, envelope
from veery.protocol.content import (
    attachment,
    call,
    data_extraction,
    data_message,
    group_update,
    pro,
    profile,
    receipt,
    request_response,
    shared_config,
    typing_message,
    unsend,
)
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import parse, serialise
from veery.secret import Secret

KINDS: dict[str, tuple[type, str]] = {
    "DataMessage": (content.DataMessage, "dataMessage"),
    "CallMessage": (content.CallMessage, "callMessage"),
    "ReceiptMessage": (content.ReceiptMessage, "receiptMessage"),
    "TypingMessage": (content.TypingMessage, "typingMessage"),
    "DataExtractionNotification": (content.DataExtraction, "dataExtractionNotification"),
    "UnsendRequest": (content.UnsendRequest, "unsendRequest"),
    "MessageRequestResponse": (content.MessageRequestResponse, "messageRequestResponse"),
    "SharedConfigMessage": (content.SharedConfig, "sharedConfigMessage"),
}
FIELDS_OF_CONTENT = {
    "sigTimestamp": "timestamp",
    "expirationType": "expiration_type",
    "expirationTimer": "expiration_timer",
    "proMessage": "pro_message",
    "proSigForCommunityMessageOnly": "community_pro_signature",
}
UPDATES = {
    "inviteMessage": content.GroupInvite,
    "infoChangeMessage": content.GroupInfoChange,
    "memberChangeMessage": content.GroupMemberChange,
    "promoteMessage": content.GroupPromote,
    "memberLeftMessage": content.GroupMemberLeft,
    "inviteResponse": content.GroupInviteResponse,
    "deleteMemberContent": content.GroupDeleteMemberContent,
    "memberLeftNotificationMessage": content.GroupMemberLeftNotification,
}
PARTS: dict[str, tuple[type, Callable[[Any], Message], Callable[[Any], Any]]] = {
    "DataMessage": (content.DataMessage, data_message.to_wire, data_message.from_wire),
    "CallMessage": (content.CallMessage, call.to_wire, call.from_wire),
    "ReceiptMessage": (content.ReceiptMessage, receipt.to_wire, receipt.from_wire),
    "TypingMessage": (content.TypingMessage, typing_message.to_wire, typing_message.from_wire),
    "DataExtractionNotification": (content.DataExtraction, data_extraction.to_wire, data_extraction.from_wire),
    "UnsendRequest": (content.UnsendRequest, unsend.to_wire, unsend.from_wire),
    "MessageRequestResponse": (content.MessageRequestResponse, request_response.to_wire, request_response.from_wire),
    "SharedConfigMessage": (content.SharedConfig, shared_config.to_wire, shared_config.from_wire),
    "AttachmentPointer": (content.AttachmentPointer, attachment.to_wire, attachment.from_wire),
    "Profile": (content.Profile, profile.to_wire, profile.from_wire),
    "GroupUpdateMessage": (content.GroupUpdateMessage, group_update.to_wire, group_update.from_wire),
    "ProMessage": (content.ProMessage, pro.to_wire, pro.from_wire),
    "ProProof": (content.ProProof, pro.proof_to_wire, pro.proof_from_wire),
}


def snake(name: str) -> str:
    """`sdpMLineIndexes` -> `sdp_m_line_indexes`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def plain(written: Any) -> Any:
    """A scalar as the vectors write it."""
    return bytes.fromhex(written["$hex"]) if isinstance(written, dict) and set(written) == {"$hex"} else written


def fill(message: Message, written: Mapping[str, Any]) -> Message:
    """Set the fields of a protobuf message."""
    message.SetInParent()
    for name, raw in written.items():
        value = plain(raw)
        held = getattr(message, name)
        if isinstance(value, Mapping):
            fill(held, value)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, Mapping) and "$hex" not in each:
                    fill(held.add(), each)
                else:
                    held.append(plain(each))
        else:
            setattr(message, name, int(value) if isinstance(held, int) and isinstance(value, str) else value)
    return message


def converted(hint: Any, raw: Any) -> Any:
    """The value of one field of a typed value."""
    value = plain(raw)
    if get_origin(hint) is UnionType:
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is tuple:
        return tuple(converted(get_args(hint)[0], each) for each in value)
    if hint is content.GroupUpdateMessage:
        ((name, update),) = value.items()
        return content.GroupUpdateMessage(typed(UPDATES[name], update))
    if isinstance(value, Mapping):
        return typed(hint, value)
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return hint(value)
    if hint is Secret:
        return Secret(value)
    return int(value) if hint is int else value


def typed(kind: type, written: Mapping[str, Any]) -> Any:
    """A typed value; what it has no field for is legacy, and becomes one of its other fields."""
    hints = get_type_hints(kind)
    places = {each.name for each in fields(kind)}
    values = {snake(name): converted(hints[snake(name)], raw) for name, raw in written.items() if snake(name) in places}
    legacy = {name: raw for name, raw in written.items() if snake(name) not in places}
    if legacy:
        wire_kind = getattr(wire.DataMessage, kind.__name__, None) or getattr(wire, kind.__name__)
        values["other_fields"] = fill(wire_kind(), legacy).SerializePartialToString(deterministic=True)
    return kind(**values)


def typed_content(written: Mapping[str, Any]) -> content.Content:
    """A Content; its first kind becomes `kind`."""
    hints = get_type_hints(content.Content)
    values = {
        place: converted(hints[place], written[name]) for name, place in FIELDS_OF_CONTENT.items() if name in written
    }
    kind: Any = content.Unknown()
    for cls, name in KINDS.values():
        if name in written:
            kind = typed(cls, written[name])
    presence = content.ExpirationFields.NEITHER
    presence |= content.ExpirationFields.TYPE if "expirationType" in written else presence
    presence |= content.ExpirationFields.TIMER if "expirationTimer" in written else presence
    return content.Content(kind=kind, expiration_fields=presence, **values)


def check_content(written: Mapping[str, Any], data: bytes) -> None:
    made = typed_content(written)
    assert content.encode(made).hex() == data.hex()
    read = content.decode(data)
    assert (read.kind, read.timestamp) == (made.kind, made.timestamp)
    assert (read.expiration_type, read.expiration_timer) == (made.expiration_type, made.expiration_timer)
    assert (read.pro_message, read.other_fields) == (made.pro_message, made.other_fields)
    assert content.encode(read).hex() == data.hex()


def check_envelope(written: Mapping[str, Any], data: bytes) -> None:
    values = values_of_envelope(written)
    if "content" not in values or len(values.get("pro_sig", bytes(64))) != 64:
        with pytest.raises(envelope.MessageMalformed):
            envelope.decode_envelope(data)
        return
    made = envelope.Envelope(**{"source_device": None, **values})
    assert envelope.encode_envelope(made).hex() == data.hex()
    assert envelope.decode_envelope(data) == made


def values_of_envelope(written: Mapping[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(envelope.Envelope)
    return {snake(name): converted(hints[snake(name)], raw) for name, raw in written.items()}


def check_wrapper(written: Mapping[str, Any], data: bytes) -> None:
    request = written.get("request", {})
    if "body" not in request:
        with pytest.raises(envelope.MessageMalformed):
            envelope.unwrap(data)
        return
    body = plain(request["body"])
    assert envelope.unwrap(data) == body
    if written.get("type") == 1 and "headers" not in request:
        names = {"verb": request.get("verb"), "path": request.get("path")}
        assert envelope.wrap(body, **names, request_id=request.get("id")).hex() == data.hex()


def check_part(name: str, written: Mapping[str, Any], data: bytes) -> None:
    kind, to_wire, from_wire = PARTS[name]
    made = converted(kind, written)
    assert serialise(to_wire(made)).hex() == data.hex()
    assert from_wire(parse(getattr(wire, name), data)) == made


@topic("content-proto")
def content_proto(inputs: Case, expected: Case) -> None:
    name, written = inputs["message"], inputs["fields"]
    data = bytes.fromhex(expected["hex"])
    nested = getattr(wire.DataMessage, name, None) or getattr(wire, name)
    assert fill(nested(), written).SerializePartialToString(deterministic=True).hex() == data.hex()
    if name == "Content":
        check_content(written, data)
    elif name == "Envelope":
        check_envelope(written, data)
    elif name == "WebSocketMessage":
        check_wrapper(written, data)
    elif name in PARTS:
        check_part(name, written, data)


@topic("call-messages")
def call_messages(inputs: Case, expected: Case) -> None:
    message = content.CallMessage(
        type=content.CallType[inputs["type"]],
        uuid=inputs["uuid"],
        sdps=tuple(inputs.get("sdps", ())),
        sdp_m_line_indexes=tuple(inputs.get("sdpMLineIndexes", ())),
        sdp_mids=tuple(inputs.get("sdpMids", ())),
    )
    assert serialise(call.to_wire(message)).hex() == expected["call_message"]
    bare = content.Content(message, expiration_fields=content.ExpirationFields.NEITHER)
    assert content.encode(bare).hex() == expected["content"]
    assert content.decode(bytes.fromhex(expected["content"])) == bare
