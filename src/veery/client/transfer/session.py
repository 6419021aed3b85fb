"""The channel between two devices: SPAKE2 on a short code, then sealed frames.

    hello    line `veery transfer 1`, then 33 bytes of SPAKE2 (the first of them says the side: symmetric)
    frame …  length (4 bytes, big endian), then XChaCha20-Poly1305 under the key of its direction, nonce = its number

The first frame of each side is empty and proves that both typed the same code.
"""

from __future__ import annotations

import asyncio
from typing import Final

from spake2 import SPAKE2_Symmetric, SPAKEError

from veery.client.transfer.code import TransferCode
from veery.errors import ClientError, Retry
from veery.protocol.crypto import XCHACHA_NONCE_SIZE, XCHACHA_TAG_SIZE, CryptoFailed, blake2b, xchacha_decrypt
from veery.protocol.crypto import xchacha_encrypt as seal

HELLO: Final = b"veery transfer 1\n"
SPAKE_SIZE: Final = 33  # bytes
FRAME_MAX: Final = 1024 * 1024  # bytes of plaintext
IDLE_S: Final = 60.0
_LENGTH: Final = 4
_IDENTITY: Final = b"veery transfer 1"
_DIRECTIONS: Final = (b"old device", b"new device")


class TransferFault(ClientError):
    """A profile could not be moved."""

    default_kind = "client.transfer"
    default_retry = Retry.LATER


class CodeNotTheSame(TransferFault):
    """The two devices were given different codes, or somebody is between them."""

    default_kind = "client.transfer.code_differs"
    default_remedy = "Compare the code on both devices, and try again"


class TransferBroken(TransferFault):
    """The connection to the other device ended, or was silent for a minute."""

    default_kind = "client.transfer.broken"
    default_remedy = "Run the same command again: what has arrived is kept"


class Session:
    """A channel. Made by `agree`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keys: tuple[bytes, bytes]) -> None:
        self._reader = reader
        self._writer = writer
        self._send_key, self._receive_key = keys
        self._sent = 0
        self._received = 0

    async def send(self, data: bytes) -> None:
        """Send one frame, at most 1 MiB. Raises TransferBroken."""
        sealed = seal(self._send_key, self._sent.to_bytes(XCHACHA_NONCE_SIZE, "big"), data)
        self._sent += 1
        try:
            self._writer.write(len(sealed).to_bytes(_LENGTH, "big") + sealed)
            async with asyncio.timeout(IDLE_S):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise TransferBroken("the connection to the other device broke off") from error

    async def receive(self, idle_s: float = IDLE_S) -> bytes:
        """The next frame, for which at most so many seconds pass.

        Raises TransferBroken, CodeNotTheSame for a first one that does not open.
        """
        size = int.from_bytes(await _exactly(self._reader, _LENGTH, idle_s), "big")
        if not XCHACHA_TAG_SIZE <= size <= FRAME_MAX + XCHACHA_TAG_SIZE:
            raise TransferBroken("the other device sends something that is no frame")
        sealed = await _exactly(self._reader, size)
        try:
            data = xchacha_decrypt(self._receive_key, self._received.to_bytes(XCHACHA_NONCE_SIZE, "big"), sealed)
        except CryptoFailed:
            if self._received == 0:
                raise CodeNotTheSame("the codes of the two devices differ") from None
            raise TransferBroken("what the other device sends was changed on the way") from None
        self._received += 1
        return data


async def agree(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, code: TransferCode, *, old_device: bool
) -> Session:
    """Agree on keys with whoever has the same code. Raises CodeNotTheSame, TransferBroken."""
    exchange = SPAKE2_Symmetric(code.text.encode(), idSymmetric=_IDENTITY)
    writer.write(HELLO + exchange.start())
    theirs = await _exactly(reader, len(HELLO) + SPAKE_SIZE)
    if not theirs.startswith(HELLO):
        raise TransferBroken("at this address is no device that moves a profile", remedy="Check the address")
    try:
        key = exchange.finish(theirs[len(HELLO) :])
    except SPAKEError:
        raise CodeNotTheSame("the other device takes no part in the exchange") from None
    keys = tuple(blake2b(32, direction, key=key) for direction in _DIRECTIONS)
    session = Session(reader, writer, (keys[0], keys[1]) if old_device else (keys[1], keys[0]))
    await session.send(b"")
    await session.receive()
    return session


async def _exactly(reader: asyncio.StreamReader, size: int, idle_s: float = IDLE_S) -> bytes:
    try:
        async with asyncio.timeout(idle_s):
            return await reader.readexactly(size)
    except (OSError, EOFError, TimeoutError) as error:
        raise TransferBroken("the connection to the other device broke off") from error
