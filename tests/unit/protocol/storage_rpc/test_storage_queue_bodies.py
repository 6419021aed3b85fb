"""Bodies of the queue, JSON or bencoded, and of requests that members forward."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.protocol.storage_rpc.people import (
    ALICE,
    ALICE_PUBLIC,
    DAY,
    GROUP,
    HASHES,
    NOW,
    TOKEN,
    alice,
    member,
    requests_of,
)
from veery.protocol import bt
from veery.protocol.storage_rpc import (
    Auth,
    Batch,
    Delete,
    DeleteAll,
    Encoding,
    Expire,
    GetSwarm,
    Info,
    OxendRequest,
    RpcError,
    Sequence,
    Store,
    SubaccountAuth,
    UnknownMethod,
    parse_forwarded,
    parse_params,
    sign_request,
    write_forwarded,
)

SIGNATURE = bytes(range(64))


def store_dict(**changes: Any) -> dict[str, Any]:
    fields = {"pubkey": ALICE, "data": b"raw", "timestamp": NOW, "expiry": NOW + DAY} | changes
    return {name: value for name, value in fields.items() if value is not None}


def refusal(method: str, fields: Any) -> tuple[int, Any]:
    with pytest.raises(RpcError) as refused:
        parse_params(method, bt.encode(fields))
    return refused.value.code, refused.value.body


def test_an_empty_body_is_an_empty_object() -> None:
    assert parse_params("info", b"") == (Info(), Encoding.JSON)


def test_the_first_byte_decides_the_encoding() -> None:
    assert parse_params("get_swarm", json.dumps({"pubkey": ALICE.hex()}).encode()) == (GetSwarm(ALICE), Encoding.JSON)
    assert parse_params("get_swarm", bt.encode({"pubkey": ALICE})) == (GetSwarm(ALICE), Encoding.BENCODED)
    assert parse_params("get_snodes_for_pubkey", bt.encode({"pubKey": ALICE})) == (GetSwarm(ALICE), Encoding.BENCODED)


@pytest.mark.parametrize("body", [b"x", b"[]", b"5", b"le", b"d", b"di1ei2ee", b"d1:a1:b1:a1:ce", b"[" * 100_000])
def test_bodies_that_are_neither(body: bytes) -> None:
    with pytest.raises(RpcError) as refused:
        parse_params("info", body)
    assert (refused.value.code, refused.value.body) == (400, "invalid body: expected json or bt_dict")


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UnknownMethod):
        parse_params("nope", b"{}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pubkey": None}, "Required field 'pubkey' missing"),
        ({"pubkey": 5}, "Invalid value given for 'pubkey': expected string"),
        ({"pubkey": ALICE[1:]}, "Pubkey must be 66 hex digits (33 bytes) long"),
        ({"pubkey": b"\xff" * 66}, "Pubkey must be 66 hex digits (33 bytes) long"),
        ({"data": b"x" * 76_801}, "Message body exceeds maximum allowed length of 76800 bytes"),
        ({"data": [b"x"]}, "Invalid value given for 'data': expected string"),
        ({"timestamp": -1}, "Invalid value given for 'timestamp': expected integer timestamp (in milliseconds)"),
        ({"timestamp": 2**64 - 1}, "Invalid value given for 'timestamp': expected integer timestamp (in milliseconds)"),
        ({"timestamp": b"abc"}, "Invalid value given for 'timestamp': \"abc\""),
        ({"timestamp": b"\xff"}, "Invalid value given for 'timestamp': expected integer timestamp (in milliseconds)"),
        ({"namespace": b"0"}, "Invalid value given for 'namespace': expected 16-bit integer"),
        ({"signature": b"short"}, "invalid signature: expected 64-byte Ed25519 signature"),
        ({"pubkey_ed25519": b"k" * 31}, "Invalid pubkey_ed25519: expected 64 hex char or 32 byte pubkey"),
        ({"pubkey_ed25519": b"z" * 64}, "invalid pubkey_ed25519: value is not hex"),
        ({"pubkey": GROUP, "pubkey_ed25519": b"k" * 32}, "pubkey_ed25519 is only permitted for 05[...] pubkeys"),
        ({"subaccount": TOKEN}, "invalid subaccount: subaccount_sig is required when using subaccount"),
        ({"subaccount": TOKEN[1:]}, "invalid subaccount token: invalid token length"),
        (
            {"subaccount": TOKEN, "subaccount_sig": b"short"},
            "invalid signature: expected 64-byte Ed25519 signature",
        ),
    ],
)
def test_bencoded_fields_that_are_refused(changes: dict[str, Any], reason: str) -> None:
    assert refusal("store", store_dict(**changes)) == (400, f"invalid request: {reason}")


def test_other_bencoded_fields_that_are_refused() -> None:
    common = {"pubkey": ALICE, "signature": SIGNATURE}
    assert refusal("delete", {**common, "messages": [b"\xff" * 43]}) == (
        400,
        "invalid request: Invalid value given for 'messages': expected string array",
    )
    assert refusal("delete", {**common, "messages": [HASHES[0]], "required": 2}) == (
        400,
        "invalid request: Invalid value given for 'required': expected boolean",
    )
    assert refusal("revoke_subaccount", {**common, "timestamp": NOW, "revoke": [TOKEN.hex()]}) == (
        400,
        "invalid request: invalid revoke: expected base64 or hex-encoded subaccount tag",
    )
    assert refusal("revoke_subaccount", {**common, "timestamp": NOW, "revoke": [5]}) == (
        400,
        "invalid request: Invalid value given for 'revoke': expected string array",
    )
    assert refusal("oxend_request", {"endpoint": "ons_resolve", "params": b"{"}) == (
        400,
        "invalid request: Invalid value given for 'params': expected object",
    )


def test_bencoded_fields_are_raw_or_hex() -> None:
    fields = store_dict(
        pubkey=ALICE.hex(),
        namespace=-21,
        pubkey_ed25519=ALICE_PUBLIC.hex(),
        sig_timestamp=NOW + 1,
        signature=SIGNATURE,
        subaccount=TOKEN,
        subaccount_sig=SIGNATURE,
    )
    request, _ = parse_params("store", bt.encode(fields))
    auth = Auth(SIGNATURE, ALICE_PUBLIC, SubaccountAuth(TOKEN, SIGNATURE))
    assert request == Store(ALICE, -21, b"raw", NOW, NOW + DAY, NOW + 1, auth)


def test_bencoded_times_may_be_of_any_size_and_flags_are_numbers() -> None:
    fields: dict[str, Any] = {
        "pubkey": ALICE,
        "signature": SIGNATURE,
        "messages": list(HASHES),
        "expiry": 5,
        "extend": 1,
    }
    request, _ = parse_params("expire", bt.encode(fields))
    assert request == Expire(ALICE, HASHES, (5,), extend=True, auth=Auth(SIGNATURE))
    everything: dict[str, Any] = {"pubkey": ALICE, "signature": SIGNATURE, "timestamp": 5, "namespace": "all"}
    assert parse_params("delete_all", bt.encode(everything))[0] == DeleteAll(ALICE, 5, "all", Auth(SIGNATURE))


def test_a_bencoded_key_out_of_order_is_not_found() -> None:
    swapped = b"d9:timestampi5e6:pubkey33:" + ALICE + b"9:signature64:" + SIGNATURE + b"e"
    with pytest.raises(RpcError) as refused:
        parse_params("delete_all", swapped)
    assert refused.value.body == "invalid request: Required field 'pubkey' missing"
    unknown_behind = b"d6:pubkey33:" + ALICE + b"1:ai5ee"
    assert parse_params("get_swarm", unknown_behind)[0] == GetSwarm(ALICE)


def test_bencoded_oxend_requests_carry_json_text() -> None:
    body = bt.encode({"endpoint": "ons_resolve", "params": b'{"type":0}'})
    assert parse_params("oxend_request", body)[0] == OxendRequest("ons_resolve", {"type": 0})


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        (None, 'Invalid batch request: no valid "requests" field'),
        (5, 'Invalid batch request: no valid "requests" field'),
        ([], 'Invalid batch request: empty "requests" list'),
        ([b"info"], "Invalid batch request: requests must be dicts"),
        ([{"params": {}}], "Invalid batch request: subrequests must have a method"),
        ([{"method": b"info"}], "Invalid batch request: subrequests must have a params dict"),
        ([{"method": b"info", "params": {}}] * 21, "Invalid batch request: subrequest limit exceeded"),
        ([{"method": b"nope", "params": {}}], 'Invalid batch subrequest: invalid method "nope"'),
        (
            [{"method": b"ifelse", "params": {}}],
            "Invalid batch subrequest: subrequests may not contain meta-requests",
        ),
        ([{"method": b"get_swarm", "params": {}}], "Required field 'pubkey' missing"),
    ],
)
def test_bencoded_batches_that_are_refused(requests: Any, reason: str) -> None:
    fields = {} if requests is None else {"requests": requests}
    assert refusal("batch", fields) == (400, f"invalid request: {reason}")


def test_bencoded_batches() -> None:
    parts: dict[str, Any] = {
        "requests": [{"method": b"info", "params": {}}, {"method": b"get_swarm", "params": {"pubkey": ALICE}}]
    }
    assert parse_params("batch", bt.encode(parts))[0] == Batch((Info(), GetSwarm(ALICE)))
    assert parse_params("sequence", bt.encode(parts))[0] == Sequence((Info(), GetSwarm(ALICE)))


def test_a_forwarded_store_is_exactly_what_the_chapter_says() -> None:
    unsigned = Store(ALICE, 0, b"raw", NOW, NOW + DAY)
    assert write_forwarded(unsigned) == bt.encode(store_dict())
    private = sign_request(Store(ALICE, 2, b"raw", NOW, NOW + DAY), alice)
    assert private.auth is not None
    assert write_forwarded(private) == bt.encode(
        store_dict(namespace=2, pubkey_ed25519=ALICE_PUBLIC, sig_timestamp=NOW, signature=private.auth.signature)
    )
    by_member = sign_request(Store(GROUP, 11, b"raw", NOW, NOW + DAY, NOW + 1), member())
    assert by_member.auth is not None
    assert by_member.auth.subaccount is not None
    assert write_forwarded(by_member) == bt.encode(
        store_dict(
            pubkey=GROUP,
            namespace=11,
            sig_timestamp=NOW + 1,
            signature=by_member.auth.signature,
            subaccount=by_member.auth.subaccount.token,
            subaccount_sig=by_member.auth.subaccount.signature,
        )
    )


def test_forwarded_requests_of_other_methods() -> None:
    auth = Auth(SIGNATURE)
    common: dict[str, Any] = {"pubkey": GROUP, "signature": SIGNATURE}
    assert write_forwarded(Delete(GROUP, HASHES, True, auth)) == bt.encode({**common, "messages": HASHES})
    everything = DeleteAll(GROUP, NOW, 0, auth)
    assert write_forwarded(everything) == bt.encode({**common, "timestamp": NOW, "namespace": 0})
    one = Expire(GROUP, HASHES, (NOW,), extend=True, auth=auth)
    assert write_forwarded(one) == bt.encode({**common, "messages": HASHES, "expiry": NOW, "extend": 1})
    many = Expire(GROUP, HASHES, (NOW, NOW, NOW), shorten=True, auth=auth)
    assert write_forwarded(many) == bt.encode({**common, "messages": HASHES, "expiry": [NOW, NOW, NOW], "shorten": 1})


def test_forwarded_requests_are_read_back() -> None:
    read = 0
    for request in requests_of(GROUP):
        signed = sign_request(request, member())
        if request.recursive:
            again = parse_forwarded(request.method, write_forwarded(signed))  # type: ignore[arg-type]  # recursive
            assert again.signed_text() == signed.signed_text()
            assert again.auth == signed.auth
            read += 1
    assert read == 8


def test_what_may_not_be_forwarded() -> None:
    for method in ("retrieve", "info", "batch", "ifelse", "get_expiries", "revoked_subaccounts"):
        with pytest.raises(RpcError) as refused:
            parse_forwarded(method, b"de")
        assert refused.value.body == "invalid request: received invalid forwarded non-forwardable request"
    with pytest.raises(UnknownMethod):
        parse_forwarded("nope", b"de")
    with pytest.raises(RpcError) as refused:
        parse_forwarded("store", b"{}")
    assert refused.value.body == "invalid body: expected json or bt_dict"
