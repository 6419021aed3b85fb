"""What two devices say to each other over the channel of a transfer."""

from __future__ import annotations

from typing import Final

import msgspec

from veery.client.transfer.session import IDLE_S, Session, TransferBroken
from veery.protocol.constants import FILE_BLOB_MAX, STREAM_KEY_SIZE

ID_SIZE: Final = 16  # bytes
PIECES_MAX: Final = 64  # in one message


class Offer(msgspec.Struct, frozen=True, tag="offer"):
    """The old device has a backup of so many bytes. id: random, names it for later connections.

    piece: bytes of it in one file on the file server; 0 when it comes over this channel.
    """

    id: bytes
    size: int
    passphrase: str
    piece: int = 0

    def __repr__(self) -> str:
        return f"Offer(size={self.size}, piece={self.piece})"  # the passphrase must not print


class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """The new device has the first `offset` bytes already."""

    offset: int


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A piece of the backup on the file server: id of the file, and the key that opens it (32 bytes)."""

    file: str
    key: bytes

    def __repr__(self) -> str:
        return "Piece(…)"


class Pieces(msgspec.Struct, frozen=True, tag="pieces"):
    """Pieces that are on the file server, in order; first: the number of the first of them."""

    first: int
    pieces: list[Piece]


class Arrived(msgspec.Struct, frozen=True, tag="arrived"):
    """The new device has opened the backup and made a profile of it."""


Message = Offer | Wanted | Pieces | Arrived


async def say(session: Session, message: Message) -> None:
    """Send a message."""
    await session.send(msgspec.msgpack.encode(message))


async def hear(session: Session, idle_s: float = IDLE_S) -> Message:
    """The next message; idle_s as in `Session.receive`. Raises TransferBroken for anything else."""
    try:
        found: Message = msgspec.msgpack.decode(await session.receive(idle_s), type=Message)
    except msgspec.MsgspecError:
        raise TransferBroken("the other device says something that is no message") from None
    if isinstance(found, Offer) and not _is_possible(found):
        raise TransferBroken("the other device offers something impossible")
    if isinstance(found, Wanted) and found.offset < 0:
        raise TransferBroken("the other device wants something impossible")
    if isinstance(found, Pieces) and (
        len(found.pieces) > PIECES_MAX or any(len(each.key) != STREAM_KEY_SIZE for each in found.pieces)
    ):
        raise TransferBroken("the other device names something impossible")
    return found


def _is_possible(offer: Offer) -> bool:
    return len(offer.id) == ID_SIZE and offer.size >= 0 and 0 <= offer.piece <= FILE_BLOB_MAX
