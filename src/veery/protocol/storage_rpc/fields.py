"""Typed readers of request fields, with the reasons of 04.1.1; `json_fields` and `bt_fields` are the two encodings.

Every reader gives None for an absent field (JSON `null` counts as absent) and raises RpcError for a wrong one, so the
parsers of methods read alike for both encodings. Integers outside of 64 bits are of a wrong type, as in a JSON library
that would read them as fractions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from veery.protocol.constants import ACCOUNT_ID_HEX, DATA_MAX, KEY_SIZE, PREFIX_USER
from veery.protocol.storage_rpc.encoding import json_text
from veery.protocol.storage_rpc.errors import RpcError, invalid
from veery.protocol.storage_rpc.namespaces import ALL, NamespaceOrAll, in_range

T = TypeVar("T")

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**63 - 1
_DECIMAL_DIGITS_MAX: Final = 19
_KEY_HEX: Final = 2 * KEY_SIZE
DATA_TOO_LONG: Final = f"Message body exceeds maximum allowed length of {DATA_MAX} bytes"


def required(name: str, value: T | None) -> T:
    """Give the value, or refuse its absence."""
    if value is None:
        raise invalid(f"Required field '{name}' missing")
    return value


def wrong_type(name: str, expected: str) -> RpcError:
    """The refusal of a value of a wrong type."""
    return invalid(f"Invalid value given for '{name}': expected {expected}")


def hex_bytes(text: str) -> bytes | None:
    """Hex digits alone, in either case, as bytes; else None."""
    if not text.isascii() or not text.isalnum():
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


class Fields:
    """The fields of one request. `testnet` lets accounts be 64 hex digits, read as 05 (04.2)."""

    __slots__ = ("testnet", "values")

    def __init__(self, values: dict[str, object], *, testnet: bool = False) -> None:
        self.values = values
        self.testnet = testnet

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return self.values.get(name) is not None

    def alias(self, name: str, other: str) -> str:
        """The one of two names that is used. Raises RpcError when both are."""
        if not self.has(other):
            return name
        if self.has(name):
            raise invalid(f"Cannot specify both '{name}' and '{other}'")
        return other

    # what the two encodings do differently

    def as_text(self, value: object) -> str | None:
        """A value as text, or None if it is of another type."""
        raise NotImplementedError

    def flag(self, name: str) -> bool | None:
        """A boolean."""
        raise NotImplementedError

    def timestamp(self, name: str) -> int | None:
        """A time in ms."""
        raise NotImplementedError

    def account(self, name: str, reason: str) -> bytes | None:
        """An account, 33 bytes; `reason` is the text for a wrong length."""
        raise NotImplementedError

    def ed25519(self, name: str) -> bytes | None:
        """An Ed25519 key, 32 bytes."""
        raise NotImplementedError

    def signature(self, name: str) -> bytes | None:
        """A request's signature, 64 bytes."""
        raise NotImplementedError

    def subaccount(self, name: str) -> bytes | None:
        """A request's subaccount token, 36 bytes; an empty one counts as absent."""
        raise NotImplementedError

    def subaccount_signature(self, name: str) -> bytes | None:
        """The owner's signature over a token, 64 bytes."""
        raise NotImplementedError

    def tokens(self, name: str) -> tuple[bytes, ...] | None:
        """Subaccount tokens, 36 bytes each."""
        raise NotImplementedError

    def data(self, name: str) -> bytes | None:
        """A message's data, at most 76,800 bytes."""
        raise NotImplementedError

    # what they do alike

    def text(self, name: str) -> str | None:
        """A text."""
        value = self.values.get(name)
        if value is None:
            return None
        text = self.as_text(value)
        if text is None:
            raise wrong_type(name, "string")
        return text

    def _whole(self, name: str, minimum: int, expected: str) -> int | None:
        value = self.values.get(name)
        if value is None:
            return None
        if type(value) is not int or not minimum <= value <= _INT_MAX:
            raise wrong_type(name, expected)
        return value

    def integer(self, name: str) -> int | None:
        """An integer of 64 bits."""
        return self._whole(name, _INT_MIN, "integer")

    def unsigned(self, name: str) -> int | None:
        """An integer that is not negative."""
        return self._whole(name, 0, "positive integer")

    def time(self, name: str) -> int | None:
        """A time in ms, of any size."""
        return self._whole(name, 0, "integer timestamp (in milliseconds)")

    def number_or_text(self, name: str, number: Callable[[str], int | None]) -> int | None:
        """What `number` reads, or a decimal text (store's `timestamp` and `ttl`)."""
        value = self.values.get(name)
        text = None if value is None else self.as_text(value)
        if text is None:
            return number(name)
        if not text.isascii() or not text.isdigit() or len(text) > _DECIMAL_DIGITS_MAX or int(text) > _INT_MAX:
            raise invalid(f"Invalid value given for '{name}': {json_text(text)}")
        return int(text)

    def namespace(self, name: str) -> int | None:
        """A namespace."""
        value = self.values.get(name)
        if value is None:
            return None
        if type(value) is not int:
            raise wrong_type(name, "16-bit integer")
        if not in_range(value):
            raise invalid(f"Invalid value given for '{name}': value out of range")
        return value

    def namespace_or_all(self, name: str) -> NamespaceOrAll | None:
        """A namespace, or the word `all`."""
        value = self.values.get(name)
        if value is None or type(value) is int:
            return self.namespace(name)
        if self.as_text(value) != ALL:
            raise wrong_type(name, 'integer or "all"')
        return ALL

    def items(self, name: str) -> list[object] | None:
        """The values of a list; a single one is read as a list of one."""
        value = self.values.get(name)
        if value is None:
            return None
        return value if isinstance(value, list) else [value]

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Texts; a single one is read as a list of one."""
        items = self.items(name)
        if items is None:
            return None
        found = []
        for item in items:
            text = self.as_text(item)
            if text is None:
                raise wrong_type(name, "string array")
            found.append(text)
        return tuple(found)

    def _integers(self, name: str, minimum: int, expected: str) -> tuple[int, ...] | None:
        items = self.items(name)
        if items is None:
            return None
        found = []
        for item in items:
            if type(item) is not int or not minimum <= item <= _INT_MAX:
                raise wrong_type(name, expected)
            found.append(item)
        return tuple(found)

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Integers; a single one is read as a list of one."""
        return self._integers(name, _INT_MIN, "integer array")

    def timestamps(self, name: str) -> tuple[int, ...] | None:
        """Times in ms, of any size; a single one is read as a list of one."""
        return self._integers(name, 0, "timestamp array")

    def account_of_hex(self, text: str) -> bytes | None:
        """An account of hex digits, or None."""
        if len(text) == ACCOUNT_ID_HEX:
            return hex_bytes(text)
        if self.testnet and len(text) == _KEY_HEX:
            key = hex_bytes(text)
            return None if key is None else bytes((PREFIX_USER,)) + key
        return None

    def ed25519_of_hex(self, name: str, text: str) -> bytes:
        """An Ed25519 key of 64 hex digits."""
        if len(text) != _KEY_HEX:
            raise invalid(f"Invalid {name}: expected 64 hex char or 32 byte pubkey")
        key = hex_bytes(text)
        if key is None:
            raise invalid(f"invalid {name}: value is not hex")
        return key
