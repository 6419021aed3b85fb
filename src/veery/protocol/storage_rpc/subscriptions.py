"""Subscriptions: a connection asks to be told of new messages of accounts (04.8.1); push servers send them (10.3).

A request is one bencoded dict, or a list of them for many accounts; the reply is a dict or a list in the same order.
A part that is refused has an error of its own; only a request that does not parse at all is refused whole. The one
time in seconds of this chapter is `timestamp_s`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import pairwise

from veery.errors import Misuse, Rejected
from veery.protocol import bt
from veery.protocol.constants import (
    ACCOUNT_ID_SIZE,
    KEY_SIZE,
    PREFIX_USER,
    SIGNATURE_SIZE,
    SUBACCOUNT_TOKEN_SIZE,
    SUBSCRIPTION_FUTURE_S,
    SUBSCRIPTION_PAST_S,
)
from veery.protocol.crypto import CryptoFailed, ed25519_public_to_x25519, ed25519_verifies
from veery.protocol.storage_rpc.namespaces import in_range
from veery.protocol.storage_rpc.requests import SubaccountAuth
from veery.protocol.storage_rpc.signing import Signer
from veery.protocol.storage_rpc.subaccounts import Access, SubaccountRefused, check_token, token_key


class MonitorCode(IntEnum):
    """Why a subscription is refused."""

    BAD_ARGUMENTS = 1
    BAD_PUBKEY = 2
    BAD_NAMESPACES = 3
    BAD_TIMESTAMP = 4
    BAD_SIGNATURE = 5
    WRONG_SWARM = 6


class MonitorRefused(Rejected):
    """A subscription that a node refuses; `code` is its `errcode`."""

    default_kind = "protocol.subscription.refused"

    def __init__(self, code: MonitorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Subscription:
    """One account to be watched: namespaces strictly ascending, signing time in seconds.

    `ed25519` is the key (32) behind a 05 account, None for all others.
    """

    account: bytes = field(repr=False)
    namespaces: tuple[int, ...]
    want_data: bool
    timestamp_s: int
    signature: bytes = field(default=b"", repr=False)
    ed25519: bytes | None = field(default=None, repr=False)
    subaccount: SubaccountAuth | None = field(default=None, repr=False)

    def signed_text(self) -> bytes:
        """The string that the account's or the token's key signs."""
        namespaces = ",".join(map(str, self.namespaces))
        return f"MONITOR{self.account.hex()}{self.timestamp_s}{int(self.want_data)}{namespaces}".encode()

    def merged(self, renewal: Subscription) -> Subscription:
        """This subscription after a renewal on the same connection: namespaces are added, data is never switched off.

        The renewal's signature does not cover what is merged, so a merged subscription is not sent on.
        """
        namespaces = tuple(sorted({*self.namespaces, *renewal.namespaces}))
        return replace(renewal, namespaces=namespaces, want_data=self.want_data or renewal.want_data)


def sign_subscription(signer: Signer, namespaces: Iterable[int], *, want_data: bool, now_s: int) -> Subscription:
    """A signed subscription. Raises Misuse for no namespaces, or some outside of 16 bits."""
    numbers = tuple(sorted(set(namespaces)))
    if not numbers or not all(map(in_range, numbers)):
        raise Misuse("a subscription needs namespaces of 16 bits")
    unsigned = Subscription(signer.account, numbers, want_data, now_s)
    auth = signer.authenticate(unsigned.signed_text())
    return replace(unsigned, signature=auth.signature, ed25519=auth.ed25519, subaccount=auth.subaccount)


def _entry(subscription: Subscription) -> dict[str, bt.Encodable]:
    entry: dict[str, bt.Encodable] = {
        "n": subscription.namespaces,
        "s": subscription.signature,
        "t": subscription.timestamp_s,
    }
    if subscription.ed25519 is None:
        entry["p"] = subscription.account
    else:
        entry["P"] = subscription.ed25519
    if subscription.subaccount is not None:
        entry |= {"S": subscription.subaccount.signature, "T": subscription.subaccount.token}
    if subscription.want_data:
        entry["d"] = 1
    return entry


def encode_subscription(subscription: Subscription) -> bytes:
    """The request for one account: a bencoded dict."""
    return bt.encode(_entry(subscription))


def encode_subscriptions(subscriptions: Sequence[Subscription]) -> bytes:
    """The request for many accounts: a bencoded list of dicts."""
    return bt.encode([_entry(subscription) for subscription in subscriptions])


@dataclass(frozen=True, slots=True)
class MonitorRequest:
    """What was asked, in order and not read yet: reading and checking one entry costs about 100 µs."""

    entries: tuple[dict[bytes, bt.Value], ...] = field(repr=False)
    single: bool  # one dict was sent, and one is answered


def parse_subscriptions(body: bytes) -> MonitorRequest:
    """Split a request into its entries. Raises MonitorRefused (code 1) when it does not parse as a whole."""
    try:
        value = bt.decode(body)
    except bt.BtMalformed:
        raise MonitorRefused(MonitorCode.BAD_ARGUMENTS, "the request is not bencoded") from None
    if isinstance(value, dict):
        return MonitorRequest((value,), single=True)
    entries = tuple(entry for entry in value if isinstance(entry, dict)) if isinstance(value, list) else ()
    if not isinstance(value, list) or len(entries) != len(value):
        raise MonitorRefused(MonitorCode.BAD_ARGUMENTS, "a dict or a list of dicts was expected")
    return MonitorRequest(entries, single=False)


def read_subscription(entry: dict[bytes, bt.Value]) -> Subscription:
    """Read one entry of a request. Raises MonitorRefused with the code for what is wrong."""
    account, ed25519 = _read_account(entry)
    want_data = entry.get(b"d", 0)
    timestamp, signature = entry.get(b"t"), entry.get(b"s")
    if want_data not in (0, 1) or not isinstance(timestamp, int) or not isinstance(signature, bytes):
        raise MonitorRefused(MonitorCode.BAD_ARGUMENTS, "`d`, `t` or `s` is missing or of a wrong type")
    if len(signature) != SIGNATURE_SIZE:
        raise MonitorRefused(MonitorCode.BAD_SIGNATURE, "`s` must be 64 bytes")
    return Subscription(
        account=account,
        namespaces=_read_namespaces(entry.get(b"n")),
        want_data=bool(want_data),
        timestamp_s=timestamp,
        signature=signature,
        ed25519=ed25519,
        subaccount=_read_subaccount(entry),
    )


def _sized(entry: dict[bytes, bt.Value], name: bytes, size: int) -> bytes | None:
    value = entry.get(name)
    if value is None:
        return None
    if not isinstance(value, bytes):
        raise MonitorRefused(MonitorCode.BAD_ARGUMENTS, f"`{name.decode()}` is of a wrong type")
    if len(value) != size:
        raise MonitorRefused(MonitorCode.BAD_PUBKEY, f"`{name.decode()}` must be {size} bytes")
    return value


def _read_account(entry: dict[bytes, bt.Value]) -> tuple[bytes, bytes | None]:
    if (b"P" in entry) == (b"p" in entry):
        raise MonitorRefused(MonitorCode.BAD_ARGUMENTS, "exactly one of `P` and `p` must be given")
    ed25519, account = _sized(entry, b"P", KEY_SIZE), _sized(entry, b"p", ACCOUNT_ID_SIZE)
    if account is not None:
        if account[0] == PREFIX_USER:
            raise MonitorRefused(MonitorCode.BAD_PUBKEY, "a 05 account is named by its Ed25519 key in `P`")
        return account, None
    try:
        return bytes((PREFIX_USER,)) + ed25519_public_to_x25519(ed25519 or b""), ed25519
    except CryptoFailed:
        raise MonitorRefused(MonitorCode.BAD_PUBKEY, "`P` is no Ed25519 key") from None


def _read_namespaces(value: bt.Value | None) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise MonitorRefused(MonitorCode.BAD_ARGUMENTS, "`n` is missing or no list")
    numbers = [number for number in value if isinstance(number, int)]
    ascending = all(left < right for left, right in pairwise(numbers))
    if not numbers or len(numbers) != len(value) or not ascending or not all(map(in_range, numbers)):
        raise MonitorRefused(MonitorCode.BAD_NAMESPACES, "`n` must hold namespaces in strictly ascending order")
    return tuple(numbers)


def _read_subaccount(entry: dict[bytes, bt.Value]) -> SubaccountAuth | None:
    signature, token = _sized(entry, b"S", SIGNATURE_SIZE), _sized(entry, b"T", SUBACCOUNT_TOKEN_SIZE)
    if signature is None and token is None:
        return None
    if signature is None or token is None:
        raise MonitorRefused(MonitorCode.BAD_ARGUMENTS, "`S` and `T` must be given together")
    return SubaccountAuth(token, signature)


def check_subscription(subscription: Subscription, now_s: int) -> None:
    """Check time and signature of a subscription (revocations do not matter here, 04.5). Raises MonitorRefused."""
    if not now_s - SUBSCRIPTION_PAST_S <= subscription.timestamp_s <= now_s + SUBSCRIPTION_FUTURE_S:
        raise MonitorRefused(MonitorCode.BAD_TIMESTAMP, "the signature is too old, or from the future")
    key = subscription.account[1:] if subscription.ed25519 is None else subscription.ed25519
    if subscription.subaccount is not None:
        token, signature = subscription.subaccount.token, subscription.subaccount.signature
        try:
            check_token(subscription.account, key, token, signature, Access.READ)
        except SubaccountRefused as error:
            raise MonitorRefused(MonitorCode.BAD_SIGNATURE, error.message) from None
        key = token_key(token)
    if not ed25519_verifies(key, subscription.signed_text(), subscription.signature):
        raise MonitorRefused(MonitorCode.BAD_SIGNATURE, "the signature does not verify")
