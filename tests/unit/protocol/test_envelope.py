"""Framing: what is written byte for byte, and what is refused."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol import envelope
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.envelope import Envelope, EnvelopeType, MessageMalformed

T = 1_774_990_800_123
SIGNATURE = bytes(range(64))


def test_current_bytes() -> None:
    body = envelope.encode_envelope(Envelope(timestamp=T, content=b"\x01\x02\x03", pro_sig=SIGNATURE))
    assert body.hex() == "0806" + "28fbe9c8add433" + "3801" + "4203010203" + "5a40" + SIGNATURE.hex()
    data = envelope.wrap(body)
    length = len(body)
    request = b"\x0a\x00\x12\x00\x1a" + bytes([length]) + body + b"\x20\x00"
    assert data == b"\x08\x01\x12" + bytes([len(request)]) + request
    assert envelope.unwrap(data) == body


def test_group_envelope() -> None:
    group = Envelope(timestamp=T, content=b"", type=EnvelopeType.CLOSED_GROUP_MESSAGE)
    assert envelope.encode_envelope(group).hex() == "0807" + "28fbe9c8add433" + "3801" + "4200"
    assert envelope.decode_envelope(envelope.encode_envelope(group)) == group


def test_older_wrapper() -> None:
    data = envelope.wrap(b"body", verb="PUT", path="/api/v1/message", request_id=7)
    assert data.hex() == "0801121e" + "0a03505554" + "120f2f6170692f76312f6d657373616765" + "1a04626f6479" + "2007"
    assert envelope.unwrap(data) == b"body"
    assert envelope.wrap(b"b", verb=None, path=None, request_id=None).hex() == "080112031a0162"


def test_unknown_fields_of_an_envelope_survive() -> None:
    data = envelope.encode_envelope(Envelope(timestamp=T, content=b"c")) + bytes.fromhex("f2ff0704626c6f62")
    assert envelope.encode_envelope(envelope.decode_envelope(data)) == data


def envelope_bytes(**fields: object) -> bytes:
    message = wire.Envelope(type="SESSION_MESSAGE", timestamp=T, content=b"c")
    for name, value in fields.items():
        setattr(message, name, value)
    return message.SerializeToString()


REFUSED = {
    "not protobuf": (b"\xff", "message.v1.envelope"),
    "no type": (bytes.fromhex("280142021234"), "message.v1.envelope"),
    "unknown type": (bytes.fromhex("0805280142021234"), "message.v1.envelope"),
    "no timestamp": (bytes.fromhex("080642021234"), "message.v1.envelope"),
    "no content": (bytes.fromhex("08062801"), "message.v1.no_content"),
    "source of 64 characters": (envelope_bytes(source="a" * 64), "message.v1.source"),
    "source not hex": (envelope_bytes(source="g" * 66), "message.v1.source"),
    "source not UTF-8": (envelope_bytes() + b"\x12\x01\xff", "message.v1.envelope"),
    "empty proSig": (envelope_bytes(proSig=b""), "message.v1.pro_sig"),
    "proSig of 63 bytes": (envelope_bytes(proSig=bytes(63)), "message.v1.pro_sig"),
    "proSig of 65 bytes": (envelope_bytes(proSig=bytes(65)), "message.v1.pro_sig"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_envelopes_that_are_refused(name: str) -> None:
    data, kind = REFUSED[name]
    with pytest.raises(MessageMalformed) as caught:
        envelope.decode_envelope(data)
    assert caught.value.kind == kind


@pytest.mark.parametrize("source", [None, "", "05" + "aB" * 32])
def test_sources_that_pass(source: str | None) -> None:
    data = envelope_bytes() if source is None else envelope_bytes(source=source)
    assert envelope.decode_envelope(data).source == source


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff", "message.v1.wrapper"),
        (b"", "message.v1.no_request"),
        (b"\x08\x01", "message.v1.no_request"),
        (b"\x08\x01\x12\x00", "message.v1.no_body"),
        (b"\x08\x01\x12\x05\x0a\x00", "message.v1.wrapper"),
    ],
)
def test_wrappers_that_are_refused(data: bytes, kind: str) -> None:
    with pytest.raises(MessageMalformed) as caught:
        envelope.unwrap(data)
    assert caught.value.kind == kind


def test_verb_and_path_are_not_looked_at() -> None:
    assert envelope.unwrap(bytes.fromhex("0802120a0a02fffe12001a02abcd")) == b"\xab\xcd"


def test_writers_refuse_what_the_form_cannot_hold() -> None:
    with pytest.raises(Misuse):
        envelope.encode_envelope(Envelope(timestamp=2**64, content=b""))
    with pytest.raises(Misuse):
        envelope.encode_envelope(Envelope(timestamp=T, content=b"", pro_sig=bytes(63)))
    with pytest.raises(Misuse):
        envelope.wrap(b"", request_id=-1)


@pytest.mark.parametrize(
    ("text", "data"), [("", b""), ("AQI=", b"\x01\x02"), ("AQI", b"\x01\x02"), ("AQID", b"\x01\x02\x03")]
)
def test_base64(text: str, data: bytes) -> None:
    assert envelope.from_base64(text) == data
    assert envelope.from_base64(envelope.to_base64(data)) == data


@pytest.mark.parametrize("text", ["A", "AQI==", "AQ I=", "AQI=\n", "A-_=", "é", "=", "A" * 102_404])
def test_base64_that_is_refused(text: str) -> None:
    with pytest.raises(MessageMalformed) as caught:
        envelope.from_base64(text)
    assert caught.value.kind == "message.v1.base64"


@pytest.mark.parametrize(
    ("padded", "content"), [(b"", b""), (bytes(160), b""), (b"a\x80\x80\0", b"a\x80"), (b"a\0", b"a")]
)
def test_unpadding_never_fails(padded: bytes, content: bytes) -> None:
    assert envelope.unpad(padded) == content
