"""Profile pictures and group avatars: AES-256-GCM under the profile key (09.3); the newer ones are streams (09.4)."""

from __future__ import annotations

from veery.protocol import crypto
from veery.protocol.attachments import stream
from veery.protocol.attachments.errors import FileMalformed, FileRefused, FileUnfit
from veery.protocol.attachments.sizes import check_blob_size
from veery.protocol.attachments.stream_keys import Domain
from veery.protocol.constants import PROFILE_KEY_SIZE, PROFILE_PICTURE_BLOB_MIN
from veery.protocol.crypto import RandomBytes
from veery.secret import Secret


def encrypt(image: bytes, key: Secret, random: RandomBytes) -> bytes:
    """The blob of a picture: nonce, ciphertext and tag, 28 bytes longer. Raises FileUnfit.

    key: 32 random bytes; random: gives the nonce, 12 bytes, which must be new for every picture under one key.
    """
    if not image:
        raise FileUnfit("An empty picture cannot be sent", kind="files.empty")
    _check_key(key)
    nonce = random(crypto.GCM_NONCE_SIZE)
    return nonce + crypto.aes_gcm_encrypt(key.reveal(), nonce, image)


def decrypt(blob: bytes, key: Secret) -> bytes:
    """Open a blob of `encrypt`. Raises FileMalformed, FileRefused."""
    _check_key(key)
    if len(blob) < PROFILE_PICTURE_BLOB_MIN:
        raise FileMalformed("The encrypted picture is too short", kind="files.short")
    check_blob_size(len(blob))
    try:
        return crypto.aes_gcm_decrypt(key.reveal(), blob[: crypto.GCM_NONCE_SIZE], blob[crypto.GCM_NONCE_SIZE :])
    except crypto.CryptoFailed:
        raise FileRefused("The picture was altered on its way", kind="files.authentication") from None


def encrypt_stream(image: bytes, seed: Secret) -> stream.StreamFile:
    """A picture in the stream scheme: the same picture of one account gives the same blob. Raises FileUnfit."""
    if not image:
        raise FileUnfit("An empty picture cannot be sent", kind="files.empty")
    return stream.encrypt(image, seed, Domain.PROFILE_PICTURE)


def _check_key(key: Secret) -> None:
    if len(key) != PROFILE_KEY_SIZE:
        raise FileRefused(f"A profile key has {PROFILE_KEY_SIZE} bytes", kind="files.key")
