"""Signatures by an X25519 key, and the Ed25519 key |A| with sign bit 0 that belongs to it (01.5).

An Account ID holds an X25519 key: the sign of the Ed25519 key is lost in it. |A| is what can be computed back; blinding
(01.7) starts from it. A signature made here verifies under |A| by ordinary Ed25519 verification.
"""

from __future__ import annotations

from typing import Final

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.constants import KEY_SIZE, XED25519_PERSON, XED25519_RANDOM_SIZE
from veery.secret import Secret

_P: Final = 2**255 - 19
_SIGN_BIT: Final = 0x80  # of the last byte of an encoded point


def public_to_ed25519(x25519_public: bytes) -> bytes:
    """The Ed25519 key |A| (32 bytes, sign bit 0) of an X25519 public key.

    Raises Misuse for other sizes and CryptoFailed for u = -1, which belongs to no point. Other keys that belong to
    none (half of all values) are found when the result is used.
    """
    if len(x25519_public) != KEY_SIZE:
        raise Misuse(f"an X25519 key must be {KEY_SIZE} bytes, not {len(x25519_public)}")
    u = int.from_bytes(x25519_public, "little") & (2**255 - 1)
    if (u + 1) % _P == 0:
        raise crypto.CryptoFailed("the X25519 key does not convert to Ed25519", kind="protocol.crypto.conversion")
    return ((u - 1) * pow(u + 1, -1, _P) % _P).to_bytes(KEY_SIZE, "little")


def is_negative(ed25519_public: bytes) -> bool:
    """Whether the sign bit of an encoded point is set."""
    return bool(ed25519_public[KEY_SIZE - 1] & _SIGN_BIT)


def flip_sign(ed25519_public: bytes) -> bytes:
    """The encoding of the point with the other sign."""
    return ed25519_public[:-1] + bytes([ed25519_public[-1] ^ _SIGN_BIT])


def sign(x25519_secret: Secret, message: bytes, random: crypto.RandomBytes) -> bytes:
    """Sign with an X25519 secret (32 bytes, clamped): 64 bytes. Takes 64 random bytes."""
    scalar = x25519_secret.reveal()
    public = crypto.point_base_mul(scalar)
    if is_negative(public):
        scalar, public = crypto.scalar_neg(scalar), flip_sign(public)
    # The positive scalar is hashed as it is, clamped and not reduced: the vectors fix these bytes.
    hashed = crypto.blake2b(64, scalar, message, random(XED25519_RANDOM_SIZE), person=XED25519_PERSON)
    return sign_with_scalar(Secret(scalar), public, Secret(crypto.scalar_reduce(hashed)), message)


def verify(x25519_public: bytes, message: bytes, signature: bytes) -> None:
    """Check a signature of `sign`. Raises CryptoFailed."""
    crypto.ed25519_verify(public_to_ed25519(x25519_public), message, signature)


def sign_with_scalar(scalar: Secret, public: bytes, nonce: Secret, message: bytes) -> bytes:
    """The second half of every Ed25519 signature: R = nonce·B, S = nonce + H(R, public, message)·scalar; 64 bytes.

    `nonce` must never serve for two messages: two signatures with one nonce give the scalar away.
    """
    commitment = crypto.point_base_mul(nonce.reveal())
    challenge = crypto.scalar_reduce(crypto.sha512(commitment, public, message))
    return commitment + crypto.scalar_add(crypto.scalar_mul(challenge, scalar.reveal()), nonce.reveal())
