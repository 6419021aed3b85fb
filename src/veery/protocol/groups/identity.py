"""The keys of a group, as its admins hold them, and what else follows from the seed (08, notation).

A group is an Ed25519 key pair: whoever holds its seed of 32 bytes is an admin. The group's id is 03 and the public key.
"""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol import crypto
from veery.protocol.account import AccountId
from veery.protocol.constants import KEY_SIZE, PREFIX_GROUP
from veery.protocol.crypto import RandomBytes
from veery.protocol.groups.errors import GroupMisuse
from veery.secret import Secret


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupAdminKeys:
    """What an admin can sign and encrypt with. secret: Ed25519, 64 bytes; x25519_public and _secret: 32 bytes each."""

    seed: Secret
    public: bytes
    secret: Secret
    x25519_public: bytes
    x25519_secret: Secret

    @classmethod
    def from_seed(cls, seed: bytes) -> GroupAdminKeys:
        """Derive the keys of a seed. Raises GroupMisuse for a seed that is not 32 bytes."""
        if len(seed) != KEY_SIZE:
            raise GroupMisuse(f"the seed of a group has {KEY_SIZE} bytes", kind="group.misuse.seed")
        public, secret = crypto.ed25519_from_seed(seed)
        return cls(
            seed=Secret(seed),
            public=public,
            secret=Secret(secret),
            x25519_public=crypto.ed25519_public_to_x25519(public),
            x25519_secret=Secret(crypto.ed25519_secret_to_x25519(secret)),
        )

    @classmethod
    def create(cls, random: RandomBytes) -> GroupAdminKeys:
        """A new group from 32 random bytes."""
        return cls.from_seed(random(KEY_SIZE))

    @property
    def group_id(self) -> AccountId:
        """The id of the group: 03 and its public key."""
        return AccountId(bytes([PREFIX_GROUP]) + self.public)

    def seed_hash(self, label: bytes) -> Secret:
        """H(label): the seed hashed under an ASCII key, 32 bytes, which admins alone can compute."""
        return Secret(crypto.blake2b(KEY_SIZE, self.seed.reveal(), key=label))

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature of the group, 64 bytes."""
        return crypto.ed25519_sign(self.secret.reveal(), message)


def group_x25519(public: bytes) -> bytes:
    """The X25519 form of a group's public key, 32 bytes. Raises CryptoFailed for a key that is none."""
    return crypto.ed25519_public_to_x25519(public)
