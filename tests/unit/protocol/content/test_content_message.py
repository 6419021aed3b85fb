"""The Content message: which fields are written, which kind is read, what survives and what is refused."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol import content
from veery.protocol.constants import CONTENT_MAX, CONTENT_REPEATED_MAX
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import others

T = 1_774_990_800_123
ID = "05" + "a1" * 32
DATA = content.DataMessage(body="hello")
QUIET: list[content.Kind] = [
    content.ReceiptMessage(timestamp=(T,)),
    content.TypingMessage(T, content.TypingAction.STARTED),
    content.UnsendRequest(T, ID),
    content.MessageRequestResponse(),
]
CARRIERS: list[content.Kind] = [
    DATA,
    content.CallMessage(content.CallType.PRE_OFFER, "uuid"),
    content.DataExtraction(content.DataExtractionType.SCREENSHOT),
]


@pytest.mark.parametrize("kind", CARRIERS, ids=lambda kind: type(kind).__name__)
def test_visible_kinds_write_expiration_even_when_zero(kind: content.Kind) -> None:
    data = content.encode(content.Content(kind, T))
    assert bytes.fromhex("60006800") in data
    assert content.decode(data) == content.Content(kind, T)


@pytest.mark.parametrize("kind", QUIET, ids=lambda kind: type(kind).__name__)
def test_quiet_kinds_write_no_expiration(kind: content.Kind) -> None:
    message = wire.Content.FromString(content.encode(content.Content(kind, T)))
    assert not message.HasField("expirationType")
    assert not message.HasField("expirationTimer")
    assert content.decode(message.SerializeToString()) == content.Content(kind, T)


@pytest.mark.parametrize("kind", QUIET, ids=lambda kind: type(kind).__name__)
def test_quiet_kinds_cannot_disappear(kind: content.Kind) -> None:
    with pytest.raises(Misuse) as caught:
        content.encode(content.Content(kind, T, content.ExpirationType.DELETE_AFTER_SEND, 60))
    assert caught.value.kind == "content.expiration"


def test_unusual_expiration_fields_survive() -> None:
    only_type = b"\x0a\x03\x0a\x01x" + b"\x60\x01"
    read = content.decode(only_type)
    assert read.expiration_type is content.ExpirationType.DELETE_AFTER_READ
    assert (read.expiration_timer, read.expiration_fields) == (0, content.ExpirationFields.TYPE)
    assert content.encode(read) == only_type


def test_first_kind_in_the_order_of_receivers_is_handled_and_the_rest_survives() -> None:
    both = wire.Content(
        callMessage=wire.CallMessage(type="END_CALL", uuid="u"),
        typingMessage=wire.TypingMessage(timestamp=1, action="STARTED"),
    ).SerializeToString()
    read = content.decode(both)
    assert read.kind == content.TypingMessage(1, content.TypingAction.STARTED)
    assert content.encode(read) == both


@pytest.mark.parametrize("data", ["", "3a020801", "7005", "f2ff0704626c6f62"])
def test_unknown_kind_is_a_value(data: str) -> None:
    read = content.decode(bytes.fromhex(data))
    assert read.kind == content.Unknown(bytes.fromhex(data))
    assert content.encode(read).hex() == data


def test_unknown_fields_survive_at_every_depth() -> None:
    unknown = bytes.fromhex("f2ff0704626c6f62")
    pointer = content.AttachmentPointer(7, url="u", other_fields=unknown)
    preview = content.Preview("https://a", image=pointer, other_fields=unknown)
    made = content.Content(content.DataMessage(preview=(preview,), other_fields=unknown), T, other_fields=unknown)
    data = content.encode(made)
    assert data.count(unknown) == 4
    assert content.decode(data) == made


def test_unknown_enum_number_in_an_optional_field_is_skipped_and_survives() -> None:
    data = b"\x0a\x03\x0a\x01x" + b"\x68\x05" + b"\x60\x09"
    read = content.decode(data)
    assert read.expiration_type is content.ExpirationType.UNKNOWN
    assert read.expiration_timer == 5
    assert content.encode(read) == data


def test_legacy_fields_of_data_messages_survive() -> None:
    legacy = wire.DataMessage(timestamp=5).SerializeToString() + bytes.fromhex("2805")
    read = content.decode(wire.Content(dataMessage=wire.DataMessage.FromString(legacy)).SerializeToString())
    assert isinstance(read.kind, content.DataMessage)
    assert sorted(read.kind.other_fields) == sorted(legacy)


MALFORMED = {
    "not protobuf": (b"\xff\xff", "content.protobuf"),
    "truncated": (b"\x0a\x05ab", "content.protobuf"),
    "group without end": (b"\x0b" * 50, "content.protobuf"),
    "deep groups": (b"\x0b" * 5000 + b"\x0c" * 5000, "content.protobuf"),
    "required field of a kind": (b"\x4a\x02\x08\x01", "content.required"),
    "required enum with an unknown number": (b"\x32\x04\x08\x01\x10\x07", "content.required"),
    "required field of a second kind": (b"\x0a\x00" + b"\x4a\x02\x08\x01", "content.required"),
    "attachment without its number": (b"\x0a\x04\x12\x02\x20\x01", "content.required"),
    "body is not UTF-8": (b"\x0a\x03\x0a\x01\xff", "content.utf8"),
    "surrogate in UTF-8": (b"\x0a\x05\x0a\x03\xed\xa0\x80", "content.utf8"),
    "author is not UTF-8": (b"\x4a\x05\x08\x01\x12\x01\x80", "content.utf8"),
    "list of texts is not UTF-8": (b"\x1a\x08\x08\x05\x12\x01\xc0\x2a\x01u", "content.utf8"),
    "too large": (bytes(CONTENT_MAX + 1), "content.size"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_content_is_refused(name: str) -> None:
    data, kind = MALFORMED[name]
    with pytest.raises(content.ContentMalformed) as caught:
        content.decode(data)
    assert caught.value.kind == kind


def test_repeated_fields_are_bounded() -> None:
    most = wire.Content(receiptMessage=wire.ReceiptMessage(type="READ", timestamp=[1] * CONTENT_REPEATED_MAX))
    read = content.decode(most.SerializeToString())
    assert isinstance(read.kind, content.ReceiptMessage)
    assert len(read.kind.timestamp) == CONTENT_REPEATED_MAX
    most.receiptMessage.timestamp.append(1)
    with pytest.raises(content.ContentMalformed) as caught:
        content.decode(most.SerializeToString())
    assert caught.value.kind == "content.count"


MISUSED = {
    "time beyond 64 bits": content.Content(DATA, 2**64),
    "negative time": content.Content(DATA, -1),
    "timer beyond 32 bits": content.Content(DATA, T, content.ExpirationType.DELETE_AFTER_SEND, 2**32),
    "lone surrogate": content.Content(content.DataMessage(body="\ud800"), T),
    "33 attachments": content.Content(content.DataMessage(attachments=(content.AttachmentPointer(),) * 33), T),
    "other fields that are none": content.Content(DATA, T, other_fields=b"\xff"),
    "other fields that repeat": content.Content(DATA, T, other_fields=b"\x78\x01"),
    "half a second kind": content.Content(DATA, T, other_fields=b"\x4a\x02\x08\x01"),
    "too large": content.Content(content.DataMessage(body="x" * CONTENT_MAX), T),
}


@pytest.mark.parametrize("name", MISUSED)
def test_what_the_format_cannot_hold_is_misuse(name: str) -> None:
    with pytest.raises(Misuse):
        content.encode(MISUSED[name])


def test_33_attachments_are_read() -> None:
    pointers = [wire.AttachmentPointer(deprecatedId=0)] * 33
    read = content.decode(wire.Content(dataMessage=wire.DataMessage(attachments=pointers)).SerializeToString())
    assert isinstance(read.kind, content.DataMessage)
    assert len(read.kind.attachments) == 33


def test_printing_shows_no_content() -> None:
    message = content.Content(content.DataMessage(body="secret text", quote=content.Quote(T, ID)), T, other_fields=b"x")
    shown = repr(message)
    assert "secret" not in shown
    assert ID not in shown
    assert "other_fields, kind, timestamp" in shown
    assert repr(content.DataMessage(body="secret")) == "<DataMessage body>"
    assert repr(content.Unknown(b"12345")) == "<Unknown of 5 bytes>"


def test_others_leaves_out_exactly_the_handled_fields() -> None:
    message = wire.Profile(displayName="a", profilePicture="b")
    assert others(message, "displayName") == wire.Profile(profilePicture="b").SerializeToString()
    assert others(message, "displayName", "profilePicture") == b""
