"""Addresses of queues as text (15.1.4).

`tcp://host:port` and `ipc://path` are plain; `curve://host:port/KEY` (also `tcp+curve://`) and `ipc+curve://path/KEY`
name the key that the listener must prove, in hex (64 characters), base32z (52) or base64 (43, or 44 with `=`).
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from typing import Final

from veery.errors import Malformed
from veery.protocol.constants import BASE32Z_KEY_LENGTH, KEY_SIZE
from veery.protocol.swarm import base32z

_KEY_LENGTHS: Final = (2 * KEY_SIZE, BASE32Z_KEY_LENGTH, 44, 43)
_HOST_MAX, _PATH_MAX = 253, 4_096


class AddressMalformed(Malformed):
    """The text is no address of a queue."""

    default_kind = "protocol.queue.address"
    default_remedy = "Write it as tcp://host:port, ipc://path, curve://host:port/KEY or ipc+curve://path/KEY"


@dataclass(frozen=True, slots=True)
class QueueAddress:
    """Where a queue listens. Either `host` and `port`, or `path`; `key` (32 bytes) is None for plain listeners."""

    host: str = ""
    port: int = 0
    path: str = ""
    key: bytes | None = None

    @property
    def endpoint(self) -> str:
        """What ZeroMQ connects to, without the key."""
        return f"ipc://{self.path}" if self.path else f"tcp://{self.host}:{self.port}"

    def __str__(self) -> str:
        if self.key is None:
            return self.endpoint
        start = f"ipc+curve://{self.path}" if self.path else f"curve://{self.host}:{self.port}"
        return f"{start}/{self.key.hex()}"


def parse(text: str) -> QueueAddress:
    """Read an address. Raises AddressMalformed."""
    scheme, mark, rest = text.partition("://")
    if not mark or not rest.isprintable() or len(rest) > _PATH_MAX:
        raise AddressMalformed("this is no address of a queue")
    scheme = scheme.lower()
    key: bytes | None = None
    if scheme in ("curve", "tcp+curve", "ipc+curve"):
        rest, key = _split_key(rest)
    elif scheme not in ("tcp", "ipc"):
        raise AddressMalformed("the scheme of the address is not known")
    if scheme.startswith("ipc"):
        if not rest:
            raise AddressMalformed("the address has no path")
        return QueueAddress(path=rest, key=key)
    host, port = _split_port(rest)
    return QueueAddress(host, port, key=key)


def parse_key(text: str) -> bytes:
    """Read a key of 32 bytes in hex, base32z or base64, told apart by its length. Raises AddressMalformed."""
    try:
        if len(text) == 2 * KEY_SIZE and text.isalnum():
            return bytes.fromhex(text)
        if len(text) == BASE32Z_KEY_LENGTH:
            return base32z.decode_key(text)
        if len(text) in (43, 44):
            return _base64_key(text)
    except (ValueError, binascii.Error, Malformed):
        raise AddressMalformed("the key in the address cannot be read") from None
    raise AddressMalformed("the key in the address is missing or has a wrong length")


def _base64_key(text: str) -> bytes:
    key = b64decode(text.ljust(44, "="), validate=True)
    if len(key) != KEY_SIZE:
        raise AddressMalformed("the key in the address has a wrong length")
    return key


def _split_key(rest: str) -> tuple[str, bytes]:
    """Cut off the key behind the last slash that leaves one; base64 itself may hold slashes."""
    text = rest.removesuffix("/")
    for length in _KEY_LENGTHS:
        if len(text) > length and text[-length - 1] == "/":
            try:
                return text[: -length - 1], parse_key(text[-length:])
            except AddressMalformed:
                continue
    raise AddressMalformed("the key in the address is missing or cannot be read")


def _split_port(rest: str) -> tuple[str, int]:
    host, mark, digits = rest.removesuffix("/").rpartition(":")
    if not mark or not digits.isascii() or not digits.isdigit() or len(digits) > 5 or not 0 < int(digits) <= 0xFFFF:
        raise AddressMalformed("the address has no port from 1 to 65535")
    if not host or len(host) > _HOST_MAX or any(character in "/@?#" or character.isspace() for character in host):
        raise AddressMalformed("the host in the address cannot be read")
    return host.lower(), int(digits)
