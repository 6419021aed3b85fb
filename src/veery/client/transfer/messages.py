"""What two devices say to each other over the channel of a transfer."""

from __future__ import annotations

from typing import Final

import msgspec

from veery.client.transfer.session import IDLE_S, Session, TransferBroken

ID_SIZE: Final = 16  # bytes


class Offer(msgspec.Struct, frozen=True, tag="offer"):
    """The old device has a backup of so many bytes. id: random, names it for later connections."""

    id: bytes
    size: int
    passphrase: str


class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """The new device has the first `offset` bytes already."""

    offset: int


class Arrived(msgspec.Struct, frozen=True, tag="arrived"):
    """The new device has opened the backup and made a profile of it."""


Message = Offer | Wanted | Arrived


async def say(session: Session, message: Message) -> None:
    """Send a message."""
    await session.send(msgspec.msgpack.encode(message))


async def hear(session: Session, idle_s: float = IDLE_S) -> Message:
    """The next message; idle_s as in `Session.receive`. Raises TransferBroken for anything else."""
    try:
        found: Message = msgspec.msgpack.decode(await session.receive(idle_s), type=Message)
    except msgspec.MsgspecError:
        raise TransferBroken("the other device says something that is no message") from None
    if isinstance(found, Offer) and (len(found.id) != ID_SIZE or found.size < 0):
        raise TransferBroken("the other device offers something impossible")
    if isinstance(found, Wanted) and found.offset < 0:
        raise TransferBroken("the other device wants something impossible")
    return found
