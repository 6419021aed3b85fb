"""Messages between users who know each other only by blinded ids: the community inbox (01.7.4).

    key     = BLAKE2b(32, shared point || sender's blinded key || recipient's blinded key)
    payload = 00 || XChaCha20-Poly1305(message || sender's Ed25519 key) || nonce

Both ends compute the same key, so the sender can open what it sent. The server announces who sent a payload; the
Ed25519 key inside is believed only when it blinds to that id, or a server could put one user's words into another's
mouth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from veery.errors import Malformed
from veery.protocol import blinding, crypto
from veery.protocol.account import AccountId
from veery.protocol.blinding import BlindedIdentity, BlindingWrong
from veery.protocol.constants import BLINDED_MESSAGE_VERSION, KEY_SIZE, PREFIX_BLIND15

_NONCE: Final = crypto.XCHACHA_NONCE_SIZE
_SHORTEST: Final = 1 + KEY_SIZE + crypto.XCHACHA_TAG_SIZE + _NONCE


class BlindedMessageMalformed(Malformed):
    """A payload of the community inbox is too short or of an unknown version."""

    default_kind = "blinded.malformed"


@dataclass(frozen=True, slots=True)
class BlindedMessage:
    """An opened payload: the padded Content (chapter 02) and who wrote it."""

    content: bytes
    sender: AccountId  # the Account ID behind the blinded id, prefix 05
    sender_ed25519: bytes


def seal(sender: BlindedIdentity, recipient: AccountId, content: bytes, random: crypto.RandomBytes) -> bytes:
    """Encrypt padded Content to a blinded id of the same scheme; 73 bytes longer. Takes 24 random bytes.

    Raises BlindingWrong when the schemes differ, CryptoFailed when the recipient's key is no valid point.
    """
    key = _shared_key(sender, recipient, sender.key + recipient.key)
    nonce = random(_NONCE)
    own_public = crypto.point_base_mul(crypto.ed25519_secret_to_x25519(sender.ed25519_secret.reveal()))
    sealed = crypto.xchacha_encrypt(key, nonce, content + own_public)
    return bytes([BLINDED_MESSAGE_VERSION]) + sealed + nonce


def open_received(recipient: BlindedIdentity, sender: AccountId, payload: bytes) -> BlindedMessage:
    """Open a payload that the server announced as coming from the blinded id `sender`.

    Raises BlindedMessageMalformed, BlindingWrong when the schemes differ, and CryptoFailed when it was altered, is
    meant for somebody else, or was not written by `sender`.
    """
    return _open(recipient, sender, sender, recipient.account_id, payload)


def open_sent(sender: BlindedIdentity, recipient: AccountId, payload: bytes) -> BlindedMessage:
    """Open a payload that one sent oneself to the blinded id `recipient`. Raises like `open_received`."""
    return _open(sender, recipient, sender.account_id, recipient, payload)


def _open(
    own: BlindedIdentity, peer: AccountId, sender: AccountId, recipient: AccountId, payload: bytes
) -> BlindedMessage:
    if len(payload) < _SHORTEST:
        raise BlindedMessageMalformed(f"a blinded message has at least {_SHORTEST} bytes")
    if payload[0] != BLINDED_MESSAGE_VERSION:
        raise BlindedMessageMalformed("this version of blinded messages is not known", kind="blinded.version")
    key = _shared_key(own, peer, sender.key + recipient.key)
    plain = crypto.xchacha_decrypt(key, payload[-_NONCE:], payload[1:-_NONCE])
    content, ed25519_public = plain[:-KEY_SIZE], plain[-KEY_SIZE:]
    author = AccountId.from_ed25519(ed25519_public)
    if not blinding.matches(author, sender, own.server_key):
        raise crypto.CryptoFailed("the message was not written by the sender it names", kind="blinded.sender")
    return BlindedMessage(content, author, ed25519_public)


def _shared_key(own: BlindedIdentity, peer: AccountId, keys: bytes) -> bytes:
    """`keys`: the blinded key of the sender, then that of the recipient, whoever of them is asking."""
    if own.account_id.prefix != peer.prefix:
        raise BlindingWrong("both blinded ids must be of the same scheme", kind="blinded.scheme")
    if own.account_id.prefix == PREFIX_BLIND15:
        scalar = crypto.ed25519_secret_to_x25519(own.ed25519_secret.reveal())
    else:
        scalar = own.scalar.reveal()
    return crypto.blake2b(KEY_SIZE, crypto.point_mul(scalar, peer.key), keys)
