"""Framing and sealing: what goes in comes out, and no bytes do more than raise the named errors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from veery.protocol import crypto, envelope, message_v1
from veery.protocol.envelope import Envelope, EnvelopeType, MessageMalformed
from veery.protocol.message_v1 import MessageRefused
from veery.secret import Secret

SENDER, SENDER_SECRET = crypto.ed25519_from_seed(bytes(range(32)))
READER_SECRET = Secret(crypto.ed25519_secret_to_x25519(crypto.ed25519_from_seed(bytes(32))[1]))
READER = crypto.x25519_public(READER_SECRET.reveal())
U64 = st.integers(0, 2**64 - 1)


def seal(content: bytes, timestamp_ms: int, seed: bytes) -> bytes:
    return message_v1.seal(
        content,
        sender_ed25519_secret=Secret(SENDER_SECRET),
        recipient=READER,
        timestamp_ms=timestamp_ms,
        random=lambda size: crypto.blake2b(64, seed)[:size],
    )


def open_(data: bytes) -> message_v1.OpenedMessage:
    return message_v1.open(data, x25519_public=READER, x25519_secret=READER_SECRET)


@given(st.binary(max_size=1_000))
def test_padding(content: bytes) -> None:
    current, legacy = envelope.pad(content), envelope.pad_legacy(content)
    assert envelope.unpad(current) == envelope.unpad(legacy) == content
    assert len(current) % 160 == 0
    assert current.endswith(b"\0")
    assert len(legacy) % 160 == 159
    assert len(content) + 2 <= len(current) <= len(content) + 161


@given(st.binary(max_size=400))
def test_unpadding_takes_nothing_but_padding(data: bytes) -> None:
    content = envelope.unpad(data)
    assert data.startswith(content)
    assert set(data[len(content) :]) <= {0x00, 0x80}
    assert data[len(content) :].count(0x80) <= 1


@given(
    st.builds(
        Envelope,
        timestamp=U64,
        content=st.binary(max_size=50),
        pro_sig=st.none() | st.binary(min_size=64, max_size=64),
        type=st.sampled_from(EnvelopeType),
        source=st.none() | st.just("") | st.text("0123456789abcdefABCDEF", min_size=66, max_size=66),
        source_device=st.none() | st.integers(0, 2**32 - 1),
        server_timestamp=st.none() | U64,
        other_fields=st.sampled_from([b"", bytes.fromhex("f2ff0704626c6f62")]),
    )
)
def test_envelopes(made: Envelope) -> None:
    data = envelope.encode_envelope(made)
    assert envelope.decode_envelope(data) == made
    assert envelope.unwrap(envelope.wrap(data)) == data


@given(st.binary(max_size=300), U64, st.binary(min_size=1, max_size=8))
def test_messages(content: bytes, timestamp_ms: int, seed: bytes) -> None:
    opened = open_(envelope.from_base64(envelope.to_base64(seal(content, timestamp_ms, seed))))
    assert (opened.content, opened.timestamp, opened.sender_ed25519) == (content, timestamp_ms, SENDER)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_altered_messages_never_say_something_else(at: int, change: int) -> None:
    altered = bytearray(seal(b"hello", 1_774_990_800_123, b"seed"))
    altered[at % len(altered)] ^= change
    try:
        opened = open_(bytes(altered))
    except (MessageMalformed, MessageRefused) as refused:
        assert refused.kind.startswith("message.v1.")
    else:
        assert (opened.content, opened.sender_ed25519) == (b"hello", SENDER)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    for reader in (envelope.unwrap, envelope.decode_envelope):
        try:
            reader(data)
        except MessageMalformed as malformed:
            assert malformed.kind.startswith("message.v1.")
    try:
        message_v1.open_box(data, x25519_public=READER, x25519_secret=READER_SECRET)
    except MessageRefused as refused:
        assert refused.kind in ("message.v1.short", "message.v1.decrypt")
    else:
        raise AssertionError("random bytes were opened")


@given(st.text(max_size=40) | st.text("ABCabc012+/=-_ ", max_size=40))
def test_any_text_is_base64_or_refused(text: str) -> None:
    try:
        data = envelope.from_base64(text)
    except MessageMalformed as malformed:
        assert malformed.kind == "message.v1.base64"
    else:
        assert len(data) == len(text.rstrip("=")) * 3 // 4
