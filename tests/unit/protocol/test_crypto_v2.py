"""The primitives of protocol v2: known answers from their own specifications, and failures by name."""

from __future__ import annotations

import hashlib

import pytest
from nacl import bindings

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.crypto import CryptoFailed

KEY, NONCE = bytes(range(32)), bytes(range(24))


def test_raw_xchacha20_has_the_published_key_stream() -> None:
    # draft-irtf-cfrg-xchacha-03, A.2.2: XChaCha20 with block counter 0
    key = bytes(range(0x80, 0xA0))
    nonce = bytes.fromhex("404142434445464748494a4b4c4d4e4f5051525354555658")
    text = (
        b'The dhole (pronounced "dole") is also known as the Asiatic wild dog, red dog, and whistling dog. It is about '
        b"the size of a German shepherd but looks more like a long-legged fox. This highly elusive and skilled "
        b"jumper is classified with wolves, coyotes, jackals, and foxes in the taxonomic family Canidae."
    )
    sealed = crypto.xchacha_stream(key, nonce, text)
    assert sealed[:16].hex() == "4559abba4e48c16102e8bb2c05e6947f"
    assert crypto.xchacha_stream(key, nonce, sealed) == text


def test_the_raw_stream_is_that_of_the_cipher_one_block_earlier() -> None:
    # XChaCha20-Poly1305 spends block 0 on its authentication key, so its text begins with block 1.
    stream = crypto.xchacha_stream(KEY, NONCE, bytes(64 + 200))
    assert crypto.xchacha_encrypt(KEY, NONCE, bytes(200))[:-16] == stream[64:]


@pytest.mark.parametrize("size", [16_383, 16_384, 16_385, 100_001])
def test_large_texts_have_the_same_ciphertext_in_both_libraries(size: int) -> None:
    text, ad = bytes(range(251)) * (size // 251 + 1), b"beside"
    sealed = crypto.xchacha_encrypt(KEY, NONCE, text[:size], ad)
    assert sealed == bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(text[:size], ad, NONCE, KEY)
    assert crypto.xchacha_decrypt(KEY, NONCE, sealed, ad) == text[:size]
    assert crypto.xchacha_decrypt(KEY, NONCE, memoryview(b"-" + sealed)[1:], ad) == text[:size]


@pytest.mark.parametrize("size", [100, 100_000])
@pytest.mark.parametrize("place", [0, -1])
def test_an_altered_ciphertext_does_not_open_whatever_its_size(size: int, place: int) -> None:
    sealed = bytearray(crypto.xchacha_encrypt(KEY, NONCE, bytes(size)))
    sealed[place] ^= 1
    with pytest.raises(CryptoFailed):
        crypto.xchacha_decrypt(KEY, NONCE, bytes(sealed))
    with pytest.raises(CryptoFailed):
        crypto.xchacha_decrypt(KEY, NONCE, crypto.xchacha_encrypt(KEY, NONCE, bytes(size)), b"other")


@pytest.mark.parametrize("size", [0, 1, 8, 32, 63, 64, 65, 1_000])
def test_raw_stream_sizes(size: int) -> None:
    data = bytes(range(256)) * 4
    assert crypto.xchacha_stream(KEY, NONCE, crypto.xchacha_stream(KEY, NONCE, data[:size])) == data[:size]


def test_raw_stream_sizes_of_keys_are_checked() -> None:
    with pytest.raises(Misuse):
        crypto.xchacha_stream(KEY, NONCE[:-1], b"")
    with pytest.raises(Misuse):
        crypto.xchacha_stream(KEY[:-1], NONCE, b"")


def test_encapsulation_and_decapsulation_agree() -> None:
    seed = bytes(range(64))
    public = crypto.mlkem_public(seed)
    shared, ciphertext = crypto.mlkem_encapsulate(public)
    assert (len(public), len(shared), len(ciphertext)) == (1184, 32, 1088)
    assert crypto.mlkem_decapsulate(seed, ciphertext) == shared
    assert crypto.mlkem_encapsulate(public)[0] != shared


def test_a_tampered_ciphertext_gives_another_secret() -> None:
    seed = bytes(range(64))
    shared, ciphertext = crypto.mlkem_encapsulate(crypto.mlkem_public(seed))
    tampered = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    other = crypto.mlkem_decapsulate(seed, tampered)
    assert other != shared
    # FIPS 203, algorithm 18: implicit rejection is a hash of z and the ciphertext
    assert other == hashlib.shake_256(seed[32:] + tampered).digest(32)


def test_keys_and_ciphertexts_that_are_none_are_refused_by_name() -> None:
    for broken in (b"", b"\xff" * 1184, bytes(1183)):
        with pytest.raises(CryptoFailed) as caught:
            crypto.mlkem_encapsulate(broken)
        assert caught.value.kind == "protocol.crypto.kem"
    for broken in (b"", bytes(1087), bytes(1089)):
        with pytest.raises(CryptoFailed) as caught:
            crypto.mlkem_decapsulate(bytes(64), broken)
        assert caught.value.kind == "protocol.crypto.kem"
    with pytest.raises(Misuse):
        crypto.mlkem_public(bytes(63))


def test_argon2id_depends_on_everything_it_is_given() -> None:
    first = crypto.argon2id(16, b"password", bytes(16), ops=1, memory=8_192)
    assert len(first) == 16
    assert crypto.argon2id(16, b"password", bytes(16), ops=1, memory=8_192) == first
    assert crypto.argon2id(16, b"passwore", bytes(16), ops=1, memory=8_192) != first
    assert crypto.argon2id(16, b"password", bytes(15) + b"\1", ops=1, memory=8_192) != first
    assert crypto.argon2id(16, b"password", bytes(16), ops=2, memory=8_192) != first
    with pytest.raises(Misuse):
        crypto.argon2id(16, b"password", bytes(15), ops=1, memory=8_192)


def test_sponges_and_masks() -> None:
    assert crypto.sha3_256(b"ab", b"c") == hashlib.sha3_256(b"abc").digest()
    assert crypto.shake256(7, b"ab", b"c") == hashlib.shake_256(b"abc").digest(7)
    assert crypto.xor(b"\x0f\xf0", b"\xff\xff\xff") == b"\xf0\x0f"
