"""The keys that a device holds of a group, and when they come and go (08.3.4, 08.3.5): pure steps between values.

Keys are ordered by (generation, timestamp, key); the last encrypts, all decrypt. A fresh rotation of an admin is
*pending*: used at once, but kept apart with its message until that comes back from the swarm, or a higher generation
arrives. Two keys of the newest generation are a collision of two admins, after which every admin rotates again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from veery.protocol import bt, crypto
from veery.protocol.account import Account, AccountId
from veery.protocol.constants import (
    GROUP_GENERATION_MAX,
    GROUP_KEY_HASHES_MAX,
    GROUP_KEY_LIFE_MS,
    GROUP_KEYS_MAX,
    KEY_SIZE,
)
from veery.protocol.groups import key_messages
from veery.protocol.groups.errors import GroupMalformed, GroupMisuse
from veery.protocol.groups.identity import GroupAdminKeys
from veery.protocol.groups.key_messages import GroupKey, Rotation
from veery.secret import Secret

_DUMP_VERSION: Final = 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KeyList:
    """The keys of one group. keys: ascending; hashes: storage hashes of accepted messages, by generation."""

    keys: tuple[GroupKey, ...] = ()
    hashes: Mapping[int, frozenset[str]] = field(default_factory=dict)
    pending: Rotation | None = None

    @property
    def generation(self) -> int | None:
        """The newest generation that was read from the swarm, None without any."""
        return self.keys[-1].generation if self.keys else None

    @property
    def encryption_key(self) -> Secret | None:
        """The key to encrypt with now."""
        keys = self.decryption_keys
        return keys[0] if keys else None

    @property
    def decryption_keys(self) -> tuple[Secret, ...]:
        """All keys to try, the one to encrypt with first: pending, then newest to oldest."""
        held = [key.key for key in reversed(self.keys)]
        return tuple(held if self.pending is None else [self.pending.key, *held])

    @property
    def collides(self) -> bool:
        """Whether two admins rotated at once: an admin must rotate again after merging Info and Members."""
        return len([key for key in self.keys if key.generation == self.generation]) > 1

    @property
    def active_hashes(self) -> frozenset[str]:
        """Storage hashes to keep alive: of messages whose generation is still held."""
        held = {key.generation for key in self.keys}
        return frozenset(name for generation, names in self.hashes.items() if generation in held for name in names)


EMPTY: Final = KeyList()


def rotated(held: KeyList, admin: GroupAdminKeys, members: Iterable[AccountId]) -> KeyList:
    """With a new pending rotation for these members, in place of one that was not read back yet.

    Raises GroupMisuse when the message would be too large.
    """
    generation = 0 if held.generation is None else held.generation + 1
    if generation > GROUP_GENERATION_MAX:
        raise GroupMisuse("the group has no more generations", kind="group.misuse.generation")
    return replace(held, pending=key_messages.rotate(admin, members, generation))


def without_pending(held: KeyList) -> KeyList:
    """As the swarm has it: without a rotation that was not read back."""
    return replace(held, pending=None)


def loaded(
    held: KeyList,
    raw: bytes,
    *,
    storage_hash: str,
    timestamp_ms: int,
    group_public: bytes,
    reader: Account | GroupAdminKeys,
) -> KeyList:
    """With what a key message gives the reader. timestamp_ms: when the swarm stored it.

    Raises GroupMalformed, GroupRefused as `key_messages.read` and its companions.
    """
    message = key_messages.read(raw, group_public)
    if isinstance(reader, GroupAdminKeys):
        found = key_messages.keys_for_admin(message, reader, timestamp_ms)
    else:
        found = key_messages.keys_for_member(message, group_public, reader, timestamp_ms)
    after = held
    for key in found:
        after = _with_key(after, key)
    return _with_hash(after, message.generation, storage_hash)


def _with_key(held: KeyList, key: GroupKey) -> KeyList:
    known = any(
        each.generation == key.generation and crypto.equal(each.key.reveal(), key.key.reveal()) for each in held.keys
    )
    if known or _is_too_old(held, key):
        return replace(held, pending=_still_pending(held.pending, key))
    keys = _without_expired(sorted((*held.keys, key), key=lambda each: each.place))
    return replace(held, keys=tuple(keys[-GROUP_KEYS_MAX:]), pending=_still_pending(held.pending, key))


def _is_too_old(held: KeyList, key: GroupKey) -> bool:
    if len(held.keys) < 2 or key.generation >= held.keys[0].generation:
        return False
    return held.keys[-1].timestamp_ms - held.keys[0].timestamp_ms > GROUP_KEY_LIFE_MS


def _without_expired(keys: list[GroupKey]) -> list[GroupKey]:
    """Without the generations whose successor has been in use for longer than messages are kept."""
    newest = keys[-1].timestamp_ms
    generations = [list(group) for _, group in groupby(keys, key=lambda key: key.generation)]
    while len(generations) > 1 and newest - generations[1][0].timestamp_ms > GROUP_KEY_LIFE_MS:
        del generations[0]
    return [key for group in generations for key in group]


def _still_pending(pending: Rotation | None, key: GroupKey) -> Rotation | None:
    if pending is None or key.generation > pending.generation:
        return None
    same = key.generation == pending.generation and crypto.equal(key.key.reveal(), pending.key.reveal())
    return None if same else pending


def _with_hash(held: KeyList, generation: int, storage_hash: str) -> KeyList:
    oldest = held.keys[0].generation if held.keys else 0
    hashes = {each: names for each, names in held.hashes.items() if each >= oldest}
    if sum(map(len, hashes.values())) >= GROUP_KEY_HASHES_MAX:
        del hashes[min(hashes)]
    hashes[generation] = hashes.get(generation, frozenset()) | {storage_hash}
    return replace(held, hashes=hashes)


# -- saving ----------------------------------------------------------------------------------------------------


def dump(held: KeyList) -> bytes:
    """All that must be saved. It holds the keys: keep it in the device's encrypted store only."""
    pending = held.pending
    return bt.encode(
        {
            b"v": _DUMP_VERSION,
            b"k": [[key.generation, key.timestamp_ms, key.key.reveal()] for key in held.keys],
            b"h": [[generation, sorted(names)] for generation, names in sorted(held.hashes.items())],
            b"p": [] if pending is None else [pending.generation, pending.key.reveal(), pending.message],
        }
    )


def load(saved: bytes) -> KeyList:
    """Undo `dump`. Raises GroupMalformed: `group.keys.dump`."""
    try:
        match bt.decode(saved):
            case {b"v": 1, b"k": list(keys), b"h": list(hashes), b"p": list(pending)}:
                return KeyList(
                    tuple(_load_key(item) for item in keys),
                    dict(_load_hashes(item) for item in hashes),
                    _load_pending(pending),
                )
    except (bt.BtMalformed, UnicodeDecodeError):
        pass
    raise _broken()


def _load_key(item: bt.Value) -> GroupKey:
    match item:
        case [int(generation), int(timestamp_ms), bytes(key)] if len(key) == KEY_SIZE:
            return GroupKey(generation, timestamp_ms, Secret(key))
    raise _broken()


def _load_hashes(item: bt.Value) -> tuple[int, frozenset[str]]:
    match item:
        case [int(generation), list(names)]:
            return generation, frozenset(name.decode() for name in names if isinstance(name, bytes))
    raise _broken()


def _load_pending(items: list[bt.Value]) -> Rotation | None:
    match items:
        case []:
            return None
        case [int(generation), bytes(key), bytes(message)] if len(key) == KEY_SIZE:
            return Rotation(generation, Secret(key), message)
    raise _broken()


def _broken() -> GroupMalformed:
    return GroupMalformed(
        "the saved keys of a group cannot be read",
        kind="group.keys.dump",
        remedy="They can be fetched again from the network",
    )
