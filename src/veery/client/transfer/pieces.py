"""Pieces of a backup on the file server: files like any other, each under a key of its own.

A piece is encrypted as an attachment is (09.4), under a key hashed from the piece and a random secret of this
transfer. The file server sees files of one size, kept for a day and asked for once; it has no key and no name of
anybody. A piece that is made again gives the same file, so an upload that is repeated is kept once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from veery.client.transfer.messages import Piece
from veery.client.transfer.session import TransferBroken
from veery.errors import NetworkError, ProtocolError, Retry
from veery.network.road import Road
from veery.protocol.attachments import Domain, FileServer, stream
from veery.protocol.attachments.requests import (
    download_request,
    read_download,
    read_uploaded,
    upload_request,
)
from veery.protocol.attachments.urls import is_opaque_id
from veery.protocol.constants import FILE_TRANSFER_TIMEOUT_S, TRANSFER_FILE_TTL_S
from veery.runtime.clock import Clock, sleep
from veery.secret import Secret

log: Final = logging.getLogger(__name__)

T = TypeVar("T")
PIECE_SIZE: Final = 768 * 1024  # bytes; slow lines send as much within the time of one request
_PAUSES_S: Final = (1.0, 5.0, 20.0, 60.0)


class PieceStore:
    """The file server as a transfer uses it."""

    def __init__(self, road: Road, server: FileServer, clock: Clock) -> None:
        self._road = road
        self._server = server
        self._clock = clock

    async def put(self, data: bytes, secret: Secret) -> Piece:
        """Upload a piece. secret: random, of this transfer, 32 bytes. Raises NetworkError, FileServerRefused."""
        made = await asyncio.to_thread(stream.encrypt, data, secret, Domain.ATTACHMENT)
        request = upload_request(made.blob, ttl_s=TRANSFER_FILE_TTL_S)

        async def put() -> str:
            reply = await self._road.request(self._server.destination(), request, timeout_s=FILE_TRANSFER_TIMEOUT_S)
            return read_uploaded(reply).id

        return Piece(await self._tried(put), made.key.reveal())

    async def get(self, piece: Piece, size: int) -> bytes:
        """Fetch a piece of so many bytes. Raises NetworkError, FileServerRefused, TransferBroken for another one."""
        if not is_opaque_id(piece.file):
            raise TransferBroken("the other device names a piece that cannot be asked for")

        async def get() -> bytes:
            reply = await self._road.request(
                self._server.destination(), download_request(piece.file), timeout_s=FILE_TRANSFER_TIMEOUT_S
            )
            return read_download(reply)

        blob = await self._tried(get)
        try:
            data = await asyncio.to_thread(stream.decrypt, blob, Secret(piece.key))
        except ProtocolError as error:
            raise TransferBroken("a piece on the file server was changed") from error
        if len(data) != size:
            raise TransferBroken("a piece on the file server has another size than it should")
        return data

    async def _tried(self, work: Callable[[], Awaitable[T]]) -> T:
        for pause in _PAUSES_S:
            try:
                return await work()
            except (NetworkError, ProtocolError) as error:
                if isinstance(error, ProtocolError) and error.retry is Retry.NEVER:
                    raise
                log.info("A piece is tried again: %s", error)
            await sleep(self._clock, pause)
        return await work()
