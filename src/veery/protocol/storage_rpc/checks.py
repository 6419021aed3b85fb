"""What a node checks before it does the work, in the chapter's order: limits of time, then the signature (04.2.1).

Whether the account maps to this node's swarm (421) comes before all of this and is the node's to know. `check_limits`
costs next to nothing; `check_signature` verifies with Ed25519 (about 50 µs, and as much for a key or token that was
not seen lately, which is why those two pure results are remembered for a while). `now_ms` is this node's clock, also
for forwarded requests, which are checked anew by every member.
"""

from __future__ import annotations

from collections.abc import Container
from functools import lru_cache
from typing import Final

from veery.protocol.constants import (
    SIGNATURE_SLACK_FORWARDED_MS,
    SIGNATURE_SLACK_MS,
    STORE_FUTURE_SLACK_MS,
    TTL_MIN_MS,
    VERIFIED_KEYS_REMEMBERED,
)
from veery.protocol.crypto import CryptoFailed, ed25519_verifies
from veery.protocol.storage_rpc.errors import RpcError
from veery.protocol.storage_rpc.meta import Request
from veery.protocol.storage_rpc.namespaces import (
    is_public_inbox,
    is_public_outbox,
    is_testing,
    is_unrevocable,
    max_ttl_ms,
    retrieve_needs_signature,
)
from veery.protocol.storage_rpc.requests import (
    Auth,
    Delete,
    DeleteAll,
    DeleteBefore,
    Expire,
    ExpireAll,
    GetExpiries,
    Retrieve,
    RevokedSubaccounts,
    RevokeSubaccount,
    Signed,
    Store,
    UnrevokeSubaccount,
)
from veery.protocol.storage_rpc.subaccounts import (
    Access,
    SubaccountRefused,
    check_token,
    owner_key,
    token_access,
    token_key,
)

CODE_UNAUTHORISED: Final = 401
CODE_FORBIDDEN: Final = 403
CODE_CLOCK: Final = 406

_FAILED: Final = {
    "delete": "delete_msgs signature verification failed",
    "expire": "expire: signature verification failed",
}
_NEEDED: Final[dict[type[Signed], Access]] = {
    Retrieve: Access.READ,
    GetExpiries: Access.READ,
    Store: Access.WRITE,
    Expire: Access.WRITE,
    Delete: Access.DELETE,
    DeleteAll: Access.DELETE,
    DeleteBefore: Access.DELETE,
    ExpireAll: Access.DELETE,
}


def check_request(request: Request, now_ms: int, *, forwarded: bool = False, revoked: Container[bytes] = ()) -> None:
    """Check limits and signature of a request; those without an account's signature, meta-requests too, pass.

    `forwarded` says that another member sent it; `revoked` holds the account's revoked tokens (36 bytes each) and is
    looked at only if the request uses one (`subaccount_token`). Raises RpcError.
    """
    if isinstance(request, Signed):
        check_limits(request, now_ms, forwarded=forwarded)
        check_signature(request, revoked=revoked)


def check_limits(request: Signed, now_ms: int, *, forwarded: bool = False) -> None:
    """Check times, and that a signature is there where it must be. Raises RpcError: 401, 403, 406."""
    slack = SIGNATURE_SLACK_FORWARDED_MS if forwarded else SIGNATURE_SLACK_MS
    match request:
        case Store():
            _check_store(request, now_ms)
        case Retrieve():
            _check_retrieve(request, now_ms)
        case DeleteAll():
            _check_signing_time("delete_all", request.timestamp, now_ms, slack)
        case ExpireAll() if request.expiry < now_ms - slack:
            raise RpcError(CODE_CLOCK, "expire_all timestamp should be >= current time")
        case DeleteBefore() if request.before > now_ms + SIGNATURE_SLACK_MS:
            raise RpcError(CODE_UNAUTHORISED, "delete_before timestamp too far in the future")
        case Expire() if min(request.expiries) < now_ms - SIGNATURE_SLACK_MS:
            raise RpcError(CODE_UNAUTHORISED, "expire: timestamp should be >= current time")
        case GetExpiries() | RevokeSubaccount() | UnrevokeSubaccount() | RevokedSubaccounts():
            _check_signing_time(request.method, request.timestamp, now_ms)


def _check_signing_time(what: str, timestamp: int, now_ms: int, slack: int = SIGNATURE_SLACK_MS) -> None:
    if abs(timestamp - now_ms) > slack:
        raise RpcError(CODE_CLOCK, f"{what} timestamp too far from current time")


def _check_store(request: Store, now_ms: int) -> None:
    namespace = request.namespace
    if is_testing(namespace):
        raise RpcError(CODE_FORBIDDEN, f"store: namespace {namespace} is not available")
    if not TTL_MIN_MS <= request.expiry - request.timestamp <= max_ttl_ms(namespace):
        raise RpcError(CODE_FORBIDDEN, "Provided expiry/TTL is not valid.")
    if request.timestamp > now_ms + STORE_FUTURE_SLACK_MS or request.expiry < now_ms - STORE_FUTURE_SLACK_MS:
        raise RpcError(CODE_CLOCK, "Timestamp error: check your clock")
    if is_public_inbox(namespace):
        return
    if request.auth is None:
        raise RpcError(CODE_UNAUTHORISED, f"store: signature required to store to namespace {namespace}")
    _check_signing_time("store signature", request.signed_at, now_ms)


def _check_retrieve(request: Retrieve, now_ms: int) -> None:
    if request.auth is not None and request.timestamp is not None:
        _check_signing_time("retrieve", request.timestamp, now_ms)
    elif request.auth is not None or retrieve_needs_signature(request.namespace):
        raise RpcError(CODE_UNAUTHORISED, "retrieve: request signature required")


def check_signature(request: Signed, *, revoked: Container[bytes] = ()) -> None:
    """Check the signature, and what a subaccount may do. Raises RpcError: 401, or 400 for a shortening without Delete.

    A signature on a store to a public inbox is not looked at (04.3); an unsigned retrieve has none to check.
    """
    if isinstance(request, Store) and is_public_inbox(request.namespace):
        return
    if isinstance(request, Retrieve) and request.auth is None and not retrieve_needs_signature(request.namespace):
        return
    if request.auth is None or not _holds(request, request.auth, revoked):
        text = _FAILED.get(request.method, f"{request.method} signature verification failed")
        raise RpcError(CODE_UNAUTHORISED, text)
    subaccount = request.auth.subaccount
    if (
        isinstance(request, Expire)
        and request.shorten
        and subaccount is not None
        and not token_access(subaccount.token) & Access.DELETE
    ):
        reason = "shorten parameter cannot be used with this subaccount token (missing delete access)"
        raise RpcError(400, f"expire: {reason}")


def needed_access(request: Signed) -> Access | None:
    """What a subaccount's token must allow for a request; None where no subaccount may act (04.5)."""
    if isinstance(request, Store) and is_public_outbox(request.namespace):
        return Access.WRITE | Access.DELETE
    return _NEEDED.get(type(request))


def _holds(request: Signed, auth: Auth, revoked: Container[bytes]) -> bool:
    try:
        key = _owner_key(request.account, auth.ed25519)
        if auth.subaccount is not None:
            token = auth.subaccount.token
            needed = needed_access(request)
            if needed is None:
                return False
            _check_token(
                request.account,
                key,
                token,
                auth.subaccount.signature,
                needed,
                revoked=token in revoked,
                unrevocable=isinstance(request, Retrieve) and is_unrevocable(request.namespace),
            )
            key = token_key(token)
    except (CryptoFailed, SubaccountRefused):
        return False
    return ed25519_verifies(key, request.signed_text(), auth.signature)


_owner_key = lru_cache(maxsize=VERIFIED_KEYS_REMEMBERED)(owner_key)
_check_token = lru_cache(maxsize=VERIFIED_KEYS_REMEMBERED)(check_token)
