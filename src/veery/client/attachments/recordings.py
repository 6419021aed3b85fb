"""How long a recording plays, where its head says so: WAV, and Ogg with Opus or Vorbis. Nothing is decoded.

Of other kinds (M4A, MP3, AAC and so on) nobody knows it without a decoder; then the answer is None.
"""

from __future__ import annotations

import struct
from typing import Final

_WAV_HEAD: Final = 12  # bytes: RIFF, size, WAVE
_CHUNK_HEAD: Final = 8
_CHUNKS_MAX: Final = 64
_BYTE_RATE_AT: Final = 8  # in the chunk `fmt `
_OGG: Final = b"OggS"
_PAGE_HEAD: Final = 27
_TAIL: Final = 65_307  # bytes of the longest page of Ogg: the last one begins within these
_OPUS_HZ: Final = 48_000  # positions of Opus count so, whatever the recording had
_NO_POSITION: Final = 2**64 - 1


def seconds(data: bytes) -> float | None:
    """How long a recording plays; None if its kind does not say so, or it is damaged."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return _wav(data)
    if data[:4] == _OGG:
        return _ogg(data)
    return None


def _wav(data: bytes) -> float | None:
    rate, at = 0, _WAV_HEAD
    for _ in range(_CHUNKS_MAX):
        if at + _CHUNK_HEAD > len(data):
            return None
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = at + _CHUNK_HEAD
        if name == b"fmt " and size >= _BYTE_RATE_AT + 4:
            rate = int.from_bytes(data[body + _BYTE_RATE_AT : body + _BYTE_RATE_AT + 4], "little")
        elif name == b"data":
            # Recorders that were cut off leave a size that was never filled in: what is there counts.
            return min(size, len(data) - body) / rate if rate else None
        at = body + size + size % 2
    return None


def _ogg(data: bytes) -> float | None:
    packet = data[_PAGE_HEAD + data[_PAGE_HEAD - 1] :] if len(data) > _PAGE_HEAD else b""
    skipped, hz = 0, 0
    if packet[:8] == b"OpusHead" and len(packet) >= 12:
        skipped, hz = int.from_bytes(packet[10:12], "little"), _OPUS_HZ
    elif packet[:7] == b"\x01vorbis" and len(packet) >= 16:
        (hz,) = struct.unpack_from("<I", packet, 12)
    last = data.rfind(_OGG, max(0, len(data) - 2 * _TAIL))
    if not hz or last < 0 or last + 14 > len(data):
        return None
    position = int.from_bytes(data[last + 6 : last + 14], "little")
    return None if position == _NO_POSITION else max(0, position - skipped) / hz
