"""One message of namespace 0, of whatever version (06.13).

The first byte tells: a message v1 is protobuf and never begins with zero. A version that nobody knows here is a value,
kept for a later build; only what breaks the form of a known one is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from veery.protocol import message_v1, message_v2
from veery.protocol.account import Account
from veery.protocol.constants import V2_PREFIX
from veery.protocol.devices.keys import HybridKeys


class Version(Enum):
    """Of a stored message."""

    V1 = "v1"
    V2 = "v2"  # the fallback form too: only opening tells
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class UnknownVersion:
    """A message of a later version. data: as it was stored."""

    data: bytes = field(repr=False)


Opened: TypeAlias = message_v1.OpenedMessage | message_v2.OpenedMessage | UnknownVersion


def version(data: bytes) -> Version:
    """The version of the raw `data` of a stored message. Raises message_v2.MessageMalformed `message.empty`."""
    if not data:
        raise message_v2.MessageMalformed("the message is empty", kind="message.empty")
    if data[0] != V2_PREFIX[0]:
        return Version.V1
    return Version.V2 if data.startswith(V2_PREFIX) else Version.UNKNOWN


def open(data: bytes, account: Account, held: Sequence[HybridKeys]) -> Opened:
    """Open a message of namespace 0. held: account keys, the active one first, then the most recently rotated.

    Raises what `message_v1.open` and `message_v2.open` raise, and message_v2.MessageMalformed `message.empty`. After
    message_v2.NoKey: fetch namespace 21, merge, try once more.
    """
    match version(data):
        case Version.V1:
            return message_v1.open(data, x25519_public=account.x25519_public, x25519_secret=account.x25519_secret)
        case Version.V2:
            return message_v2.open(data, account, held)
        case Version.UNKNOWN:
            return UnknownVersion(data)
