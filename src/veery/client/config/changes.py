"""What two states of a document differ in, as words: entries and fields, never values (07.10, 08.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from veery.protocol.config import (
    CONTACTS,
    CONVO_INFO_VOLATILE,
    GROUP_INFO,
    GROUP_MEMBERS,
    USER_GROUPS,
    USER_PROFILE,
    ConfigKind,
    Data,
)
from veery.protocol.config import diff as config_diff
from veery.protocol.config.data import EMPTY, Path, get
from veery.protocol.config.diff import Diff, DiffValue
from veery.protocol.config.servers import SERVER_KEY, SERVER_ROOMS
from veery.protocol.constants import ACCOUNT_ID_SIZE, CONFIG_CHANGES_MAX
from veery.store.config_changes import ADDED, FURTHER, REMOVED, Changed

_Names = Mapping[bytes, str]

_PICTURE: Final[_Names] = {b"p": "picture", b"q": "picture"}
_SETTLED: Final[_Names] = {b"+": "priority", b"@": "notifications", b"!": "muted", b"j": "created"}
_PERSON: Final[_Names] = {
    **_PICTURE,
    **_SETTLED,
    b"n": "name",
    b"N": "nickname",
    b"t": "profile time",
    b"a": "approved",
    b"A": "approved us",
    b"b": "blocked",
    b"e": "disappearing messages",
    b"E": "disappearing messages",
    b"f": "Pro",
}
_READ: Final[_Names] = {b"r": "read position", b"u": "marked unread", b"e": "Pro", b"g": "Pro"}
_GROUP: Final[_Names] = {
    **_SETTLED,
    b"n": "name",
    b"K": "rights",
    b"s": "rights",
    b"r": "removed from it",
    b"i": "invitation",
}
_LEGACY_GROUP: Final[_Names] = {
    **_SETTLED,
    b"n": "name",
    b"m": "members",
    b"a": "admins",
    b"E": "disappearing messages",
}
_PROFILE: Final[_Names] = {
    **_PICTURE,
    b"n": "name",
    b"P": "picture",
    b"Q": "picture",
    b"t": "profile time",
    b"T": "profile time",
    b"+": "note to self",
    b"e": "note to self: disappearing messages",
    b"M": "community requests",
    **dict.fromkeys((b"f", b"E", b"s", b"I", b"R", b"A", b"G"), "Pro"),
}
_INFO: Final[_Names] = {
    **_PICTURE,
    b"n": "name",
    b"o": "description",
    b"c": "created",
    b"E": "disappearing messages",
    b"d": "cleared messages",
    b"D": "cleared files",
    b"!": "deleted for everybody",
}
_MEMBER: Final[_Names] = {
    **_PICTURE,
    b"n": "name",
    b"t": "profile time",
    b"A": "admin",
    b"I": "invitation",
    b"P": "promotion",
    b"s": "history",
    b"R": "removal",
}
_FIELDS: Final[Mapping[str, _Names]] = {USER_PROFILE.name: _PROFILE, GROUP_INFO.name: _INFO}
_COLLECTIONS: Final[Mapping[str, Mapping[bytes, _Names]]] = {
    CONTACTS.name: {b"c": _PERSON},
    CONVO_INFO_VOLATILE.name: {b"1": _READ, b"g": _READ, b"C": _READ, b"b": _READ},
    USER_GROUPS.name: {b"g": _GROUP, b"C": _LEGACY_GROUP},
    GROUP_MEMBERS.name: {b"m": _MEMBER},
}
_SERVERS: Final[Mapping[str, Mapping[bytes, _Names]]] = {
    CONTACTS.name: {b"b": _PERSON},
    CONVO_INFO_VOLATILE.name: {b"o": _READ},
    USER_GROUPS.name: {b"o": _GROUP},
}
_NONE: Final[_Names] = {}
_SHOWN_MAX: Final = 64  # characters of a key that is shown as it is


def between(kind: ConfigKind, before: Data, after: Data) -> list[Changed]:
    """What has changed from one state to another, at most CONFIG_CHANGES_MAX and a row for the rest."""
    return bounded(named(kind, config_diff.between(before, after), before, after))


def named(kind: ConfigKind, diff: Diff, before: Data | None, after: Data) -> list[Changed]:
    """What a diff that leads to `after` says. before: None if it is not known, then nothing is said to be added."""
    found: dict[tuple[str, str], None] = {}
    for subject, name in _walk(kind, diff, before, after):
        found[subject, name] = None
    return [Changed(*each) for each in found]


def bounded(found: list[Changed]) -> list[Changed]:
    """The first ones, and how many more there are."""
    kept = CONFIG_CHANGES_MAX - 1
    return found if len(found) <= kept else [*found[:kept], Changed("", FURTHER, len(found) - kept)]


def _walk(kind: ConfigKind, diff: Diff, before: Data | None, after: Data) -> Iterator[tuple[str, str]]:
    entries, servers = _COLLECTIONS.get(kind.name, {}), _SERVERS.get(kind.name, {})
    for key, change in diff.items():
        if isinstance(change, Mapping) and key in entries:
            for id_, inner in change.items():
                yield from _entry(_subject(id_), (key, id_), inner, entries[key], before, after)
        elif isinstance(change, Mapping) and key in servers:
            yield from _server_entries(key, change, servers[key], before, after)
        else:
            yield "", _FIELDS.get(kind.name, _NONE).get(key) or _unknown(key)


def _server_entries(
    key: bytes, change: Diff, names: _Names, before: Data | None, after: Data
) -> Iterator[tuple[str, str]]:
    for url, server in change.items():
        rooms = server.get(SERVER_ROOMS) if isinstance(server, Mapping) else None
        if not isinstance(rooms, Mapping):
            yield _shown(url), "server key" if isinstance(server, Mapping) and SERVER_KEY in server else "server"
            continue
        for room, inner in rooms.items():
            place = (key, url, SERVER_ROOMS, room)
            yield from _entry(f"{_shown(url)}/{_shown(room)}", place, inner, names, before, after)


def _entry(
    subject: str, path: Path, change: DiffValue, names: _Names, before: Data | None, after: Data
) -> Iterator[tuple[str, str]]:
    if get(after, path) is None:
        yield subject, REMOVED
    elif before is not None and get(before, path) is None:
        yield subject, ADDED
    else:
        for key in change if isinstance(change, Mapping) else EMPTY:
            yield subject, names.get(key) or _unknown(key)


def _subject(key: bytes) -> str:
    return key.hex() if len(key) == ACCOUNT_ID_SIZE else _shown(key)


def _unknown(key: bytes) -> str:
    return f"unknown field {_shown(key)}"


def _shown(key: bytes) -> str:
    text = key.decode(errors="replace")
    return (
        text if text.isprintable() and "\ufffd" not in text and len(text) <= 4 * _SHOWN_MAX else key[:_SHOWN_MAX].hex()
    )
