"""Framing of messages v1: padding, Envelope, WebSocketMessage and base64, 02.1 to 02.3.1.

A message stored in a user's namespace 0 is base64(WebSocketMessage(Envelope(sealed box))). The wrapper carries nothing
but the Envelope; of the Envelope only timestamp, content and the size of proSig matter to a receiver. Groups store an
Envelope without the wrapper, 02.9.

Writers give the exact bytes of current clients; readers depend on nothing but what 02.10 lists.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from veery.errors import Malformed, Misuse
from veery.protocol.constants import ACCOUNT_ID_HEX, DATA_MAX_BASE64, MESSAGE_PADDING, PRO_SIGNATURE_SIZE
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import ContentMalformed, Value, keep, others, parse, serialise, text, writing

_PADDING_MARK: Final = 0x80
_SOURCE = re.compile(rf"[0-9a-fA-F]{{{ACCOUNT_ID_HEX}}}")
_HANDLED = ("type", "source", "timestamp", "sourceDevice", "content", "serverTimestamp", "proSig")


class MessageMalformed(Malformed):
    """The bytes are no message v1: base64, wrapper, Envelope, or a size that the chapter fixes, 02.10."""

    default_kind = "message.v1"


class EnvelopeType(IntEnum):
    """Where an Envelope goes. Receivers do not look at it."""

    SESSION_MESSAGE = 6  # one-to-one and sync messages
    CLOSED_GROUP_MESSAGE = 7  # inside the encryption of a group


@dataclass(frozen=True, slots=True, repr=False)
class Envelope(Value):
    """timestamp: T, ms; content: a sealed box, in groups plain Content; pro_sig: 64 bytes, real or decoy.

    source is never trusted. Current clients write source_device 1 and no source; server_timestamp is legacy.
    """

    timestamp: int
    content: bytes
    pro_sig: bytes | None = None
    type: EnvelopeType = EnvelopeType.SESSION_MESSAGE
    source: str | None = None
    source_device: int | None = 1
    server_timestamp: int | None = None


# -- padding (02.2) --------------------------------------------------------------------------------------------


def pad(content: bytes) -> bytes:
    """Pad to a multiple of 160 bytes with at least one zero byte after the mark 0x80."""
    length = len(content) + 1
    length += MESSAGE_PADDING - length % MESSAGE_PADDING
    return (content + bytes([_PADDING_MARK])).ljust(length, b"\0")


def pad_legacy(content: bytes) -> bytes:
    """Pad as older clients do: to 160·k − 1 bytes."""
    blocks = -(-(len(content) + 2) // MESSAGE_PADDING)
    return (content + bytes([_PADDING_MARK])).ljust(blocks * MESSAGE_PADDING - 1, b"\0")


def unpad(padded: bytes) -> bytes:
    """Take off the padding, current or legacy. Never fails: without a mark only the zeros at the end are cut."""
    stripped = padded.rstrip(b"\0")
    return stripped[:-1] if stripped.endswith(bytes([_PADDING_MARK])) else stripped


# -- Envelope --------------------------------------------------------------------------------------------------


def encode_envelope(envelope: Envelope) -> bytes:
    """The bytes of an Envelope. Raises Misuse for what its fields cannot hold, and for a pro_sig of a wrong size."""
    if envelope.pro_sig is not None and len(envelope.pro_sig) != PRO_SIGNATURE_SIZE:
        raise Misuse(f"proSig must be {PRO_SIGNATURE_SIZE} bytes", kind="message.v1.pro_sig")
    with writing():
        message = wire.Envelope(
            type=envelope.type.name,
            source=envelope.source,
            timestamp=envelope.timestamp,
            sourceDevice=envelope.source_device,
            content=envelope.content,
            serverTimestamp=envelope.server_timestamp,
            proSig=envelope.pro_sig,
        )
        return serialise(keep(message, envelope.other_fields))


def decode_envelope(data: bytes) -> Envelope:
    """Read an Envelope of at most CONTENT_MAX bytes.

    Raises MessageMalformed: `message.v1.envelope`, `.no_content`, `.source`, `.pro_sig`.
    """
    try:
        message = parse(wire.Envelope, data)
        source = text(message.source) if message.HasField("source") else None
    except ContentMalformed:
        raise MessageMalformed("the bytes are not an Envelope", kind="message.v1.envelope") from None
    if not message.HasField("content"):
        raise MessageMalformed("the Envelope has no content", kind="message.v1.no_content")
    if source and not _SOURCE.fullmatch(source):
        raise MessageMalformed("the source is not an id", kind="message.v1.source")
    if message.HasField("proSig") and len(message.proSig) != PRO_SIGNATURE_SIZE:
        raise MessageMalformed(f"proSig is not {PRO_SIGNATURE_SIZE} bytes", kind="message.v1.pro_sig")
    return Envelope(
        timestamp=message.timestamp,
        content=message.content,
        pro_sig=message.proSig if message.HasField("proSig") else None,
        type=EnvelopeType(message.type),
        source=source,
        source_device=message.sourceDevice if message.HasField("sourceDevice") else None,
        server_timestamp=message.serverTimestamp if message.HasField("serverTimestamp") else None,
        other_fields=others(message, *_HANDLED),
    )


# -- the outermost wrapper -------------------------------------------------------------------------------------


def wrap(body: bytes, *, verb: str | None = "", path: str | None = "", request_id: int | None = 0) -> bytes:
    """Put an encoded Envelope into a WebSocketMessage: `08 01 12 <len> 0A 00 12 00 1A <len> <body> 20 00`.

    verb, path and request_id are there for the form of older clients; None leaves the field out.
    """
    with writing():
        request = wire.WebSocketRequestMessage(verb=verb, path=path, body=body, id=request_id)
        return serialise(wire.WebSocketMessage(type="REQUEST", request=request))


def unwrap(data: bytes) -> bytes:
    """The body of a WebSocketMessage: an encoded Envelope.

    Raises MessageMalformed: `message.v1.wrapper`, `.no_request`, `.no_body`.
    """
    try:
        message = parse(wire.WebSocketMessage, data)
    except ContentMalformed:
        raise MessageMalformed("the bytes are not a WebSocketMessage", kind="message.v1.wrapper") from None
    if not message.HasField("request"):
        raise MessageMalformed("the WebSocketMessage has no request", kind="message.v1.no_request")
    if not message.request.HasField("body"):
        raise MessageMalformed("the request has no body", kind="message.v1.no_body")
    return message.request.body


# -- base64 ----------------------------------------------------------------------------------------------------


def to_base64(data: bytes) -> str:
    """base64 with padding, as in the parameter `data` of `store`."""
    return b64encode(data).decode("ascii")


def from_base64(data: str) -> bytes:
    """Read the `data` of a stored item; the padding may be missing. Raises MessageMalformed `message.v1.base64`."""
    if len(data) > DATA_MAX_BASE64:
        raise MessageMalformed("too much base64", kind="message.v1.base64")
    try:
        return b64decode(data + "=" * (-len(data) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise MessageMalformed("the data is not base64", kind="message.v1.base64") from None
