"""What a node checks of a request that parses: limits of time, signatures, subaccounts; texts and their order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.protocol.storage_rpc.people import (
    ALICE,
    ALICE_SEED,
    DAY,
    GROUP,
    HASHES,
    NOW,
    TOKEN,
    alice,
    group,
    member,
    requests_of,
)
from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.storage_rpc import (
    Auth,
    Batch,
    Delete,
    DeleteAll,
    DeleteBefore,
    Expire,
    ExpireAll,
    GetExpiries,
    Info,
    Retrieve,
    RevokedSubaccounts,
    RevokeSubaccount,
    RpcError,
    Signed,
    Store,
    SubaccountAuth,
    UnrevokeSubaccount,
    check_limits,
    check_request,
    check_signature,
    owner_signer,
    sign_request,
    subaccount_token,
)
from veery.protocol.storage_rpc.checks import needed_access
from veery.protocol.storage_rpc.subaccounts import Access
from veery.secret import Secret

FAILED = {
    "store": "store signature verification failed",
    "retrieve": "retrieve signature verification failed",
    "delete": "delete_msgs signature verification failed",
    "delete_all": "delete_all signature verification failed",
    "delete_before": "delete_before signature verification failed",
    "expire": "expire: signature verification failed",
    "expire_all": "expire_all signature verification failed",
    "get_expiries": "get_expiries signature verification failed",
    "revoke_subaccount": "revoke_subaccount signature verification failed",
    "unrevoke_subaccount": "unrevoke_subaccount signature verification failed",
    "revoked_subaccounts": "revoked_subaccounts signature verification failed",
}


def refusal(request: Signed, now_ms: int = NOW, **flags: Any) -> tuple[int, Any]:
    with pytest.raises(RpcError) as refused:
        check_request(request, now_ms, **flags)
    return refused.value.code, refused.value.body


@pytest.mark.parametrize("request_", requests_of(ALICE), ids=lambda request: str(request.method))
def test_signatures_of_a_person(request_: Signed) -> None:
    signed = sign_request(request_, alice)
    check_request(signed, NOW)
    assert signed.auth is not None
    broken = replace(signed.auth, signature=bytes((signed.auth.signature[0] ^ 1,)) + signed.auth.signature[1:])
    failed = (401, FAILED[request_.method])
    assert refusal(replace(signed, auth=broken)) == failed
    other, _ = crypto.ed25519_from_seed(b"o" * 32)
    assert refusal(replace(signed, auth=replace(signed.auth, ed25519=other))) == failed
    assert refusal(replace(signed, auth=replace(signed.auth, ed25519=b"\xff" * 32))) == failed
    assert refusal(replace(signed, auth=replace(signed.auth, ed25519=None))) == failed
    assert refusal(replace(signed, account=b"\x03" + ALICE[1:])) == failed


@pytest.mark.parametrize("request_", requests_of(GROUP), ids=lambda request: str(request.method))
def test_signatures_of_a_group(request_: Signed) -> None:
    signed = sign_request(request_, group)
    assert signed.auth == Auth(signed.auth.signature if signed.auth else b"")
    check_request(signed, NOW)
    assert refusal(replace(signed, auth=None))[0] == 401


def test_any_other_prefix_is_treated_like_a_group() -> None:
    account = b"\x25" + GROUP[1:]
    signer = replace(group, account=account)
    check_request(sign_request(Retrieve(account, 2, timestamp=NOW), signer), NOW)


@pytest.mark.parametrize("request_", requests_of(GROUP), ids=lambda request: str(request.method))
def test_subaccounts_need_the_flags_of_the_method(request_: Signed) -> None:
    needed = needed_access(request_)
    for access in (Access.READ, Access.WRITE, Access.DELETE, Access.WRITE | Access.DELETE, Access(7), Access(15)):
        signed = sign_request(request_, member(access))
        if needed is not None and access & needed == needed:
            check_request(signed, NOW)
        else:
            assert refusal(signed) == (401, FAILED[request_.method])


def test_needed_flags() -> None:
    needed = {request.method: needed_access(request) for request in requests_of(GROUP)}
    assert needed == {
        "store": Access.WRITE,
        "retrieve": Access.READ,
        "get_expiries": Access.READ,
        "expire": Access.WRITE,
        "delete": Access.DELETE,
        "delete_all": Access.DELETE,
        "delete_before": Access.DELETE,
        "expire_all": Access.DELETE,
        "revoke_subaccount": None,
        "unrevoke_subaccount": None,
        "revoked_subaccounts": None,
    }
    assert needed_access(Store(GROUP, -21, b"", NOW, NOW + DAY)) == Access.WRITE | Access.DELETE


def test_a_revoked_token_reads_only_where_that_is_allowed() -> None:
    for namespace, allowed in ((11, False), (-11, True), (-111, True), (-21, False)):
        signed = sign_request(Retrieve(GROUP, namespace, timestamp=NOW), member())
        token = subaccount_token(signed)
        assert token is not None
        check_request(signed, NOW, revoked=())
        if allowed:
            check_request(signed, NOW, revoked={token})
        else:
            assert refusal(signed, revoked={token}) == (401, FAILED["retrieve"])
    stored = sign_request(Store(GROUP, -11, b"", NOW, NOW + DAY), member())
    assert refusal(stored, revoked={subaccount_token(stored)}) == (401, FAILED["store"])


def test_tokens_of_another_owner_or_prefix_are_refused() -> None:
    signed = sign_request(Retrieve(GROUP, 11, timestamp=NOW), member())
    assert signed.auth is not None
    assert signed.auth.subaccount is not None
    subaccount = signed.auth.subaccount
    wrong_owner = SubaccountAuth(subaccount.token, bytes(64))
    assert refusal(replace(signed, auth=replace(signed.auth, subaccount=wrong_owner))) == (401, FAILED["retrieve"])
    wrong_prefix = SubaccountAuth(b"\x05" + subaccount.token[1:], subaccount.signature)
    assert refusal(replace(signed, auth=replace(signed.auth, subaccount=wrong_prefix))) == (401, FAILED["retrieve"])
    owner_signs = sign_request(Retrieve(GROUP, 11, timestamp=NOW), group)
    assert owner_signs.auth is not None
    mixed = replace(owner_signs, auth=replace(owner_signs.auth, subaccount=subaccount))
    assert refusal(mixed) == (401, FAILED["retrieve"])


def test_subaccount_without_delete_may_not_shorten() -> None:
    shorten = Expire(GROUP, HASHES, (NOW + DAY,), shorten=True)
    code, text = refusal(sign_request(shorten, member()))
    assert code == 400
    assert text == ("expire: shorten parameter cannot be used with this subaccount token (missing delete access)")
    check_request(sign_request(shorten, member(Access(7))), NOW)
    plain = sign_request(Expire(GROUP, HASHES, (NOW + DAY,)), member())
    check_request(plain, NOW)
    assert plain.extend_only
    assert not plain.reports_unchanged
    assert not sign_request(plain, member(Access(7))).extend_only
    assert not sign_request(plain, group).extend_only


def test_a_signature_on_a_public_inbox_is_not_verified() -> None:
    stored = Store(ALICE, 10, b"", NOW, NOW + DAY, NOW - DAY, Auth(bytes(64)))
    check_request(stored, NOW)


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (Store(ALICE, 0, b"", NOW, NOW + 9_999), 403, "Provided expiry/TTL is not valid."),
        (Store(ALICE, 0, b"", NOW, NOW + 14 * DAY + 1), 403, "Provided expiry/TTL is not valid."),
        (Store(ALICE, -10, b"", NOW, NOW + 14 * DAY + 1), 403, "Provided expiry/TTL is not valid."),
        (Store(ALICE, 2, b"", NOW, NOW + 30 * DAY + 1), 403, "Provided expiry/TTL is not valid."),
        (Store(ALICE, 0, b"", NOW, 0), 403, "Provided expiry/TTL is not valid."),
        (Store(ALICE, 0, b"", NOW + 10_001, NOW + DAY), 406, "Timestamp error: check your clock"),
        (Store(ALICE, 0, b"", NOW - DAY, NOW - 10_001), 406, "Timestamp error: check your clock"),
        (Store(ALICE, 2, b"", NOW, NOW + DAY), 401, "store: signature required to store to namespace 2"),
        (Store(ALICE, -21, b"", NOW, NOW + DAY), 401, "store: signature required to store to namespace -21"),
        (
            Store(ALICE, 2, b"", NOW - 60_001, NOW + DAY, auth=Auth(bytes(64))),
            406,
            "store signature timestamp too far from current time",
        ),
        (
            Store(ALICE, 2, b"", NOW, NOW + DAY, NOW + 60_001, Auth(bytes(64))),
            406,
            "store signature timestamp too far from current time",
        ),
        (Retrieve(ALICE, 0), 401, "retrieve: request signature required"),
        (Retrieve(ALICE, -11), 401, "retrieve: request signature required"),
        (
            Retrieve(ALICE, -10, timestamp=NOW - 60_001, auth=Auth(bytes(64))),
            406,
            "retrieve timestamp too far from current time",
        ),
        (Retrieve(ALICE, -10, timestamp=NOW, auth=Auth(bytes(64))), 401, FAILED["retrieve"]),
        (Retrieve(ALICE, -10, auth=Auth(bytes(64))), 401, "retrieve: request signature required"),
        (Delete(ALICE, HASHES), 401, FAILED["delete"]),
        (DeleteAll(ALICE, NOW - 60_001), 406, "delete_all timestamp too far from current time"),
        (DeleteAll(ALICE, NOW + 60_001), 406, "delete_all timestamp too far from current time"),
        (DeleteBefore(ALICE, NOW + 60_001), 401, "delete_before timestamp too far in the future"),
        (ExpireAll(ALICE, NOW - 60_001), 406, "expire_all timestamp should be >= current time"),
        (Expire(ALICE, HASHES, (NOW - 60_001,)), 401, "expire: timestamp should be >= current time"),
        (Expire(ALICE, HASHES, (NOW, NOW, NOW - 60_001)), 401, "expire: timestamp should be >= current time"),
        (GetExpiries(ALICE, HASHES, NOW - 60_001), 406, "get_expiries timestamp too far from current time"),
        (RevokeSubaccount(ALICE, (TOKEN,), NOW + 60_001), 406, "revoke_subaccount timestamp too far from current time"),
        (
            UnrevokeSubaccount(ALICE, (TOKEN,), NOW + 60_001),
            406,
            "unrevoke_subaccount timestamp too far from current time",
        ),
        (RevokedSubaccounts(ALICE, NOW + 60_001), 406, "revoked_subaccounts timestamp too far from current time"),
        (Store(ALICE, -3741, b"", NOW, NOW + DAY), 403, "store: namespace -3741 is not available"),
    ],
)
def test_limits(request_: Signed, code: int, text: str) -> None:
    assert refusal(request_) == (code, text)


@pytest.mark.parametrize(
    "request_",
    [
        Store(ALICE, 0, b"", NOW, NOW + 10_000),
        Store(ALICE, 0, b"", NOW, NOW + 14 * DAY),
        Store(ALICE, 0, b"", NOW + 10_000, NOW + DAY),
        Store(ALICE, 0, b"", NOW - DAY, NOW - 10_000),
        Store(ALICE, 2, b"", NOW, NOW + 30 * DAY, auth=Auth(bytes(64))),
        Store(ALICE, 2, b"", NOW - DAY, NOW, NOW + 60_000, Auth(bytes(64))),
        Retrieve(ALICE, -10),
        Retrieve(ALICE, -1),
        DeleteAll(ALICE, NOW - 60_000),
        DeleteAll(ALICE, NOW + 60_000),
        DeleteBefore(ALICE, NOW + 60_000),
        DeleteBefore(ALICE, 0),
        ExpireAll(ALICE, NOW - 60_000),
        Expire(ALICE, HASHES, (NOW - 60_000,)),
        GetExpiries(ALICE, HASHES, NOW + 60_000),
    ],
)
def test_limits_include_their_bounds(request_: Signed) -> None:
    check_limits(request_, NOW)


def test_forwarded_requests_have_ten_seconds_more_for_two_methods_only() -> None:
    early = NOW - 65_000
    check_limits(DeleteAll(ALICE, early), NOW, forwarded=True)
    check_limits(ExpireAll(ALICE, early), NOW, forwarded=True)
    assert refusal(DeleteAll(ALICE, early))[0] == 406
    assert refusal(DeleteAll(ALICE, NOW - 70_001), forwarded=True)[0] == 406
    assert refusal(Expire(ALICE, HASHES, (early,)), forwarded=True)[0] == 401
    assert refusal(RevokeSubaccount(ALICE, (TOKEN,), early), forwarded=True)[0] == 406


def test_the_signed_string_is_exact() -> None:
    signed = sign_request(DeleteAll(GROUP, NOW), group)
    spelled = Auth(crypto.ed25519_sign(group.secret.reveal(), b"delete_all0%d" % NOW))
    assert refusal(replace(signed, auth=spelled)) == (401, FAILED["delete_all"])
    order = replace(sign_request(Delete(GROUP, HASHES), group), messages=HASHES[::-1])
    assert refusal(order) == (401, FAILED["delete"])


def test_requests_without_signature_pass() -> None:
    check_request(Info(), NOW)
    check_request(Batch((Info(),)), NOW)
    check_signature(Retrieve(ALICE, -10))


def test_signers_sign_for_their_own_account_only() -> None:
    with pytest.raises(Misuse):
        sign_request(Retrieve(GROUP, 2, timestamp=NOW), alice)
    with pytest.raises(Misuse):
        sign_request(Retrieve(ALICE, 2), alice)
    _, secret = crypto.ed25519_from_seed(b"o" * 32)
    with pytest.raises(Misuse):
        owner_signer(ALICE, Secret(secret))
    with pytest.raises(Misuse):
        owner_signer(ALICE, Secret(ALICE_SEED))
