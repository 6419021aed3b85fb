"""bt dicts by their raw bytes: fields where they stand, and signatures over everything before them (06.1).

A signature is the value of a late key. It covers the received bytes from the opening `d` up to the length digits of its
own key, so a reader must know where each field begins and never encodes anew to verify. Keys that sort before the
signature are signed even if nobody knows them; keys after it are not.

Dicts must have their keys in byte order at every depth, as a reader that steps through them needs it. Leading zeros of
numbers and lengths are taken, because deployed readers take them, and never written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from veery.errors import Misuse
from veery.protocol import bt
from veery.protocol.bt import BtMalformed
from veery.protocol.constants import SIGNATURE_SIZE
from veery.protocol.crypto import CryptoFailed

INT64_MAX = 2**63 - 1

Sign = Callable[[bytes], bytes]  # gives the signature of these bytes


@dataclass(frozen=True, slots=True)
class RawDict:
    """A dict and its bytes. values: as `bt.decode` gives them; spans: where key, value and end of each field lie."""

    data: bytes = field(repr=False)
    values: Mapping[bytes, bt.Value] = field(repr=False)
    spans: Mapping[bytes, tuple[int, int, int]] = field(repr=False)

    def __contains__(self, key: bytes) -> bool:
        return key in self.values

    def raw(self, key: bytes) -> bytes:
        """The encoded value of a field that is there."""
        _, start, end = self.spans[key]
        return self.data[start:end]

    def before(self, key: bytes) -> bytes:
        """Everything before a field that is there: what its signature covers."""
        return self.data[: self.spans[key][0]]

    def string(self, key: bytes, size: int | None = None) -> bytes:
        """A required string. Raises BtMalformed `protocol.bt.missing`, `.type`, `.size`."""
        value = self._required(key)
        if not isinstance(value, bytes):
            raise BtMalformed("a field is no string", kind="protocol.bt.type")
        if size is not None and len(value) != size:
            raise BtMalformed("a string has a wrong size", kind="protocol.bt.size")
        return value

    def integer(self, key: bytes, low: int = 0, high: int = INT64_MAX) -> int:
        """A required integer within bounds. Raises BtMalformed `protocol.bt.missing`, `.type`, `.range`."""
        value = self._required(key)
        if not isinstance(value, int):
            raise BtMalformed("a field is no integer", kind="protocol.bt.type")
        if not low <= value <= high:
            raise BtMalformed("an integer is out of range", kind="protocol.bt.range")
        return value

    def dict(self, key: bytes) -> RawDict:
        """A required dict. Raises BtMalformed `protocol.bt.missing`, `.type`."""
        if not isinstance(self._required(key), dict):
            raise BtMalformed("a field is no dict", kind="protocol.bt.type")
        return read(self.raw(key))

    def dicts(self, key: bytes) -> list[RawDict]:
        """A required list of dicts. Raises BtMalformed `protocol.bt.missing`, `.type`."""
        value = self._required(key)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise BtMalformed("a field is no list of dicts", kind="protocol.bt.type")
        raw, at, found = self.raw(key), 1, []
        for _ in value:
            end = _end_of(raw, at)
            found.append(read(raw[at:end]))
            at = end
        return found

    def _required(self, key: bytes) -> bt.Value:
        if key not in self.values:
            raise BtMalformed("a required field is missing", kind="protocol.bt.missing")
        return self.values[key]


def read(data: bytes) -> RawDict:
    """Read a dict that fills `data`. Raises BtMalformed."""
    values = bt.decode_dict(data, lenient=True)
    _check_order(values)
    spans: dict[bytes, tuple[int, int, int]] = {}
    at = 1
    for key in values:
        start = _end_of(data, at)
        end = _end_of(data, start)
        spans[key] = (at, start, end)
        at = end
    return RawDict(data, values, spans)


def decode(data: bytes) -> bt.Value:
    """Decode any value by the rules of this module. Raises BtMalformed."""
    value = bt.decode(data, lenient=True)
    _check_order(value)
    return value


def verify(fields: RawDict, key: bytes, check: Callable[[bytes, bytes], None]) -> None:
    """Check the signature under `key` (64 bytes): `check` is given the signed bytes and the signature.

    Raises BtMalformed when there is none, and what `check` raises (CryptoFailed).
    """
    signature = fields.string(key)
    if len(signature) != SIGNATURE_SIZE:
        raise CryptoFailed("a signature has a wrong size", kind="protocol.crypto.signature")
    check(fields.before(key), signature)


def string(value: bytes) -> bytes:
    """A string, encoded."""
    return b"%d:%b" % (len(value), value)


def encode(fields: Mapping[bytes, bytes], *signatures: tuple[bytes, Sign]) -> bytes:
    """A dict of values that are encoded already, then signatures, each over everything before it.

    Raises Misuse when a signature's key would not stand at its place.
    """
    written = sorted(fields)
    out = b"d" + b"".join(string(key) + fields[key] for key in written)
    for key, sign in signatures:
        if written and key <= written[-1]:
            raise Misuse("a signature must be the last field")
        written.append(key)
        out += string(key) + string(sign(out))
    return out + b"e"


def _check_order(value: bt.Value) -> None:
    if isinstance(value, dict):
        keys = list(value)
        if keys != sorted(keys):
            raise BtMalformed("dict keys must be in byte order", kind="protocol.bt.order")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_order(item)


def _end_of(data: bytes, at: int) -> int:
    """Where the value that begins at `at` ends; the bytes were decoded before, so they are known to be whole."""
    depth = 0
    while True:
        lead = data[at : at + 1]
        if lead in (b"d", b"l"):
            depth, at = depth + 1, at + 1
        elif lead == b"e":
            depth, at = depth - 1, at + 1
        elif lead == b"i":
            at = data.index(b"e", at) + 1
        else:
            colon = data.index(b":", at)
            at = colon + 1 + int(data[at:colon])
        if depth == 0:
            return at
