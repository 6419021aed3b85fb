"""Offers of this profile over the file server: packed, offered, and gone on with after a kill.

An offer is kept in the store (its code, the passphrase of its backup, the pieces that are on the file server), and its
backup in the directory of the profile, until it has arrived, is withdrawn, or its pieces have expired. So the same
command goes on with the same code.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from veery.client.attachments.servers import server_of
from veery.client.backup import Backup
from veery.client.core import Core
from veery.client.transfer.code import TransferCode
from veery.client.transfer.meeting import LOOK_S
from veery.client.transfer.messages import ID_SIZE, Piece
from veery.client.transfer.server_sender import Kept, Offered, ServerSender
from veery.client.transfer.session import TransferBroken, TransferFault
from veery.errors import Misuse, ProtocolError, Retry
from veery.protocol.constants import SECOND_MS, TRANSFER_FILE_TTL_S
from veery.registry.network_file import NetworkFile
from veery.runtime.faults import files_mapped
from veery.secret import Secret
from veery.store.backup.create import PART_SUFFIX
from veery.store.keys import Passphrase
from veery.store.moving import MovingRow

BACKUP_NAME: Final = "transfer-server.backup"
_SECRET_SIZE: Final = 32
_KEPT_MS: Final = (TRANSFER_FILE_TTL_S - 4 * 3_600) * SECOND_MS  # of an offer; its pieces live a little longer


@dataclass(frozen=True, slots=True)
class OfferStep:
    """How far an offer is. event: `packing`, `offered` (with the code), `moved` (bytes done and total) or `arrived`.

    resumed: an earlier offer goes on, with the code that it had.
    """

    event: str
    code: str | None = None
    resumed: bool = False
    done: int = 0
    total: int = 0


class AlreadyOffered(Misuse):
    """This profile is being offered already."""

    default_kind = "client.transfer.offered"
    default_remedy = "Wait until that offer has ended, or end it"


class Transfer:
    """Moves the profile of one account to another device."""

    def __init__(self, core: Core, backup: Backup) -> None:
        self._core = core
        self._backups = backup
        self._offering = False

    async def begin(self) -> None:
        """Remove what is left of an offer that is too old to go on."""
        await self._held()

    async def send(self, *, anew: bool = False, look_s: float = LOOK_S) -> AsyncGenerator[OfferStep, None]:
        """Offer this profile over the file server, to a device that is told the code, until it has arrived there.

        Nothing is taken away here. An offer that was cut off goes on with its code, unless `anew`. To break it off,
        close the generator; the offer is kept for the next call. look_s: seconds between two looks for the other
        device. Raises FileServerMissing, AlreadyOffered, CodeNotTheSame (three wrong codes: the offer is withdrawn),
        TransferFault, NetworkError, FileServerRefused, StoreError, FileFault.
        """
        if self._offering:
            raise AlreadyOffered("this profile is being offered already")
        self._offering = True
        try:
            server = server_of(NetworkFile.parse(await self._core.read(lambda tables: tables.accounts.get().network)))
            held = None if anew else await self._held()
            if held is None or not self._path.exists():
                yield OfferStep("packing")
            row = held or await self._new()
            offered = await self._packed(row)
            size = offered.backup.stat().st_size
            yield OfferStep("offered", offered.code.text, resumed=held is not None, total=size)
            moved = _Moved()
            sender = ServerSender(
                self._core.road,
                server,
                offered,
                moved.tell,
                self._core.clock,
                self._core.random,
                kept=_InStore(self._core),
                look_s=look_s,
            )
            running = asyncio.ensure_future(self._run(sender))
            try:
                async for done in moved.until(running):
                    yield OfferStep("moved", done=done, total=size)
                await running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            yield OfferStep("arrived", total=size)
        finally:
            self._offering = False

    async def withdraw(self) -> None:
        """Forget an offer that was cut off, and its backup."""
        await self._core.write(lambda tables: tables.moving.forget())
        await asyncio.to_thread(self._remove)

    async def _run(self, sender: ServerSender) -> None:
        try:
            await sender.run()
        except TransferBroken:
            raise  # it can go on when the network is there again
        except (TransferFault, ProtocolError) as error:
            if isinstance(error, TransferFault) or error.retry is Retry.NEVER:
                await self.withdraw()
            raise
        await self.withdraw()

    async def _held(self) -> MovingRow | None:
        """The offer that can go on."""
        row = await self._core.read(lambda tables: tables.moving.get())
        if row is not None and not 0 <= self._core.clock.now_ms() - row.begun_ms <= _KEPT_MS:
            await self.withdraw()
            return None
        return row

    async def _new(self) -> MovingRow:
        random = self._core.random
        row = MovingRow(
            random.random_bytes(ID_SIZE),
            TransferCode.create(random.randbelow, by_server=True).text,
            Secret(random.random_bytes(_SECRET_SIZE).hex().encode()),
            Secret(random.random_bytes(_SECRET_SIZE)),
            0,
            self._core.clock.now_ms(),
        )
        await asyncio.to_thread(self._remove)
        await self._core.write(lambda tables: tables.moving.begin(row))
        return row

    async def _packed(self, row: MovingRow) -> Offered:
        """The backup of an offer; one whose writing was cut off is gone on with."""
        if not self._path.exists():
            # Named anew: what another device, or the file server, has of a backup before is none of this one.
            row = replace(row, id=self._core.random.random_bytes(ID_SIZE))
            await self._core.write(lambda tables: tables.moving.begin(row))
            await self._backups.create(self._path, Passphrase.of(row.passphrase.reveal().decode()))
        found = await self._core.read(lambda tables: tables.moving.pieces())
        pieces = {number: Piece(file, key) for number, (file, key) in found.items()}
        code = TransferCode.parse(row.code)
        return Offered(self._path, row.passphrase, row.id, code, row.secret, pieces, row.guesses)

    @property
    def _path(self) -> Path:
        return self._core.store.directory / BACKUP_NAME

    def _remove(self) -> None:
        with files_mapped("The backup of the offer"):
            for path in (self._path, self._path.with_name(BACKUP_NAME + PART_SUFFIX)):
                path.unlink(missing_ok=True)


class _InStore(Kept):
    def __init__(self, core: Core) -> None:
        self._core = core

    async def piece(self, number: int, piece: Piece) -> None:
        await self._core.write(lambda tables: tables.moving.add_piece(number, piece.file, piece.key))

    async def guessed(self, guesses: int) -> None:
        await self._core.write(lambda tables: tables.moving.guessed(guesses))


class _Moved:
    """The newest word on progress, for whoever waits for it."""

    def __init__(self) -> None:
        self._done: int | None = None
        self._changed = asyncio.Event()

    def tell(self, done: int, total: int) -> None:
        self._done = done
        self._changed.set()

    async def until(self, running: asyncio.Future[None]) -> AsyncGenerator[int, None]:
        """Each change until `running` has ended."""
        running.add_done_callback(lambda _: self._changed.set())
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._done is not None:
                done, self._done = self._done, None
                yield done
            elif running.done():
                return
            if running.done():
                self._changed.set()
