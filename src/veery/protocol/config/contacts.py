"""Contacts: the people, and strangers met in communities (07.10.2).

A deleted contact is erased, which deletes its conversation on the other devices; a hidden one has priority -1. The
account itself is never among them. When a name or picture may be replaced is decided by whoever applies profiles
(02.7.2); here it is only written.

Every function takes application data and gives an edited copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from veery.protocol.account import AccountId
from veery.protocol.config import fields
from veery.protocol.config.data import Data, Path, edited, get, get_dict, put
from veery.protocol.config.errors import ConfigMisuse
from veery.protocol.config.fields import Edits, NotificationMode, Picture
from veery.protocol.config.servers import SERVER_KEY, SERVER_ROOMS, read_servers, without_entry
from veery.protocol.constants import KEY_SIZE, PREFIX_BLIND15, PREFIX_BLIND25, PREFIX_USER

_PEOPLE: Final = b"c"
_BLINDED: Final = b"b"
_BLINDED_ID: Final = re.compile(rb"[0-9a-f]{64}")


class ExpiryMode(IntEnum):
    """When messages of a conversation disappear."""

    OFF = 0
    AFTER_SEND = 1
    AFTER_READ = 2


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Contact:
    """One contact, with the values of a new one as defaults. Times are seconds, 0 for none.

    name: what the contact chose; nickname: given by us; updated_s: when the contact last changed its profile.
    """

    id: AccountId
    name: str = ""
    nickname: str = ""
    picture: Picture | None = None
    updated_s: int = 0
    approved: bool = False
    approved_me: bool = False
    blocked: bool = False
    notifications: NotificationMode = NotificationMode.DEFAULT
    muted_until_s: int = 0
    priority: int = 0
    expiry_mode: ExpiryMode = ExpiryMode.OFF
    expiry_timer_s: int = 0
    created_s: int = 0
    pro_features: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BlindedContact:
    """A stranger of one community. id: blinded, prefix 15 or 25; server_key: 32 bytes; base_url: canonical."""

    base_url: str
    server_key: bytes
    id: AccountId
    name: str = ""
    picture: Picture | None = None
    updated_s: int = 0
    priority: int = 0
    created_s: int = 0
    pro_features: frozenset[int] = frozenset()


# -- people ----------------------------------------------------------------------------------------------------


def read(data: Data) -> dict[AccountId, Contact]:
    """All contacts."""
    found = fields.entry_ids(get_dict(data, (_PEOPLE,)), PREFIX_USER)
    return {account_id: _contact(account_id, entry) for account_id, entry in found.items()}


def find(data: Data, account_id: AccountId) -> Contact | None:
    """One contact, or None."""
    entry = get(data, _at(account_id))
    return _contact(account_id, entry) if isinstance(entry, Mapping) and _is_person(account_id) else None


def written(data: Data, contact: Contact) -> Data:
    """Write a contact. Only what differs from what is there is changed. Raises ConfigMisuse."""
    if not _is_person(contact.id):
        raise ConfigMisuse("a contact has an Account ID, which begins with 05", kind="config.misuse.id")
    before = find(data, contact.id)
    edits = fields.changes(_edits(contact), {} if before is None else _edits(before))
    return edited(data, _at(contact.id), _with_name(data, _at(contact.id), edits))


def without(data: Data, account_id: AccountId) -> Data:
    """Erase a contact, and so its conversation on all devices."""
    return put(data, _at(account_id), None)


def _is_person(account_id: AccountId) -> bool:
    return account_id.prefix == PREFIX_USER


def _at(account_id: AccountId) -> Path:
    return _PEOPLE, account_id.raw


def _with_name(data: Data, path: Path, edits: Edits) -> Edits:
    """The edits, and an empty name if the entry has none: it is what keeps an entry without fields alive, 07.2."""
    return edits if get(data, (*path, b"n")) is not None else {b"n": b"", **edits}


def _contact(account_id: AccountId, entry: Data) -> Contact:
    mode, timer_s = fields.integer(entry, b"e"), fields.positive(entry, b"E")
    expires = timer_s > 0 and mode in (ExpiryMode.AFTER_SEND, ExpiryMode.AFTER_READ)
    return Contact(
        id=account_id,
        name=fields.text(entry, b"n"),
        nickname=fields.text(entry, b"N"),
        picture=fields.picture(entry),
        updated_s=fields.seconds(entry, b"t"),
        approved=fields.flag(entry, b"a"),
        approved_me=fields.flag(entry, b"A"),
        blocked=fields.flag(entry, b"b"),
        notifications=_without_mentions(fields.notifications(entry)),
        muted_until_s=fields.seconds(entry, b"!"),
        priority=fields.integer(entry, b"+"),
        expiry_mode=ExpiryMode(mode) if expires else ExpiryMode.OFF,
        expiry_timer_s=timer_s if expires else 0,
        created_s=fields.seconds(entry, b"j"),
        pro_features=fields.numbers(entry, b"f"),
    )


def _without_mentions(mode: NotificationMode) -> NotificationMode:
    """Between two people there are no mentions: that mode is stored and read as all messages."""
    return NotificationMode.ALL if mode is NotificationMode.MENTIONS else mode


def _edits(contact: Contact) -> Edits:
    expires = contact.expiry_mode is not ExpiryMode.OFF and contact.expiry_timer_s > 0
    return {
        b"n": fields.written_name(contact.name),
        b"N": fields.written_name(contact.nickname) or None,
        **fields.written_picture(contact.picture),
        b"t": fields.written_positive(contact.updated_s),
        b"a": fields.written_flag(contact.approved),
        b"A": fields.written_flag(contact.approved_me),
        b"b": fields.written_flag(contact.blocked),
        b"@": fields.written_positive(_without_mentions(contact.notifications)),
        b"!": fields.written_positive(contact.muted_until_s),
        b"+": fields.written_nonzero(contact.priority),
        b"e": int(contact.expiry_mode) if expires else None,
        b"E": contact.expiry_timer_s if expires else None,
        b"j": fields.written_positive(contact.created_s),
        b"f": fields.written_set(contact.pro_features),
    }


# -- strangers of communities ----------------------------------------------------------------------------------


def read_blinded(data: Data) -> dict[tuple[str, AccountId], BlindedContact]:
    """All blinded contacts, by base URL and id."""
    found = list(_read_blinded(data))
    return {(contact.base_url, contact.id): contact for contact in found}


def written_blinded(data: Data, contact: BlindedContact) -> Data:
    """Write a blinded contact. Raises ConfigMisuse."""
    if contact.id.prefix not in (PREFIX_BLIND15, PREFIX_BLIND25) or len(contact.server_key) != KEY_SIZE:
        raise ConfigMisuse("a blinded contact has a blinded id and a server key", kind="config.misuse.id")
    before = read_blinded(data).get((contact.base_url, contact.id))
    edits = fields.changes(_blinded_edits(contact), {} if before is None else _blinded_edits(before))
    server = (_BLINDED, contact.base_url.encode())
    path = (*server, SERVER_ROOMS, contact.id.key.hex().encode())
    return put(edited(data, path, _with_name(data, path, edits)), (*server, SERVER_KEY), contact.server_key)


def without_blinded(data: Data, base_url: str, blinded_id: AccountId) -> Data:
    """Erase a blinded contact; with the last one of a server, the server."""
    return without_entry(data, (_BLINDED, base_url.encode()), blinded_id.key.hex().encode())


def _read_blinded(data: Data) -> Iterator[BlindedContact]:
    for server in read_servers(get_dict(data, (_BLINDED,))):
        for name, entry in server.entries.items():
            if _BLINDED_ID.fullmatch(name):
                prefix = PREFIX_BLIND15 if fields.flag(entry, b"y") else PREFIX_BLIND25
                blinded_id = AccountId(bytes([prefix]) + bytes.fromhex(name.decode()))
                yield _blinded(server.base_url, server.key, blinded_id, entry)


def _blinded(base_url: str, server_key: bytes, blinded_id: AccountId, entry: Data) -> BlindedContact:
    return BlindedContact(
        base_url=base_url,
        server_key=server_key,
        id=blinded_id,
        name=fields.text(entry, b"n"),
        picture=fields.picture(entry),
        updated_s=fields.seconds(entry, b"t"),
        priority=fields.integer(entry, b"+"),
        created_s=fields.seconds(entry, b"j"),
        pro_features=fields.numbers(entry, b"f"),
    )


def _blinded_edits(contact: BlindedContact) -> Edits:
    return {
        b"n": fields.written_name(contact.name),
        **fields.written_picture(contact.picture),
        b"t": fields.written_positive(contact.updated_s),
        b"+": fields.written_nonzero(contact.priority),
        b"j": fields.written_positive(contact.created_s),
        b"f": fields.written_set(contact.pro_features),
        b"y": fields.written_flag(contact.id.prefix == PREFIX_BLIND15),
    }
