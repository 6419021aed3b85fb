"""zstd in one frame without a dictionary, bounded against bombs (07.7, 08.5)."""

from __future__ import annotations

import zstandard

from veery.protocol.config.errors import ConfigMalformed
from veery.protocol.constants import CONFIG_COMPRESSION_LEVEL


def deflate(data: bytes) -> bytes:
    """Compress. Other releases of zstd may give other bytes, which inflate to the same, 07.12."""
    return zstandard.ZstdCompressor(level=CONFIG_COMPRESSION_LEVEL).compress(data)


def inflate(data: bytes, limit: int) -> bytes:
    """Undo `deflate` when it gives 1 to `limit` bytes. No more memory than that is taken.

    Raises ConfigMalformed: `config.zstd`.
    """
    try:
        size = zstandard.frame_content_size(data)
        if size > limit or size == 0:
            raise ConfigMalformed("the data inflates to nothing, or to too much", kind="config.zstd")
        inflated = zstandard.ZstdDecompressor().decompress(data, max_output_size=limit)
    except zstandard.ZstdError:
        raise ConfigMalformed("the data does not inflate", kind="config.zstd") from None
    if not inflated:
        raise ConfigMalformed("the data inflates to nothing, or to too much", kind="config.zstd")
    return inflated
