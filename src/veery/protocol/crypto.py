"""The few primitives of the protocol, composed once.

Everything here is libsodium (through PyNaCl), OpenSSL (through `cryptography`) or hashlib; nothing is written by hand
but the composition. All functions are deterministic: random input is an argument. Failures raise `CryptoFailed`
(authentication, low-order keys) or `Misuse` (wrong sizes); no failure returns a value.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from nacl import bindings
from nacl.exceptions import CryptoError

from veery.errors import Misuse, Rejected
from veery.protocol import xchacha
from veery.protocol.constants import (
    KEY_SIZE,
    MLKEM_CIPHERTEXT_SIZE,
    MLKEM_SEED_SIZE,
    SEALED_BOX_OVERHEAD,
    SIGNATURE_SIZE,
)

RandomBytes = Callable[[int], bytes]  # gives n random bytes; `secrets.token_bytes` outside of tests

L: Final = 2**252 + 27742317777372353535851937790883648493  # order of the Ed25519 group, 01
XCHACHA_NONCE_SIZE: Final = 24
XCHACHA_TAG_SIZE: Final = 16
GCM_NONCE_SIZE: Final = 12
GCM_TAG_SIZE: Final = 16
CBC_BLOCK: Final = 16
_OPENSSL_SIZES: Final = range(16_384, 2**31 - 64)  # bytes of a text: below, libsodium is quicker; above, alone


class CryptoFailed(Rejected):
    """A tag, signature or key did not hold: the bytes were altered, or meant for somebody else."""

    default_kind = "protocol.crypto"


def _sized(value: bytes, size: int, what: str) -> bytes:
    if len(value) != size:
        raise Misuse(f"{what} must be {size} bytes, not {len(value)}")
    return bytes(value)


# -- hashes ----------------------------------------------------------------------------------------------------


def blake2b(size: int, *parts: bytes, key: bytes = b"", person: bytes = b"") -> bytes:
    """BLAKE2b of the joined parts: `size` bytes (1 to 64), key up to 64 bytes, personalisation up to 16."""
    state = hashlib.blake2b(digest_size=size, key=key, person=person)
    for part in parts:
        state.update(part)
    return state.digest()


def sha512(*parts: bytes) -> bytes:
    """SHA-512 of the joined parts: 64 bytes."""
    return hashlib.sha512(b"".join(parts)).digest()


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the joined parts: 32 bytes."""
    return hashlib.sha256(b"".join(parts)).digest()


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256: 32 bytes."""
    return hmac.digest(key, message, "sha256")


def equal(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)


# -- Ed25519 and X25519 ----------------------------------------------------------------------------------------


def ed25519_from_seed(seed32: bytes) -> tuple[bytes, bytes]:
    """Ed25519 key pair of a 32-byte seed: (public 32, libsodium secret 64 = seed and public), 01.1."""
    public, secret = bindings.crypto_sign_seed_keypair(_sized(seed32, KEY_SIZE, "an Ed25519 seed"))
    return bytes(public), bytes(secret)


def ed25519_sign(secret64: bytes, message: bytes) -> bytes:
    """Ed25519 signature, 64 bytes."""
    return bytes(bindings.crypto_sign(message, _sized(secret64, 64, "an Ed25519 secret key"))[:SIGNATURE_SIZE])


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Check an Ed25519 signature. Raises CryptoFailed when it does not hold (also for wrong sizes)."""
    if len(public) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        raise CryptoFailed("signature or key of a wrong size", kind="protocol.crypto.signature")
    try:
        bindings.crypto_sign_open(signature + message, public)
    except CryptoError:
        raise CryptoFailed("the signature does not verify", kind="protocol.crypto.signature") from None


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether an Ed25519 signature holds."""
    try:
        ed25519_verify(public, message, signature)
    except CryptoFailed:
        return False
    return True


def ed25519_public_to_x25519(public: bytes) -> bytes:
    """Convert an Ed25519 public key, 01.1. Raises CryptoFailed for points off the main subgroup, 01.9."""
    try:
        return bytes(bindings.crypto_sign_ed25519_pk_to_curve25519(_sized(public, KEY_SIZE, "an Ed25519 key")))
    except (CryptoError, RuntimeError):
        raise CryptoFailed("the Ed25519 key does not convert to X25519", kind="protocol.crypto.conversion") from None


def ed25519_secret_to_x25519(secret64: bytes) -> bytes:
    """The X25519 secret (32, clamped) of a libsodium Ed25519 secret; also the Ed25519 private scalar, 01.1."""
    return bytes(bindings.crypto_sign_ed25519_sk_to_curve25519(_sized(secret64, 64, "an Ed25519 secret key")))


def x25519_public(secret32: bytes) -> bytes:
    """X25519 public key of a secret."""
    return bytes(bindings.crypto_scalarmult_base(_sized(secret32, KEY_SIZE, "an X25519 secret")))


def x25519(secret32: bytes, public32: bytes) -> bytes:
    """X25519 shared secret, 32 bytes. Raises CryptoFailed for low-order keys (an all-zero result), 03.2."""
    _sized(secret32, KEY_SIZE, "an X25519 secret")
    if len(public32) != KEY_SIZE:
        raise CryptoFailed("an X25519 key must be 32 bytes", kind="protocol.crypto.low_order")
    try:
        shared = bytes(bindings.crypto_scalarmult(secret32, public32))
    except (CryptoError, RuntimeError):
        raise CryptoFailed("the X25519 key has low order", kind="protocol.crypto.low_order") from None
    if not any(shared):
        raise CryptoFailed("the X25519 key has low order", kind="protocol.crypto.low_order")
    return shared


# -- scalars modulo L (01 conventions) -------------------------------------------------------------------------


def scalar_reduce(value: bytes) -> bytes:
    """Read up to 64 bytes little-endian, take modulo L, write 32 bytes. Constant time: private scalars pass here."""
    if len(value) > 64:
        raise Misuse(f"a scalar to reduce must be at most 64 bytes, not {len(value)}")
    return bytes(bindings.crypto_core_ed25519_scalar_reduce(bytes(value).ljust(64, b"\0")))


def scalar_mul(left: bytes, right: bytes) -> bytes:
    """Product modulo L of two 32-byte scalars (reduced first)."""
    return bytes(bindings.crypto_core_ed25519_scalar_mul(scalar_reduce(left), scalar_reduce(right)))


def scalar_add(left: bytes, right: bytes) -> bytes:
    """Sum modulo L of two 32-byte scalars (reduced first)."""
    return bytes(bindings.crypto_core_ed25519_scalar_add(scalar_reduce(left), scalar_reduce(right)))


def scalar_neg(value: bytes) -> bytes:
    """Negative modulo L."""
    return bytes(bindings.crypto_core_ed25519_scalar_negate(scalar_reduce(value)))


def point_mul(scalar: bytes, point: bytes) -> bytes:
    """Edwards scalar multiplication without clamping. Raises CryptoFailed for invalid points or the identity."""
    try:
        return bytes(bindings.crypto_scalarmult_ed25519_noclamp(scalar_reduce(scalar), point))
    except (CryptoError, RuntimeError, TypeError, ValueError):
        raise CryptoFailed(
            "the point is invalid or the product is the identity", kind="protocol.crypto.point"
        ) from None


def point_base_mul(scalar: bytes) -> bytes:
    """Scalar times the base point, without clamping. Raises CryptoFailed for the zero scalar."""
    try:
        return bytes(bindings.crypto_scalarmult_ed25519_base_noclamp(scalar_reduce(scalar)))
    except (CryptoError, RuntimeError):
        raise CryptoFailed("the scalar is zero", kind="protocol.crypto.point") from None


# -- authenticated encryption ----------------------------------------------------------------------------------


def xchacha_encrypt(key: bytes, nonce: bytes, plaintext: bytes, ad: bytes = b"") -> bytes:
    """XChaCha20-Poly1305 (IETF): ciphertext and tag, 16 bytes longer than the plaintext. Nonce 24 bytes."""
    key, nonce = _sized(key, KEY_SIZE, "an XChaCha20 key"), _sized(nonce, XCHACHA_NONCE_SIZE, "an XChaCha20 nonce")
    if len(plaintext) in _OPENSSL_SIZES:
        return xchacha.encrypt(key, nonce, plaintext, ad)
    return bytes(bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, ad, nonce, key))


def xchacha_encrypt_into(key: bytes, nonce: bytes, plaintext: bytes | memoryview, target: memoryview) -> None:
    """As `xchacha_encrypt`, into a target of just that size, which must not overlap with the plaintext."""
    key, nonce = _sized(key, KEY_SIZE, "an XChaCha20 key"), _sized(nonce, XCHACHA_NONCE_SIZE, "an XChaCha20 nonce")
    if len(plaintext) in _OPENSSL_SIZES:
        xchacha.encrypt_into(key, nonce, plaintext, target)
    else:
        target[:] = xchacha_encrypt(key, nonce, bytes(plaintext))


def xchacha_decrypt(key: bytes, nonce: bytes, ciphertext: bytes | memoryview, ad: bytes = b"") -> bytes:
    """Open `xchacha_encrypt`. Raises CryptoFailed."""
    _sized(key, KEY_SIZE, "an XChaCha20 key")
    if len(nonce) != XCHACHA_NONCE_SIZE or len(ciphertext) < XCHACHA_TAG_SIZE:
        raise CryptoFailed("the ciphertext is too short", kind="protocol.crypto.short")
    try:
        if len(ciphertext) in _OPENSSL_SIZES:
            return xchacha.decrypt(key, nonce, ciphertext, ad)
        return bytes(bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(bytes(ciphertext), ad, nonce, key))
    except (CryptoError, InvalidTag):
        raise CryptoFailed("the ciphertext does not open with this key") from None


def aes_gcm_encrypt(key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    """AES-GCM without associated data: ciphertext and 16-byte tag. Nonce 12 bytes."""
    return AESGCM(key).encrypt(_sized(nonce, GCM_NONCE_SIZE, "a GCM nonce"), plaintext, None)


def aes_gcm_decrypt(key: bytes, nonce: bytes, ciphertext: bytes | memoryview) -> bytes:
    """Open `aes_gcm_encrypt`. Raises CryptoFailed."""
    if len(nonce) != GCM_NONCE_SIZE or len(ciphertext) < GCM_TAG_SIZE:
        raise CryptoFailed("the ciphertext is too short", kind="protocol.crypto.short")
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, None)
    except InvalidTag:
        raise CryptoFailed("the ciphertext does not open with this key") from None


def aes_cbc_encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """AES-CBC with PKCS#7 padding; not authenticated. IV 16 bytes."""
    padder = block_padding.PKCS7(CBC_BLOCK * 8).padder()
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()


def aes_cbc_decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Open `aes_cbc_encrypt`. Raises CryptoFailed for bad lengths or padding."""
    if len(iv) != CBC_BLOCK or not ciphertext or len(ciphertext) % CBC_BLOCK:
        raise CryptoFailed("the ciphertext is not whole blocks", kind="protocol.crypto.short")
    decryptor = Cipher(AES(key), CBC(iv)).decryptor()
    unpadder = block_padding.PKCS7(CBC_BLOCK * 8).unpadder()
    try:
        return unpadder.update(decryptor.update(ciphertext) + decryptor.finalize()) + unpadder.finalize()
    except ValueError:
        raise CryptoFailed("the padding does not hold") from None


# -- sealed boxes (02.1.1) -------------------------------------------------------------------------------------


def box_seal(recipient_x25519: bytes, message: bytes, ephemeral_seed: bytes) -> bytes:
    """libsodium sealed box with a given ephemeral seed (32 bytes, `crypto_box_seed_keypair`): 48 bytes longer."""
    public, secret = bindings.crypto_box_seed_keypair(_sized(ephemeral_seed, KEY_SIZE, "an ephemeral seed"))
    nonce = blake2b(24, public, recipient_x25519)
    try:
        return bytes(public) + bytes(bindings.crypto_box(message, nonce, recipient_x25519, secret))
    except (CryptoError, RuntimeError):
        raise CryptoFailed("the recipient's key has low order", kind="protocol.crypto.low_order") from None


def box_open(own_public: bytes, own_secret: bytes, sealed: bytes) -> bytes:
    """Open a sealed box. Raises CryptoFailed."""
    if len(sealed) < SEALED_BOX_OVERHEAD:
        raise CryptoFailed("the sealed box is too short", kind="protocol.crypto.short")
    try:
        return bytes(bindings.crypto_box_seal_open(sealed, own_public, own_secret))
    except (CryptoError, RuntimeError):
        raise CryptoFailed("the sealed box does not open with this key") from None


# -- protocol v2 (06.2) ----------------------------------------------------------------------------------------

Encapsulate = Callable[[bytes], tuple[bytes, bytes]]  # as `mlkem_encapsulate`


def shake256(size: int, *parts: bytes) -> bytes:
    """SHAKE256 of the joined parts: `size` bytes."""
    return hashlib.shake_256(b"".join(parts)).digest(size)


def sha3_256(*parts: bytes) -> bytes:
    """SHA3-256 of the joined parts: 32 bytes."""
    return hashlib.sha3_256(b"".join(parts)).digest()


def xor(left: bytes, right: bytes) -> bytes:
    """The exclusive or of two strings, as long as the first, which the second must reach."""
    return bytes(a ^ right[place] for place, a in enumerate(left))


def xchacha_stream(key: bytes, nonce: bytes, data: bytes) -> bytes:
    """Raw XChaCha20, block counter from 0: encrypts and decrypts, as long as the data. NOT authenticated.

    Nonce 24 bytes. A key and nonce must never serve for two texts.
    """
    return xchacha.stream(_sized(key, KEY_SIZE, "an XChaCha20 key"), _sized(nonce, XCHACHA_NONCE_SIZE, "a nonce"), data)


def mlkem_public(seed64: bytes) -> bytes:
    """ML-KEM-768 public key, 1184 bytes, of a key seed (d and z)."""
    return mlkem_private(seed64).public_key().public_bytes_raw()


def mlkem_encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """ML-KEM-768: a fresh shared secret (32 bytes) and its ciphertext (1088 bytes) for a public key.

    The one function here that is not deterministic: OpenSSL draws the randomness and takes none. Callers take an
    `Encapsulate` as an argument, so that known answers can be checked. Raises CryptoFailed for a key that is none.
    """
    try:
        return MLKEM768PublicKey.from_public_bytes(public).encapsulate()
    except ValueError:
        raise CryptoFailed("the ML-KEM key is none", kind="protocol.crypto.kem") from None


def mlkem_decapsulate(seed64: bytes, ciphertext: bytes) -> bytes:
    """The shared secret of a ciphertext, 32 bytes. Any 1088 bytes give one: only what it opens proves it right.

    Raises CryptoFailed for other sizes.
    """
    if len(ciphertext) != MLKEM_CIPHERTEXT_SIZE:
        raise CryptoFailed("an ML-KEM ciphertext of a wrong size", kind="protocol.crypto.kem")
    return mlkem_private(seed64).decapsulate(ciphertext)


def mlkem_private(seed64: bytes) -> MLKEM768PrivateKey:
    """The library's key of a key seed, expanded; `protocol.mlkem` keeps it."""
    return MLKEM768PrivateKey.from_seed_bytes(_sized(seed64, MLKEM_SEED_SIZE, "an ML-KEM seed"))


def argon2id(size: int, password: bytes, salt: bytes, *, ops: int, memory: int) -> bytes:
    """Argon2id v1.3, one lane: `size` bytes. Salt 16 bytes; memory in bytes, which are held while it runs."""
    _sized(salt, bindings.crypto_pwhash_SALTBYTES, "an Argon2 salt")
    algorithm = bindings.crypto_pwhash_ALG_ARGON2ID13
    return bytes(bindings.crypto_pwhash_alg(size, password, salt, ops, memory, algorithm))


# -- files: secret streams, and hashing piece by piece (09) ----------------------------------------------------

_TAG_MESSAGE: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_TAG_FINAL: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_STREAM_OVERHEAD: Final = bindings.crypto_secretstream_xchacha20poly1305_ABYTES


def blake2b_pieces(size: int, *, key: bytes = b"", person: bytes = b"", salt: bytes = b"") -> hashlib.blake2b:
    """BLAKE2b that takes its input by `update` and gives `size` bytes by `digest`. Salt up to 16 bytes."""
    return hashlib.blake2b(digest_size=size, key=key, person=person, salt=salt)


def ed25519_is_point(public: bytes) -> bool:
    """Whether a key is a canonical point of the main subgroup, not of small order."""
    return len(public) == KEY_SIZE and bool(bindings.crypto_core_ed25519_is_valid_point(public))


class SecretStream:
    """libsodium's secretstream (XChaCha20-Poly1305) with a given header, for either direction but never both.

    A key and header must never serve for two texts: the caller draws them at random or by hashing the text (09.4.1).
    """

    __slots__ = ("_state",)

    def __init__(self, key: bytes, header: bytes) -> None:
        _sized(key, KEY_SIZE, "a stream key")
        _sized(header, bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES, "a stream header")
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        # The reader's initialiser gives the very state of the writer, and takes the header instead of drawing it.
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, key)

    def push(self, plaintext: bytes, *, final: bool) -> bytes:
        """Encrypt the next message: 17 bytes longer. final: it is the last one."""
        tag = _TAG_FINAL if final else _TAG_MESSAGE
        return bytes(bindings.crypto_secretstream_xchacha20poly1305_push(self._state, plaintext, None, tag))

    def pull(self, ciphertext: bytes) -> tuple[bytes, bool]:
        """Open the next message; whether it says that it is the last. Raises CryptoFailed."""
        if len(ciphertext) < _STREAM_OVERHEAD:
            raise CryptoFailed("the ciphertext is too short", kind="protocol.crypto.short")
        try:
            plaintext, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(self._state, ciphertext, None)
        except (CryptoError, RuntimeError):
            raise CryptoFailed("the ciphertext does not open with this key") from None
        if tag not in (_TAG_MESSAGE, _TAG_FINAL):
            raise CryptoFailed("the message of the stream has an unknown tag", kind="protocol.crypto.tag")
        return bytes(plaintext), tag == _TAG_FINAL
