"""Signatures by an X25519 key (01.5)."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol import crypto, xed25519
from veery.protocol.account import Account

RANDOM = bytes(range(64))
ACCOUNTS = [Account.from_seed(bytes([number]) * 16) for number in range(12)]


def random(size: int) -> bytes:
    return RANDOM[:size]


def test_both_signs_occur_in_these_tests() -> None:
    assert len({xed25519.is_negative(account.ed25519_public) for account in ACCOUNTS}) == 2


def test_the_converted_key_is_the_original_without_its_sign() -> None:
    for account in ACCOUNTS:
        found = xed25519.public_to_ed25519(account.x25519_public)
        original = account.ed25519_public
        assert found == (xed25519.flip_sign(original) if xed25519.is_negative(original) else original)
        assert crypto.ed25519_public_to_x25519(found) == account.x25519_public


def test_the_top_bit_of_the_key_is_ignored() -> None:
    public = ACCOUNTS[0].x25519_public
    assert xed25519.public_to_ed25519(xed25519.flip_sign(public)) == xed25519.public_to_ed25519(public)


def test_signatures_verify_under_the_x25519_key_and_not_under_a_negative_original() -> None:
    for account in ACCOUNTS:
        signature = xed25519.sign(account.x25519_secret, b"words", random)
        xed25519.verify(account.x25519_public, b"words", signature)
        holds = crypto.ed25519_verifies(account.ed25519_public, b"words", signature)
        assert holds is not xed25519.is_negative(account.ed25519_public)


def test_altered_messages_signatures_and_keys_are_refused() -> None:
    account, other = ACCOUNTS[0], ACCOUNTS[1]
    signature = xed25519.sign(account.x25519_secret, b"words", random)
    for public, message, given in (
        (account.x25519_public, b"other", signature),
        (account.x25519_public, b"words", signature[:-1] + bytes([signature[-1] ^ 1])),
        (account.x25519_public, b"words", signature[:-1]),
        (other.x25519_public, b"words", signature),
    ):
        with pytest.raises(crypto.CryptoFailed):
            xed25519.verify(public, message, given)


def test_sixty_four_random_bytes_change_the_signature() -> None:
    asked: list[int] = []

    def other(size: int) -> bytes:
        asked.append(size)
        return b"\x07" * size

    secret = ACCOUNTS[0].x25519_secret
    assert xed25519.sign(secret, b"words", other)[:32] != xed25519.sign(secret, b"words", random)[:32]
    assert asked == [64]


def test_keys_without_a_point_are_refused() -> None:
    minus_one = (2**255 - 20).to_bytes(32, "little")
    with pytest.raises(crypto.CryptoFailed):
        xed25519.public_to_ed25519(minus_one)
    with pytest.raises(Misuse):
        xed25519.public_to_ed25519(bytes(31))
