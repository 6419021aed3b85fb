"""Blinded identities: one user under another key at each community server (01.7.1 to 01.7.3).

A server with key K multiplies every user's Ed25519 key by a factor k, so that two servers cannot match their users.
Scheme 15 takes k from K alone; from an Account ID, in which the sign of the Ed25519 key is lost, two ids are possible.
Scheme 25 takes k from the Account ID and K, and always starts from the key with sign bit 0: one id.
The owner of the account knows the blinded private scalar ka, and signs as the blinded id with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from veery.errors import Malformed, Misuse
from veery.protocol import crypto, xed25519
from veery.protocol.account import AccountId
from veery.protocol.constants import (
    BLIND25_SEED_KEY,
    BLIND25_SIGNATURE_KEY,
    KEY_SIZE,
    PREFIX_BLIND15,
    PREFIX_BLIND25,
    PREFIX_USER,
)
from veery.secret import Secret


class BlindingWrong(Malformed):
    """An identifier of the wrong kind: not 05 where a user is asked for, not 15 or 25 where a blinded id is."""

    default_kind = "blinding.prefix"


@dataclass(frozen=True, slots=True, eq=False)
class BlindedIdentity:
    """One's own account under the key that one server sees. Made by `blind15` or `blind25`."""

    account_id: AccountId  # the blinded id, prefix 15 or 25
    server_key: bytes  # K, 32 bytes
    scalar: Secret  # ka: the private scalar of the blinded key
    ed25519_secret: Secret  # of the account, 64 bytes

    @property
    def key(self) -> bytes:
        """kA: the blinded Ed25519 public key, 32 bytes."""
        return self.account_id.key

    def sign(self, message: bytes, *, nonce_from_seed: bool = False) -> bytes:
        """Sign as the blinded id; 64 bytes, verifies as Ed25519 under `key`. Deterministic (01.7.1, 01.7.2).

        nonce_from_seed=True derives the nonce of scheme 15 from the first 32 bytes of the secret alone, as requests
        to communities do (12.2.1); both forms verify.
        """
        secret = self.ed25519_secret.reveal()
        if self.account_id.prefix == PREFIX_BLIND15:
            hashed_secret = crypto.sha512(secret[:KEY_SIZE] if nonce_from_seed else secret)
            hashed = crypto.sha512(hashed_secret[KEY_SIZE:], self.key, message)
        else:
            seed = crypto.blake2b(KEY_SIZE, secret[:KEY_SIZE], key=BLIND25_SEED_KEY)
            hashed = crypto.blake2b(64, seed, self.key, message, key=BLIND25_SIGNATURE_KEY)
        return xed25519.sign_with_scalar(self.scalar, self.key, Secret(crypto.scalar_reduce(hashed)), message)


def factor15(server_key: bytes) -> bytes:
    """k of scheme 15 at a server (32 bytes)."""
    return crypto.scalar_reduce(crypto.blake2b(64, _server(server_key)))


def factor25(account_id: AccountId, server_key: bytes) -> bytes:
    """k of scheme 25 for a user at a server (32 bytes). Raises BlindingWrong."""
    return crypto.scalar_reduce(crypto.blake2b(64, _user(account_id).raw, _server(server_key)))


def ids15(account_id: AccountId, server_key: bytes) -> tuple[AccountId, AccountId]:
    """The two ids of scheme 15 that an Account ID can have: k·|A|, and the same with the other sign.

    Raises BlindingWrong for other prefixes than 05, CryptoFailed when the Account ID holds no valid point.
    """
    positive = crypto.point_mul(factor15(server_key), xed25519.public_to_ed25519(_user(account_id).key))
    return _blinded(PREFIX_BLIND15, positive), _blinded(PREFIX_BLIND15, xed25519.flip_sign(positive))


def id15_of_ed25519(ed25519_public: bytes, server_key: bytes) -> AccountId:
    """The id of scheme 15 of a known Ed25519 key: k·A. Raises CryptoFailed for invalid points."""
    return _blinded(PREFIX_BLIND15, crypto.point_mul(factor15(server_key), ed25519_public))


def id25(account_id: AccountId, server_key: bytes) -> AccountId:
    """The id of scheme 25 of an Account ID. Raises BlindingWrong and CryptoFailed like `ids15`."""
    point = xed25519.public_to_ed25519(_user(account_id).key)
    return _blinded(PREFIX_BLIND25, crypto.point_mul(factor25(account_id, server_key), point))


def blind15(ed25519_secret: Secret, server_key: bytes) -> BlindedIdentity:
    """One's own identity of scheme 15 at a server, from the account's Ed25519 secret (64 bytes)."""
    scalar = crypto.ed25519_secret_to_x25519(ed25519_secret.reveal())
    return _identity(PREFIX_BLIND15, crypto.scalar_mul(factor15(server_key), scalar), ed25519_secret, server_key)


def blind25(ed25519_secret: Secret, server_key: bytes) -> BlindedIdentity:
    """One's own identity of scheme 25 at a server, from the account's Ed25519 secret (64 bytes)."""
    secret = ed25519_secret.reveal()
    scalar = crypto.ed25519_secret_to_x25519(secret)
    public = crypto.point_base_mul(scalar)
    factor = factor25(AccountId.from_ed25519(public), server_key)
    if xed25519.is_negative(public):
        factor = crypto.scalar_neg(factor)
    return _identity(PREFIX_BLIND25, crypto.scalar_mul(factor, scalar), ed25519_secret, server_key)


def blind(prefix: int, ed25519_secret: Secret, server_key: bytes) -> BlindedIdentity:
    """`blind15` or `blind25` by the prefix of an id. Raises BlindingWrong for other prefixes."""
    if prefix == PREFIX_BLIND15:
        return blind15(ed25519_secret, server_key)
    if prefix == PREFIX_BLIND25:
        return blind25(ed25519_secret, server_key)
    raise BlindingWrong("a blinded id begins with 15 or 25")


def matches(account_id: AccountId, blinded_id: AccountId, server_key: bytes) -> bool:
    """Whether a blinded id at a server belongs to an Account ID (01.7.3): both signs of 15, the one id of 25.

    Raises BlindingWrong for identifiers of another kind, CryptoFailed when the Account ID holds no valid point.
    """
    if blinded_id.prefix == PREFIX_BLIND15:
        return blinded_id in ids15(account_id, server_key)
    if blinded_id.prefix == PREFIX_BLIND25:
        return blinded_id == id25(account_id, server_key)
    raise BlindingWrong("a blinded id begins with 15 or 25")


def _identity(prefix: int, blinded_scalar: bytes, ed25519_secret: Secret, server_key: bytes) -> BlindedIdentity:
    own = _blinded(prefix, crypto.point_base_mul(blinded_scalar))
    return BlindedIdentity(own, _server(server_key), Secret(blinded_scalar), ed25519_secret)


def _blinded(prefix: int, point: bytes) -> AccountId:
    return AccountId(bytes([prefix]) + point)


def _user(account_id: AccountId) -> AccountId:
    if account_id.prefix != PREFIX_USER:
        raise BlindingWrong("only the Account ID of a user can be blinded")
    return account_id


def _server(server_key: bytes) -> bytes:
    if len(server_key) != KEY_SIZE:
        raise Misuse(f"a server key must be {KEY_SIZE} bytes, not {len(server_key)}")
    return bytes(server_key)
