"""The channel between two devices: SPAKE2 on a short code, then sealed frames.

    greeting  33 bytes of SPAKE2 from each side (the first of them says the side: symmetric)
    frame …   XChaCha20-Poly1305 under the key of its direction, nonce = its number

The first frame of each side is empty and proves that both typed the same code. The new device proves it first: who
guesses at the code of an old device learns nothing before the guess has been counted. What carries greeting and frames
is a `Pipe`: a connection (`connection`), or messages in a swarm (`meeting`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

from spake2 import SPAKE2_Symmetric, SPAKEError

from veery.client.transfer.code import TransferCode
from veery.errors import ClientError, Retry
from veery.protocol.crypto import XCHACHA_NONCE_SIZE, XCHACHA_TAG_SIZE, CryptoFailed, blake2b, xchacha_decrypt
from veery.protocol.crypto import xchacha_encrypt as seal

SPAKE_SIZE: Final = 33  # bytes
FRAME_MAX: Final = 1024 * 1024  # bytes of plaintext
IDLE_S: Final = 60.0
_IDENTITY: Final = b"veery transfer 1"
_DIRECTIONS: Final = (b"old device", b"new device")
_SYMMETRIC: Final = b"S"
_REFUSAL: Final = bytes(XCHACHA_TAG_SIZE)  # opens under no key: says that the proof was wrong


class TransferFault(ClientError):
    """A profile could not be moved."""

    default_kind = "client.transfer"
    default_retry = Retry.LATER


class CodeNotTheSame(TransferFault):
    """The two devices were given different codes, or somebody is between them."""

    default_kind = "client.transfer.code_differs"
    default_remedy = "Compare the code on both devices, and try again"


class TransferBroken(TransferFault):
    """The connection to the other device ended, or was silent for too long."""

    default_kind = "client.transfer.broken"
    default_remedy = "Run the same command again: what has arrived is kept"


class Pipe(Protocol):
    """What carries greetings and frames between two devices: in order, each once or not at all."""

    async def greet(self, ours: bytes) -> bytes:
        """Exchange 33 bytes; gives those of the other side. Raises TransferBroken."""
        ...

    async def send(self, frame: bytes) -> None:
        """Send a sealed frame. Raises TransferBroken."""
        ...

    async def receive(self, idle_s: float) -> bytes:
        """The next sealed frame, for which about so many seconds may pass. Raises TransferBroken."""
        ...


class Session:
    """A channel. Made by `agree`."""

    def __init__(self, pipe: Pipe, keys: tuple[bytes, bytes]) -> None:
        self._pipe = pipe
        self._send_key, self._receive_key = keys
        self._sent = 0
        self._received = 0

    async def send(self, data: bytes) -> None:
        """Send one frame, at most 1 MiB. Raises TransferBroken."""
        sealed = seal(self._send_key, self._sent.to_bytes(XCHACHA_NONCE_SIZE, "big"), data)
        self._sent += 1
        await self._pipe.send(sealed)

    async def receive(self, idle_s: float = IDLE_S) -> bytes:
        """The next frame, for which at most so many seconds pass.

        Raises TransferBroken, CodeNotTheSame for a first one that does not open.
        """
        sealed = await self._pipe.receive(idle_s)
        try:
            data = xchacha_decrypt(self._receive_key, self._received.to_bytes(XCHACHA_NONCE_SIZE, "big"), sealed)
        except CryptoFailed:
            if self._received == 0:
                raise CodeNotTheSame("the codes of the two devices differ") from None
            raise TransferBroken("what the other device sends was changed on the way") from None
        self._received += 1
        return data

    async def refuse(self) -> None:
        """Tell the other side that its code is wrong, if it still listens."""
        with suppress(TransferBroken):
            await self._pipe.send(_REFUSAL)


async def agree(
    pipe: Pipe, code: TransferCode, *, old_device: bool, wrong: Callable[[], Awaitable[None]] | None = None
) -> Session:
    """Agree on keys with whoever has the same code. wrong: done when the other side's proof is, before it is told.

    Raises CodeNotTheSame, TransferBroken.
    """
    exchange = SPAKE2_Symmetric(code.text.encode(), idSymmetric=_IDENTITY)
    theirs = await pipe.greet(exchange.start())
    try:
        if len(theirs) != SPAKE_SIZE or theirs[:1] != _SYMMETRIC:  # what the library would only assert
            raise SPAKEError
        key = exchange.finish(theirs)
    except (SPAKEError, ValueError):  # ValueError: no element of the group
        raise CodeNotTheSame("the other device takes no part in the exchange") from None
    keys = tuple(blake2b(32, direction, key=key) for direction in _DIRECTIONS)
    session = Session(pipe, (keys[0], keys[1]) if old_device else (keys[1], keys[0]))
    if not old_device:
        await session.send(b"")
        await session.receive()
        return session
    try:
        await session.receive()
    except CodeNotTheSame:
        if wrong is not None:
            await wrong()
        await session.refuse()
        raise
    await session.send(b"")
    return session
