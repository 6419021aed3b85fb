"""Layer encryption (03.2): types, their accepted names, keys, and opening and sealing.

A layer has two ends that derive the same key from different halves. The **client** end holds the ephemeral secret and
the receiver's static public key; the **server** end (a node or a server) holds the static secret and reads the
ephemeral public key beside the ciphertext. For `xchacha20` the ephemeral public key is hashed first at *both* ends, so
each end has its own function here (`client_key`, `server_key`) and no caller can take the wrong order.

One key serves both directions of a layer: the request, and the reply with a fresh nonce. `aes-cbc` is opened for the
sake of old clients but never written: a reply to such a layer is sealed as `aes-gcm` under the same shared secret,
the one alternative that the chapter knows (03.11).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from veery.errors import Malformed, Misuse
from veery.protocol import crypto
from veery.protocol.constants import KEY_SIZE, ONION_GCM_LABEL
from veery.protocol.crypto import (
    CBC_BLOCK,
    GCM_NONCE_SIZE,
    GCM_TAG_SIZE,
    XCHACHA_NONCE_SIZE,
    XCHACHA_TAG_SIZE,
    RandomBytes,
)
from veery.secret import Secret


class EncTypeUnknown(Malformed):
    """No encryption of layers has this name (names are case-sensitive)."""

    default_kind = "protocol.onion.enc_type"


class EncTypeNotSent(Misuse):
    """This encryption is read for the sake of old clients, but never written."""

    default_kind = "protocol.onion.enc_type_not_sent"
    default_remedy = "Choose xchacha20 or aes-gcm"


class EncType(Enum):
    """How a layer is encrypted; the value is the canonical name."""

    AES_GCM = "aes-gcm"  # AES-256-GCM; what an absent name means
    XCHACHA20 = "xchacha20"  # XChaCha20-Poly1305
    AES_CBC = "aes-cbc"  # AES-256-CBC, unauthenticated: opened, never sealed

    @classmethod
    def named(cls, name: str) -> EncType:
        """The type of a canonical name or alias. Raises EncTypeUnknown."""
        found = _NAMES.get(name)
        if found is None:
            raise EncTypeUnknown("no layer encryption has this name")
        return found

    @property
    def overhead(self) -> int:
        """Bytes that sealing adds; for `aes-cbc` the length of the shortest ciphertext."""
        return _OVERHEADS[self]

    @property
    def nonce_size(self) -> int:
        """Bytes of the nonce, or initial vector, that a ciphertext begins with."""
        return _NONCES[self]


_NAMES = {
    "aes-gcm": EncType.AES_GCM,
    "gcm": EncType.AES_GCM,
    "xchacha20": EncType.XCHACHA20,
    "xchacha20-poly1305": EncType.XCHACHA20,
    "aes-cbc": EncType.AES_CBC,
    "cbc": EncType.AES_CBC,
}
_OVERHEADS = {
    EncType.AES_GCM: GCM_NONCE_SIZE + GCM_TAG_SIZE,
    EncType.XCHACHA20: XCHACHA_NONCE_SIZE + XCHACHA_TAG_SIZE,
    EncType.AES_CBC: 2 * CBC_BLOCK,
}


_NONCES = {EncType.AES_GCM: GCM_NONCE_SIZE, EncType.XCHACHA20: XCHACHA_NONCE_SIZE, EncType.AES_CBC: CBC_BLOCK}


@dataclass(frozen=True, slots=True, eq=False)
class LayerKey:
    """The key of one layer, the same at both ends and in both directions.

    enc_type: how ciphertexts under it are read; key: 32 bytes; shared: the X25519 secret behind it, from which the
    `aes-gcm` key comes that a peer may use for the reply instead (03.11.7).
    """

    enc_type: EncType
    key: Secret
    shared: Secret

    def open(self, ciphertext: bytes | memoryview) -> bytes:
        """Decrypt. Raises CryptoFailed for a failed tag, bad padding, or fewer bytes than the overhead."""
        return _open(self.enc_type, self.key.reveal(), ciphertext)

    def open_reply(self, ciphertext: bytes | memoryview) -> bytes:
        """Decrypt a reply: as `open`, then as `aes-gcm`, which old peers may answer with. Raises CryptoFailed."""
        try:
            return self.open(ciphertext)
        except crypto.CryptoFailed:
            if self.enc_type is EncType.AES_GCM:
                raise
        return _open(EncType.AES_GCM, _gcm_key(self.shared.reveal()), ciphertext)

    def seal(self, plaintext: bytes, random: RandomBytes) -> bytes:
        """Encrypt with a fresh nonce. Under an `aes-cbc` layer key this writes `aes-gcm`: `aes-cbc` is never sent."""
        if self.enc_type is EncType.XCHACHA20:
            nonce = random(XCHACHA_NONCE_SIZE)
            return nonce + crypto.xchacha_encrypt(self.key.reveal(), nonce, plaintext)
        key = self.key.reveal() if self.enc_type is EncType.AES_GCM else _gcm_key(self.shared.reveal())
        nonce = random(GCM_NONCE_SIZE)
        return nonce + crypto.aes_gcm_encrypt(key, nonce, plaintext)

    def seal_into(self, plaintext: bytes | memoryview, target: memoryview, random: RandomBytes) -> int:
        """As `seal`, to the beginning of a target that does not overlap with the plaintext; gives how many bytes."""
        if self.enc_type is not EncType.XCHACHA20:
            sealed = self.seal(bytes(plaintext), random)
            target[: len(sealed)] = sealed
            return len(sealed)
        nonce = random(XCHACHA_NONCE_SIZE)
        end = len(plaintext) + self.enc_type.overhead
        target[:XCHACHA_NONCE_SIZE] = nonce
        crypto.xchacha_encrypt_into(self.key.reveal(), nonce, plaintext, target[XCHACHA_NONCE_SIZE:end])
        return end


def client_key(enc_type: EncType, ephemeral_secret: Secret, ephemeral_public: bytes, server_public: bytes) -> LayerKey:
    """The layer key at the client's end. Keys are 32 bytes. Raises CryptoFailed for a low-order server key."""
    shared = crypto.x25519(ephemeral_secret.reveal(), server_public)
    return _layer_key(enc_type, shared, ephemeral_public, server_public)


def server_key(enc_type: EncType, server_secret: Secret, server_public: bytes, ephemeral_public: bytes) -> LayerKey:
    """The layer key at a node's or server's end. Raises CryptoFailed for a low-order ephemeral key."""
    shared = crypto.x25519(server_secret.reveal(), ephemeral_public)
    return _layer_key(enc_type, shared, ephemeral_public, server_public)


def _layer_key(enc_type: EncType, shared: bytes, client_public: bytes, server_public: bytes) -> LayerKey:
    if enc_type is EncType.AES_GCM:
        key = _gcm_key(shared)
    elif enc_type is EncType.XCHACHA20:
        key = crypto.blake2b(KEY_SIZE, shared, client_public, server_public)
    else:
        key = shared
    return LayerKey(enc_type, Secret(key), Secret(shared))


def _gcm_key(shared: bytes) -> bytes:
    return crypto.hmac_sha256(ONION_GCM_LABEL, shared)


def _open(enc_type: EncType, key: bytes, ciphertext: bytes | memoryview) -> bytes:
    view = memoryview(ciphertext)
    if enc_type is EncType.AES_GCM:
        return crypto.aes_gcm_decrypt(key, bytes(view[:GCM_NONCE_SIZE]), view[GCM_NONCE_SIZE:])
    if enc_type is EncType.XCHACHA20:
        return crypto.xchacha_decrypt(key, bytes(view[:XCHACHA_NONCE_SIZE]), view[XCHACHA_NONCE_SIZE:])
    return crypto.aes_cbc_decrypt(key, bytes(view[:CBC_BLOCK]), bytes(view[CBC_BLOCK:]))
