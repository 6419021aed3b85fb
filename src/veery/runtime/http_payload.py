"""Bodies of HTTP requests, written in pieces.

aiohttp hands a body of bytes to the connection at once: with TLS it then stands encrypted in two more buffers of its
size, and the loop does nothing else until it does. Pieces go out as the other side takes them.
"""

from __future__ import annotations

from typing import Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

_PIECE: Final = 131_072  # bytes


class PiecewiseBody(Payload):
    """A body of bytes for `data` of a request of aiohttp; it can be sent more than once."""

    _autoclose = True  # nothing is held

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._body = body
        self._size = len(body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text."""
        return self._body.decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The body."""
        return self._body

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the body."""
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the body, or so many bytes of it."""
        view = memoryview(self._body)[:content_length]
        for start in range(0, len(view), _PIECE):
            await writer.write(view[start : start + _PIECE])
