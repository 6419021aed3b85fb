"""Greetings and frames over one TCP connection.

hello    line `veery transfer 1`, then the greeting
frame …  length (4 bytes, big endian), then the sealed frame
"""

from __future__ import annotations

import asyncio
from typing import Final

from veery.client.transfer.session import FRAME_MAX, IDLE_S, SPAKE_SIZE, TransferBroken
from veery.protocol.crypto import XCHACHA_TAG_SIZE

HELLO: Final = b"veery transfer 1\n"
_LENGTH: Final = 4


class ConnectionPipe:
    """A `Pipe` over a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def greet(self, ours: bytes) -> bytes:
        """See `Pipe`."""
        self._writer.write(HELLO + ours)
        theirs = await self._exactly(len(HELLO) + SPAKE_SIZE, IDLE_S)
        if not theirs.startswith(HELLO):
            raise TransferBroken("at this address is no device that moves a profile", remedy="Check the address")
        return theirs[len(HELLO) :]

    async def send(self, frame: bytes) -> None:
        """See `Pipe`."""
        try:
            self._writer.write(len(frame).to_bytes(_LENGTH, "big") + frame)
            async with asyncio.timeout(IDLE_S):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise TransferBroken("the connection to the other device broke off") from error

    async def receive(self, idle_s: float) -> bytes:
        """See `Pipe`."""
        size = int.from_bytes(await self._exactly(_LENGTH, idle_s), "big")
        if not XCHACHA_TAG_SIZE <= size <= FRAME_MAX + XCHACHA_TAG_SIZE:
            raise TransferBroken("the other device sends something that is no frame")
        return await self._exactly(size, IDLE_S)

    async def _exactly(self, size: int, idle_s: float) -> bytes:
        try:
            async with asyncio.timeout(idle_s):
                return await self._reader.readexactly(size)
        except (OSError, EOFError, TimeoutError) as error:
            raise TransferBroken("the connection to the other device broke off") from error
