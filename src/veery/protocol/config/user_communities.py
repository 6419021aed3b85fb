"""UserGroups: the rooms of communities that the account has joined (07.10.4).

Rooms are keyed by their name in lower case; the entry holds the name in its own capitals. A community server goes with
its last room.

Every function takes application data and gives an edited copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from veery.protocol.config import fields
from veery.protocol.config.community_url import room_key
from veery.protocol.config.data import Data, edited, get, get_dict, put
from veery.protocol.config.errors import ConfigMisuse
from veery.protocol.config.fields import Edits, NotificationMode
from veery.protocol.config.membership import common, common_edits
from veery.protocol.config.servers import SERVER_KEY, SERVER_ROOMS, read_servers, without_entry
from veery.protocol.constants import KEY_SIZE

_COMMUNITIES: Final = b"o"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Community:
    """One room. base_url: canonical; room: in its own capitals; server_key: 32 bytes."""

    base_url: str
    room: str
    server_key: bytes
    priority: int = 0
    joined_s: int = 0
    notifications: NotificationMode = NotificationMode.DEFAULT
    muted_until_s: int = 0
    invited: bool = False


def read(data: Data) -> dict[tuple[str, str], Community]:
    """All rooms, by base URL and room in lower case."""
    return {
        (server.base_url, name.decode()): Community(
            base_url=server.base_url,
            room=fields.text(entry, b"n") or name.decode(),
            server_key=server.key,
            **common(entry),
        )
        for server in read_servers(get_dict(data, (_COMMUNITIES,)))
        for name, entry in server.entries.items()
        if name.isascii()
    }


def written(data: Data, community: Community) -> Data:
    """Write a room. Raises ConfigMisuse, ConfigMalformed for a room that has no valid name."""
    if len(community.server_key) != KEY_SIZE:
        raise ConfigMisuse(f"a server key has {KEY_SIZE} bytes", kind="config.misuse.server_key")
    name = room_key(community.room)
    before = read(data).get((community.base_url, name.decode()))
    edits = fields.changes(_edits(community), {} if before is None else _edits(before))
    server = (_COMMUNITIES, community.base_url.encode())
    path = (*server, SERVER_ROOMS, name)
    if get(data, (*path, b"n")) is None:
        edits = {**edits, b"n": community.room.encode()}
    return put(edited(data, path, edits), (*server, SERVER_KEY), community.server_key)


def without(data: Data, base_url: str, room: str) -> Data:
    """Erase a room; with the last one of a server, the server."""
    return without_entry(data, (_COMMUNITIES, base_url.encode()), room_key(room))


def _edits(community: Community) -> Edits:
    return {b"n": community.room.encode(), **common_edits(community)}
