"""The old device in the same network: offers its backup to whoever has the code, until it has arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from veery.client.transfer.code import TransferCode
from veery.client.transfer.connection import ConnectionPipe
from veery.client.transfer.messages import Arrived, Offer, Wanted, hear, say
from veery.client.transfer.session import FRAME_MAX, CodeNotTheSame, Session, TransferFault, agree
from veery.errors import VeeryError
from veery.runtime.faults import files_mapped
from veery.runtime.http_listener import CannotListen
from veery.secret import Secret

RESTORING_S: Final = 1_800.0  # for the new device to make its profile
GUESSES: Final = 3  # wrong codes; then somebody is guessing
Moved = Callable[[int, int], None]  # bytes sent, bytes in all


class ProfileSender:
    """Offers one backup file. Use `async with`, then `arrived`."""

    def __init__(
        self, backup: Path, passphrase: Secret, id_: bytes, code: TransferCode, moved: Moved, host: str, port: int
    ) -> None:
        self._backup = backup
        self._offer = Offer(id_, backup.stat().st_size, passphrase.reveal().decode())
        self._code = code
        self._moved = moved
        self._address = host, port
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._one = asyncio.Lock()
        self._guesses = 0
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def arrived(self) -> None:
        """Return when a new device has made its profile.

        Raises CodeNotTheSame after too many wrong codes, and FileFault when the backup cannot be read.
        """
        await asyncio.shield(self._done)

    async def __aenter__(self) -> ProfileSender:
        try:
            self._server = await asyncio.start_server(self._served, *self._address)
        except OSError as error:
            raise CannotListen(f"cannot listen at {self._address[0]} port {self._address[1]}") from error
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._done.cancel()
        if self._server is not None:
            self._server.close()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._one:  # one guess at a time, and one device
                if not self._done.done():
                    await self._serve(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            session = await agree(ConnectionPipe(reader, writer), self._code, old_device=True)
            await self._give(session)
        except CodeNotTheSame as error:
            self._guesses += 1
            if self._guesses >= GUESSES and not self._done.done():
                error.remedy = "Begin anew, with another code"
                self._done.set_exception(error)
        except TransferFault:
            return  # the device may come back and go on
        except VeeryError as error:  # of this side: the backup cannot be read
            if not self._done.done():
                self._done.set_exception(error)
        else:
            if not self._done.done():
                self._done.set_result(None)

    async def _give(self, session: Session) -> None:
        await say(session, self._offer)
        wanted = await hear(session)
        if not isinstance(wanted, Wanted) or wanted.offset > self._offer.size:
            raise TransferFault("the other device wants something else")
        offset = wanted.offset
        with files_mapped("The backup"), self._backup.open("rb") as file:
            file.seek(offset)
            while data := await asyncio.to_thread(file.read, FRAME_MAX):
                await session.send(data)
                offset += len(data)
                self._moved(offset, self._offer.size)
        if not isinstance(await hear(session, RESTORING_S), Arrived):
            raise TransferFault("the other device says something else")
