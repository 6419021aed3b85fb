"""UserGroups: which groups the account is in, and with what rights (07.10.4). Communities are in `user_communities`.

A group's seed makes its holder an admin; members hold auth data for the swarm instead. An entry stays after one was
kicked, so that all devices know; that a group was destroyed is final.

Every function takes application data and gives an edited copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from veery.protocol import crypto
from veery.protocol.account import AccountId
from veery.protocol.config import fields
from veery.protocol.config.data import Data, Path, Value, edited, get, get_dict, put
from veery.protocol.config.errors import ConfigMisuse
from veery.protocol.config.fields import Edits, NotificationMode
from veery.protocol.config.membership import common, common_edits
from veery.protocol.constants import (
    ACCOUNT_ID_SIZE,
    KEY_SIZE,
    PREFIX_GROUP,
    PREFIX_USER,
    SUBACCOUNT_AUTH_DATA_SIZE,
)
from veery.secret import Secret

_GROUPS: Final = b"g"
_LEGACY_GROUPS: Final = b"C"


class Removal(IntEnum):
    """Why an account is not in a group any more."""

    NO = 0  # it is in the group
    KICKED = 1  # an admin removed it; an invitation can follow
    DESTROYED = 2  # the group does not exist any more; final


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Group:
    """One group, with the values of a new one as defaults. Times are seconds, 0 for none.

    seed: 32 bytes, of admins only; auth_data: 100 bytes, of members. invited: the invitation is not accepted yet.
    removed: a `Removal`; other numbers are of later versions.
    """

    id: AccountId
    name: str = ""
    seed: Secret | None = None
    auth_data: Secret | None = None
    removed: int = 0
    priority: int = 0
    joined_s: int = 0
    notifications: NotificationMode = NotificationMode.DEFAULT
    muted_until_s: int = 0
    invited: bool = False

    @property
    def kicked(self) -> bool:
        """Whether the account was removed from the group."""
        return self.removed == Removal.KICKED

    @property
    def destroyed(self) -> bool:
        """Whether the group does not exist any more."""
        return self.removed == Removal.DESTROYED


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LegacyGroup:
    """A leftover that can be shown and erased. public_key and secret_key: X25519, both or none; timer_s: 0 is off."""

    id: AccountId
    name: str
    public_key: bytes | None
    secret_key: Secret | None
    members: frozenset[AccountId]
    admins: frozenset[AccountId]
    timer_s: int
    priority: int
    joined_s: int


# -- groups ----------------------------------------------------------------------------------------------------


def read(data: Data) -> dict[AccountId, Group]:
    """All groups."""
    found = fields.entry_ids(get_dict(data, (_GROUPS,)), PREFIX_GROUP)
    return {group_id: _group(group_id, entry) for group_id, entry in found.items()}


def find(data: Data, group_id: AccountId) -> Group | None:
    """One group, or None."""
    entry = get(data, _at(group_id))
    return _group(group_id, entry) if isinstance(entry, Mapping) and group_id.prefix == PREFIX_GROUP else None


def written(data: Data, group: Group) -> Data:
    """Write a group. Only what differs from what is there is changed. Raises ConfigMisuse: `config.misuse.group`."""
    if group.id.prefix != PREFIX_GROUP:
        raise ConfigMisuse("the id of a group begins with 03", kind="config.misuse.group")
    if group.seed is not None and not _derives(group.seed.reveal(), group.id):
        raise ConfigMisuse("the seed is that of another group", kind="config.misuse.group")
    if group.auth_data is not None and len(group.auth_data) != SUBACCOUNT_AUTH_DATA_SIZE:
        raise ConfigMisuse(f"auth data has {SUBACCOUNT_AUTH_DATA_SIZE} bytes", kind="config.misuse.group")
    before = find(data, group.id)
    edits = fields.changes(_edits(group), {} if before is None else _edits(before))
    if get(data, (*_at(group.id), b"K")) is None:
        edits = {b"K": b"", **edits}
    return edited(data, _at(group.id), edits)


def kicked(data: Data, group_id: AccountId) -> Data:
    """Note that the account was removed from a group: its rights are forgotten, its name stays."""
    return _removed(data, group_id, Removal.KICKED)


def destroyed(data: Data, group_id: AccountId) -> Data:
    """Note that a group was destroyed; that is final."""
    return _removed(data, group_id, Removal.DESTROYED)


def without(data: Data, group_id: AccountId) -> Data:
    """Erase a group."""
    return put(data, _at(group_id), None)


def _removed(data: Data, group_id: AccountId, how: int) -> Data:
    held = find(data, group_id)
    if held is None:
        return data
    # a seed that reads as none is erased as well
    rest = edited(data, _at(group_id), {b"K": b"", b"s": None})
    after = replace(held, seed=None, auth_data=None, removed=max(held.removed, how))
    return written(rest, after)


def _at(group_id: AccountId) -> Path:
    return _GROUPS, group_id.raw


def _derives(seed: bytes, group_id: AccountId) -> bool:
    return len(seed) == KEY_SIZE and crypto.ed25519_from_seed(seed)[0] == group_id.key


def _group(group_id: AccountId, entry: Data) -> Group:
    seed = fields.string(entry, b"K", KEY_SIZE)
    auth_data = fields.string(entry, b"s", SUBACCOUNT_AUTH_DATA_SIZE)
    return Group(
        id=group_id,
        name=fields.text(entry, b"n"),
        # a wrong seed would make us sign documents that nobody accepts
        seed=Secret(seed) if seed is not None and _derives(seed, group_id) else None,
        auth_data=None if auth_data is None else Secret(auth_data),
        removed=fields.positive(entry, b"r"),
        **common(entry),
    )


def _edits(group: Group) -> Edits:
    found: dict[bytes, Value | None] = {
        b"n": fields.written_name(group.name) or None,
        b"r": fields.written_positive(group.removed),
        **common_edits(group),
    }
    if group.seed is not None:
        # auth data beside a seed is left as it is, 07.10.4
        return {**found, b"K": group.seed.reveal()}
    return {**found, b"K": b"", b"s": None if group.auth_data is None else group.auth_data.reveal()}


# -- legacy groups ---------------------------------------------------------------------------------------------


def read_legacy_groups(data: Data) -> dict[AccountId, LegacyGroup]:
    """The leftovers of legacy groups."""
    found = fields.entry_ids(get_dict(data, (_LEGACY_GROUPS,)), PREFIX_USER)
    return {group_id: _legacy(group_id, entry) for group_id, entry in found.items()}


def without_legacy_group(data: Data, group_id: AccountId) -> Data:
    """Erase a legacy group."""
    return put(data, (_LEGACY_GROUPS, group_id.raw), None)


def _legacy(group_id: AccountId, entry: Data) -> LegacyGroup:
    public, secret = fields.string(entry, b"k", KEY_SIZE), fields.string(entry, b"K", KEY_SIZE)
    paired = public is not None and secret is not None
    return LegacyGroup(
        id=group_id,
        name=fields.text(entry, b"n"),
        public_key=public if paired else None,
        secret_key=Secret(secret) if paired and secret is not None else None,
        members=_people(entry, b"m"),
        admins=_people(entry, b"a"),
        timer_s=fields.positive(entry, b"E"),
        priority=fields.integer(entry, b"+"),
        joined_s=fields.seconds(entry, b"j"),
    )


def _people(entry: Data, key: bytes) -> frozenset[AccountId]:
    held = entry.get(key)
    names = held if isinstance(held, frozenset) else frozenset()
    return frozenset(AccountId(name) for name in names if isinstance(name, bytes) and len(name) == ACCOUNT_ID_SIZE)
