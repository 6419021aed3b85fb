"""How long files become: padding and tags of both schemes (09.2.1, 09.4.2), and cutting a file to its size (09.2)."""

from __future__ import annotations

import math
from bisect import bisect_right

from veery.protocol.attachments.errors import FileRefused, FileUnfit
from veery.protocol.constants import (
    ATTACHMENT_MAX,
    FILE_BLOB_LARGE_MAX,
    FILE_BLOB_MAX,
    LEGACY_FILE_MAC_SIZE,
    LEGACY_PADDED_MAX,
    LEGACY_PADDED_MIN,
    LEGACY_PADDING_BASE,
    STREAM_CHUNK,
    STREAM_CHUNK_OVERHEAD,
    STREAM_HEADER_SIZE,
    STREAM_MARK,
    STREAM_PADDED_FROM,
    STREAM_PADDING_SHIFT,
    STREAM_PLAINTEXT_MAX,
)
from veery.protocol.crypto import CBC_BLOCK

SIZE_FIELD_MAX = 2**32 - 1  # what an attachment pointer can state, 09.1
_HEAD = len(STREAM_MARK) + STREAM_HEADER_SIZE
_PADDING_MIN = 1
_WHOLE_CHUNK = STREAM_CHUNK + STREAM_CHUNK_OVERHEAD


def legacy_padded_size(size: int) -> int:
    """Bytes of a plaintext of `size` bytes (at least 1) with legacy padding. Raises FileUnfit."""
    if not 1 <= size <= SIZE_FIELD_MAX:
        raise FileUnfit("An attachment has from 1 byte to 4 GiB", kind="files.size")
    steps = math.ceil(math.log(size) / math.log(LEGACY_PADDING_BASE))
    padded = max(LEGACY_PADDED_MIN, math.floor(LEGACY_PADDING_BASE**steps), size)
    return LEGACY_PADDED_MAX if padded > LEGACY_PADDED_MAX >= size else padded


def stream_padding(size: int, *, allow_large: bool = False) -> int:
    """Bytes of padding before a plaintext of `size` bytes in the stream scheme, at least 1. Raises FileUnfit.

    allow_large: files beyond 10,218,286 bytes may be encrypted.
    """
    if not 0 <= size <= SIZE_FIELD_MAX:
        raise FileUnfit("An attachment has at most 4 GiB", kind="files.size")
    if size > STREAM_PLAINTEXT_MAX and not allow_large:
        raise FileUnfit(
            f"The file has {size} bytes; at most {STREAM_PLAINTEXT_MAX} can be sent",
            kind="files.too_large",
            remedy="Send a smaller file",
        )
    chunks = -(-size // STREAM_CHUNK)
    smallest = _HEAD + _PADDING_MIN + size + chunks * STREAM_CHUNK_OVERHEAD
    step = (1 << max(smallest, STREAM_PADDED_FROM).bit_length() - 1) >> STREAM_PADDING_SHIFT
    padding = -(-smallest // step) * step - smallest + _PADDING_MIN
    # The tags of chunks that exist only because of the padding are a part of it.
    tags = padding // _WHOLE_CHUNK * STREAM_CHUNK_OVERHEAD
    if padding % _WHOLE_CHUNK > chunks * STREAM_CHUNK - size:
        tags += STREAM_CHUNK_OVERHEAD
    return padding - tags


def stream_blob_size(size: int, *, allow_large: bool = False) -> int:
    """Bytes of the encrypted file of a plaintext of `size` bytes in the stream scheme. Raises FileUnfit."""
    padded = size + stream_padding(size, allow_large=allow_large)
    return _HEAD + padded + -(-padded // STREAM_CHUNK) * STREAM_CHUNK_OVERHEAD


def stream_plaintext_bound(blob_size: int) -> int:
    """The most that a stream blob of so many bytes can hold: enough for a buffer (09.4.4). 0 for what is too short."""
    inner = blob_size - _HEAD - _PADDING_MIN
    return max(0, inner - STREAM_CHUNK_OVERHEAD * -(-inner // _WHOLE_CHUNK))


def legacy_blob_size(size: int) -> int:
    """Bytes of the encrypted file of a plaintext of `size` bytes in the legacy scheme, padded. Raises FileUnfit."""
    padded = legacy_padded_size(size)
    return CBC_BLOCK + padded + CBC_BLOCK - padded % CBC_BLOCK + LEGACY_FILE_MAC_SIZE


def sendable_size(blob_max: int) -> int:
    """The most bytes of a plaintext that a server takes which keeps blobs of `blob_max` bytes; 0: nothing.

    Up to ATTACHMENT_MAX a file must fit in either scheme, beyond it is sent as a stream.
    """
    sizes = range(1, min(blob_max, FILE_BLOB_LARGE_MAX) + 1)
    return bisect_right(sizes, blob_max, key=_longest_blob)


def _longest_blob(size: int) -> int:
    stream = stream_blob_size(size, allow_large=True)
    return stream if size > ATTACHMENT_MAX else max(stream, legacy_blob_size(size))


def check_blob_size(size: int, *, allow_large: bool = False) -> None:
    """Refuse encrypted files that nobody may send (09.9). Raises FileRefused `files.too_large`."""
    if size > FILE_BLOB_MAX and not allow_large:
        raise FileRefused(
            f"The file is longer than {FILE_BLOB_MAX} bytes", kind="files.too_large", remedy="Ask for a smaller file"
        )


def checked_size(size: int | None) -> int:
    """The `size` of a pointer. Raises FileRefused `files.size` if it is missing or 0 (09.2, 02.7.4)."""
    if size is None or size <= 0:
        raise FileRefused("The message does not say how long the file is", kind="files.size")
    return size


def cut_to_size(plaintext: bytes, size: int | None) -> bytes:
    """The first `size` bytes: what follows is padding. Raises FileRefused `files.size` for less, or no size."""
    wanted = checked_size(size)
    if len(plaintext) < wanted:
        raise FileRefused("The file is shorter than the message says", kind="files.size")
    return plaintext[:wanted]
