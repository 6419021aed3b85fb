"""Entries that belong to a community server: base URL -> { `#`: 32-byte server key, `R`: { name: entry } } (07.10).

Contacts, ConvoInfoVolatile and UserGroups share this layout; names are blinded ids or rooms in lower case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from veery.protocol.config import fields
from veery.protocol.config.data import Data, Path, get_dict, put
from veery.protocol.constants import KEY_SIZE

SERVER_KEY: Final = b"#"
SERVER_ROOMS: Final = b"R"


@dataclass(frozen=True, slots=True, repr=False)
class ServerEntries:
    """One server. base_url: canonical; key: X25519, 32 bytes; entries: what is a dict under its rooms."""

    base_url: str
    key: bytes
    entries: dict[bytes, Data]


def read_servers(held: Data) -> Iterator[ServerEntries]:
    """The servers in a dict; one without a key of 32 bytes, or whose URL is no text, is skipped."""
    for url, server in fields.entries(held).items():
        key = fields.string(server, SERVER_KEY, KEY_SIZE)
        if key is not None and url.isascii():
            yield ServerEntries(url.decode(), key, fields.entries(get_dict(server, (SERVER_ROOMS,))))


def without_entry(data: Data, server: Path, name: bytes) -> Data:
    """Erase an entry of the server at a path; with its last entry, the server."""
    rest = put(data, (*server, SERVER_ROOMS, name), None)
    return rest if get_dict(rest, (*server, SERVER_ROOMS)) else put(rest, server, None)
