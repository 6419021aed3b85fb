"""The results of single swarm members, their signatures, and the `swarm` dict that collects them (04.2.2, 04.6).

Every member signs its own result with its Ed25519 node key; `member_signature_text` is what it signs, for the node
that writes the result and the client that checks it. A member that failed has no signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from veery.protocol.crypto import CryptoFailed, ed25519_sign, ed25519_verify, equal
from veery.protocol.storage_rpc.errors import Plain
from veery.protocol.storage_rpc.hashing import message_hash
from veery.protocol.storage_rpc.requests import (
    Delete,
    DeleteAll,
    DeleteBefore,
    Expire,
    ExpireAll,
    Recursive,
    RevokeSubaccount,
    Store,
    UnrevokeSubaccount,
)
from veery.secret import Secret

Body = dict[str, Plain]
Hashes: TypeAlias = "tuple[str, ...] | Mapping[int, tuple[str, ...]]"


@dataclass(frozen=True, slots=True)
class StoreResult:
    """A stored message: hash, the expiry that holds (ms), whether it was there before. `t` only at the asked node."""

    hash: str
    expiry: int
    already: bool = False
    t: int | None = None
    signature: bytes = field(default=b"", repr=False)

    def body(self) -> Body:
        """The entry's fields."""
        body: Body = {"hash": self.hash, "expiry": self.expiry, "signature": self.signature}
        if self.already:
            body["already"] = True
        if self.t is not None:
            body["t"] = self.t
        return body


@dataclass(frozen=True, slots=True)
class HashesResult:
    """Hashes that were deleted (delete, delete_all, delete_before) or changed (expire_all).

    Sorted; for namespace "all" a mapping namespace -> sorted hashes without empty ones.
    """

    key: str  # "deleted" or "updated"
    hashes: Hashes = field(repr=False)
    signature: bytes = field(default=b"", repr=False)

    def all_hashes(self) -> list[str]:
        """All hashes, sorted over all namespaces together."""
        if isinstance(self.hashes, Mapping):
            return sorted(text for group in self.hashes.values() for text in group)
        return sorted(self.hashes)

    def body(self) -> Body:
        """The entry's fields."""
        listed: Plain
        if isinstance(self.hashes, Mapping):
            listed = {str(namespace): group for namespace, group in self.hashes.items()}
        else:
            listed = self.hashes
        return {self.key: listed, "signature": self.signature}


@dataclass(frozen=True, slots=True)
class ExpireResult:
    """Changed hashes (sorted), the applied expiry (one, or a tuple parallel to them), and what stayed as it was.

    `unchanged` is None unless the request had one of its flags.
    """

    updated: tuple[str, ...] = field(repr=False)
    expiry: int | tuple[int, ...]
    unchanged: Mapping[str, int] | None = field(default=None, repr=False)
    signature: bytes = field(default=b"", repr=False)

    def body(self) -> Body:
        """The entry's fields."""
        body: Body = {"updated": self.updated, "expiry": self.expiry, "signature": self.signature}
        if self.unchanged is not None:
            body["unchanged"] = dict(self.unchanged)
        return body


@dataclass(frozen=True, slots=True)
class RevokeResult:
    """Revocations were changed; `count` of tokens taken off the list for unrevoke_subaccount."""

    count: int | None = None
    signature: bytes = field(default=b"", repr=False)

    def body(self) -> Body:
        """The entry's fields."""
        body: Body = {"signature": self.signature}
        if self.count is not None:
            body["count"] = self.count
        return body


@dataclass(frozen=True, slots=True)
class MemberFailure:
    """A member that failed: in time, with an error of its own (`code` and `reason`), or with an unusable answer."""

    timeout: bool = False
    code: str | None = None
    reason: str | None = None
    bad_peer_response: bool = False
    query_failure: bool = False

    def body(self) -> Body:
        """The entry's fields."""
        body: Body = {"failed": True}
        body |= {name: True for name in ("timeout", "bad_peer_response", "query_failure") if getattr(self, name)}
        body |= {name: text for name, text in (("code", self.code), ("reason", self.reason)) if text is not None}
        return body


MemberSuccess: TypeAlias = StoreResult | HashesResult | ExpireResult | RevokeResult
MemberResult: TypeAlias = MemberSuccess | MemberFailure
S = TypeVar("S", bound=MemberSuccess)


def member_signature_text(request: Recursive, result: MemberSuccess) -> bytes:
    """What a member's node key signs for a result (04.6); for store the hash alone."""
    if isinstance(result, StoreResult):
        return result.hash.encode()
    parts: list[str] = [request.account.hex()]
    if isinstance(result, ExpireResult):
        parts += _expire_parts(request, result)
    elif isinstance(result, HashesResult):
        parts += _hashes_parts(request, result)
    elif isinstance(request, RevokeSubaccount | UnrevokeSubaccount):
        return f"{request.account.hex()}{request.timestamp}".encode() + b"".join(request.tokens)
    return "".join(parts).encode()


def _requested(request: Recursive) -> Sequence[str]:
    return request.messages if isinstance(request, Delete | Expire) else ()


def _expire_parts(request: Recursive, result: ExpireResult) -> list[str]:
    expiries = result.expiry if isinstance(result.expiry, tuple) else (result.expiry,)
    unchanged = sorted((result.unchanged or {}).items())
    kept = [part for text, expiry in unchanged for part in (text, str(expiry))]
    return [*map(str, expiries), *_requested(request), *result.updated, *kept]


def _hashes_parts(request: Recursive, result: HashesResult) -> list[str]:
    if isinstance(request, DeleteAll):
        return [str(request.timestamp), *result.all_hashes()]
    if isinstance(request, DeleteBefore):
        return [str(request.before), *result.all_hashes()]
    if isinstance(request, ExpireAll):
        return [str(request.expiry), *result.all_hashes()]
    return [*_requested(request), *result.all_hashes()]


def sign_result(request: Recursive, result: S, node_secret: Secret) -> S:
    """The result with the node's signature; `node_secret` is libsodium's Ed25519 secret, 64 bytes."""
    text = member_signature_text(request, result)
    return replace(result, signature=ed25519_sign(node_secret.reveal(), text))


def verify_result(request: Recursive, result: MemberSuccess, node_ed25519: bytes) -> None:
    """Check a member's signature, and that a store's hash is that of the message sent. Raises CryptoFailed."""
    if isinstance(result, StoreResult) and isinstance(request, Store):
        expected = message_hash(request.account, request.namespace, request.data)
        if not equal(result.hash.encode(), expected.encode()):
            raise CryptoFailed("the member names another message than was sent", kind="protocol.crypto.hash")
    ed25519_verify(node_ed25519, member_signature_text(request, result), result.signature)
