"""The storage RPC: signed strings of clients and nodes, errors of the parser, hashes, namespaces, subaccounts."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest

from tests.vectors.harness import Case, topic
from veery.protocol import crypto
from veery.protocol.storage_rpc import (
    Delete,
    DeleteAll,
    DeleteBefore,
    Expire,
    ExpireAll,
    ExpireResult,
    HashesResult,
    Recursive,
    RevokeResult,
    RevokeSubaccount,
    RpcError,
    Signed,
    Store,
    StoreResult,
    UnrevokeSubaccount,
    check_signature,
    member_signature_text,
    message_hash,
    namespaces,
    owner_signer,
    parse_request,
    sign_request,
    sign_result,
    verify_result,
)
from veery.protocol.storage_rpc.members import MemberSuccess
from veery.protocol.storage_rpc.subaccounts import (
    Access,
    SubaccountRefused,
    blinding_factor,
    check_token,
    group_auth_data,
    group_token,
    member_key,
    owner_key,
)
from veery.secret import Secret


@topic("namespaces")
def namespace_classes(inputs: Case, expected: Case) -> None:
    number = inputs["namespace"]
    known = {
        "public_store": namespaces.is_public_inbox(number),
        "public_outbox": namespaces.is_public_outbox(number),
        "noauth_retrieve": not namespaces.retrieve_needs_signature(number),
        "unrevocable_retrieve": namespaces.is_unrevocable(number),
        "testing": namespaces.is_testing(number),
        "max_ttl_ms": namespaces.max_ttl_ms(number),
    }
    assert {name: known[name] for name in expected} == expected


@topic("message-hash")
def hash_of_message(inputs: Case, expected: Case) -> None:
    store = {
        "pubkey": inputs["pubkey"],
        "namespace": inputs.get("namespace", 0),
        "data": inputs["data"],
        "timestamp": 1736038121769,
        "ttl": 86_400_000,
    }
    request = parse_request(json.dumps({"method": "store", "params": store}).encode())
    assert isinstance(request, Store)
    assert message_hash(request.account, request.namespace, request.data) == expected["hash"]


# What a method demands besides the parameters that matter for signing.
FILLED: dict[str, dict[str, Any]] = {"store": {"data": "", "ttl": 86_400_000}}


@topic("storage-client-signatures")
def client_signature(inputs: Case, expected: Case) -> None:
    method = inputs["method"]
    params = FILLED.get(method, {}) | inputs["params"] | {"signature": expected["signature"]}
    request = parse_request(json.dumps({"method": method, "params": params}).encode())
    assert isinstance(request, Signed)
    text = request.signed_text()
    if "string_to_sign" in expected:
        assert text == expected["string_to_sign"].encode()
    if "string_to_sign_hex" in expected:
        assert text.hex() == expected["string_to_sign_hex"]
    check_signature(request)
    _, secret = crypto.ed25519_from_seed(bytes.fromhex(inputs["ed25519_seed"]))
    signed = sign_request(request, owner_signer(request.account, Secret(secret)))
    assert signed.auth is not None
    assert signed.auth.signature == b64decode(expected["signature"])
    check_signature(signed)


@topic("storage-parse-errors")
def parse_error(inputs: Case, expected: Case) -> None:
    body = inputs["request"]
    with pytest.raises(RpcError) as refused:
        parse_request((body if isinstance(body, str) else json.dumps(body)).encode())
    assert (refused.value.code, refused.value.body) == (expected["code"], expected["text"])


def listed(hashes: Any) -> Any:
    if isinstance(hashes, dict):
        return {int(namespace): tuple(group) for namespace, group in hashes.items()}
    return tuple(hashes)


def node_case(inputs: Case) -> tuple[Recursive, MemberSuccess]:
    """The request and the result of a case."""
    method = inputs["method"]
    account = bytes.fromhex(inputs.get("pubkey", "05" + "00" * 32))
    tokens = tuple(bytes.fromhex(token) for token in inputs.get("tokens", ()))
    namespace = inputs.get("namespace", 0)
    requested = tuple(inputs.get("requested", ()))
    match method:
        case "store":
            return Store(account, 0, b"", 0, 0), StoreResult(inputs["hash"], 0)
        case "delete":
            return Delete(account, requested), HashesResult("deleted", listed(inputs["deleted"]))
        case "delete_all":
            deleted = HashesResult("deleted", listed(inputs["deleted"]))
            return DeleteAll(account, inputs["timestamp"], namespace), deleted
        case "delete_before":
            deleted = HashesResult("deleted", listed(inputs["deleted"]))
            return DeleteBefore(account, inputs["before"], namespace), deleted
        case "expire_all":
            return ExpireAll(account, inputs["expiry"], namespace), HashesResult("updated", listed(inputs["updated"]))
        case "expire":
            applied = inputs.get("expiry_applied", inputs.get("expiry"))
            expiry = tuple(applied) if isinstance(applied, list) else applied
            asked = Expire(account, requested, (0,), inputs.get("shorten", False), inputs.get("extend", False))
            return asked, ExpireResult(tuple(inputs["updated"]), expiry, inputs.get("unchanged"))
        case "revoke_subaccount":
            return RevokeSubaccount(account, tokens, inputs["timestamp"]), RevokeResult()
        case _:
            assert method == "unrevoke_subaccount"
            return UnrevokeSubaccount(account, tokens, inputs["timestamp"]), RevokeResult(inputs.get("count"))


@topic("storage-node-signatures")
def node_signature(inputs: Case, expected: Case) -> None:
    request, result = node_case(inputs)
    if "string_to_sign_hex" in expected:
        assert member_signature_text(request, result).hex() == expected["string_to_sign_hex"]
    public, secret = crypto.ed25519_from_seed(bytes.fromhex(inputs["node_ed25519_seed"]))
    assert public.hex() == expected.get("node_pubkey_ed25519", public.hex())
    signed = sign_result(request, result, Secret(secret))
    assert signed.signature == b64decode(expected["signature"])
    if not isinstance(request, Store):  # the cases name a hash without the message
        verify_result(request, signed, public)


@topic("subaccount-auth")
def subaccount_auth(inputs: Case, expected: Case) -> None:
    group_seed, member_seed = (Secret(bytes.fromhex(inputs[name])) for name in ("group_seed", "member_seed"))
    group = bytes.fromhex(expected["group_id"])
    member = bytes.fromhex(expected["member_session_id"])
    group_public, _ = crypto.ed25519_from_seed(group_seed.reveal())
    member_public, _ = crypto.ed25519_from_seed(member_seed.reveal())
    assert group == b"\x03" + group_public
    assert member == b"\x05" + crypto.ed25519_public_to_x25519(member_public)
    access = Access(inputs["flags"])
    assert blinding_factor(group_seed, member[1:]).hex() == expected["blind_factor_k"]
    auth_data = group_auth_data(group_seed, member[1:], access)
    assert auth_data.reveal().hex() == expected["auth_data"]
    assert group_token(group_seed, member[1:], access).hex() == expected["subaccount_hex"]
    key = member_key(group, auth_data, member_seed, Access.NONE)
    assert b64encode(key.token).decode() == expected["subaccount"]
    assert b64encode(key.token_signature).decode() == expected["subaccount_sig"]
    message = inputs["message"].encode()
    signature = key.sign(message)
    assert b64encode(signature).decode() == expected["signature"]
    crypto.ed25519_verify(key.token[4:], message, signature)


@topic("subaccount-rules")
def subaccount_rules(inputs: Case, expected: Case) -> None:
    account = bytes.fromhex(inputs["account"])
    token, signature = bytes.fromhex(inputs["token"]), b64decode(inputs["token_sig"])
    named = inputs.get("pubkey_ed25519")
    needed = Access(inputs["required_flags"])
    flags = {name: inputs.get(name, False) for name in ("revoked", "unrevocable")}
    try:
        owner = owner_key(account, bytes.fromhex(named) if named else None)
        check_token(account, owner, token, signature, needed, **flags)
    except (SubaccountRefused, crypto.CryptoFailed):
        assert not expected["allowed"]
    else:
        assert expected["allowed"]
