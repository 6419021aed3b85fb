"""Where things stand in the top level of a configuration message.

The bt reader takes one value that fills its input. A configuration message may have bytes behind it, its signature
covers what stands before a key; so its top level is walked here, and the bt reader takes each value by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from veery.protocol import bt
from veery.protocol.config.errors import ConfigMalformed
from veery.protocol.constants import CONFIG_KEYS_MAX

_DIGITS: Final = b"0123456789"
_DIGITS_MAX: Final = 10  # of a length, as in the bt reader


@dataclass(frozen=True, slots=True, repr=False)
class TopLevel:
    """The values of a dict, where each key begins, and where the dict ends."""

    fields: dict[bytes, bt.Value]
    starts: dict[bytes, int]
    end: int


def top_level(raw: bytes) -> TopLevel:
    """Read a dict that begins `raw`. Bytes behind the dict are not looked at.

    Raises BtMalformed; ConfigMalformed: `config.type`, `.order`, `.count`.
    """
    if raw[:1] != b"d":
        raise ConfigMalformed("a message is a dict", kind="config.type")
    fields: dict[bytes, bt.Value] = {}
    starts: dict[bytes, int] = {}
    last: bytes | None = None
    at = 1
    while raw[at : at + 1] != b"e":
        start, at = at, _string_end(raw, at)
        key = raw[raw.index(b":", start) + 1 : at]
        if last is not None and key <= last:
            raise ConfigMalformed("the keys of a message are not in ascending order", kind="config.order")
        if len(fields) >= CONFIG_KEYS_MAX:
            raise ConfigMalformed("a message has too many keys", kind="config.count")
        last, starts[key] = key, start
        fields[key], at = bt.decode_at(raw, at, lenient=True)
    return TopLevel(fields, starts, at + 1)


def _string_end(raw: bytes, at: int) -> int:
    colon = raw.find(b":", at, at + _DIGITS_MAX + 1)
    digits = raw[at:colon] if colon >= 0 else b""
    if not digits or digits.strip(_DIGITS):
        raise bt.BtMalformed("a string must begin with its length and a colon", kind="protocol.bt.length")
    end = colon + 1 + int(digits)
    if end > len(raw):
        raise bt.BtMalformed("the string ends too early", kind="protocol.bt.truncated")
    return end
