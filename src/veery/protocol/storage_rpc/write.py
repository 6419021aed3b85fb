"""Requests to bodies: JSON for HTTPS and onion requests, either encoding for the queue, bencoded for forwarding (05.5).

What is parsed from these bodies equals the request that was written, but for a store's `sig_timestamp`, which is
written out when it was left to its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from veery.protocol.storage_rpc.encoding import Encoding, encode_body, json_text
from veery.protocol.storage_rpc.errors import Plain
from veery.protocol.storage_rpc.meta import Batch, Conditions, IfElse, Request, Sequence
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
    Recursive,
    Retrieve,
    RevokedSubaccounts,
    RevokeSubaccount,
    Store,
    UnrevokeSubaccount,
)

Body = dict[str, Plain]


def build_call(request: Request, encoding: Encoding = Encoding.JSON) -> Body:
    """The object `{"method", "params"}`."""
    return {"method": request.method, "params": build_params(request, encoding)}


def write_call(request: Request) -> bytes:
    """The JSON body for HTTPS or an onion request (04.1)."""
    return encode_body(build_call(request))


def write_params(request: Request, encoding: Encoding = Encoding.BENCODED) -> bytes:
    """The body of a queue or QUIC request: the parameters alone (15.4.1)."""
    return encode_body(build_params(request, encoding), encoding)


def write_forwarded(request: Recursive) -> bytes:
    """The bencoded body of a forwarded request, exactly as 05.5 rebuilds it from the parsed one."""
    params = build_params(request, Encoding.BENCODED)
    params.pop("required", None)  # the asking node alone looks at it
    return encode_body(params, Encoding.BENCODED)


def build_params(request: Request, encoding: Encoding = Encoding.JSON) -> Body:
    """The parameters of a request. Bytes stay bytes where the encoding writes them right (base64 or raw)."""
    fill: Callable[[Any, Encoding], Body] = _WRITERS[type(request)]
    params = fill(request, encoding)
    account: bytes | None = getattr(request, "account", None)
    if account is not None:
        params["pubkey"] = _key(account, encoding)
    auth: Auth | None = getattr(request, "auth", None)
    if auth is not None:
        _write_auth(params, auth, encoding)
    return params


def _key(key: bytes, encoding: Encoding) -> Plain:
    return key.hex() if encoding is Encoding.JSON else key


def _write_auth(params: Body, auth: Auth, encoding: Encoding) -> None:
    params["signature"] = auth.signature
    if auth.ed25519 is not None:
        params["pubkey_ed25519"] = _key(auth.ed25519, encoding)
    if auth.subaccount is not None:
        params["subaccount"] = auth.subaccount.token
        params["subaccount_sig"] = auth.subaccount.signature


def _present(**values: Plain) -> Body:
    return {name: value for name, value in values.items() if value is not None}


def _nothing(request: Info | ActiveNodesBin | GetSwarm, encoding: Encoding) -> Body:
    return {}


def _oxend_request(request: OxendRequest, encoding: Encoding) -> Body:
    params: Plain = request.params if encoding is Encoding.JSON else json_text(request.params)
    return {"endpoint": request.endpoint, "params": params}


def _store(request: Store, encoding: Encoding) -> Body:
    body: Body = {"data": request.data, "timestamp": request.timestamp}
    if encoding is Encoding.JSON:
        body["ttl"] = request.expiry - request.timestamp
    else:
        body["expiry"] = request.expiry
    if request.namespace:
        body["namespace"] = request.namespace
    if request.auth is not None:
        body["sig_timestamp"] = request.signed_at
    return body


def _retrieve(request: Retrieve, encoding: Encoding) -> Body:
    return _present(
        namespace=request.namespace or None,
        last_hash=request.last_hash,
        max_count=request.max_count,
        max_size=request.max_size,
        reverse_direction=request.reverse_direction or None,
        timestamp=request.timestamp,
    )


def _delete(request: Delete, encoding: Encoding) -> Body:
    return _present(messages=request.messages, required=request.required or None)


def _delete_all(request: DeleteAll, encoding: Encoding) -> Body:
    return {"timestamp": request.timestamp, "namespace": request.namespace}


def _delete_before(request: DeleteBefore, encoding: Encoding) -> Body:
    return {"before": request.before, "namespace": request.namespace}


def _expire(request: Expire, encoding: Encoding) -> Body:
    return _present(
        expiry=request.expiries[0] if len(request.expiries) == 1 else request.expiries,
        messages=request.messages,
        shorten=request.shorten or None,
        extend=request.extend or None,
    )


def _expire_all(request: ExpireAll, encoding: Encoding) -> Body:
    return {"expiry": request.expiry, "namespace": request.namespace}


def _get_expiries(request: GetExpiries, encoding: Encoding) -> Body:
    return {"messages": request.messages, "timestamp": request.timestamp}


def _revoke(request: RevokeSubaccount, encoding: Encoding) -> Body:
    return {"revoke": request.tokens, "timestamp": request.timestamp}


def _unrevoke(request: UnrevokeSubaccount, encoding: Encoding) -> Body:
    return {"unrevoke": request.tokens, "timestamp": request.timestamp}


def _revoked(request: RevokedSubaccounts, encoding: Encoding) -> Body:
    return {"timestamp": request.timestamp}


def _list(request: Batch | Sequence, encoding: Encoding) -> Body:
    return {"requests": [build_call(part, encoding) for part in request.requests]}


def _conditions(conditions: Conditions) -> Body:
    return _present(
        hf_at_least=conditions.hf_at_least,
        hf_before=conditions.hf_before,
        v_at_least=conditions.v_at_least,
        v_before=conditions.v_before,
        height_at_least=conditions.height_at_least,
        height_before=conditions.height_before,
    )


def _ifelse(request: IfElse, encoding: Encoding) -> Body:
    body: Body = {"if": _conditions(request.conditions)}
    if request.then is not None:
        body["then"] = build_call(request.then, encoding)
    if request.otherwise is not None:
        body["else"] = build_call(request.otherwise, encoding)
    return body


_WRITERS: Final[Mapping[type[Any], Callable[[Any, Encoding], Body]]] = MappingProxyType(
    {
        Info: _nothing,
        ActiveNodesBin: _nothing,
        GetSwarm: _nothing,
        OxendRequest: _oxend_request,
        Store: _store,
        Retrieve: _retrieve,
        Delete: _delete,
        DeleteAll: _delete_all,
        DeleteBefore: _delete_before,
        Expire: _expire,
        ExpireAll: _expire_all,
        GetExpiries: _get_expiries,
        RevokeSubaccount: _revoke,
        UnrevokeSubaccount: _unrevoke,
        RevokedSubaccounts: _revoked,
        Batch: _list,
        Sequence: _list,
        IfElse: _ifelse,
    }
)
