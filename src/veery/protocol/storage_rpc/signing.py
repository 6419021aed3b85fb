"""How clients sign requests (04.2): with the account's own key, or with a subaccount's.

A client builds a request without `auth`, and `sign_request` gives it back signed, ready for `write`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from veery.errors import Misuse
from veery.protocol.constants import ACCOUNT_ID_SIZE, KEY_SIZE, PREFIX_USER
from veery.protocol.crypto import ed25519_public_to_x25519, ed25519_sign
from veery.protocol.storage_rpc.requests import Auth, Retrieve, Signed, SubaccountAuth
from veery.protocol.storage_rpc.subaccounts import MemberKey
from veery.secret import Secret

R = TypeVar("R", bound=Signed)


class Signer(Protocol):
    """Whoever can sign for an account."""

    @property
    def account(self) -> bytes:
        """The account, 33 bytes."""

    def authenticate(self, text: bytes) -> Auth:
        """Sign a request's string."""


@dataclass(frozen=True, slots=True)
class OwnerSigner:
    """Signs with the account's own key. `secret` is libsodium's Ed25519 secret, 64 bytes (seed and public key)."""

    account: bytes = field(repr=False)
    secret: Secret

    def authenticate(self, text: bytes) -> Auth:
        """Sign a request's string; a 05 account names its Ed25519 key, others are their key (04.2)."""
        secret = self.secret.reveal()
        return Auth(ed25519_sign(secret, text), secret[KEY_SIZE:] if self.account[0] == PREFIX_USER else None)


@dataclass(frozen=True, slots=True)
class SubaccountSigner:
    """Signs with a member's key of a group (04.5.1)."""

    key: MemberKey

    @property
    def account(self) -> bytes:
        """The group, 33 bytes."""
        return self.key.account

    def authenticate(self, text: bytes) -> Auth:
        """Sign a request's string under the token's key."""
        return Auth(self.key.sign(text), None, SubaccountAuth(self.key.token, self.key.token_signature))


def owner_signer(account: bytes, secret: Secret) -> OwnerSigner:
    """A signer for the account that a secret belongs to. Raises Misuse when it belongs to another."""
    if len(account) != ACCOUNT_ID_SIZE or len(secret) != 2 * KEY_SIZE:
        raise Misuse("an account is 33 bytes and its Ed25519 secret 64")
    public = secret.reveal()[KEY_SIZE:]
    key = ed25519_public_to_x25519(public) if account[0] == PREFIX_USER else public
    if key != account[1:]:
        raise Misuse("the Ed25519 secret belongs to another account", kind="protocol.storage_rpc.signer")
    return OwnerSigner(account, secret)


def sign_request(request: R, signer: Signer) -> R:
    """The request with the signer's `auth`. Raises Misuse for another account, or a retrieve without a timestamp."""
    if request.account != signer.account:
        raise Misuse("the request is for another account than the signer's", kind="protocol.storage_rpc.signer")
    if isinstance(request, Retrieve) and request.timestamp is None:
        raise Misuse("a signed retrieve needs a timestamp", kind="protocol.storage_rpc.timestamp")
    return replace(request, auth=signer.authenticate(request.signed_text()))
