"""URLs of communities: the canonical base URL, and the URL that names a room and a key (07.11, 12.1).

A base URL is a key in three configurations, so it must have one spelling on all devices.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Final

from veery.protocol.config.errors import ConfigMalformed
from veery.protocol.constants import (
    COMMUNITY_HOST_MIN,
    COMMUNITY_ROOM_MAX,
    COMMUNITY_URL_MAX,
    KEY_SIZE,
)
from veery.protocol.swarm import base32z

_SCHEME: Final = "http"  # when a join URL names none, 12.1
_DEFAULT_PORTS: Final = {"http": (0, 80), "https": (0, 443)}
_PORT_MAX: Final = 65_535
_BASE: Final = re.compile(r"(https?)://([a-z0-9.-]+)(?::([0-9]{1,5}))?/?", re.IGNORECASE)
_ROOM: Final = re.compile(rf"[-_0-9A-Za-z]{{1,{COMMUNITY_ROOM_MAX}}}")
_FULL: Final = re.compile(
    r"(?P<base>https?://[^/?#]+)/(?:(?P<room>[^/?#]+)|r/(?P<older>[^/?#]+)/?)(?:\?public_key=(?P<key>[^&#]+))?",
    re.IGNORECASE,
)
_TEXT_MAX: Final = COMMUNITY_URL_MAX + COMMUNITY_ROOM_MAX + 128
_KEY_HEX: Final = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_SIZE}}}")
_KEY_BASE64: Final = re.compile(r"[0-9A-Za-z+/]{43}=?")


@dataclass(frozen=True, slots=True)
class CommunityUrl:
    """A room of a community. base_url: canonical; room: in the capitals that were typed; server_key: 32 bytes or None.

    Two rooms of a server are the same if their names are equal in lower case.
    """

    base_url: str
    room: str
    server_key: bytes | None

    def __str__(self) -> str:
        """The URL as it is written and shared: with `/` and the room, and the key in hex."""
        key = "" if self.server_key is None else f"?public_key={self.server_key.hex()}"
        return f"{self.base_url}/{self.room}{key}"


def canonical_base_url(text: str) -> str:
    """The canonical spelling of a base URL. Raises ConfigMalformed: `config.community_url`."""
    found = _BASE.fullmatch(text) if len(text) <= _TEXT_MAX else None
    if found is None:
        raise _wrong("this is no address of a community server")
    scheme, host, port = found[1].lower(), found[2].lower(), int(found[3] or 0)
    if len(host) < COMMUNITY_HOST_MIN or "." not in host or ".." in host or host[0] == "." or host[-1] == ".":
        raise _wrong("the host of the community has no valid name")
    if port > _PORT_MAX:
        raise _wrong("the port of the community is out of range")
    url = f"{scheme}://{host}" if port in _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"
    if len(url) > COMMUNITY_URL_MAX:
        raise _wrong("the address of the community is too long")
    return url


def parse(text: str) -> CommunityUrl:
    """Read a full URL; the public key may be missing. Raises ConfigMalformed: `config.community_url`."""
    found = _FULL.fullmatch(text) if len(text) <= _TEXT_MAX else None
    if found is None:
        raise _wrong("this is no URL of a community")
    room = found["room"] or found["older"]
    if not _ROOM.fullmatch(room):
        raise _wrong("the room of the community has no valid name")
    key = found["key"]
    return CommunityUrl(canonical_base_url(found["base"]), room, None if key is None else _key(key))


def parse_join(text: str) -> CommunityUrl:
    """Read what a person typed or pasted to join: trimmed, `http` if no scheme is there, with the key in hex, 12.1.

    Raises ConfigMalformed: `config.community_url`.
    """
    trimmed = text.strip()
    found = parse(trimmed if "://" in trimmed else f"{_SCHEME}://{trimmed}")
    if not _KEY_HEX.fullmatch(trimmed.rpartition("=")[2]) or found.server_key is None:
        raise _wrong("the URL must end with the public key of the community")
    return found


def room_key(room: str) -> bytes:
    """The key of a room in configurations: in lower case. Raises ConfigMalformed: `config.community_url`."""
    if not _ROOM.fullmatch(room):
        raise _wrong("the room of the community has no valid name")
    return room.lower().encode()


def _key(text: str) -> bytes:
    if _KEY_HEX.fullmatch(text):
        return bytes.fromhex(text)
    if _KEY_BASE64.fullmatch(text):
        return b64decode(text[:43] + "=")
    try:
        return base32z.decode_key(text)
    except base32z.Base32zMalformed:
        raise _wrong("the public key of the community is not one") from None


def _wrong(message: str) -> ConfigMalformed:
    return ConfigMalformed(
        message,
        kind="config.community_url",
        remedy="A community URL looks like https://example.org/room?public_key= and 64 characters, 0 to 9 and a to f",
    )
