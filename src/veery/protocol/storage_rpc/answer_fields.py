"""Typed and bounded readers of answer fields, for JSON and bencoded answers alike.

An answer comes from a node that may be hostile: every wrong type, size or count raises AnswerMalformed.
"""

from __future__ import annotations

from veery.protocol import bt
from veery.protocol.constants import ANSWER_TEXT_MAX, HASH_LENGTH_MAX
from veery.protocol.storage_rpc.encoding import Encoding, base64_bytes, decode_json
from veery.protocol.storage_rpc.errors import AnswerMalformed
from veery.protocol.storage_rpc.fields import hex_bytes

INT_MAX = 2**63 - 1
_TOO_MANY = "protocol.storage_rpc.answer.count"


def decode_answer(body: bytes, encoding: Encoding = Encoding.JSON) -> object:
    """The plain value of an answer's bytes. Raises AnswerMalformed."""
    try:
        return decode_json(body) if encoding is Encoding.JSON else bt.decode(body)
    except (ValueError, bt.BtMalformed):
        raise AnswerMalformed("the answer cannot be decoded", kind="protocol.storage_rpc.answer.encoding") from None


class AnswerFields:
    """The fields of one object of an answer. Raises AnswerMalformed when the value is no object."""

    __slots__ = ("encoding", "values")

    def __init__(self, value: object, encoding: Encoding = Encoding.JSON, count_max: int = INT_MAX) -> None:
        if not isinstance(value, dict):
            raise AnswerMalformed("an object was expected in the answer")
        if len(value) > count_max:
            raise AnswerMalformed("the answer holds too many entries", kind=_TOO_MANY)
        self.values: dict[str, object] = {_name(key): item for key, item in value.items()}
        self.encoding = encoding

    def nested(self, name: str, count_max: int = INT_MAX) -> AnswerFields:
        """An object inside of this one, of at most `count_max` entries."""
        return AnswerFields(self.values.get(name), self.encoding, count_max)

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return self.values.get(name) is not None

    def items(self, name: str, count_max: int) -> list[object]:
        """A list of at most `count_max` values."""
        value = self.values.get(name)
        if not isinstance(value, list):
            raise AnswerMalformed(f"`{name}` of the answer is not a list")
        if len(value) > count_max:
            raise AnswerMalformed(f"`{name}` of the answer is too long", kind=_TOO_MANY)
        return value

    def integer(self, name: str, minimum: int = 0, maximum: int = INT_MAX) -> int:
        """A number."""
        value = self.values.get(name)
        if type(value) is not int or not minimum <= value <= maximum:
            raise AnswerMalformed(f"`{name}` of the answer is not a number from {minimum} to {maximum}")
        return value

    def integer_or_none(self, name: str) -> int | None:
        """A number, or None if it is not there."""
        return self.integer(name) if self.has(name) else None

    def integers(self, name: str, count_max: int) -> tuple[int, ...]:
        """A list of numbers."""
        found = []
        for value in self.items(name, count_max):
            if type(value) is not int or not 0 <= value <= INT_MAX:
                raise AnswerMalformed(f"`{name}` of the answer is not a list of numbers")
            found.append(value)
        return tuple(found)

    def flag(self, name: str) -> bool:
        """True or false; false when it is not there."""
        value = self.values.get(name, False)
        if not isinstance(value, bool) and (self.encoding is Encoding.JSON or value not in (0, 1)):
            raise AnswerMalformed(f"`{name}` of the answer is not true or false")
        return bool(value)

    def as_text(self, value: object) -> str:
        """A value as text."""
        if self.encoding is Encoding.BENCODED and isinstance(value, bytes):
            return value.decode(errors="replace")
        if not isinstance(value, str):
            raise AnswerMalformed("a text was expected in the answer")
        return value

    def text(self, name: str, length_max: int = ANSWER_TEXT_MAX) -> str:
        """A text."""
        text = self.as_text(self.values.get(name))
        if len(text) > length_max:
            raise AnswerMalformed(f"`{name}` of the answer is too long")
        return text

    def text_or_none(self, name: str) -> str | None:
        """A text, or None if it is not there; a number is read as its digits (old servers' `code`)."""
        value = self.values.get(name)
        if type(value) is int:
            return str(value)
        return None if value is None else self.text(name)

    def as_hash(self, value: object) -> str:
        """A value as a message hash."""
        text = self.as_text(value)
        if not 0 < len(text) <= HASH_LENGTH_MAX or not text.isascii():
            raise AnswerMalformed("a message hash was expected in the answer")
        return text

    def hashes(self, name: str, count_max: int) -> tuple[str, ...]:
        """A list of message hashes."""
        return tuple(self.as_hash(item) for item in self.items(name, count_max))

    def as_binary(self, value: object) -> bytes:
        """A value as bytes: base64 in JSON."""
        if self.encoding is Encoding.BENCODED and isinstance(value, bytes):
            return value
        if not isinstance(value, str):
            raise AnswerMalformed("bytes were expected in the answer")
        try:
            return base64_bytes(value)
        except ValueError:
            raise AnswerMalformed("base64 was expected in the answer") from None

    def binary(self, name: str, size: int) -> bytes:
        """Bytes of an exact size."""
        data = self.as_binary(self.values.get(name))
        if len(data) != size:
            raise AnswerMalformed(f"`{name}` of the answer is not {size} bytes")
        return data

    def hex(self, name: str, size: int) -> bytes:
        """Bytes of an exact size, written as hex digits in both encodings."""
        return as_hex(self.text(name, 2 * size), size)


def as_hex(text: str, size: int) -> bytes:
    """Bytes of an exact size from hex digits. Raises AnswerMalformed."""
    data = hex_bytes(text)
    if data is None or len(data) != size:
        raise AnswerMalformed(f"{2 * size} hex digits were expected in the answer")
    return data


def _name(key: object) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else str(key)
