"""JSON bodies: what is read, and every refusal with its text."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from tests.unit.protocol.storage_rpc.people import ALICE, ALICE_PUBLIC, DAY, GROUP, HASHES, NOW, TOKEN, store_params
from veery.protocol.storage_rpc import (
    Auth,
    DeleteAll,
    Expire,
    GetExpiries,
    GetSwarm,
    OxendRequest,
    Request,
    Retrieve,
    RevokedSubaccounts,
    RevokeSubaccount,
    RpcError,
    Store,
    SubaccountAuth,
    UnknownMethod,
    parse_request,
)

SIGNATURE = bytes(range(64))
SIGNATURE_TEXT = b64encode(SIGNATURE).decode()


def parse(method: str, params: Any) -> Request:
    return parse_request(json.dumps({"method": method, "params": params}).encode())


def refusal(method: str, params: Any) -> tuple[int, Any]:
    with pytest.raises(RpcError) as refused:
        parse(method, params)
    return refused.value.code, refused.value.body


def signed(**changes: Any) -> dict[str, Any]:
    params = {"pubkey": ALICE.hex(), "signature": SIGNATURE_TEXT} | changes
    return {name: value for name, value in params.items() if value is not None}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "invalid json"),
        (b"{", "invalid json"),
        (b"\xff", "invalid json"),
        (b"[" * 100_000, "invalid json"),
        (b'{"method":"info","params":{"a":"\\ud800"}}', "invalid json"),
        (b"[]", "invalid json: no `method` field"),
        (b"5", "invalid json: no `method` field"),
        (b'{"params":{}}', "invalid json: no `method` field"),
        (b'{"method":5,"params":{}}', "invalid json: no `method` field"),
        (b'{"method":"info"}', "invalid json: no `params` field"),
        (b'{"method":"info","params":null}', "invalid json: no `params` field"),
        (b'{"method":"info","params":[]}', "invalid json: no `params` field"),
        (b'{"method":"nope","params":{}}', "no method nope"),
    ],
)
def test_bodies_that_name_no_request(body: bytes, text: str) -> None:
    with pytest.raises(RpcError) as refused:
        parse_request(body)
    assert (refused.value.code, refused.value.body) == (400, text)


def test_unknown_method_is_its_own_kind() -> None:
    with pytest.raises(UnknownMethod):
        parse("stor", {})


def test_bodies_beyond_the_bound_are_refused() -> None:
    with pytest.raises(RpcError) as refused:
        parse_request(b" " * 10_485_761)
    assert (refused.value.code, refused.value.body) == (413, "Request body too large")


def test_refusals_say_nothing_of_the_request() -> None:
    with pytest.raises(RpcError) as refused:
        parse("delete", signed(messages=["secret hash"]))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pubkey": None}, "Required field 'pubkey' missing"),
        ({"pubkey": 5}, "Invalid value given for 'pubkey': expected string"),
        ({"pubkey": "05" * 32}, "Pubkey must be 66 hex digits (33 bytes) long"),
        ({"pubkey": "05" + "0g" * 32}, "Pubkey must be 66 hex digits (33 bytes) long"),
        ({"pubkey": " 5" * 33}, "Pubkey must be 66 hex digits (33 bytes) long"),
        ({"pubKey": ALICE.hex()}, "Cannot specify both 'pubkey' and 'pubKey'"),
        ({"data": None}, "Required field 'data' missing"),
        ({"data": 5}, "Invalid value given for 'data': expected string"),
        ({"data": "A"}, "Invalid 'data' value: not base64 encoded"),
        ({"data": "AA="}, "Invalid 'data' value: not base64 encoded"),
        ({"data": "AAAA===="}, "Invalid 'data' value: not base64 encoded"),
        ({"data": "A*AA"}, "Invalid 'data' value: not base64 encoded"),
        ({"data": "AA-_"}, "Invalid 'data' value: not base64 encoded"),
        ({"data": "AAéA"}, "Invalid 'data' value: not base64 encoded"),
        ({"data": "A" * 102_401}, "Message body exceeds maximum allowed length of 76800 bytes"),
        ({"timestamp": None}, "Required field 'timestamp' missing"),
        ({"timestamp": 1.0}, "Invalid value given for 'timestamp': expected integer timestamp (in milliseconds)"),
        ({"timestamp": -1}, "Invalid value given for 'timestamp': expected integer timestamp (in milliseconds)"),
        ({"timestamp": 2**63}, "Invalid value given for 'timestamp': expected integer timestamp (in milliseconds)"),
        ({"timestamp": True}, "Invalid value given for 'timestamp': expected integer timestamp (in milliseconds)"),
        ({"timestamp": "12a"}, "Invalid value given for 'timestamp': \"12a\""),
        ({"timestamp": "-5"}, "Invalid value given for 'timestamp': \"-5\""),
        ({"timestamp": ""}, "Invalid value given for 'timestamp': \"\""),
        ({"timestamp": "٣"}, "Invalid value given for 'timestamp': \"٣\""),
        ({"timestamp": "9" * 19}, "Invalid value given for 'timestamp': \"9999999999999999999\""),
        ({"timestamp": 'a"b'}, 'Invalid value given for \'timestamp\': "a\\"b"'),
        ({"ttl": None}, "Required field 'expiry' or 'ttl' missing"),
        ({"ttl": "9" * 5_000}, f"Invalid value given for 'ttl': \"{'9' * 5_000}\""),
        ({"ttl": -1}, "Invalid value given for 'ttl': expected positive integer"),
        ({"expiry": NOW}, "Cannot specify both 'expiry' and 'ttl'"),
        ({"ttl": None, "expiry": 999_999_999}, "Invalid timestamp for 'expiry': timestamp must be in milliseconds"),
        (
            {"ttl": None, "expiry": str(NOW)},
            "Invalid value given for 'expiry': expected integer timestamp (in milliseconds)",
        ),
        ({"namespace": 32_768}, "Invalid value given for 'namespace': value out of range"),
        ({"namespace": -32_769}, "Invalid value given for 'namespace': value out of range"),
        ({"namespace": "0"}, "Invalid value given for 'namespace': expected 16-bit integer"),
        ({"namespace": 1.5}, "Invalid value given for 'namespace': expected 16-bit integer"),
        ({"namespace": False}, "Invalid value given for 'namespace': expected 16-bit integer"),
        ({"sig_timestamp": 999_999_999}, "Invalid timestamp for 'sig_timestamp': timestamp must be in milliseconds"),
        ({"signature": 5}, "Invalid value given for 'signature': expected string"),
        ({"signature": ""}, "invalid signature: expected base64 encoded Ed25519 signature"),
        ({"signature": "A" * 87}, "invalid signature: expected base64 encoded Ed25519 signature"),
        ({"signature": "A" * 88}, "invalid signature: expected base64 encoded Ed25519 signature"),
        ({"signature": "A" * 87 + "="}, "invalid signature: expected base64 encoded Ed25519 signature"),
        ({"signature": "*" * 86}, "invalid signature: expected base64 encoded Ed25519 signature"),
        ({"pubkey_ed25519": "ab" * 31}, "Invalid pubkey_ed25519: expected 64 hex char or 32 byte pubkey"),
        ({"pubkey_ed25519": "k" * 32}, "Invalid pubkey_ed25519: expected 64 hex char or 32 byte pubkey"),
        ({"pubkey_ed25519": "zz" * 32}, "invalid pubkey_ed25519: value is not hex"),
        (
            {"pubkey": GROUP.hex(), "pubkey_ed25519": "ab" * 32},
            "pubkey_ed25519 is only permitted for 05[...] pubkeys",
        ),
        ({"subaccount": "03" * 36}, "invalid subaccount: subaccount_sig is required when using subaccount"),
        ({"subaccount": "03" * 35}, "invalid subaccount: expected base64 or hex-encoded subaccount token"),
        ({"subaccount": "zz" * 36}, "invalid subaccount: expected base64 or hex-encoded subaccount token"),
        ({"subaccount": "*" * 48}, "invalid subaccount: expected base64 or hex-encoded subaccount token"),
        ({"subaccount": "A" * 47 + "="}, "invalid subaccount: expected base64 or hex-encoded subaccount token"),
        (
            {"subaccount": "03" * 36, "subaccount_sig": "A"},
            "invalid subaccount signature: expected base64 encoded Ed25519 signature",
        ),
    ],
)
def test_fields_of_store_that_are_refused(changes: dict[str, Any], reason: str) -> None:
    assert refusal("store", store_params(**changes)) == (400, f"invalid request: {reason}")


@pytest.mark.parametrize(
    ("method", "params", "reason"),
    [
        ("get_swarm", {}, "Required field 'pubkey' missing"),
        ("get_swarm", {"pubkey": "05"}, "Pubkey must be 66 hex digits/33 bytes long"),
        ("get_snodes_for_pubkey", {"pubKey": "05"}, "Pubkey must be 66 hex digits/33 bytes long"),
        ("get_swarm", {"pubKey": 5}, "Invalid value given for 'pubKey': expected string"),
        ("oxend_request", {}, "Required field 'endpoint' missing"),
        ("oxend_request", {"endpoint": "get_info"}, "Invalid oxend endpoint 'get_info'"),
        (
            "oxend_request",
            {"endpoint": "ons_resolve", "params": []},
            "Invalid value given for 'params': expected object",
        ),
        ("retrieve", signed(signature=None, namespace=2), "Required field 'signature' missing"),
        ("retrieve", signed(signature=None, namespace=0), "Required field 'signature' missing"),
        ("retrieve", signed(signature=None, timestamp=NOW), "Required field 'signature' missing"),
        (
            "retrieve",
            signed(signature=None, namespace=-10, pubkey_ed25519="ab" * 32),
            "Required field 'signature' missing",
        ),
        ("retrieve", signed(), "Required field 'timestamp' missing"),
        ("retrieve", signed(namespace=-1), "Required field 'timestamp' missing"),
        ("retrieve", signed(timestamp=5), "Invalid timestamp for 'timestamp': timestamp must be in milliseconds"),
        (
            "retrieve",
            signed(signature=None, last_hash=HASHES[0] + "="),
            "Invalid last_hash: expected base64 (43 chars)",
        ),
        ("retrieve", signed(signature=None, last_hash="*" * 43), "Invalid last_hash: expected base64 (43 chars)"),
        (
            "retrieve",
            signed(signature=None, last_hash=HASHES[0], lastHash=HASHES[0]),
            "Cannot specify both 'last_hash' and 'lastHash'",
        ),
        ("retrieve", signed(signature=None, max_count="5"), "Invalid value given for 'max_count': expected integer"),
        ("retrieve", signed(signature=None, max_size=1.5), "Invalid value given for 'max_size': expected integer"),
        ("retrieve", signed(signature=None, max_size=2**63), "Invalid value given for 'max_size': expected integer"),
        (
            "retrieve",
            signed(signature=None, reverse_direction=1),
            "Invalid value given for 'reverse_direction': expected boolean",
        ),
        ("delete", signed(), "Required field 'messages' missing"),
        ("delete", signed(messages=[]), "messages does not contain any message hashes"),
        ("delete", signed(messages=5), "Invalid value given for 'messages': expected string array"),
        ("delete", signed(messages=[HASHES[0], 5]), "Invalid value given for 'messages': expected string array"),
        ("delete", signed(messages={"a": 1}), "Invalid value given for 'messages': expected string array"),
        ("delete", signed(messages=["x"]), "invalid message hash: x"),
        (
            "delete",
            signed(messages=[HASHES[0]], required=1),
            "Invalid value given for 'required': expected boolean",
        ),
        ("delete", signed(messages=[HASHES[0]], signature=None), "Required field 'signature' missing"),
        ("delete_all", signed(), "Required field 'timestamp' missing"),
        (
            "delete_all",
            signed(timestamp=NOW, namespace="ALL"),
            "Invalid value given for 'namespace': expected integer or \"all\"",
        ),
        (
            "delete_all",
            signed(timestamp=NOW, namespace=40_000),
            "Invalid value given for 'namespace': value out of range",
        ),
        ("delete_before", signed(), "Required field 'before' missing"),
        ("delete_before", signed(before=1), "Invalid timestamp for 'before': timestamp must be in milliseconds"),
        ("expire_all", signed(), "Required field 'expiry' missing"),
        ("expire", signed(expiry=NOW), "Required field 'messages' missing"),
        ("expire", signed(messages=[HASHES[0]]), "Required field 'expiry' missing"),
        ("expire", signed(messages=["x"], expiry=NOW), "invalid message hash: x"),
        (
            "expire",
            signed(messages=[HASHES[0]], expiry=[]),
            "'expiry' does not contain any expiration timestamps",
        ),
        (
            "expire",
            signed(messages=[HASHES[0]], expiry=[NOW, NOW]),
            "'expiry' must be a single expiry, or the same length as 'messages'",
        ),
        (
            "expire",
            signed(messages=[HASHES[0]], expiry="x"),
            "Invalid value given for 'expiry': expected timestamp array",
        ),
        (
            "expire",
            signed(messages=[HASHES[0]], expiry=[-1]),
            "Invalid value given for 'expiry': expected timestamp array",
        ),
        (
            "expire",
            signed(messages=[HASHES[0]], expiry=NOW, shorten=True, extend=True),
            "cannot specify both 'shorten' and 'extend'",
        ),
        (
            "expire",
            signed(messages=[HASHES[0]], expiry=NOW, extend="yes"),
            "Invalid value given for 'extend': expected boolean",
        ),
        ("get_expiries", signed(timestamp=NOW, messages=[]), "messages does not contain any message hashes"),
        ("get_expiries", signed(messages=["x"]), "Required field 'timestamp' missing"),
        ("revoke_subaccount", signed(timestamp=NOW), "Required field 'revoke' missing"),
        (
            "revoke_subaccount",
            signed(timestamp=NOW, revoke=[TOKEN.hex()] * 51),
            "invalid revoke: cannot revoke more than 50 subaccounts at once",
        ),
        (
            "revoke_subaccount",
            signed(timestamp=NOW, revoke="0303"),
            "invalid revoke: expected base64 or hex-encoded subaccount tag",
        ),
        (
            "revoke_subaccount",
            signed(timestamp=NOW, revoke=[5]),
            "Invalid value given for 'revoke': expected string array",
        ),
        (
            "unrevoke_subaccount",
            signed(timestamp=NOW, unrevoke=["x"]),
            "invalid unrevoke: expected base64 or hex-encoded subaccount tag",
        ),
        ("revoked_subaccounts", signed(), "Required field 'timestamp' missing"),
        ("revoked_subaccounts", signed(timestamp=NOW, signature=None), "Required field 'signature' missing"),
    ],
)
def test_fields_of_other_methods_that_are_refused(method: str, params: dict[str, Any], reason: str) -> None:
    assert refusal(method, params) == (400, f"invalid request: {reason}")


def test_store_takes_texts_aliases_and_missing_padding() -> None:
    request = parse(
        "store",
        {"pubKey": ALICE.hex().upper(), "data": "/+8", "timestamp": str(NOW), "ttl": str(DAY), "jsonrpc": 1},
    )
    assert request == Store(ALICE, 0, b"\xff\xef", NOW, NOW + DAY)


def test_a_signed_store_keeps_all_of_its_auth() -> None:
    request = parse(
        "store",
        store_params(
            ttl=None,
            expiry=NOW + DAY,
            namespace=-21,
            signature=SIGNATURE_TEXT.rstrip("="),
            sig_timestamp=NOW + 5,
            pubkey_ed25519=ALICE_PUBLIC.hex().upper(),
            subaccount=b64encode(TOKEN).decode(),
            subaccount_sig=SIGNATURE_TEXT,
        ),
    )
    auth = Auth(SIGNATURE, ALICE_PUBLIC, SubaccountAuth(TOKEN, SIGNATURE))
    assert request == Store(ALICE, -21, b"\0\0\0", NOW, NOW + DAY, NOW + 5, auth)


def test_the_largest_data_is_taken() -> None:
    request = parse("store", store_params(data="A" * 102_400))
    assert isinstance(request, Store)
    assert len(request.data) == 76_800


def test_bounds_of_times() -> None:
    assert parse("delete_all", signed(timestamp=10**9)) == DeleteAll(ALICE, 10**9, 0, Auth(SIGNATURE))
    assert refusal("delete_all", signed(timestamp=10**9 - 1))[0] == 400
    largest = parse("expire", signed(messages=HASHES[0], expiry=[2**63 - 1]))
    assert isinstance(largest, Expire)
    for expiry in (2**63, 2**64, [2**63]):
        assert refusal("expire", signed(messages=HASHES[0], expiry=expiry)) == (
            400,
            "invalid request: Invalid value given for 'expiry': expected timestamp array",
        )


def test_an_empty_subaccount_is_absent() -> None:
    request = parse("store", store_params(signature=SIGNATURE_TEXT, subaccount=""))
    assert isinstance(request, Store)
    assert request.auth == Auth(SIGNATURE)


def test_retrieve_without_namespace_may_be_unsigned() -> None:
    params = {"pubkey": ALICE.hex(), "last_hash": "", "max_count": 0, "max_size": -3}
    assert parse("retrieve", params) == Retrieve(ALICE, max_count=0, max_size=-3)
    assert parse("retrieve", {"pubkey": ALICE.hex(), "namespace": -10}) == Retrieve(ALICE, -10)
    assert parse("retrieve", {"pubkey": ALICE.hex(), "lastHash": HASHES[0]}) == Retrieve(ALICE, last_hash=HASHES[0])


def test_single_values_are_lists_of_one() -> None:
    expire = parse("expire", signed(messages=HASHES[0], expiry=5, extends=True))
    assert expire == Expire(ALICE, (HASHES[0],), (5,), auth=Auth(SIGNATURE))
    revoke = parse("revoke_subaccount", signed(revoke=TOKEN.hex().upper(), timestamp=NOW))
    assert revoke == RevokeSubaccount(ALICE, (TOKEN,), NOW, Auth(SIGNATURE))


def test_get_expiries_takes_hashes_of_any_form() -> None:
    assert parse("get_expiries", signed(messages="é", timestamp=NOW)) == GetExpiries(
        ALICE, ("é",), NOW, Auth(SIGNATURE)
    )


def test_namespace_may_be_all_where_the_chapter_says_so() -> None:
    everything = parse("delete_all", signed(timestamp=NOW, namespace="all"))
    assert everything == DeleteAll(ALICE, NOW, "all", Auth(SIGNATURE))
    assert parse("delete_all", signed(timestamp=NOW)) == DeleteAll(ALICE, NOW, 0, Auth(SIGNATURE))
    assert refusal("store", store_params(namespace="all"))[0] == 400


def test_revoked_subaccounts_ignores_the_ed25519_key() -> None:
    request = parse("revoked_subaccounts", signed(timestamp=NOW, pubkey_ed25519="no key at all"))
    assert request == RevokedSubaccounts(ALICE, NOW, Auth(SIGNATURE))


def test_test_networks_take_accounts_without_prefix() -> None:
    body = json.dumps({"method": "get_swarm", "params": {"pubkey": ALICE.hex()[2:]}}).encode()
    assert parse_request(body, testnet=True) == GetSwarm(ALICE)
    with pytest.raises(RpcError):
        parse_request(body)


def test_oxend_request_keeps_its_params() -> None:
    assert parse("oxend_request", {"endpoint": "ons_resolve", "params": {"type": 0}}) == OxendRequest(
        "ons_resolve", {"type": 0}
    )
    assert parse("oxend_request", {"endpoint": "get_service_nodes"}) == OxendRequest("get_service_nodes", {})


def test_requests_print_neither_accounts_nor_data() -> None:
    printed = repr(parse("store", store_params(data="c2VjcmV0", signature=SIGNATURE_TEXT)))
    assert ALICE.hex() not in printed
    assert repr(ALICE) not in printed
    assert "secret" not in printed
    assert repr(SIGNATURE) not in printed
