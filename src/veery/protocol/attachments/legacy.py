"""The legacy scheme of attachments: AES-256-CBC, then HMAC-SHA256, with a digest in the message (09.2).

What is opened is checked from the outside in: MAC, digest, and only then the cipher, so that nobody learns anything
from how CBC padding fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.protocol import crypto
from veery.protocol.attachments.errors import FileMalformed, FileRefused, FileUnfit
from veery.protocol.attachments.sizes import check_blob_size, legacy_padded_size
from veery.protocol.constants import LEGACY_FILE_BLOB_MIN, LEGACY_FILE_KEYS_SIZE
from veery.protocol.crypto import RandomBytes
from veery.secret import Secret

_CIPHER_KEY_SIZE = 32
_MAC_SIZE = 32
DIGEST_SIZE = 32


@dataclass(frozen=True, slots=True, eq=False)
class LegacyFile:
    """An encrypted file: what is uploaded, and what the message says of it beside its size."""

    blob: bytes = field(repr=False)
    keys: Secret  # 64 bytes
    digest: bytes  # SHA-256 of the blob


def encrypt(plaintext: bytes, *, random: RandomBytes, pad: bool = True) -> LegacyFile:
    """Encrypt a file of at least one byte. random: gives 64 bytes of keys, then 16 of IV. Raises FileUnfit.

    pad: fill up with zero bytes so that the length tells little; a reader cuts at the pointer's `size`.
    """
    if not plaintext:
        raise FileUnfit("An empty file cannot be sent", kind="files.empty")
    padded = plaintext.ljust(legacy_padded_size(len(plaintext)), b"\0") if pad else plaintext
    keys, iv = random(LEGACY_FILE_KEYS_SIZE), random(crypto.CBC_BLOCK)
    sealed = iv + crypto.aes_cbc_encrypt(keys[:_CIPHER_KEY_SIZE], iv, padded)
    blob = sealed + crypto.hmac_sha256(keys[_CIPHER_KEY_SIZE:], sealed)
    return LegacyFile(blob, Secret(keys), crypto.sha256(blob))


def decrypt(blob: bytes, keys: Secret, digest: bytes | None, *, allow_large: bool = False) -> bytes:
    """The plaintext, still with its padding (see `cut_to_size`). Raises FileMalformed, FileRefused.

    keys: 64 bytes; digest: the SHA-256 of the message, without which nothing is opened.
    """
    if len(keys) != LEGACY_FILE_KEYS_SIZE:
        raise FileRefused(f"The key of the file must have {LEGACY_FILE_KEYS_SIZE} bytes", kind="files.key")
    if len(blob) < LEGACY_FILE_BLOB_MIN:
        raise FileMalformed("The encrypted file is too short", kind="files.short")
    check_blob_size(len(blob), allow_large=allow_large)
    cipher_key, mac_key = keys.reveal()[:_CIPHER_KEY_SIZE], keys.reveal()[_CIPHER_KEY_SIZE:]
    sealed, mac = blob[:-_MAC_SIZE], blob[-_MAC_SIZE:]
    if not crypto.equal(crypto.hmac_sha256(mac_key, sealed), mac):
        raise FileRefused("The file was altered on its way", kind="files.authentication")
    if digest is None or len(digest) != DIGEST_SIZE or not crypto.equal(crypto.sha256(blob), digest):
        raise FileRefused("The file is not the one that the message speaks of", kind="files.digest")
    try:
        return crypto.aes_cbc_decrypt(cipher_key, sealed[: crypto.CBC_BLOCK], sealed[crypto.CBC_BLOCK :])
    except crypto.CryptoFailed:
        raise FileRefused("The file was encrypted wrongly", kind="files.authentication") from None
