"""Key messages: how a group's keys reach its members (08.3.1 to 08.3.3).

A full message carries one new key: once for admins, once for each member, and junk up to a multiple of 75 entries, so
that its size tells little about the group. A supplement gives newcomers keys that others have already. Both are signed
by the group, and neither is encrypted as a whole. Everything follows from the seed, the members and the generation, so
two admins that rotate at once for the same members write the same message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nacl.bindings import randombytes_buf_deterministic

from veery.protocol import bt, crypto
from veery.protocol.account import Account, AccountId
from veery.protocol.config import ConfigMalformed
from veery.protocol.config.scan import TopLevel, top_level
from veery.protocol.constants import (
    DATA_MAX,
    GROUP_GENERATION_MAX,
    GROUP_KEY_ENTRIES_STEP,
    GROUP_KEY_ENTRY_SIZE,
    GROUP_KEY_HASH_SIZE,
    GROUP_LABEL_ADMIN_KEY,
    GROUP_LABEL_GENERATE,
    GROUP_LABEL_JUNK,
    GROUP_LABEL_MEMBER_KEY,
    GROUP_LABEL_SEED,
    GROUP_SUPPLEMENT_ENTRY_MIN,
    KEY_SIZE,
    SIGNATURE_SIZE,
)
from veery.protocol.crypto import XCHACHA_NONCE_SIZE, CryptoFailed
from veery.protocol.groups.errors import GroupMalformed, GroupMisuse, GroupRefused
from veery.protocol.groups.identity import GroupAdminKeys, group_x25519
from veery.secret import Secret

_NONCE: Final = b"#"
_ADMIN: Final = b"K"
_MEMBERS: Final = b"k"
_NEWCOMERS: Final = b"+"
_GENERATION: Final = b"G"
_SIGNATURE: Final = b"~"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupKey:
    """One key of a group, 32 bytes. timestamp_ms: when its message was stored, by the swarm's clock."""

    generation: int
    timestamp_ms: int
    key: Secret

    @property
    def place(self) -> tuple[int, int, bytes]:
        """What keys are ordered by."""
        return self.generation, self.timestamp_ms, self.key.reveal()


@dataclass(frozen=True, slots=True, repr=False)
class KeyMessage:
    """A checked key message. admin_entry: None in a supplement; entries: one for each member or newcomer, and junk."""

    generation: int
    nonce: bytes
    admin_entry: bytes | None
    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Rotation:
    """A new key, and the message to store for it."""

    generation: int
    key: Secret
    message: bytes


# -- writing ---------------------------------------------------------------------------------------------------


def rotate(admin: GroupAdminKeys, members: Iterable[AccountId], generation: int) -> Rotation:
    """A full key message. members: all that are in Members, admins too. Raises GroupMisuse: `group.misuse.size`.

    Members whose key gives no shared secret are left out.
    """
    ordered = sorted(set(members))
    material = crypto.blake2b(
        GROUP_KEY_HASH_SIZE,
        *(member.hex.encode() for member in ordered),
        str(generation).encode(),
        admin.seed_hash(GROUP_LABEL_SEED).reveal(),
        key=GROUP_LABEL_GENERATE,
    )
    key, nonce = material[:KEY_SIZE], material[KEY_SIZE:]
    entries = _entries(admin, ordered, nonce, key)
    fields: dict[bytes, bt.Encodable] = {
        _NONCE: nonce,
        _GENERATION: generation,
        _ADMIN: crypto.xchacha_encrypt(admin.seed_hash(GROUP_LABEL_ADMIN_KEY).reveal(), nonce, key),
        _MEMBERS: [*entries, *_junk(admin, material, -len(entries) % GROUP_KEY_ENTRIES_STEP)],
    }
    return Rotation(generation, Secret(key), _signed(admin, fields))


def supplement(admin: GroupAdminKeys, keys: Sequence[GroupKey], newcomers: Sequence[AccountId]) -> bytes:
    """A message that gives keys, in ascending order, to newcomers in the order given.

    Raises GroupMisuse: `group.misuse.no_keys`, `.size`.
    """
    if not keys:
        raise GroupMisuse("there are no keys to give", kind="group.misuse.no_keys")
    given = bt.encode([{b"g": key.generation, b"k": key.key.reveal(), b"t": key.timestamp_ms} for key in keys])
    nonce = crypto.blake2b(
        XCHACHA_NONCE_SIZE,
        *(newcomer.hex.encode() for newcomer in newcomers),
        given,
        admin.seed_hash(GROUP_LABEL_SEED).reveal(),
        key=GROUP_LABEL_GENERATE,
    )
    fields: dict[bytes, bt.Encodable] = {
        _NONCE: nonce,
        _NEWCOMERS: _entries(admin, newcomers, nonce, given),
        _GENERATION: keys[-1].generation,
    }
    return _signed(admin, fields)


def _entries(admin: GroupAdminKeys, people: Iterable[AccountId], nonce: bytes, plain: bytes) -> list[bytes]:
    found: list[bytes] = []
    for person in people:
        try:
            shared = crypto.x25519(admin.x25519_secret.reveal(), person.key)
        except CryptoFailed:
            continue
        found.append(crypto.xchacha_encrypt(_member_key(shared, admin.x25519_public, person.key), nonce, plain))
    return found


def _member_key(shared: bytes, group: bytes, member: bytes) -> bytes:
    return crypto.blake2b(KEY_SIZE, shared, group, member, key=GROUP_LABEL_MEMBER_KEY)


def _junk(admin: GroupAdminKeys, material: bytes, count: int) -> list[bytes]:
    seed = crypto.blake2b(KEY_SIZE, material, admin.seed.reveal(), admin.public, key=GROUP_LABEL_JUNK)
    stream = bytes(randombytes_buf_deterministic(count * GROUP_KEY_ENTRY_SIZE, seed))
    return [stream[at : at + GROUP_KEY_ENTRY_SIZE] for at in range(0, len(stream), GROUP_KEY_ENTRY_SIZE)]


def _signed(admin: GroupAdminKeys, fields: dict[bytes, bt.Encodable]) -> bytes:
    body = bt.encode(fields)[:-1]
    message = body + bt.encode(_SIGNATURE) + bt.encode(admin.sign(body)) + b"e"
    if len(message) > DATA_MAX:
        raise GroupMisuse(f"the key message has more than {DATA_MAX} bytes", kind="group.misuse.size")
    return message


# -- reading ---------------------------------------------------------------------------------------------------


def read(raw: bytes, group_public: bytes) -> KeyMessage:
    """Read and check a key message; all of its entries, so that everybody rejects the same messages.

    Raises GroupMalformed: `group.keys.size`, `.form`, `.entry`, `.generation`; GroupRefused: `group.refused.signature`.
    """
    if len(raw) > DATA_MAX:
        raise GroupMalformed(f"a key message has at most {DATA_MAX} bytes", kind="group.keys.size")
    try:
        top = top_level(raw)
    except (bt.BtMalformed, ConfigMalformed):
        raise _malformed() from None
    _verify(raw, top, group_public)
    fields = top.fields
    nonce, generation = fields.get(_NONCE), fields.get(_GENERATION)
    if not isinstance(nonce, bytes) or len(nonce) != XCHACHA_NONCE_SIZE or not isinstance(generation, int):
        raise _malformed()
    if not 0 <= generation <= GROUP_GENERATION_MAX:
        raise GroupMalformed("the generation is out of range", kind="group.keys.generation")
    if _NEWCOMERS in fields:
        entries = _read_entries(fields[_NEWCOMERS], GROUP_SUPPLEMENT_ENTRY_MIN, DATA_MAX)
        return KeyMessage(generation, nonce, None, entries)
    admin_entry = fields.get(_ADMIN)
    if not isinstance(admin_entry, bytes) or len(admin_entry) != GROUP_KEY_ENTRY_SIZE:
        raise GroupMalformed("the entry for admins has a wrong size", kind="group.keys.entry")
    entries = _read_entries(fields.get(_MEMBERS), GROUP_KEY_ENTRY_SIZE, GROUP_KEY_ENTRY_SIZE)
    if len(entries) % GROUP_KEY_ENTRIES_STEP:
        raise GroupMalformed(f"the entries are no multiple of {GROUP_KEY_ENTRIES_STEP}", kind="group.keys.entry")
    return KeyMessage(generation, nonce, admin_entry, entries)


def _malformed() -> GroupMalformed:
    return GroupMalformed("this is no key message", kind="group.keys.form")


def _verify(raw: bytes, top: TopLevel, group_public: bytes) -> None:
    signature = top.fields.get(_SIGNATURE)
    last = next(reversed(top.fields), None)
    if top.end != len(raw) or last != _SIGNATURE or not isinstance(signature, bytes):
        raise _malformed()
    if len(signature) != SIGNATURE_SIZE:
        raise _malformed()
    if not crypto.ed25519_verifies(group_public, raw[: top.starts[_SIGNATURE]], signature):
        raise GroupRefused("the group did not sign this key message", kind="group.refused.signature")


def _read_entries(value: bt.Value | None, smallest: int, largest: int) -> tuple[bytes, ...]:
    if not isinstance(value, list):
        raise _malformed()
    found: list[bytes] = []
    for item in value:
        if not isinstance(item, bytes) or not smallest <= len(item) <= largest:
            raise GroupMalformed("an entry of a key message has a wrong size", kind="group.keys.entry")
        found.append(item)
    return tuple(found)


def keys_for_member(
    message: KeyMessage, group_public: bytes, account: Account, timestamp_ms: int
) -> tuple[GroupKey, ...]:
    """The keys in a message for an account: none is no error. timestamp_ms: when the swarm stored the message.

    Raises GroupMalformed: `group.keys.inner` for a supplement that does not hold keys.
    """
    group = group_x25519(group_public)
    try:
        shared = crypto.x25519(account.x25519_secret.reveal(), group)
    except CryptoFailed:
        return ()
    plain = _first_opened(message, _member_key(shared, group, account.x25519_public))
    if plain is None:
        return ()
    if message.admin_entry is None:
        return _read_inner(plain)
    return (GroupKey(message.generation, timestamp_ms, Secret(plain)),)


def keys_for_admin(message: KeyMessage, admin: GroupAdminKeys, timestamp_ms: int) -> tuple[GroupKey, ...]:
    """The key in a full message; supplements have nothing for admins.

    Raises GroupRefused: `group.refused.admin_entry` when it does not open.
    """
    if message.admin_entry is None:
        return ()
    try:
        key = crypto.xchacha_decrypt(
            admin.seed_hash(GROUP_LABEL_ADMIN_KEY).reveal(), message.nonce, message.admin_entry
        )
    except CryptoFailed:
        raise GroupRefused("the entry for admins does not open", kind="group.refused.admin_entry") from None
    return (GroupKey(message.generation, timestamp_ms, Secret(key)),)


def _first_opened(message: KeyMessage, key: bytes) -> bytes | None:
    for entry in message.entries:
        try:
            return crypto.xchacha_decrypt(key, message.nonce, entry)
        except CryptoFailed:
            continue
    return None


def _read_inner(plain: bytes) -> tuple[GroupKey, ...]:
    try:
        items = bt.decode(plain, lenient=True)
    except bt.BtMalformed:
        items = 0
    found: list[GroupKey] = []
    for item in items if isinstance(items, list) else [items]:
        match item:
            case {b"g": int(generation), b"k": bytes(key), b"t": int(timestamp_ms)} if len(key) == KEY_SIZE:
                if 0 <= generation <= GROUP_GENERATION_MAX:
                    found.append(GroupKey(generation, timestamp_ms, Secret(key)))
                    continue
        raise GroupMalformed("the supplement does not hold keys", kind="group.keys.inner")
    return tuple(found)
