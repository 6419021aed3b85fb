"""bt-encoding, the network's bencode: strict, canonical and bounded.

Values: int, bytes, list, dict with bytes keys. A dict is written with its keys in byte order, an integer without
leading zeros or `-0`. `decode` refuses anything that `encode` would not write, so that every value has one spelling;
`lenient=True` is for the generic reader of configuration messages (07.1), which takes keys in any order, leading zeros
and `-0`.
Text is encoded as UTF-8 on writing for convenience; reading always gives bytes. Booleans are written as 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from veery.errors import Malformed, Misuse
from veery.protocol.constants import BT_DEPTH_MAX, BT_ITEMS_MAX

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"
Encodable: TypeAlias = (
    "int | bytes | memoryview | str | Sequence[Encodable] | Mapping[bytes, Encodable] | Mapping[str, Encodable]"
)

_ZERO, _NINE, _INTEGER, _LIST, _DICT, _END = b"09ilde"
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
_LENGTH_DIGITS_MAX = 10


class BtMalformed(Malformed):
    """The bytes are not canonical bt-encoding. `kind` says what is wrong."""

    default_kind = "protocol.bt"


def encode(value: Encodable) -> bytes:
    """Encode a value. Raises Misuse for types or integers (below -2^63, above 2^64-1) that the form cannot hold."""
    out: list[bytes | memoryview] = []
    _write(value, out, 0)
    return b"".join(out)


def _write(value: Encodable, out: list[bytes | memoryview], depth: int) -> None:
    if isinstance(value, (bytes, memoryview)):
        out += (b"%d:" % len(value), value)
    elif isinstance(value, int):
        if not _INT_MIN <= value <= _INT_MAX:
            raise Misuse("a bt integer must be within -2^63 and 2^64-1")
        out.append(b"i%de" % value)
    elif isinstance(value, str):
        _write(value.encode(), out, depth)
    elif depth >= BT_DEPTH_MAX:
        raise Misuse(f"bt values nest at most {BT_DEPTH_MAX} deep")
    elif isinstance(value, Mapping):
        _write_dict(value, out, depth)
    elif isinstance(value, Iterable):
        out.append(b"l")
        for item in value:
            _write(item, out, depth + 1)
        out.append(b"e")
    else:
        raise Misuse(f"bt-encoding has no form for {type(value).__name__}")


def _write_dict(
    value: Mapping[bytes, Encodable] | Mapping[str, Encodable], out: list[bytes | memoryview], depth: int
) -> None:
    items = {key.encode() if isinstance(key, str) else key: item for key, item in value.items()}
    out.append(b"d")
    for key in sorted(items):
        item = items[key]
        if isinstance(item, bytes):  # most are: not worth a call each
            out += (b"%d:%b%d:" % (len(key), key, len(item)), item)
        else:
            out.append(b"%d:%b" % (len(key), key))
            _write(item, out, depth + 1)
    out.append(b"e")


def decode(data: bytes, *, lenient: bool = False) -> Value:
    """Decode one value that fills `data` to its end. Raises BtMalformed."""
    reader = _Reader(data, lenient)
    value = reader.value(0)
    if reader.at != len(data):
        raise BtMalformed("bytes follow the end of the value", kind="protocol.bt.trailing")
    return value


def decode_at(data: bytes, at: int, *, lenient: bool = False) -> tuple[Value, int]:
    """Decode the value that begins at a place; gives where it ends as well. Raises BtMalformed."""
    reader = _Reader(data, lenient, at)
    return reader.value(0), reader.at


def decode_dict(data: bytes, *, lenient: bool = False) -> dict[bytes, Value]:
    """Decode a value that must be a dict. Raises BtMalformed."""
    value = decode(data, lenient=lenient)
    if not isinstance(value, dict):
        raise BtMalformed("a dict was expected", kind="protocol.bt.type")
    return value


def decode_list(data: bytes) -> list[Value]:
    """Decode a value that must be a list. Raises BtMalformed."""
    value = decode(data)
    if not isinstance(value, list):
        raise BtMalformed("a list was expected", kind="protocol.bt.type")
    return value


class _Reader:
    __slots__ = ("at", "data", "items", "lenient")

    def __init__(self, data: bytes, lenient: bool, at: int = 0) -> None:
        self.data, self.at, self.items, self.lenient = data, at, 0, lenient

    def value(self, depth: int) -> Value:
        self.items += 1
        if self.items > BT_ITEMS_MAX:
            raise BtMalformed("too many values", kind="protocol.bt.count")
        if self.at >= len(self.data):
            raise BtMalformed("the value ends too early", kind="protocol.bt.truncated")
        lead = self.data[self.at]
        if _ZERO <= lead <= _NINE:
            return self.string()
        if lead == _INTEGER:
            return self.integer()
        if lead not in (_LIST, _DICT):
            raise BtMalformed("no value begins with this byte", kind="protocol.bt.lead")
        if depth >= BT_DEPTH_MAX:
            raise BtMalformed("values nest too deep", kind="protocol.bt.depth")
        self.at += 1
        return self.items_of_list(depth) if lead == _LIST else self.items_of_dict(depth)

    def ends(self) -> bool:
        if self.at >= len(self.data):
            raise BtMalformed("the value ends too early", kind="protocol.bt.truncated")
        if self.data[self.at] != _END:
            return False
        self.at += 1
        return True

    def items_of_list(self, depth: int) -> list[Value]:
        found: list[Value] = []
        while not self.ends():
            found.append(self.value(depth + 1))
        return found

    def items_of_dict(self, depth: int) -> dict[bytes, Value]:
        found: dict[bytes, Value] = {}
        last: bytes | None = None
        while not self.ends():
            key = self.string()
            if key in found if self.lenient else last is not None and key <= last:
                raise BtMalformed("dict keys must be unique and in byte order", kind="protocol.bt.order")
            last = key
            found[key] = self.value(depth + 1)
        return found

    def string(self) -> bytes:
        data, at = self.data, self.at
        colon = data.find(b":", at, at + _LENGTH_DIGITS_MAX + 1)
        digits = data[at:colon] if colon >= 0 else b""
        if not digits.isdigit() or (digits[0] == _ZERO and self.padded(digits)):
            raise BtMalformed("a string must begin with its length and a colon", kind="protocol.bt.length")
        end = colon + 1 + int(digits)
        if end > len(data):
            raise BtMalformed("the string ends too early", kind="protocol.bt.truncated")
        self.at = end
        return data[colon + 1 : end]

    def padded(self, digits: bytes) -> bool:
        return not self.lenient and len(digits) > 1 and digits[:1] == b"0"

    def integer(self) -> int:
        end = self.data.find(b"e", self.at, self.at + 24)
        text = self.data[self.at + 1 : end] if end >= 0 else b""
        digits = text.removeprefix(b"-")
        if not digits.isdigit() or self.padded(digits) or (text == b"-0" and not self.lenient):
            raise BtMalformed("the integer is not canonical", kind="protocol.bt.integer")
        number = int(text)
        if not _INT_MIN <= number <= _INT_MAX:
            raise BtMalformed("the integer does not fit into 64 bits", kind="protocol.bt.integer")
        self.at = end + 1
        return number
