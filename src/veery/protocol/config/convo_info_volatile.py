"""ConvoInfoVolatile: how far each conversation is read (07.10.3).

It is called volatile because old entries go: a read time of more than 30 days is not written anew, and on a push what
has not been read for 45 days is left out, unless it was marked unread by hand or its Pro proof lasts beyond that.
Read times are in milliseconds, everything else in seconds.

Every function takes application data and gives an edited copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from veery.protocol.account import AccountId
from veery.protocol.config import fields
from veery.protocol.config.community_url import room_key
from veery.protocol.config.data import Data, Path, Value, edited, get_dict, pruned, put
from veery.protocol.config.errors import ConfigMisuse
from veery.protocol.config.fields import Edits
from veery.protocol.config.servers import SERVER_KEY, SERVER_ROOMS, read_servers, without_entry
from veery.protocol.constants import (
    CONFIG_PRO_TAG_SIZE,
    CONFIG_READ_KEPT_MS,
    CONFIG_READ_STORED_MS,
    KEY_SIZE,
    PREFIX_BLIND15,
    PREFIX_BLIND25,
    PREFIX_GROUP,
    PREFIX_USER,
    SECOND_MS,
)

_PEOPLE: Final = b"1"
_GROUPS: Final = b"g"
_LEGACY_GROUPS: Final = b"C"
_BLINDED: Final = b"b"
_COMMUNITIES: Final = b"o"
_PLACES: Final = {PREFIX_USER: _PEOPLE, PREFIX_GROUP: _GROUPS, PREFIX_BLIND15: _BLINDED, PREFIX_BLIND25: _BLINDED}
_WITH_PRO: Final = frozenset({_PEOPLE, _BLINDED})


@dataclass(frozen=True, slots=True, repr=False)
class ReadState:
    """How far a conversation is read. last_read_ms: T of the newest message that was read, 0 for none.

    unread: marked by hand. pro_expiry_s and pro_tag (32 bytes): of the other person's proof, both or none.
    """

    last_read_ms: int = 0
    unread: bool = False
    pro_expiry_s: int = 0
    pro_tag: bytes | None = None


# -- people and groups -----------------------------------------------------------------------------------------


def read(data: Data) -> dict[AccountId, ReadState]:
    """All conversations with people, blinded ids and groups. Legacy groups are apart: their ids look like people's."""
    return {
        account_id: _state(entry)
        for place, prefixes in _prefixes().items()
        for account_id, entry in fields.entry_ids(get_dict(data, (place,)), *prefixes).items()
    }


def read_legacy_groups(data: Data) -> dict[AccountId, ReadState]:
    """The leftovers of legacy groups."""
    found = fields.entry_ids(get_dict(data, (_LEGACY_GROUPS,)), PREFIX_USER)
    return {account_id: _state(entry) for account_id, entry in found.items()}


def written(data: Data, account_id: AccountId, state: ReadState, now_ms: int) -> Data:
    """Write how far a conversation is read. Raises ConfigMisuse for ids of no conversation."""
    path = _at(account_id)
    rest: Edits = {b"y": 1} if account_id.prefix == PREFIX_BLIND15 else {}
    return _written(data, path, state, now_ms, rest, with_pro=path[0] in _WITH_PRO)


def without(data: Data, account_id: AccountId) -> Data:
    """Erase the entry of a person, blinded id or group."""
    return put(data, _at(account_id), None)


def _prefixes() -> dict[bytes, list[int]]:
    found: dict[bytes, list[int]] = {}
    for prefix, place in _PLACES.items():
        found.setdefault(place, []).append(prefix)
    return found


def _at(account_id: AccountId) -> Path:
    place = _PLACES.get(account_id.prefix)
    if place is None:
        raise ConfigMisuse("no conversation has an id of this kind", kind="config.misuse.id")
    return place, account_id.raw


# -- communities -----------------------------------------------------------------------------------------------


def read_communities(data: Data) -> dict[tuple[str, str], ReadState]:
    """All rooms of communities, by base URL and room in lower case."""
    return {
        (server.base_url, room.decode()): _state(entry)
        for server in read_servers(get_dict(data, (_COMMUNITIES,)))
        for room, entry in server.entries.items()
        if room.isascii()
    }


def written_community(data: Data, base_url: str, room: str, server_key: bytes, state: ReadState, now_ms: int) -> Data:
    """Write how far a room is read. base_url: canonical. Raises ConfigMisuse for a key that is not 32 bytes."""
    if len(server_key) != KEY_SIZE:
        raise ConfigMisuse(f"a server key has {KEY_SIZE} bytes", kind="config.misuse.server_key")
    server = (_COMMUNITIES, base_url.encode())
    name = room_key(room)
    after = _written(data, (*server, SERVER_ROOMS, name), state, now_ms, {}, with_pro=False)
    if not get_dict(after, (*server, SERVER_ROOMS)):
        return without_entry(after, server, name)
    return put(after, (*server, SERVER_KEY), server_key)


def without_community(data: Data, base_url: str, room: str) -> Data:
    """Erase the entry of a room; with the last one of a server, the server."""
    return without_entry(data, (_COMMUNITIES, base_url.encode()), room_key(room))


# -- entries ---------------------------------------------------------------------------------------------------


def _state(entry: Data) -> ReadState:
    expiry_s, tag = fields.pro_seconds(entry, b"e"), fields.string(entry, b"g", CONFIG_PRO_TAG_SIZE)
    proved = expiry_s > 0 and tag is not None
    return ReadState(
        last_read_ms=fields.positive(entry, b"r"),
        unread=fields.flag(entry, b"u"),
        pro_expiry_s=expiry_s if proved else 0,
        pro_tag=tag if proved else None,
    )


def _written(data: Data, path: Path, state: ReadState, now_ms: int, rest: Edits, *, with_pro: bool) -> Data:
    entry = get_dict(data, path)
    edits = dict(fields.changes(_edits(state, with_pro=with_pro), _edits(_state(entry), with_pro=with_pro)))
    if b"r" not in entry and state.last_read_ms < now_ms - CONFIG_READ_STORED_MS:
        edits.pop(b"r", None)
    after = edited(data, path, edits)
    # the mark of a blinding is no field that would keep an entry alive
    held = get_dict(after, path).keys() - rest.keys()
    return edited(after, path, rest if held else dict.fromkeys(rest))


def _edits(state: ReadState, *, with_pro: bool) -> Edits:
    found: dict[bytes, Value | None] = {
        b"r": fields.written_positive(state.last_read_ms),
        b"u": fields.written_flag(state.unread),
    }
    if with_pro:
        proved = state.pro_expiry_s > 0 and state.pro_tag is not None
        found[b"e"] = state.pro_expiry_s if proved else None
        found[b"g"] = state.pro_tag if proved else None
    return found


# -- going stale -----------------------------------------------------------------------------------------------


def without_stale(data: Data, now_ms: int) -> Data:
    """What is left for a push: without entries that nobody has read or marked for 45 days."""
    oldest_ms = now_ms - CONFIG_READ_KEPT_MS
    kept: dict[bytes, Value] = dict(data)
    for place in (_PEOPLE, _GROUPS, _LEGACY_GROUPS, _BLINDED):
        held = data.get(place)
        if isinstance(held, Mapping):
            kept[place] = _fresh(held, oldest_ms)
    servers = data.get(_COMMUNITIES)
    if isinstance(servers, Mapping):
        kept[_COMMUNITIES] = {url: _fresh_server(server, oldest_ms) for url, server in servers.items()}
    return pruned(kept)


def _fresh(held: Data, oldest_ms: int) -> Data:
    return {key: value for key, value in held.items() if not _is_stale(value, oldest_ms)}


def _fresh_server(server: Value, oldest_ms: int) -> Value:
    rooms = server.get(SERVER_ROOMS) if isinstance(server, Mapping) else None
    if not isinstance(server, Mapping) or not isinstance(rooms, Mapping):
        return server
    fresh = _fresh(rooms, oldest_ms)
    return {**server, SERVER_ROOMS: fresh} if fresh else {}


def _is_stale(value: Value, oldest_ms: int) -> bool:
    if not isinstance(value, Mapping):
        return False
    state = _state(value)
    proved = state.pro_expiry_s * SECOND_MS > oldest_ms
    return not state.unread and not proved and state.last_read_ms < oldest_ms
