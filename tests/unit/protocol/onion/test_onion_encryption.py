from __future__ import annotations

import pytest

from tests.unit.protocol.onion.world import GUARD, Counting
from veery.protocol import crypto
from veery.protocol.onion.encryption import EncType, EncTypeUnknown, LayerKey, client_key, server_key
from veery.secret import Secret

EPHEMERAL = Secret(crypto.blake2b(32, b"ephemeral"))
EPHEMERAL_PUBLIC = crypto.x25519_public(EPHEMERAL.reveal())
SHARED = crypto.x25519(EPHEMERAL.reveal(), GUARD.public)
LOW_ORDER = [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"]


def both_ends(enc_type: EncType) -> tuple[LayerKey, LayerKey]:
    return (
        client_key(enc_type, EPHEMERAL, EPHEMERAL_PUBLIC, GUARD.public),
        server_key(enc_type, GUARD.secret, GUARD.public, EPHEMERAL_PUBLIC),
    )


@pytest.mark.parametrize(
    ("name", "enc_type"),
    [
        ("aes-gcm", EncType.AES_GCM),
        ("gcm", EncType.AES_GCM),
        ("xchacha20", EncType.XCHACHA20),
        ("xchacha20-poly1305", EncType.XCHACHA20),
        ("aes-cbc", EncType.AES_CBC),
        ("cbc", EncType.AES_CBC),
    ],
)
def test_names_and_aliases(name: str, enc_type: EncType) -> None:
    assert EncType.named(name) is enc_type


@pytest.mark.parametrize("name", ["", "AES-GCM", "Xchacha20", "aes", "xchacha20 ", "chacha20"])
def test_unknown_names_are_a_named_error(name: str) -> None:
    with pytest.raises(EncTypeUnknown):
        EncType.named(name)


@pytest.mark.parametrize("enc_type", EncType)
def test_both_ends_have_one_key_for_both_directions(enc_type: EncType) -> None:
    client, server = both_ends(enc_type)
    random = Counting()
    for plaintext in (b"", b"x", b"hello" * 1000):
        assert server.open_reply(client.seal(plaintext, random)) == plaintext
        assert client.open_reply(server.seal(plaintext, random)) == plaintext


@pytest.mark.parametrize("enc_type", [EncType.AES_GCM, EncType.XCHACHA20])
def test_overhead_is_fixed_and_nothing_shorter_opens(enc_type: EncType) -> None:
    client, server = both_ends(enc_type)
    sealed = client.seal(b"", Counting())
    assert len(sealed) == enc_type.overhead
    for size in range(enc_type.overhead):
        with pytest.raises(crypto.CryptoFailed):
            server.open(sealed[:size])


@pytest.mark.parametrize("enc_type", [EncType.AES_GCM, EncType.XCHACHA20])
def test_every_altered_byte_is_found(enc_type: EncType) -> None:
    client, server = both_ends(enc_type)
    sealed = client.seal(b"plain", Counting())
    for at in range(len(sealed)):
        with pytest.raises(crypto.CryptoFailed):
            server.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])


def test_cbc_opens_with_the_shared_secret_itself() -> None:
    _, server = both_ends(EncType.AES_CBC)
    iv = bytes(range(16))
    for plaintext in (b"", b"a" * 15, b"a" * 16):
        assert server.open(iv + crypto.aes_cbc_encrypt(SHARED, iv, plaintext)) == plaintext
    for broken in (b"", iv, iv + bytes(15), iv + bytes(17)):
        with pytest.raises(crypto.CryptoFailed):
            server.open(broken)


def test_cbc_is_never_sealed() -> None:
    client, server = both_ends(EncType.AES_CBC)
    sealed = server.seal(b"answer", Counting())
    assert both_ends(EncType.AES_GCM)[0].open(sealed) == b"answer"
    assert client.open_reply(sealed) == b"answer"


def test_a_reply_in_gcm_is_accepted_for_xchacha() -> None:
    client, _ = both_ends(EncType.XCHACHA20)
    sealed = both_ends(EncType.AES_GCM)[1].seal(b"answer", Counting())
    assert client.open_reply(sealed) == b"answer"
    with pytest.raises(crypto.CryptoFailed):
        client.open(sealed)


def test_no_other_fallback() -> None:
    client, _ = both_ends(EncType.AES_GCM)
    sealed = both_ends(EncType.XCHACHA20)[1].seal(b"answer", Counting())
    with pytest.raises(crypto.CryptoFailed):
        client.open_reply(sealed)


@pytest.mark.parametrize("key", LOW_ORDER)
@pytest.mark.parametrize("enc_type", EncType)
def test_low_order_keys_are_refused_at_both_ends(enc_type: EncType, key: bytes) -> None:
    with pytest.raises(crypto.CryptoFailed):
        client_key(enc_type, EPHEMERAL, EPHEMERAL_PUBLIC, key)
    with pytest.raises(crypto.CryptoFailed):
        server_key(enc_type, GUARD.secret, GUARD.public, key)


def test_keys_do_not_print() -> None:
    client, _ = both_ends(EncType.XCHACHA20)
    assert client.key.reveal().hex() not in repr(client)
    assert repr(client.key.reveal()) not in repr(client)
    assert SHARED.hex() not in repr(client)
    assert repr(SHARED) not in repr(client)
