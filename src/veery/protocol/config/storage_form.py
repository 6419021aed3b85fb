"""From message bytes to what is stored, and back (07.7): compress, pad in front, encrypt deterministically.

Equal plaintext gives equal stored bytes: two devices that resolve the same conflict store one message, and a device may
store an unchanged configuration again to refresh its expiry. The key depends on the padded length, the nonce on the
padded bytes; the nonce stands at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

from veery.protocol import crypto
from veery.protocol.config.compression import deflate, inflate
from veery.protocol.config.errors import ConfigMalformed, ConfigMisuse, ConfigRefused
from veery.protocol.constants import (
    CONFIG_DOMAIN_MAX,
    CONFIG_KEY_LABEL,
    CONFIG_MESSAGE_MAX,
    CONFIG_OVERHEAD,
    CONFIG_PADDING,
    CONFIG_PADDING_LAST,
    CONFIG_PUSH_MAX,
    KEY_SIZE,
)
from veery.protocol.crypto import XCHACHA_NONCE_SIZE, CryptoFailed
from veery.secret import Secret

_COMPRESSED = b"z"
_MESSAGE = b"d"
PART = b"m"


def compressed(message: bytes) -> bytes:
    """`z` and the compressed message if that is shorter, else the message itself."""
    packed = _COMPRESSED + deflate(message)
    return packed if len(packed) < len(message) else message


def padded_size(length: int) -> int:
    """The length after padding, so that with the overhead of encryption it is one of a few sizes."""
    total = length + CONFIG_OVERHEAD
    step = next((step for below, step in CONFIG_PADDING if total < below), CONFIG_PADDING_LAST)
    return -(-total // step) * step - CONFIG_OVERHEAD


def padded(message: bytes) -> bytes:
    """Compressed if that helps, and padded with zeros in front.

    Raises ConfigMisuse: `config.misuse.size` for more than one push may hold, 07.8.
    """
    payload = compressed(message)
    size = padded_size(len(payload))
    if size > CONFIG_PUSH_MAX or len(message) > CONFIG_MESSAGE_MAX:
        raise ConfigMisuse(
            "the configuration has become too large to be stored",
            kind="config.misuse.size",
            remedy="Remove contacts, groups or communities that are not needed",
        )
    return payload.rjust(size, b"\0")


def derive_key(key_base: Secret, length: int, domain: bytes) -> bytes:
    """The key for a padded length: 32 bytes. key_base: 32 bytes. Raises ConfigMisuse for other sizes."""
    if len(key_base) != KEY_SIZE or not 1 <= len(domain) <= CONFIG_DOMAIN_MAX:
        raise ConfigMisuse(f"a key base has {KEY_SIZE} bytes, a domain 1 to {CONFIG_DOMAIN_MAX}")
    return crypto.blake2b(KEY_SIZE, key_base.reveal(), length.to_bytes(8, "big"), domain)


def derive_nonce(plaintext: bytes, domain: bytes) -> bytes:
    """The nonce of a padded plaintext: 24 bytes."""
    return crypto.blake2b(XCHACHA_NONCE_SIZE, plaintext, key=CONFIG_KEY_LABEL + domain)


def encrypt(plaintext: bytes, key_base: Secret, domain: bytes) -> bytes:
    """Encrypt padded bytes: 40 bytes longer."""
    key = derive_key(key_base, len(plaintext), domain)
    nonce = derive_nonce(plaintext, domain)
    return crypto.xchacha_encrypt(key, nonce, plaintext) + nonce


def decrypt(stored: bytes, key_bases: Sequence[Secret], domain: bytes) -> bytes:
    """Undo `encrypt`, with the first of several keys that opens it. Raises ConfigRefused: `config.refused.decrypt`."""
    sealed, nonce = stored[:-XCHACHA_NONCE_SIZE], stored[-XCHACHA_NONCE_SIZE:]
    length = len(stored) - CONFIG_OVERHEAD
    for key_base in key_bases if length >= 0 else ():
        try:
            return crypto.xchacha_decrypt(derive_key(key_base, length, domain), nonce, sealed)
        except CryptoFailed:
            continue
    raise ConfigRefused("the message does not open with any key", kind="config.refused.decrypt")


def unpadded(plaintext: bytes) -> bytes:
    """What is left without the zeros in front: a message, compressed or not, or a part.

    Raises ConfigMalformed: `config.padding` when nothing is left.
    """
    payload = plaintext.lstrip(b"\0")
    if not payload:
        raise ConfigMalformed("there is nothing but padding", kind="config.padding")
    return payload


def inflated(payload: bytes) -> bytes:
    """The message of an unpadded payload that is no part.

    Raises ConfigMalformed: `config.zstd` for bombs and broken frames, `config.form` for anything but a message.
    """
    message = inflate(payload[1:], CONFIG_MESSAGE_MAX) if payload[:1] == _COMPRESSED else payload
    if message[:1] != _MESSAGE:
        raise ConfigMalformed("this is no configuration message", kind="config.form")
    return message
