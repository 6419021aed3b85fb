"""Subaccounts: an owner lets other keys act on its account (04.5), and how groups make their tokens (04.5.1).

A token is 36 bytes: prefix, flags, two reserved bytes, and the Ed25519 key that signs requests. The owner signs the
token. In groups that key is the member's own, blinded with a factor `k` which every admin can compute again: an
outsider cannot tie it to an Account ID, an admin can revoke it. A member signs with the scalar `k·a`, so its nonce
cannot come from a seed as in plain Ed25519; the rule here derives it from seed, key and message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import Final

from veery.errors import Misuse, Rejected
from veery.protocol.constants import (
    ACCOUNT_ID_SIZE,
    KEY_SIZE,
    PREFIX_GROUP,
    PREFIX_USER,
    SIGNATURE_SIZE,
    SUBACCOUNT_AUTH_DATA_SIZE,
    SUBACCOUNT_MASK_LABEL,
    SUBACCOUNT_NONCE_LABEL,
    SUBACCOUNT_SEED_LABEL,
    SUBACCOUNT_TOKEN_SIZE,
)
from veery.protocol.crypto import (
    CryptoFailed,
    blake2b,
    ed25519_from_seed,
    ed25519_public_to_x25519,
    ed25519_secret_to_x25519,
    ed25519_sign,
    ed25519_verifies,
    point_base_mul,
    point_mul,
    scalar_add,
    scalar_mul,
    scalar_neg,
    scalar_reduce,
    sha512,
)
from veery.secret import Secret

_P: Final = 2**255 - 19
_SIGN_BIT: Final = 0x80
_HEAD_SIZE: Final = SUBACCOUNT_TOKEN_SIZE - KEY_SIZE


class SubaccountRefused(Rejected):
    """A token does not give the right that is asked for, or its owner did not sign it."""

    default_kind = "protocol.subaccount"


class Access(IntFlag):
    """Flags of a token; unknown bits are ignored."""

    NONE = 0
    READ = 1
    WRITE = 2
    DELETE = 4
    ANY_PREFIX = 8  # the token's prefix is not compared with the account's


MEMBER_ACCESS: Final = Access.READ | Access.WRITE  # what deployed groups give


def build_token(prefix: int, access: Access, key: bytes) -> bytes:
    """A token of 36 bytes. Raises Misuse for a key that is not 32 bytes."""
    if len(key) != KEY_SIZE:
        raise Misuse(f"the key of a subaccount must be {KEY_SIZE} bytes, not {len(key)}")
    return bytes((prefix, access, 0, 0)) + key


def token_key(token: bytes) -> bytes:
    """The Ed25519 key inside of a token, which signs the requests."""
    return token[_HEAD_SIZE:]


def token_access(token: bytes) -> Access:
    """The known flags of a token."""
    return Access(token[1] & (Access.READ | Access.WRITE | Access.DELETE | Access.ANY_PREFIX))


def token_allows(account: bytes, token: bytes, needed: Access) -> bool:
    """Whether prefix and flags of a token fit an account and hold all needed flags (checks b and c of 04.5)."""
    access = token_access(token)
    return (bool(access & Access.ANY_PREFIX) or token[0] == account[0]) and access & needed == needed


def check_token(
    account: bytes,
    owner_key: bytes,
    token: bytes,
    token_signature: bytes,
    needed: Access,
    *,
    revoked: bool = False,
    unrevocable: bool = False,
) -> None:
    """Check revocation, prefix, flags and the owner's signature (checks a to d of 04.5).

    `revoked` says that the token is on the account's list, `unrevocable` that the request retrieves from a namespace
    where that does not matter. Raises SubaccountRefused.
    """
    if len(token) != SUBACCOUNT_TOKEN_SIZE:
        raise SubaccountRefused("a subaccount token must be 36 bytes", kind="protocol.subaccount.size")
    if revoked and not unrevocable:
        raise SubaccountRefused("the subaccount token is revoked", kind="protocol.subaccount.revoked")
    if not token_allows(account, token, needed):
        raise SubaccountRefused("the subaccount token lacks a right or a prefix", kind="protocol.subaccount.access")
    if not ed25519_verifies(owner_key, token, token_signature):
        raise SubaccountRefused("the owner did not sign this token", kind="protocol.subaccount.owner")


# -- how groups make tokens (04.5.1) ---------------------------------------------------------------------------


def positive_edwards_point(x25519_key: bytes) -> bytes:
    """The Ed25519 point of an X25519 key with sign bit 0: y = (u - 1) / (u + 1). Raises CryptoFailed for u = -1."""
    u = int.from_bytes(x25519_key, "little") & (2**255 - 1)
    if (u + 1) % _P == 0:
        raise CryptoFailed("the X25519 key has no Ed25519 point", kind="protocol.crypto.point")
    return ((u - 1) * pow(u + 1, -1, _P) % _P).to_bytes(KEY_SIZE, "little")


def blinding_factor(group_seed: Secret, member_x25519: bytes) -> bytes:
    """The scalar `k` (32 bytes) that ties a member's X25519 key to a group; every admin computes the same."""
    group_key, _ = ed25519_from_seed(group_seed.reveal())
    mask = blake2b(KEY_SIZE, group_seed.reveal(), key=SUBACCOUNT_MASK_LABEL)
    names = (bytes((PREFIX_USER,)), member_x25519, bytes((PREFIX_GROUP,)), group_key)
    return scalar_reduce(blake2b(2 * KEY_SIZE, *names, key=mask))


def group_token(group_seed: Secret, member_x25519: bytes, access: Access = MEMBER_ACCESS) -> bytes:
    """The token of a group's member. Raises CryptoFailed when the key is no point."""
    key = point_mul(blinding_factor(group_seed, member_x25519), positive_edwards_point(member_x25519))
    return build_token(PREFIX_GROUP, access, key)


def group_auth_data(group_seed: Secret, member_x25519: bytes, access: Access = MEMBER_ACCESS) -> Secret:
    """What an admin sends to a member: head of the token (4), `k` (32), the group's signature over the token (64)."""
    _, group_secret = ed25519_from_seed(group_seed.reveal())
    token = group_token(group_seed, member_x25519, access)
    factor = blinding_factor(group_seed, member_x25519)
    return Secret(token[:_HEAD_SIZE] + factor + ed25519_sign(group_secret, token))


@dataclass(frozen=True, slots=True)
class MemberKey:
    """A member's key for one group: its token (36), the owner's signature over it (64), and the secrets to sign."""

    account: bytes = field(repr=False)
    token: bytes = field(repr=False)
    token_signature: bytes = field(repr=False)
    scalar: Secret
    nonce_seed: Secret

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature (64 bytes) that verifies under the token's key."""
        key = token_key(self.token)
        nonce = scalar_reduce(blake2b(2 * KEY_SIZE, self.nonce_seed.reveal(), key, message, key=SUBACCOUNT_NONCE_LABEL))
        commitment = point_base_mul(nonce)
        challenge = scalar_reduce(sha512(commitment, key, message))
        return commitment + scalar_add(nonce, scalar_mul(challenge, self.scalar.reveal()))


def member_key(group: bytes, auth_data: Secret, own_seed: Secret, needed: Access = Access.READ) -> MemberKey:
    """Make a member's key of an admin's 100 bytes and the member's own 32-byte Ed25519 seed.

    `group` is the group's Account ID (33 bytes). Raises SubaccountRefused when the data is for another member or
    group, or does not give what is needed; CryptoFailed when a factor is zero.
    """
    data = auth_data.reveal()
    if len(data) != SUBACCOUNT_AUTH_DATA_SIZE or len(group) != ACCOUNT_ID_SIZE:
        raise SubaccountRefused("the group's authentication data has a wrong size", kind="protocol.subaccount.size")
    head, factor, signature = data[:_HEAD_SIZE], data[_HEAD_SIZE:-SIGNATURE_SIZE], data[-SIGNATURE_SIZE:]
    public, secret = ed25519_from_seed(own_seed.reveal())
    own_scalar = ed25519_secret_to_x25519(secret)
    if public[-1] & _SIGN_BIT:
        own_scalar = scalar_neg(own_scalar)
    scalar = scalar_mul(factor, own_scalar)
    token = head + point_base_mul(scalar)
    check_token(group, group[1:], token, signature, needed)
    nonce_seed = Secret(blake2b(KEY_SIZE, own_seed.reveal(), key=SUBACCOUNT_SEED_LABEL))
    return MemberKey(group, token, signature, Secret(scalar), nonce_seed)


def owner_key(account: bytes, ed25519: bytes | None) -> bytes:
    """The key that verifies an account's own signatures (04.2): for 05 the Ed25519 key behind the id, if given.

    Raises CryptoFailed when that key does not convert to the id.
    """
    if ed25519 is None:
        return account[1:]
    if account[0] != PREFIX_USER or ed25519_public_to_x25519(ed25519) != account[1:]:
        raise CryptoFailed("the Ed25519 key does not belong to the account", kind="protocol.crypto.owner")
    return ed25519
