"""The stream scheme in memory (09.4). `StreamEncryptor` and `StreamDecryptor` are for files too long for that."""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.protocol.attachments.stream_decryptor import StreamDecryptor
from veery.protocol.attachments.stream_encryptor import StreamEncryptor
from veery.protocol.attachments.stream_keys import Domain, StreamHasher, StreamKey
from veery.secret import Secret


@dataclass(frozen=True, slots=True, eq=False)
class StreamFile:
    """An encrypted file: what is uploaded, and what the message says of it beside its size."""

    blob: bytes = field(repr=False)
    key: Secret  # 32 bytes


def encrypt(plaintext: bytes, seed: Secret, domain: Domain, *, allow_large: bool = False) -> StreamFile:
    """Encrypt a file so that the same bytes, seed and domain give the same blob. Raises FileUnfit."""
    hasher = StreamHasher(seed, domain)
    hasher.update(plaintext)
    return encrypt_with(hasher.key(), plaintext, allow_large=allow_large)


def encrypt_with(key: StreamKey, plaintext: bytes, *, allow_large: bool = False) -> StreamFile:
    """Encrypt a file under a key that serves for nothing else. Raises FileUnfit."""
    encryptor = StreamEncryptor(key, len(plaintext), allow_large=allow_large)
    return StreamFile(encryptor.update(plaintext) + encryptor.finish(), key.key)


def decrypt(blob: bytes, key: Secret, *, cut: int | None = None, allow_large: bool = False) -> bytes:
    """Open a blob. cut: the pointer's `size`. Raises FileMalformed, FileRefused."""
    decryptor = StreamDecryptor(key, cut=cut, allow_large=allow_large)
    return decryptor.update(blob) + decryptor.finish()
