"""The requests of chapter 04, one value a method.

A request is the same value on every road: parsed from JSON or bencoded bodies (`parse`), written to them (`write`),
signed by clients (`signing`), checked by nodes (`checks`). `signed_text()` is the exact string that a client signs.
Accounts are 33 raw bytes, hashes texts of 43 characters, times milliseconds. Whatever `auth` is missing here is
refused by the checks, so an unsigned request is a value as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from veery.protocol.storage_rpc.errors import Plain
from veery.protocol.storage_rpc.namespaces import NamespaceOrAll, signed_namespace
from veery.protocol.storage_rpc.subaccounts import Access, token_access


@dataclass(frozen=True, slots=True, repr=False)
class SubaccountAuth:
    """A subaccount's token (36 bytes) and the owner's signature over it (64 bytes)."""

    token: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Auth:
    """Who signed a request: signature (64), the Ed25519 key behind a 05 id (32) if given, and a subaccount if used."""

    signature: bytes
    ed25519: bytes | None = None
    subaccount: SubaccountAuth | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """Version and time of a node."""

    method: ClassVar[str] = "info"
    recursive: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ActiveNodesBin:
    """All active nodes as 51-byte records (04.6.3)."""

    method: ClassVar[str] = "active_nodes_bin"
    recursive: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class GetSwarm:
    """The swarm of an account. Never answered with 421."""

    method: ClassVar[str] = "get_swarm"
    recursive: ClassVar[bool] = False
    account: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OxendRequest:
    """A question that is passed to the chain daemon (04.6.1). `params` is a JSON object."""

    method: ClassVar[str] = "oxend_request"
    recursive: ClassVar[bool] = False
    endpoint: str
    params: dict[str, Plain] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Store:
    """Store a message. `expiry` is absolute; `sig_timestamp` is given only if it differs from `timestamp`."""

    method: ClassVar[str] = "store"
    recursive: ClassVar[bool] = True
    account: bytes = field(repr=False)
    namespace: int
    data: bytes = field(repr=False)
    timestamp: int
    expiry: int
    sig_timestamp: int | None = None
    auth: Auth | None = None

    @property
    def signed_at(self) -> int:
        """The time that is part of the signed string."""
        return self.timestamp if self.sig_timestamp is None else self.sig_timestamp

    def signed_text(self) -> bytes:
        """The string that the client signs."""
        return b"store%b%d" % (signed_namespace(self.namespace), self.signed_at)


@dataclass(frozen=True, slots=True)
class Retrieve:
    """Fetch messages after `last_hash`. Without `timestamp` and `auth` it is unsigned."""

    method: ClassVar[str] = "retrieve"
    recursive: ClassVar[bool] = False
    account: bytes = field(repr=False)
    namespace: int = 0
    last_hash: str | None = None
    max_count: int | None = None
    max_size: int | None = None
    reverse_direction: bool = False
    timestamp: int | None = None
    auth: Auth | None = None

    def signed_text(self) -> bytes:
        """The string that the client signs."""
        return b"retrieve%b%d" % (signed_namespace(self.namespace), self.timestamp or 0)


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete messages by hash. `required` asks for code 404 when no member had any of them."""

    method: ClassVar[str] = "delete"
    recursive: ClassVar[bool] = True
    account: bytes = field(repr=False)
    messages: tuple[str, ...] = field(repr=False)
    required: bool = False
    auth: Auth | None = None

    def signed_text(self) -> bytes:
        """The string that the client signs: hashes in the order of the request, no time."""
        return f"delete{''.join(self.messages)}".encode()


@dataclass(frozen=True, slots=True)
class DeleteAll:
    """Delete everything in one namespace or in all."""

    method: ClassVar[str] = "delete_all"
    recursive: ClassVar[bool] = True
    account: bytes = field(repr=False)
    timestamp: int
    namespace: NamespaceOrAll = 0
    auth: Auth | None = None

    def signed_text(self) -> bytes:
        """The string that the client signs."""
        return b"delete_all%b%d" % (signed_namespace(self.namespace), self.timestamp)


@dataclass(frozen=True, slots=True)
class DeleteBefore:
    """Delete messages with a timestamp up to and including `before`."""

    method: ClassVar[str] = "delete_before"
    recursive: ClassVar[bool] = True
    account: bytes = field(repr=False)
    before: int
    namespace: NamespaceOrAll = 0
    auth: Auth | None = None

    def signed_text(self) -> bytes:
        """The string that the client signs."""
        return b"delete_before%b%d" % (signed_namespace(self.namespace), self.before)


@dataclass(frozen=True, slots=True)
class Expire:
    """Change expiries of messages: one expiry for all, or one a message. At most one of the flags."""

    method: ClassVar[str] = "expire"
    recursive: ClassVar[bool] = True
    account: bytes = field(repr=False)
    messages: tuple[str, ...] = field(repr=False)
    expiries: tuple[int, ...]
    shorten: bool = False
    extend: bool = False
    auth: Auth | None = None

    @property
    def extend_only(self) -> bool:
        """Whether expiries may only grow: asked for, or all that the subaccount may do (04.6.5)."""
        return self.extend or (
            self.auth is not None
            and self.auth.subaccount is not None
            and not token_access(self.auth.subaccount.token) & Access.DELETE
        )

    @property
    def reports_unchanged(self) -> bool:
        """Whether the result lists what was not changed."""
        return self.shorten or self.extend

    def signed_text(self) -> bytes:
        """The string that the client signs: all expiries, then all hashes, in the order of the request."""
        flag = "shorten" if self.shorten else "extend" if self.extend else ""
        return f"expire{flag}{''.join(map(str, self.expiries))}{''.join(self.messages)}".encode()


@dataclass(frozen=True, slots=True)
class ExpireAll:
    """Lower the expiry of everything that expires later, in one namespace or in all."""

    method: ClassVar[str] = "expire_all"
    recursive: ClassVar[bool] = True
    account: bytes = field(repr=False)
    expiry: int
    namespace: NamespaceOrAll = 0
    auth: Auth | None = None

    def signed_text(self) -> bytes:
        """The string that the client signs."""
        return b"expire_all%b%d" % (signed_namespace(self.namespace), self.expiry)


@dataclass(frozen=True, slots=True)
class GetExpiries:
    """Ask for the expiries of messages. The form of the hashes is not checked."""

    method: ClassVar[str] = "get_expiries"
    recursive: ClassVar[bool] = False
    account: bytes = field(repr=False)
    messages: tuple[str, ...] = field(repr=False)
    timestamp: int
    auth: Auth | None = None

    def signed_text(self) -> bytes:
        """The string that the client signs."""
        return f"get_expiries{self.timestamp}{''.join(self.messages)}".encode()


@dataclass(frozen=True, slots=True)
class RevokeSubaccount:
    """Revoke tokens (36 bytes each, at most 50). Only the owner may."""

    method: ClassVar[str] = "revoke_subaccount"
    recursive: ClassVar[bool] = True
    account: bytes = field(repr=False)
    tokens: tuple[bytes, ...] = field(repr=False)
    timestamp: int
    auth: Auth | None = None

    def signed_text(self) -> bytes:
        """The string that the client signs, tokens raw."""
        return b"revoke_subaccount%d%b" % (self.timestamp, b"".join(self.tokens))


@dataclass(frozen=True, slots=True)
class UnrevokeSubaccount:
    """Take tokens off the list of revoked ones. Only the owner may; unknown tokens are no error."""

    method: ClassVar[str] = "unrevoke_subaccount"
    recursive: ClassVar[bool] = True
    account: bytes = field(repr=False)
    tokens: tuple[bytes, ...] = field(repr=False)
    timestamp: int
    auth: Auth | None = None

    def signed_text(self) -> bytes:
        """The string that the client signs, tokens raw."""
        return b"unrevoke_subaccount%d%b" % (self.timestamp, b"".join(self.tokens))


@dataclass(frozen=True, slots=True)
class RevokedSubaccounts:
    """List the revoked tokens. Only the owner may."""

    method: ClassVar[str] = "revoked_subaccounts"
    recursive: ClassVar[bool] = False
    account: bytes = field(repr=False)
    timestamp: int
    auth: Auth | None = None

    def signed_text(self) -> bytes:
        """The string that the client signs."""
        return b"revoked_subaccounts%d" % self.timestamp


# Requests of an account, signed by it or by a subaccount.
Signed: TypeAlias = (
    Store
    | Retrieve
    | Delete
    | DeleteAll
    | DeleteBefore
    | Expire
    | ExpireAll
    | GetExpiries
    | RevokeSubaccount
    | UnrevokeSubaccount
    | RevokedSubaccounts
)
# Signed requests that the asked node forwards to its whole swarm (04.2.2).
Recursive: TypeAlias = (
    Store | Delete | DeleteAll | DeleteBefore | Expire | ExpireAll | RevokeSubaccount | UnrevokeSubaccount
)
# Everything but the meta-requests.
Simple: TypeAlias = Info | ActiveNodesBin | GetSwarm | OxendRequest | Signed


def subaccount_token(request: Signed) -> bytes | None:
    """The token (36 bytes) that a request uses, or None: whose revocation a node has to look up."""
    if request.auth is None or request.auth.subaccount is None:
        return None
    return request.auth.subaccount.token
