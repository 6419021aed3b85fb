"""The Content extension: there for those who know it, invisible and harmless for all others."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol import bt, content, extension
from veery.protocol.content import Content, DataMessage, Unknown
from veery.protocol.extension import Extension

WHOLE = Extension(frozenset({"gossip", "pair"}), b"12345678", b"a record", {b"p": {b"n": 1}})
PLAIN = Content(DataMessage(body="hello"), timestamp=1_774_990_800_123)


def carried(data: bytes) -> Content:
    """A content with these bytes in the extension's field, as another client might write them."""
    head = bytes([0x82, 0xE5, 0x09])  # field 20048, length-delimited
    size = len(data)
    length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    return content.decode(content.encode(PLAIN) + head + length + data)


@pytest.mark.parametrize("kind", [PLAIN, Content(Unknown(), timestamp=5)])
def test_what_is_attached_is_found(kind: Content) -> None:
    read = content.decode(content.encode(extension.attach(kind, WHOLE)))
    assert extension.find(read) == WHOLE


def test_the_message_is_unchanged_beside_it() -> None:
    read = content.decode(content.encode(extension.attach(PLAIN, WHOLE)))
    assert isinstance(read.kind, DataMessage)
    assert (read.kind.body, read.timestamp) == ("hello", PLAIN.timestamp)
    assert content.encode(extension.attach(PLAIN, WHOLE)).startswith(content.encode(PLAIN)[:8])


def test_no_field_is_no_extension() -> None:
    assert extension.find(PLAIN) is None
    assert extension.find(Content(Unknown())) is None


def test_only_one_can_be_attached() -> None:
    with pytest.raises(Misuse):
        extension.attach(extension.attach(PLAIN, WHOLE), WHOLE)


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", bt.encode({b"": 2}), bt.encode({b"c": []}), bt.encode({b"": 1, b"z": bytes(9_000)})]
)
def test_malformed_long_or_later_ones_are_as_if_absent(data: bytes) -> None:
    read = carried(data)
    assert isinstance(read.kind, DataMessage)
    assert extension.find(read) is None


def test_fields_of_a_wrong_kind_are_as_if_absent() -> None:
    read = carried(bt.encode({b"": 1, b"c": 5, b"h": b"short", b"r": bytes(1_321)}))
    assert extension.find(read) == Extension()
    assert extension.decode(bt.encode({b"": 1, b"c": [b"x"] * 65})) == Extension()


def test_unknown_keys_survive() -> None:
    found = extension.find(carried(bt.encode({b"": 1, b"later": [1, b"x"]})))
    assert found == Extension(others={b"later": [1, b"x"]})
    assert extension.encode(found) == bt.encode({b"": 1, b"later": [1, b"x"]})


def test_what_it_cannot_hold_is_misuse() -> None:
    for wrong in (
        Extension(echo=b"1234567"),
        Extension(record=bytes(1_321)),
        Extension(others={b"h": b"12345678"}),
        Extension(others={b"z": bytes(8_193)}),
    ):
        with pytest.raises(Misuse):
            extension.encode(wrong)
