"""Expanded ML-KEM keys give what their seeds give."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.crypto import CryptoFailed
from veery.protocol.mlkem import MlkemSecret

SEED = bytes(range(64))


def test_it_is_the_key_of_its_seed() -> None:
    secret = MlkemSecret(SEED)
    shared, ciphertext = crypto.mlkem_encapsulate(crypto.mlkem_public(SEED))
    assert secret.public() == crypto.mlkem_public(SEED)
    assert secret.decapsulate(ciphertext) == shared == crypto.mlkem_decapsulate(SEED, ciphertext)
    assert secret.reveal() == SEED


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(Misuse):
        MlkemSecret(SEED[:63])
    with pytest.raises(CryptoFailed):
        MlkemSecret(SEED).decapsulate(bytes(1087))


def test_it_does_not_print() -> None:
    assert repr(MlkemSecret(SEED)) == "<MlkemSecret of 64 bytes>"
