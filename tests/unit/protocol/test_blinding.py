"""Blinded identities (01.7.1 to 01.7.3)."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol import blinding, crypto, xed25519
from veery.protocol.account import Account, AccountId
from veery.protocol.blinding import BlindingWrong

SERVER, OTHER_SERVER = b"\x11" * 32, b"\x12" * 32
ACCOUNTS = [Account.from_seed(bytes([number]) * 16) for number in range(12)]
USER, STRANGER = ACCOUNTS[0], ACCOUNTS[1]


def test_both_signs_occur_in_these_tests() -> None:
    assert len({xed25519.is_negative(account.ed25519_public) for account in ACCOUNTS}) == 2


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_owner_is_one_of_the_two_ids_of_scheme_15(account: Account) -> None:
    own = blinding.blind15(account.ed25519_secret, SERVER)
    assert own.account_id in blinding.ids15(account.account_id, SERVER)
    assert own.account_id == blinding.id15_of_ed25519(account.ed25519_public, SERVER)
    assert own.account_id.prefix == 0x15


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_owner_is_the_one_id_of_scheme_25(account: Account) -> None:
    own = blinding.blind25(account.ed25519_secret, SERVER)
    assert own.account_id == blinding.id25(account.account_id, SERVER)
    assert own.account_id.prefix == 0x25


@pytest.mark.parametrize("prefix", [0x15, 0x25])
def test_signatures_verify_as_ed25519_under_the_blinded_key(prefix: int) -> None:
    for account in ACCOUNTS:
        own = blinding.blind(prefix, account.ed25519_secret, SERVER)
        for nonce_from_seed in (False, True):
            signature = own.sign(b"words", nonce_from_seed=nonce_from_seed)
            crypto.ed25519_verify(own.key, b"words", signature)
            assert not crypto.ed25519_verifies(own.key, b"other", signature)
        assert own.sign(b"words") == own.sign(b"words") != own.sign(b"other")


def test_two_servers_see_two_users() -> None:
    for prefix in (0x15, 0x25):
        ids = {blinding.blind(prefix, USER.ed25519_secret, server).key for server in (SERVER, OTHER_SERVER)}
        assert len(ids) == 2


def test_matching_takes_both_signs_of_15() -> None:
    for blinded in blinding.ids15(USER.account_id, SERVER):
        assert blinding.matches(USER.account_id, blinded, SERVER)
        assert not blinding.matches(STRANGER.account_id, blinded, SERVER)
        assert not blinding.matches(USER.account_id, blinded, OTHER_SERVER)


def test_matching_takes_only_the_one_id_of_25() -> None:
    blinded = blinding.id25(USER.account_id, SERVER)
    flipped = AccountId(b"\x25" + xed25519.flip_sign(blinded.key))
    assert blinding.matches(USER.account_id, blinded, SERVER)
    assert not blinding.matches(USER.account_id, flipped, SERVER)
    assert not blinding.matches(STRANGER.account_id, blinded, SERVER)


@pytest.mark.parametrize("prefix", [0x00, 0x03, 0x05, 0x07])
def test_matching_with_another_kind_of_id_is_an_error(prefix: int) -> None:
    with pytest.raises(BlindingWrong):
        blinding.matches(USER.account_id, AccountId(bytes([prefix]) + USER.ed25519_public), SERVER)
    with pytest.raises(BlindingWrong):
        blinding.blind(prefix, USER.ed25519_secret, SERVER)


@pytest.mark.parametrize("prefix", [0x00, 0x03, 0x07, 0x15, 0x25])
def test_only_users_are_blinded(prefix: int) -> None:
    other = AccountId(bytes([prefix]) + USER.x25519_public)
    for blinded in (*blinding.ids15(USER.account_id, SERVER), blinding.id25(USER.account_id, SERVER)):
        with pytest.raises(BlindingWrong):
            blinding.matches(other, blinded, SERVER)


@pytest.mark.parametrize("u", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18])
def test_account_ids_of_small_order_are_refused(u: int) -> None:
    """u = 0, 1 and -1 and their other spellings: points of order 2 and 4, or none."""
    user = AccountId.from_x25519(u.to_bytes(32, "little"))
    with pytest.raises(crypto.CryptoFailed):
        blinding.ids15(user, SERVER)
    with pytest.raises(crypto.CryptoFailed):
        blinding.id25(user, SERVER)


def test_account_ids_without_a_point_are_refused() -> None:
    refused = 0
    for u in range(2, 66):
        try:
            blinding.id25(AccountId.from_x25519(u.to_bytes(32, "little")), SERVER)
        except crypto.CryptoFailed:
            refused += 1
    assert refused > 32  # half of all values are on the twist; more are outside of the main subgroup


def test_a_server_key_has_32_bytes() -> None:
    with pytest.raises(Misuse):
        blinding.ids15(USER.account_id, SERVER[:-1])


def test_an_identity_prints_nothing_secret() -> None:
    own = blinding.blind15(USER.ed25519_secret, SERVER)
    assert own.scalar.reveal().hex()[:8] not in repr(own)
    assert own.account_id.hex[:12] not in repr(own)
