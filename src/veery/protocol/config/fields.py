"""The fields of entries: what all types read and write in the same way (07.10).

Readers never fail: a value of a wrong kind reads as if it were absent, and stays in the data. Writers give edits, new
raw values with None for absent; `changes` leaves out those whose meaning is as it was, so that nothing of a later
version, and no spelling of another client, is written over without need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from veery.protocol.account import AccountId
from veery.protocol.config.data import Data, ScalarSet, Value
from veery.protocol.config.errors import ConfigMisuse
from veery.protocol.constants import (
    ACCOUNT_ID_SIZE,
    CONFIG_MICROSECONDS_ABOVE,
    CONFIG_MILLISECONDS_ABOVE,
    CONFIG_NAME_MAX,
    CONFIG_PICTURE_URL_MAX,
    CONFIG_PRO_MILLISECONDS_ABOVE,
    KEY_SIZE,
)
from veery.secret import Secret

Edits: TypeAlias = "Mapping[bytes, Value | None]"

PICTURE: Final = (b"p", b"q")  # keys of url and picture key nearly everywhere
_ABSENT: Final = object()


class NotificationMode(IntEnum):
    """Of which messages a conversation notifies."""

    DEFAULT = 0
    ALL = 1
    NONE = 2
    MENTIONS = 3


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Picture:
    """Where an encrypted picture is, and its key of 32 bytes."""

    url: str
    key: Secret


# -- reading ---------------------------------------------------------------------------------------------------


def integer(entry: Data, key: bytes) -> int:
    """An integer, 0 if absent."""
    value = entry.get(key)
    return value if isinstance(value, int) else 0


def positive(entry: Data, key: bytes) -> int:
    """An integer above 0, else 0."""
    return max(0, integer(entry, key))


def flag(entry: Data, key: bytes) -> bool:
    """Whether a flag is set."""
    return integer(entry, key) != 0


def string(entry: Data, key: bytes, size: int | None = None) -> bytes | None:
    """A byte string, of that size if one is given."""
    value = entry.get(key)
    return value if isinstance(value, bytes) and size in (None, len(value)) else None


def text(entry: Data, key: bytes) -> str:
    """Text, empty if absent. What is not UTF-8 shows as replacement characters."""
    return (string(entry, key) or b"").decode(errors="replace")


def seconds(entry: Data, key: bytes) -> int:
    """A time in seconds, 0 if absent; larger numbers are read as milliseconds or microseconds, 07.10."""
    value = positive(entry, key)
    if value > CONFIG_MICROSECONDS_ABOVE:
        return value // 10**6
    return value // 10**3 if value > CONFIG_MILLISECONDS_ABOVE else value


def pro_seconds(entry: Data, key: bytes) -> int:
    """The end of something of Pro in seconds, 0 if absent; it was milliseconds before mid-2026, 07.10.1, 07.10.3."""
    value = positive(entry, key)
    return value // 10**3 if value > CONFIG_PRO_MILLISECONDS_ABOVE else value


def numbers(entry: Data, key: bytes) -> frozenset[int]:
    """The integers of a set."""
    value = entry.get(key)
    return frozenset(item for item in value if isinstance(item, int)) if isinstance(value, frozenset) else frozenset()


def notifications(entry: Data, key: bytes = b"@") -> NotificationMode:
    """A notification mode; unknown numbers read as the default."""
    value = integer(entry, key)
    return NotificationMode(value) if value in list(NotificationMode) else NotificationMode.DEFAULT


def picture(entry: Data, keys: tuple[bytes, bytes] = PICTURE) -> Picture | None:
    """A picture, if it has both a url and a key of 32 bytes."""
    url, key = string(entry, keys[0]), string(entry, keys[1], KEY_SIZE)
    return Picture(url.decode(errors="replace"), Secret(key)) if url and key is not None else None


def entries(held: Data) -> dict[bytes, Data]:
    """What is a dict among the values of a dict."""
    return {key: value for key, value in held.items() if isinstance(value, Mapping)}


def entry_ids(held: Data, *prefixes: int) -> dict[AccountId, Data]:
    """The entries whose key is an identifier of 33 bytes with one of the prefixes."""
    return {
        AccountId(key): value
        for key, value in entries(held).items()
        if len(key) == ACCOUNT_ID_SIZE and key[0] in prefixes
    }


# -- writing ---------------------------------------------------------------------------------------------------


def changes(new: Edits, old: Edits) -> Edits:
    """The edits that change something. old: what the same writer gives for what was read, empty for a new entry."""
    return {key: value for key, value in new.items() if old.get(key, _ABSENT) != value}


def written_flag(value: bool) -> int | None:
    """1 or absent."""
    return 1 if value else None


def written_positive(value: int) -> int | None:
    """A number above 0, else absent."""
    return value if value > 0 else None


def written_nonzero(value: int) -> int | None:
    """A number, absent when 0."""
    return value or None


def written_set(members: frozenset[int]) -> ScalarSet | None:
    """A set, absent when empty."""
    return frozenset(members) or None


def written_name(value: str) -> bytes:
    """A name in at most 100 bytes of UTF-8, cut between characters."""
    return written_text(value, CONFIG_NAME_MAX)


def written_text(value: str, size: int) -> bytes:
    """Text in at most `size` bytes of UTF-8, cut between characters."""
    encoded = value.encode(errors="replace")
    return encoded[:size].decode(errors="ignore").encode() if len(encoded) > size else encoded


def written_picture(value: Picture | None, keys: tuple[bytes, bytes] = PICTURE) -> Edits:
    """Url and key, both or none. Raises ConfigMisuse: `config.misuse.picture`."""
    if value is None:
        return {keys[0]: None, keys[1]: None}
    url = value.url.encode(errors="replace")
    if not 0 < len(url) <= CONFIG_PICTURE_URL_MAX or len(value.key) != KEY_SIZE:
        raise ConfigMisuse(
            f"a picture has a url of 1 to {CONFIG_PICTURE_URL_MAX} bytes and a key of {KEY_SIZE}",
            kind="config.misuse.picture",
        )
    return {keys[0]: url, keys[1]: value.key.reveal()}
