"""Tokens of subaccounts: what they allow, how groups make them, how members sign."""

from __future__ import annotations

import pytest

from tests.unit.protocol.storage_rpc.people import ALICE, ALICE_SEED, GROUP, GROUP_SECRET, GROUP_SEED
from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.storage_rpc.subaccounts import (
    Access,
    SubaccountRefused,
    build_token,
    check_token,
    group_auth_data,
    group_token,
    member_key,
    owner_key,
    positive_edwards_point,
    token_access,
    token_allows,
    token_key,
)
from veery.secret import Secret

AUTH = group_auth_data(Secret(GROUP_SEED), ALICE[1:])


def test_a_member_signs_under_the_token_of_the_admin() -> None:
    key = member_key(GROUP, AUTH, Secret(ALICE_SEED))
    assert key.token == group_token(Secret(GROUP_SEED), ALICE[1:])
    assert token_access(key.token) == Access.READ | Access.WRITE
    crypto.ed25519_verify(token_key(key.token), b"message", key.sign(b"message"))
    assert key.sign(b"one") != key.sign(b"two")


@pytest.mark.parametrize("seed", [bytes((number,)) * 32 for number in range(8)])
def test_members_with_either_sign_of_their_key(seed: bytes) -> None:
    public, _ = crypto.ed25519_from_seed(seed)
    x25519 = crypto.ed25519_public_to_x25519(public)
    assert positive_edwards_point(x25519) == public[:-1] + bytes((public[-1] & 0x7F,))
    auth_data = group_auth_data(Secret(GROUP_SEED), x25519, Access(7))
    key = member_key(GROUP, auth_data, Secret(seed), Access.DELETE)
    crypto.ed25519_verify(token_key(key.token), b"m", key.sign(b"m"))


def test_both_signs_were_tested() -> None:
    signs = {crypto.ed25519_from_seed(bytes((number,)) * 32)[0][-1] & 0x80 for number in range(8)}
    assert signs == {0, 0x80}


def test_auth_data_is_for_one_member_of_one_group() -> None:
    with pytest.raises(SubaccountRefused):
        member_key(GROUP, AUTH, Secret(b"o" * 32))
    other_group, _ = crypto.ed25519_from_seed(b"g" * 32)
    with pytest.raises(SubaccountRefused):
        member_key(b"\x03" + other_group, AUTH, Secret(ALICE_SEED))
    with pytest.raises(SubaccountRefused):
        member_key(GROUP, AUTH, Secret(ALICE_SEED), Access.DELETE)
    with pytest.raises(SubaccountRefused):
        member_key(GROUP, Secret(AUTH.reveal()[:-1]), Secret(ALICE_SEED))
    for place in (0, 1, 2, 3, 10, 50, 99):
        data = bytearray(AUTH.reveal())
        data[place] ^= 1
        with pytest.raises(SubaccountRefused):
            member_key(GROUP, Secret(bytes(data)), Secret(ALICE_SEED))


def test_a_zero_factor_is_refused() -> None:
    data = AUTH.reveal()
    with pytest.raises(crypto.CryptoFailed):
        member_key(GROUP, Secret(data[:4] + bytes(32) + data[36:]), Secret(ALICE_SEED))


def test_rights_and_prefixes() -> None:
    token = build_token(3, Access.READ | Access.WRITE, b"k" * 32)
    assert token == b"\x03\x03\0\0" + b"k" * 32
    assert token_allows(GROUP, token, Access.READ)
    assert token_allows(GROUP, token, Access.READ | Access.WRITE)
    assert not token_allows(GROUP, token, Access.DELETE)
    assert not token_allows(ALICE, token, Access.READ)
    assert token_allows(ALICE, build_token(3, Access.READ | Access.ANY_PREFIX, b"k" * 32), Access.READ)
    with pytest.raises(Misuse):
        build_token(3, Access.READ, b"short")


def test_reasons_of_refusal() -> None:
    key = member_key(GROUP, AUTH, Secret(ALICE_SEED))

    def kind(token: bytes, signature: bytes, needed: Access, **flags: bool) -> str:
        with pytest.raises(SubaccountRefused) as refused:
            check_token(GROUP, GROUP[1:], token, signature, needed, **flags)
        return refused.value.kind

    check_token(GROUP, GROUP[1:], key.token, key.token_signature, Access.READ)
    check_token(GROUP, GROUP[1:], key.token, key.token_signature, Access.READ, revoked=True, unrevocable=True)
    assert kind(key.token[1:], key.token_signature, Access.READ) == "protocol.subaccount.size"
    assert kind(key.token, key.token_signature, Access.READ, revoked=True) == "protocol.subaccount.revoked"
    assert kind(key.token, key.token_signature, Access.DELETE) == "protocol.subaccount.access"
    assert kind(key.token, bytes(64), Access.READ) == "protocol.subaccount.owner"
    assert kind(key.token, b"", Access.READ) == "protocol.subaccount.owner"


def test_the_key_of_an_owner() -> None:
    public, _ = crypto.ed25519_from_seed(ALICE_SEED)
    assert owner_key(ALICE, public) == public
    assert owner_key(ALICE, None) == ALICE[1:]
    assert owner_key(GROUP, None) == GROUP_SECRET[32:]
    with pytest.raises(crypto.CryptoFailed):
        owner_key(ALICE, GROUP[1:])
    with pytest.raises(crypto.CryptoFailed):
        owner_key(GROUP, GROUP[1:])


def test_a_key_without_a_point() -> None:
    minus_one = (2**255 - 20).to_bytes(32, "little")
    with pytest.raises(crypto.CryptoFailed):
        positive_edwards_point(minus_one)


def test_a_members_key_prints_nothing_of_it() -> None:
    printed = repr(member_key(GROUP, AUTH, Secret(ALICE_SEED)))
    assert printed == "MemberKey(scalar=<Secret of 32 bytes>, nonce_seed=<Secret of 32 bytes>)"
