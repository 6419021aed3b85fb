"""One parser a method: fields to a request (04.6). All errors are RpcError with the texts of 04.1.1 and 04.6."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from veery.protocol.constants import PREFIX_USER, REVOKED_MAX
from veery.protocol.storage_rpc.encoding import decode_json
from veery.protocol.storage_rpc.errors import invalid
from veery.protocol.storage_rpc.fields import Fields, required, wrong_type
from veery.protocol.storage_rpc.hashing import is_message_hash
from veery.protocol.storage_rpc.namespaces import retrieve_needs_signature
from veery.protocol.storage_rpc.requests import (
    ActiveNodesBin,
    Auth,
    Delete,
    DeleteAll,
    DeleteBefore,
    Expire,
    ExpireAll,
    GetExpiries,
    GetSwarm,
    Info,
    OxendRequest,
    Retrieve,
    RevokedSubaccounts,
    RevokeSubaccount,
    Simple,
    Store,
    SubaccountAuth,
    UnrevokeSubaccount,
)

_PUBKEY_LENGTH: Final = "Pubkey must be 66 hex digits (33 bytes) long"
_PUBKEY_LENGTH_SWARM: Final = "Pubkey must be 66 hex digits/33 bytes long"
OXEND_ENDPOINTS: Final = ("get_service_nodes", "ons_resolve")


def _account(fields: Fields) -> bytes:
    return required("pubkey", fields.account("pubkey", _PUBKEY_LENGTH))


def _aliased_account(fields: Fields, reason: str = _PUBKEY_LENGTH) -> bytes:
    name = fields.alias("pubkey", "pubKey")
    return required(name, fields.account(name, reason))


def _key_behind(fields: Fields, account: bytes) -> bytes | None:
    key = fields.ed25519("pubkey_ed25519")
    if key is not None and account[0] != PREFIX_USER:
        raise invalid("pubkey_ed25519 is only permitted for 05[...] pubkeys")
    return key


def _subaccount(fields: Fields) -> SubaccountAuth | None:
    token = fields.subaccount("subaccount")
    if token is None:
        return None
    signature = fields.subaccount_signature("subaccount_sig")
    if signature is None:
        raise invalid("invalid subaccount: subaccount_sig is required when using subaccount")
    return SubaccountAuth(token, signature)


def _auth_if_signed(fields: Fields, account: bytes) -> Auth | None:
    key, subaccount = _key_behind(fields, account), _subaccount(fields)
    signature = fields.signature("signature")
    return None if signature is None else Auth(signature, key, subaccount)


def _auth(fields: Fields, account: bytes) -> Auth:
    return required("signature", _auth_if_signed(fields, account))


def _hashes(fields: Fields) -> tuple[str, ...]:
    hashes = required("messages", fields.texts("messages"))
    if not hashes:
        raise invalid("messages does not contain any message hashes")
    return hashes


def _checked_hashes(fields: Fields) -> tuple[str, ...]:
    hashes = _hashes(fields)
    for text in hashes:
        if not is_message_hash(text):
            raise invalid(f"invalid message hash: {text}")
    return hashes


def _info(fields: Fields) -> Info:
    return Info()


def _active_nodes_bin(fields: Fields) -> ActiveNodesBin:
    return ActiveNodesBin()


def _get_swarm(fields: Fields) -> GetSwarm:
    return GetSwarm(_aliased_account(fields, _PUBKEY_LENGTH_SWARM))


def _oxend_request(fields: Fields) -> OxendRequest:
    endpoint = required("endpoint", fields.text("endpoint"))
    if endpoint not in OXEND_ENDPOINTS:
        raise invalid(f"Invalid oxend endpoint '{endpoint}'")
    params = fields.values.get("params")
    if isinstance(params, bytes):  # bencoded requests carry JSON text
        try:
            params = decode_json(params)
        except ValueError:
            raise wrong_type("params", "object") from None
    if params is not None and not isinstance(params, dict):
        raise wrong_type("params", "object")
    return OxendRequest(endpoint, params or {})


def _store(fields: Fields) -> Store:
    account = _aliased_account(fields)
    timestamp = required("timestamp", fields.number_or_text("timestamp", fields.time))
    if fields.alias("expiry", "ttl") == "ttl":
        expiry = timestamp + required("ttl", fields.number_or_text("ttl", fields.unsigned))
    elif fields.has("expiry"):
        expiry = required("expiry", fields.timestamp("expiry"))
    else:
        raise invalid("Required field 'expiry' or 'ttl' missing")
    return Store(
        account=account,
        namespace=fields.namespace("namespace") or 0,
        data=required("data", fields.data("data")),
        timestamp=timestamp,
        expiry=expiry,
        sig_timestamp=fields.timestamp("sig_timestamp"),
        auth=_auth_if_signed(fields, account),
    )


def _retrieve_auth(fields: Fields, account: bytes) -> tuple[int | None, Auth | None]:
    signed = fields.has("timestamp") or fields.has("signature") or fields.has("pubkey_ed25519")
    namespace = fields.namespace("namespace")
    if not signed and (namespace is None or not retrieve_needs_signature(namespace)):
        return None, None
    auth = _auth(fields, account)
    return required("timestamp", fields.timestamp("timestamp")), auth


def _retrieve(fields: Fields) -> Retrieve:
    account = _aliased_account(fields)
    last_hash = fields.text(fields.alias("last_hash", "lastHash"))
    if last_hash and not is_message_hash(last_hash):
        raise invalid("Invalid last_hash: expected base64 (43 chars)")
    timestamp, auth = _retrieve_auth(fields, account)
    return Retrieve(
        account=account,
        namespace=fields.namespace("namespace") or 0,
        last_hash=last_hash or None,
        max_count=fields.integer("max_count"),
        max_size=fields.integer("max_size"),
        reverse_direction=fields.flag("reverse_direction") or False,
        timestamp=timestamp,
        auth=auth,
    )


def _delete(fields: Fields) -> Delete:
    account = _account(fields)
    required_flag = fields.flag("required") or False
    return Delete(account, _checked_hashes(fields), required_flag, _auth(fields, account))


def _delete_all(fields: Fields) -> DeleteAll:
    account = _account(fields)
    timestamp = required("timestamp", fields.timestamp("timestamp"))
    return DeleteAll(account, timestamp, fields.namespace_or_all("namespace") or 0, _auth(fields, account))


def _delete_before(fields: Fields) -> DeleteBefore:
    account = _account(fields)
    before = required("before", fields.timestamp("before"))
    return DeleteBefore(account, before, fields.namespace_or_all("namespace") or 0, _auth(fields, account))


def _expire_all(fields: Fields) -> ExpireAll:
    account = _account(fields)
    expiry = required("expiry", fields.timestamp("expiry"))
    return ExpireAll(account, expiry, fields.namespace_or_all("namespace") or 0, _auth(fields, account))


def _expire(fields: Fields) -> Expire:
    account = _account(fields)
    hashes = _checked_hashes(fields)
    expiries = required("expiry", fields.timestamps("expiry"))
    if not expiries:
        raise invalid("'expiry' does not contain any expiration timestamps")
    if len(expiries) not in (1, len(hashes)):
        raise invalid("'expiry' must be a single expiry, or the same length as 'messages'")
    shorten, extend = fields.flag("shorten") or False, fields.flag("extend") or False
    if shorten and extend:
        raise invalid("cannot specify both 'shorten' and 'extend'")
    return Expire(account, hashes, expiries, shorten, extend, _auth(fields, account))


def _get_expiries(fields: Fields) -> GetExpiries:
    account = _account(fields)
    timestamp = required("timestamp", fields.timestamp("timestamp"))
    return GetExpiries(account, _hashes(fields), timestamp, _auth(fields, account))


def _revoke(fields: Fields) -> RevokeSubaccount:
    account = _account(fields)
    tokens = required("revoke", fields.tokens("revoke"))
    if len(tokens) > REVOKED_MAX:
        raise invalid(f"invalid revoke: cannot revoke more than {REVOKED_MAX} subaccounts at once")
    timestamp = required("timestamp", fields.timestamp("timestamp"))
    return RevokeSubaccount(account, tokens, timestamp, _auth(fields, account))


def _unrevoke(fields: Fields) -> UnrevokeSubaccount:
    account = _account(fields)
    tokens = required("unrevoke", fields.tokens("unrevoke"))
    timestamp = required("timestamp", fields.timestamp("timestamp"))
    return UnrevokeSubaccount(account, tokens, timestamp, _auth(fields, account))


def _revoked(fields: Fields) -> RevokedSubaccounts:
    account = _account(fields)
    timestamp = required("timestamp", fields.timestamp("timestamp"))
    # `pubkey_ed25519` is not looked at (04.6.6); a subaccount is read so that the check can refuse it.
    signature = required("signature", fields.signature("signature"))
    return RevokedSubaccounts(account, timestamp, Auth(signature, None, _subaccount(fields)))


PARSERS: Final[Mapping[str, Callable[[Fields], Simple]]] = MappingProxyType(
    {
        "info": _info,
        "active_nodes_bin": _active_nodes_bin,
        "get_swarm": _get_swarm,
        "get_snodes_for_pubkey": _get_swarm,
        "oxend_request": _oxend_request,
        "store": _store,
        "retrieve": _retrieve,
        "delete": _delete,
        "delete_all": _delete_all,
        "delete_before": _delete_before,
        "expire": _expire,
        "expire_all": _expire_all,
        "get_expiries": _get_expiries,
        "revoke_subaccount": _revoke,
        "unrevoke_subaccount": _unrevoke,
        "revoked_subaccounts": _revoked,
    }
)

FORWARDABLE: Final = frozenset(
    kind.method
    for kind in (
        Store,
        Delete,
        DeleteAll,
        DeleteBefore,
        Expire,
        ExpireAll,
        RevokeSubaccount,
        UnrevokeSubaccount,
    )
)
