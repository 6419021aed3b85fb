"""The slots of a group message: its payload key, encrypted once for each member (06.6.1, 06.6.2).

A slot is an ML-KEM ciphertext, an index of two bytes by which a member finds its own, and the encrypted payload key.
Their number is a multiple of four and their order random; those that are left over hold random bytes. So the swarm
learns the number of devices in steps of four, and a member learns nothing about the others from its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from veery.protocol import crypto
from veery.protocol.constants import (
    GROUP_INDEX_SIZE,
    GROUP_SLOT_SIZE,
    KEY_SIZE,
    MLKEM_CIPHERTEXT_SIZE,
    PERSON_GROUP_NONCE,
    PERSON_GROUP_SLOT_INDEX,
    PERSON_GROUP_SLOT_KEY,
    PERSON_GROUP_SLOT_NONCE,
)
from veery.protocol.crypto import CryptoFailed, Encapsulate, RandomBytes
from veery.protocol.devices.keys import HybridKeys, HybridPublic
from veery.protocol.devices.table import slot_count
from veery.secret import Secret


@dataclass(frozen=True, slots=True)
class Slots:
    """ephemeral: A, 32 bytes; ciphertexts: C, 1088 bytes a slot; keys: K, 34 bytes a slot; payload: d, encrypted."""

    ephemeral: bytes = field(repr=False)
    ciphertexts: bytes = field(repr=False)
    keys: bytes = field(repr=False)
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedSlot:
    """place: of the slot, from 0; keys: device keys that opened it; key_base: key of the payload; plaintext: padded."""

    place: int
    keys: HybridPublic
    key_base: Secret
    plaintext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A slot that is somebody's: its member, and what was encapsulated for it."""

    member: HybridPublic
    shared: Secret
    exchanged: Secret


def fill(
    plaintext: bytes,
    members: Sequence[HybridPublic],
    ephemeral_secret: Secret,
    random: RandomBytes,
    encapsulate: Encapsulate,
) -> Slots:
    """Encrypt a padded payload for members. One whose keys are degenerate gets no slot: it could not be written to."""
    ephemeral = crypto.x25519_public(ephemeral_secret.reveal())
    count = slot_count(len(members))
    places = sorted(range(count), key=lambda _: random(KEY_SIZE))  # a random permutation
    taken: dict[int, _Taken] = {}
    ciphertexts = [b""] * count
    for place, member in zip(places, members, strict=False):
        try:
            exchanged = crypto.x25519(ephemeral_secret.reveal(), member.x25519)
            shared, ciphertexts[place] = encapsulate(member.mlkem)
        except CryptoFailed:
            continue
        taken[place] = _Taken(member, Secret(shared), Secret(exchanged))
    ciphertexts = [ciphertext or random(MLKEM_CIPHERTEXT_SIZE) for ciphertext in ciphertexts]
    joined = b"".join(ciphertexts)
    key_base = random(KEY_SIZE)
    payload = crypto.xchacha_encrypt(key_base, _payload_nonce(joined, ephemeral), plaintext)
    sealed = Slots(ephemeral, joined, b"", payload)
    keys = [
        _seal(sealed, ciphertexts[place], taken[place], key_base) if place in taken else random(GROUP_SLOT_SIZE)
        for place in range(count)
    ]
    return Slots(ephemeral, joined, b"".join(keys), payload)


def find(slots: Slots, held: Sequence[HybridKeys]) -> OpenedSlot | None:
    """Open the slot of one of our device keys, or None if none is ours.

    An index that matches without opening is a coincidence (1 in 65,536), or an attempt to stop us: the search goes on.
    """
    nonce = _payload_nonce(slots.ciphertexts, slots.ephemeral)
    for place, ciphertext, entry in _slots(slots):
        index, encrypted = entry[:GROUP_INDEX_SIZE], entry[GROUP_INDEX_SIZE:]
        for device in held:
            if not crypto.equal(index, _index(slots, device.public, ciphertext, encrypted)):
                continue
            try:
                key_base = _open(slots, ciphertext, encrypted, device)
                plaintext = crypto.xchacha_decrypt(key_base, nonce, slots.payload)
            except CryptoFailed:
                continue
            return OpenedSlot(place, device.public, Secret(key_base), plaintext)
    return None


def _slots(slots: Slots) -> Iterator[tuple[int, bytes, bytes]]:
    for place in range(len(slots.keys) // GROUP_SLOT_SIZE):
        ciphertext = slots.ciphertexts[place * MLKEM_CIPHERTEXT_SIZE :][:MLKEM_CIPHERTEXT_SIZE]
        yield place, ciphertext, slots.keys[place * GROUP_SLOT_SIZE :][:GROUP_SLOT_SIZE]


def _seal(slots: Slots, ciphertext: bytes, taken: _Taken, key_base: bytes) -> bytes:
    key = _slot_key(slots, taken.member, taken.shared.reveal(), taken.exchanged.reveal())
    encrypted = crypto.xchacha_stream(key, _slot_nonce(slots, ciphertext), key_base)
    return _index(slots, taken.member, ciphertext, encrypted) + encrypted


def _open(slots: Slots, ciphertext: bytes, encrypted: bytes, device: HybridKeys) -> bytes:
    exchanged = crypto.x25519(device.x25519_secret.reveal(), slots.ephemeral)
    shared = device.mlkem_seed.decapsulate(ciphertext)
    key = _slot_key(slots, device.public, shared, exchanged)
    return crypto.xchacha_stream(key, _slot_nonce(slots, ciphertext), encrypted)


def _payload_nonce(ciphertexts: bytes, ephemeral: bytes) -> bytes:
    return crypto.blake2b(crypto.XCHACHA_NONCE_SIZE, ciphertexts, key=ephemeral, person=PERSON_GROUP_NONCE)


def _slot_nonce(slots: Slots, ciphertext: bytes) -> bytes:
    size = crypto.XCHACHA_NONCE_SIZE
    return crypto.blake2b(size, ciphertext, slots.payload, key=slots.ephemeral, person=PERSON_GROUP_SLOT_NONCE)


def _slot_key(slots: Slots, member: HybridPublic, shared: bytes, exchanged: bytes) -> bytes:
    parts = (exchanged, slots.ephemeral, member.x25519, shared, member.mlkem)
    return crypto.blake2b(KEY_SIZE, *parts, person=PERSON_GROUP_SLOT_KEY)


def _index(slots: Slots, member: HybridPublic, ciphertext: bytes, encrypted: bytes) -> bytes:
    parts = (slots.ephemeral, member.x25519, member.mlkem, ciphertext, encrypted)
    return crypto.blake2b(GROUP_INDEX_SIZE, *parts, person=PERSON_GROUP_SLOT_INDEX)
