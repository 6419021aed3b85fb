"""Messages between blinded ids (01.7.4)."""

from __future__ import annotations

import pytest

from veery.protocol import blinded_messages, blinding, crypto
from veery.protocol.account import Account, AccountId
from veery.protocol.blinded_messages import BlindedMessageMalformed
from veery.protocol.blinding import BlindedIdentity, BlindingWrong

SERVER = b"\x11" * 32
ACCOUNTS = [Account.from_seed(bytes([number]) * 16) for number in range(6)]
BOTH = pytest.mark.parametrize("prefix", [0x15, 0x25])


def nonce(size: int) -> bytes:
    return bytes(range(size))


def pair(prefix: int, left: Account = ACCOUNTS[0], right: Account = ACCOUNTS[1]) -> list[BlindedIdentity]:
    return [blinding.blind(prefix, account.ed25519_secret, SERVER) for account in (left, right)]


@BOTH
@pytest.mark.parametrize("content", [b"", b"hello", bytes(1_000)])
def test_both_ends_open(prefix: int, content: bytes) -> None:
    for left in ACCOUNTS[:3]:
        for right in ACCOUNTS[3:]:
            alice, bob = pair(prefix, left, right)
            payload = blinded_messages.seal(alice, bob.account_id, content, nonce)
            assert len(payload) == len(content) + 73
            received = blinded_messages.open_received(bob, alice.account_id, payload)
            assert received == blinded_messages.open_sent(alice, bob.account_id, payload)
            assert (received.content, received.sender) == (content, left.account_id)
            assert received.sender_ed25519 == left.ed25519_public


@BOTH
def test_a_payload_opens_for_nobody_else_and_from_nobody_else(prefix: int) -> None:
    alice, bob = pair(prefix)
    carol = blinding.blind(prefix, ACCOUNTS[2].ed25519_secret, SERVER)
    payload = blinded_messages.seal(alice, bob.account_id, b"hello", nonce)
    for reader, sender in ((carol, alice), (bob, carol), (alice, bob)):
        with pytest.raises(crypto.CryptoFailed):
            blinded_messages.open_received(reader, sender.account_id, payload)


@BOTH
def test_every_altered_byte_is_noticed(prefix: int) -> None:
    alice, bob = pair(prefix)
    payload = blinded_messages.seal(alice, bob.account_id, b"hello", nonce)
    for at in range(1, len(payload)):
        altered = payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]
        with pytest.raises(crypto.CryptoFailed):
            blinded_messages.open_received(bob, alice.account_id, altered)


def test_other_versions_are_refused() -> None:
    alice, bob = pair(0x15)
    payload = blinded_messages.seal(alice, bob.account_id, b"hello", nonce)
    with pytest.raises(BlindedMessageMalformed) as wrong:
        blinded_messages.open_received(bob, alice.account_id, b"\x01" + payload[1:])
    assert wrong.value.kind == "blinded.version"


@pytest.mark.parametrize("size", [0, 1, 72])
def test_short_payloads_are_refused(size: int) -> None:
    alice, bob = pair(0x15)
    with pytest.raises(BlindedMessageMalformed):
        blinded_messages.open_received(bob, alice.account_id, bytes(size))


@BOTH
def test_a_writer_cannot_put_another_key_inside(prefix: int) -> None:
    """Mallory encrypts with her own keys but names Alice inside; her own blinded id is the announced sender."""
    mallory, bob = pair(prefix)
    alice = ACCOUNTS[2]
    honest = blinded_messages.seal(mallory, bob.account_id, b"hello", nonce)
    point = mallory.scalar.reveal() if prefix == 0x25 else ACCOUNTS[0].x25519_secret.reveal()
    key = crypto.blake2b(32, crypto.point_mul(point, bob.key), mallory.key, bob.key)
    assert crypto.xchacha_decrypt(key, honest[-24:], honest[1:-24]) == b"hello" + ACCOUNTS[0].ed25519_public
    for inside in (alice.ed25519_public, bytes(32)):
        forged = b"\0" + crypto.xchacha_encrypt(key, nonce(24), b"hello" + inside) + nonce(24)
        with pytest.raises(crypto.CryptoFailed):
            blinded_messages.open_received(bob, mallory.account_id, forged)


def test_both_ids_must_be_of_one_scheme() -> None:
    alice15, bob15 = pair(0x15)
    alice25, bob25 = pair(0x25)
    for alice, bob in ((alice15, bob25), (alice25, bob15)):
        with pytest.raises(BlindingWrong):
            blinded_messages.seal(alice, bob.account_id, b"hello", nonce)
        with pytest.raises(BlindingWrong):
            blinded_messages.open_received(alice, bob.account_id, bytes(100))


@BOTH
def test_a_recipient_without_a_point_is_refused(prefix: int) -> None:
    alice, _ = pair(prefix)
    for key in (bytes(32), b"\x02" + bytes(31), b"\x01" + bytes(31)):
        with pytest.raises(crypto.CryptoFailed):
            blinded_messages.seal(alice, AccountId(bytes([prefix]) + key), b"hello", nonce)
