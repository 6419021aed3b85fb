"""Group messages, type G of namespace 21: a snapshot of the group, encrypted to every member (06.6).

    {"": "G", "@": encrypted identifier, "A": ephemeral key, "C": ciphertexts, "K": slots, "X": link key,
     "d": encrypted payload, "k": removals, "~": signature of the account}

Whoever holds the account's seed can sign one, encrypt it to our keys and so be read by us: being able to read a message
proves nothing about membership. `policy.device_membership` decides what a message that was read counts for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from veery.errors import Misuse
from veery.protocol import bt_raw, crypto
from veery.protocol.bt import BtMalformed
from veery.protocol.constants import (
    DATA_MAX,
    GROUP_ID_SIZE,
    GROUP_REMOVAL_SIZE,
    GROUP_SLOT_SIZE,
    GROUP_SLOTS_STEP,
    KEY_SIZE,
    MLKEM_CIPHERTEXT_SIZE,
    PERSON_GROUP_REMOVED,
)
from veery.protocol.crypto import Encapsulate, RandomBytes
from veery.protocol.devices import group_id, payload, signed, slots
from veery.protocol.devices.faults import DeviceMalformed, reading
from veery.protocol.devices.group_id import GroupId
from veery.protocol.devices.keys import HybridKeys, HybridPublic
from veery.protocol.devices.payload import Payload
from veery.protocol.devices.record import DeviceRecord
from veery.protocol.devices.slots import Slots
from veery.secret import Secret

TYPE = b"G"
_KIND = "devices.group"


@dataclass(frozen=True, slots=True)
class GroupMessage:
    """A message whose signature holds. link_key: X, 32 bytes; removals: k, 16 bytes each, in random order."""

    encrypted_id: bytes | None = field(repr=False)
    link_key: bytes | None = field(repr=False)
    slots: Slots = field(repr=False)
    removals: bytes = field(repr=False)

    def group(self, root_seed: Secret) -> GroupId | None:
        """The identifier of its group; older messages have none."""
        if self.encrypted_id is None:
            return None
        return group_id.decrypt(self.encrypted_id, root_seed, self.slots.ephemeral)

    def removes(self, device: bytes, root_seed: Secret) -> bool:
        """Whether it announces that a device was removed; members ignore that, for they read it in the payload."""
        wanted = removal(device, root_seed, self.slots.ephemeral)
        starts = range(0, len(self.removals), GROUP_REMOVAL_SIZE)
        return any(crypto.equal(wanted, self.removals[start : start + GROUP_REMOVAL_SIZE]) for start in starts)


@dataclass(frozen=True, slots=True)
class OpenedGroup:
    """place: of our slot; keys: our device keys that opened it; key_base: key of the payload; plaintext: the payload
    without padding.
    """

    payload: Payload
    place: int
    keys: HybridPublic
    key_base: Secret
    plaintext: bytes = field(repr=False)
    padded_size: int


def seal(
    content: Payload,
    *,
    group: GroupId,
    root_seed: Secret,
    ed25519_secret: Secret,
    random: RandomBytes,
    encapsulate: Encapsulate = crypto.mlkem_encapsulate,
) -> bytes:
    """Seal a snapshot for all its live devices: the `data` of a store request.

    root_seed: 32 bytes; ed25519_secret: of the account, 64 bytes. The link key is that of the active account key.
    Raises Misuse: no active key, no live device, or too many of them (about 24) for one message.
    """
    active = next((key for key in content.keys if key.rotated_s is None), None)
    members = [device.keys for device in content.devices.values() if isinstance(device, DeviceRecord)]
    if active is None or not members:
        raise Misuse("a group message needs a current account key and a member", kind=_KIND)
    filled = slots.fill(payload.pad(payload.encode(content)), members, Secret(random(KEY_SIZE)), random, encapsulate)
    fields = {
        b"": bt_raw.string(TYPE),
        b"@": bt_raw.string(group_id.encrypt(group, root_seed, filled.ephemeral)),
        b"A": bt_raw.string(filled.ephemeral),
        b"C": bt_raw.string(filled.ciphertexts),
        b"K": bt_raw.string(filled.keys),
        b"X": bt_raw.string(active.keys.public.x25519),
        b"d": bt_raw.string(filled.payload),
    }
    removals = _removals(content, root_seed, filled.ephemeral, random)
    if removals:
        fields[b"k"] = bt_raw.string(removals)
    data = signed.encode(fields, ed25519_secret)
    if len(data) > DATA_MAX:
        raise Misuse("the group has too many devices for one message", kind="devices.group.too_large")
    return data


def parse(data: bytes, ed25519_public: bytes) -> GroupMessage:
    """Read a message and check its signature by the account (Ed25519 key, 32 bytes).

    Raises DeviceMalformed `devices.group`; DeviceRefused `devices.group.signature`.
    """
    if len(data) > DATA_MAX:
        raise DeviceMalformed("the group message is too long", kind=_KIND)
    with reading(_KIND):
        fields = signed.read(data, ed25519_public, _KIND, TYPE)
        encrypted_id = fields.string(b"@", GROUP_ID_SIZE) if b"@" in fields else None
        link_key = fields.string(b"X", KEY_SIZE) if b"X" in fields else None
        if encrypted_id is not None and link_key is None:
            raise BtMalformed("an identifier needs a link key", kind="protocol.bt.missing")
        removals = fields.string(b"k") if b"k" in fields else b""
        whole = not len(removals) % GROUP_REMOVAL_SIZE
        return GroupMessage(encrypted_id, link_key, _slots(fields), removals if whole else b"")


def open(message: GroupMessage, held: Sequence[HybridKeys]) -> OpenedGroup | None:
    """Read the payload with our device keys, current and older; None when no slot is ours.

    Raises DeviceMalformed `devices.payload`: then nothing of the message counts.
    """
    found = slots.find(message.slots, held)
    if found is None:
        return None
    plaintext = found.plaintext.rstrip(b"\0")
    return OpenedGroup(
        payload.decode(plaintext), found.place, found.keys, found.key_base, plaintext, len(found.plaintext)
    )


def removal(device: bytes, root_seed: Secret, ephemeral: bytes) -> bytes:
    """How the message with this ephemeral key announces the removal of a device, 16 bytes (06.6.4)."""
    parts = (root_seed.reveal(), device)
    return crypto.blake2b(GROUP_REMOVAL_SIZE, *parts, key=ephemeral, person=PERSON_GROUP_REMOVED)


def _removals(content: Payload, root_seed: Secret, ephemeral: bytes, random: RandomBytes) -> bytes:
    gone = ((device, value) for device, value in content.devices.items() if isinstance(value, payload.Gone))
    entries = [removal(device, root_seed, ephemeral) for device, value in gone if not value.left]
    return b"".join(_padded(entries, random))


def _padded(entries: list[bytes], random: RandomBytes) -> Iterable[bytes]:
    noise = [random(GROUP_REMOVAL_SIZE) for _ in range(-len(entries) % GROUP_SLOTS_STEP)]
    return sorted(entries + noise, key=lambda _: random(KEY_SIZE))


def _slots(fields: bt_raw.RawDict) -> Slots:
    found = Slots(fields.string(b"A", KEY_SIZE), fields.string(b"C"), fields.string(b"K"), fields.string(b"d"))
    count, rest = divmod(len(found.ciphertexts), MLKEM_CIPHERTEXT_SIZE)
    if rest or len(found.keys) != count * GROUP_SLOT_SIZE or len(found.payload) <= crypto.XCHACHA_TAG_SIZE:
        raise BtMalformed("the slots do not fit together", kind="protocol.bt.size")
    return found
