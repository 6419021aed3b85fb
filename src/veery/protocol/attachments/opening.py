"""Opening what a message, profile or group points to: the URL's fragment picks the scheme (09.1, 09.5.3)."""

from __future__ import annotations

from enum import Enum

from veery.protocol.attachments import legacy, profile_pictures, stream
from veery.protocol.attachments.errors import FileRefused
from veery.protocol.attachments.sizes import checked_size, cut_to_size
from veery.protocol.attachments.urls import FileUrl
from veery.protocol.constants import LEGACY_FILE_KEYS_SIZE, STREAM_KEY_SIZE, STREAM_MARK
from veery.secret import Secret


class Scheme(Enum):
    """How a file is encrypted."""

    LEGACY = "legacy"  # CBC and HMAC for attachments, GCM for profile pictures
    STREAM = "stream"  # secretstream


def scheme_of(url: FileUrl, key: Secret | None, digest: bytes | None, first: bytes) -> Scheme:
    """The scheme of an attachment. first: the first byte of its blob. Raises FileRefused `files.key`.

    A blob without the mark in its URL counts as a stream as well if key, digest and first byte all say so: newest
    deployed writers of `d=` were read as legacy by some and passed on without it (09.1).
    """
    if key is None:
        raise FileRefused("The message holds no key for the file", kind="files.key")
    if url.stream or (len(key) == STREAM_KEY_SIZE and not digest and first[:1] == STREAM_MARK):
        if len(key) != STREAM_KEY_SIZE:
            raise FileRefused("The key of the file does not fit its address", kind="files.key")
        return Scheme.STREAM
    if len(key) != LEGACY_FILE_KEYS_SIZE:
        raise FileRefused("The key of the file does not fit its address", kind="files.key")
    return Scheme.LEGACY


def open_attachment(
    blob: bytes, *, url: FileUrl, key: Secret | None, digest: bytes | None, size: int | None, allow_large: bool = False
) -> bytes:
    """The file of an attachment pointer, cut to its size. Raises FileMalformed, FileRefused.

    Not for communities, whose files are not encrypted.
    """
    scheme = scheme_of(url, key, digest, blob[:1])
    assert key is not None
    if scheme is Scheme.STREAM:
        return stream.decrypt(blob, key, cut=checked_size(size), allow_large=allow_large)
    return cut_to_size(legacy.decrypt(blob, key, digest, allow_large=allow_large), size)


def open_profile_picture(blob: bytes, *, url: FileUrl, key: Secret) -> bytes:
    """The picture of a profile or group. Raises FileMalformed, FileRefused."""
    return stream.decrypt(blob, key) if url.stream else profile_pictures.decrypt(blob, key)
