"""Blobs of the stream scheme made by hand, right and wrong ones."""

from __future__ import annotations

from veery.protocol.constants import STREAM_CHUNK, STREAM_CHUNK_OVERHEAD, STREAM_HEADER_SIZE
from veery.protocol.crypto import SecretStream
from veery.secret import Secret

KEY = Secret(bytes(range(32)))
HEADER = bytes(range(100, 124))
HEAD = 1 + STREAM_HEADER_SIZE
WHOLE = STREAM_CHUNK + STREAM_CHUNK_OVERHEAD


def blob_of(*chunks: bytes, final: int | None = -1) -> bytes:
    """A blob of these chunks. final: index of the chunk that says it is the last, None for none."""
    stream = SecretStream(KEY.reveal(), HEADER)
    last = None if final is None else final % len(chunks)
    return b"S" + HEADER + b"".join(stream.push(chunk, final=at == last) for at, chunk in enumerate(chunks))


def sealed_chunks(blob: bytes) -> list[bytes]:
    """The encrypted chunks of a blob."""
    return [blob[at : at + WHOLE] for at in range(HEAD, len(blob), WHOLE)]


def pieces_of(data: bytes, size: int) -> list[bytes]:
    """The data cut into pieces of `size` bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def pattern(size: int) -> bytes:
    """Data that is not the same at any two offsets less than 251 apart."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]
