"""Hybrid key pairs, X25519 and ML-KEM-768, each from one seed of 32 bytes (06.4).

Device keys are secret to one device. Account keys are shared by all devices of an account, inside their group messages;
the public half of the current one is published. Only seeds are stored or sent; everything else is derived again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.constants import (
    KEY_SEED_SIZE,
    KEY_SIZE,
    LABEL_ACCOUNT_KEYS,
    LABEL_DEVICE_KEYS,
    MLKEM_PUBLIC_SIZE,
    MLKEM_SEED_SIZE,
)
from veery.protocol.mlkem import MlkemSecret
from veery.secret import Secret


@dataclass(frozen=True, slots=True)
class HybridPublic:
    """Public keys of a pair: x25519 (X, 32 bytes) and mlkem (M, 1184 bytes). Raises Misuse for other sizes."""

    x25519: bytes = field(repr=False)
    mlkem: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.x25519) != KEY_SIZE or len(self.mlkem) != MLKEM_PUBLIC_SIZE:
            raise Misuse("hybrid public keys of a wrong size", kind="devices.keys")


@dataclass(frozen=True, slots=True, eq=False)
class HybridKeys:
    """A pair. seed: 32 bytes; x25519_secret: 32 bytes; mlkem_seed: 64 bytes (d and z)."""

    seed: Secret
    x25519_secret: Secret
    mlkem_seed: MlkemSecret
    public: HybridPublic

    @classmethod
    def of_device(cls, seed: Secret) -> HybridKeys:
        """The keys of one device. Raises Misuse for seeds that are not 32 bytes."""
        return cls._derive(LABEL_DEVICE_KEYS, seed)

    @classmethod
    def of_account(cls, seed: Secret) -> HybridKeys:
        """Keys of an account. Raises Misuse for seeds that are not 32 bytes."""
        return cls._derive(LABEL_ACCOUNT_KEYS, seed)

    @classmethod
    def _derive(cls, label: bytes, seed: Secret) -> HybridKeys:
        if len(seed) != KEY_SEED_SIZE:
            raise Misuse(f"a key seed must be {KEY_SEED_SIZE} bytes", kind="devices.keys")
        raw = crypto.shake256(KEY_SIZE + MLKEM_SEED_SIZE, label, seed.reveal())
        x25519_secret, mlkem_seed = Secret(raw[:KEY_SIZE]), MlkemSecret(raw[KEY_SIZE:])
        public = HybridPublic(crypto.x25519_public(x25519_secret.reveal()), mlkem_seed.public())
        return cls(seed, x25519_secret, mlkem_seed, public)
