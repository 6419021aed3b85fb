"""Secret streams: the same as libsodium's own, with a given header (09.4.3)."""

from __future__ import annotations

import pytest
from nacl import bindings

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.crypto import CryptoFailed, SecretStream

KEY, HEADER = bytes(range(32)), bytes(range(24))
MESSAGES = [b"", b"a", bytes(1_000), b"end"]


def test_what_libsodium_writes_is_read() -> None:
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, KEY)
    push = bindings.crypto_secretstream_xchacha20poly1305_push
    stream = SecretStream(KEY, header)
    assert stream.pull(push(state, b"first", None, 0)) == (b"first", False)
    assert stream.pull(push(state, b"last", None, 3)) == (b"last", True)


def test_what_is_written_libsodium_reads() -> None:
    stream = SecretStream(KEY, HEADER)
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, HEADER, KEY)
    for number, message in enumerate(MESSAGES):
        final = number == len(MESSAGES) - 1
        sealed = stream.push(message, final=final)
        assert len(sealed) == len(message) + 17
        found = bindings.crypto_secretstream_xchacha20poly1305_pull(state, sealed, None)
        assert found == (message, 3 if final else 0)


@pytest.mark.parametrize("tag", [1, 2])
def test_tags_that_no_file_has_are_refused(tag: int) -> None:
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, HEADER, KEY)
    sealed = bindings.crypto_secretstream_xchacha20poly1305_push(state, b"text", None, tag)
    with pytest.raises(CryptoFailed) as refused:
        SecretStream(KEY, HEADER).pull(sealed)
    assert refused.value.kind == "protocol.crypto.tag"


def test_altered_and_short_messages_are_refused() -> None:
    sealed = SecretStream(KEY, HEADER).push(b"text", final=True)
    for wrong in (sealed[:-1], sealed[:16], b"", sealed + b"\0", bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(CryptoFailed):
            SecretStream(KEY, HEADER).pull(wrong)


def test_keys_and_headers_of_wrong_sizes() -> None:
    for key, header in ((KEY[:31], HEADER), (KEY, HEADER + b"\0")):
        with pytest.raises(Misuse):
            SecretStream(key, header)


def test_hashing_in_pieces_is_hashing_at_once() -> None:
    state = crypto.blake2b_pieces(20, key=b"key", person=b"person")
    state.update(b"one ")
    state.update(b"two")
    assert state.digest() == crypto.blake2b(20, b"one two", key=b"key", person=b"person")
    assert crypto.blake2b_pieces(20, salt=b"salt").digest() != crypto.blake2b(20)


def test_points() -> None:
    public, _ = crypto.ed25519_from_seed(bytes(32))
    assert crypto.ed25519_is_point(public)
    for wrong in (public[:31], bytes(32), b"\1" + bytes(31), b"\xff" * 32):
        assert not crypto.ed25519_is_point(wrong)
