"""The old device, when the new one is in another network: they meet in the swarm, the backup goes over the file server.

Whoever finds out the nameplate can begin a run, but learns nothing from it before having proved the words, and each
wrong proof is counted: the third ends the offer. A run that is proved takes the place of an earlier one, for the new
device may have been cut off and come back. Pieces that are on the file server by then are not uploaded again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from veery.client.transfer.code import TransferCode
from veery.client.transfer.meeting import LOOK_S, Meeting, MeetingPipe, MeetingPlace, beside
from veery.client.transfer.messages import Arrived, Offer, Piece, Pieces, Wanted, hear, say
from veery.client.transfer.pieces import PIECE_SIZE, PieceStore
from veery.client.transfer.sender import GUESSES, RESTORING_S, Moved
from veery.client.transfer.session import CodeNotTheSame, Session, TransferBroken, TransferFault, agree
from veery.errors import Misuse, NetworkError, VeeryError
from veery.network.road import Road
from veery.protocol.attachments import FileServer
from veery.runtime.clock import Clock, sleep
from veery.runtime.faults import files_mapped
from veery.runtime.randomness import Randomness
from veery.secret import Secret

log: Final = logging.getLogger(__name__)

OFFERED_S: Final = 3_600.0  # without a word of the new device; then the offer ends
_BATCH: Final = 16  # pieces that are told at once
_TOLD_S: Final = 2.0  # or after so long
_WATCH_S: Final = 10.0


@dataclass(slots=True)
class Offered:
    """A backup that is offered, and what has become of it.

    id, secret: random, of this offer, 16 and 32 bytes; pieces: those that are on the file server, by number; guesses:
    wrong proofs so far.
    """

    backup: Path
    passphrase: Secret
    id: bytes
    code: TransferCode
    secret: Secret
    pieces: dict[int, Piece] = field(default_factory=dict)
    guesses: int = 0


class Kept:
    """Told of what must outlive a kill of the old device; this one keeps nothing."""

    async def piece(self, number: int, piece: Piece) -> None:
        """A piece is on the file server."""

    async def guessed(self, guesses: int) -> None:
        """So many proofs of the code were wrong."""


class ServerSender:
    """Offers one backup file. Call `run`. kept: hears of what a later run goes on with."""

    def __init__(
        self,
        road: Road,
        server: FileServer,
        offered: Offered,
        moved: Moved,
        clock: Clock,
        random: Randomness,
        *,
        kept: Kept | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        nameplate = offered.code.nameplate
        if nameplate is None:
            raise Misuse("this code is for devices in one network")
        self._offered = offered
        self._size = offered.backup.stat().st_size
        self._moved = moved
        self._kept = kept or Kept()
        self._clock = clock
        self._place = MeetingPlace(road, nameplate, clock, random)
        self._meeting = Meeting(self._place, clock, begun=self._begin, look_s=look_s)
        self._store = PieceStore(road, server, clock)
        self._uploading = asyncio.Lock()
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._runs: set[asyncio.Task[None]] = set()
        self._proved: asyncio.Task[None] | None = None
        self._heard = clock.monotonic()

    async def run(self) -> None:
        """Return when a new device has made its profile.

        Raises CodeNotTheSame after too many wrong codes, TransferFault when nobody comes or the code is used by
        others, FileServerRefused, NetworkError, FileFault.
        """
        try:
            if self._spent:  # the last wrong code was given right before a kill
                raise self._withdrawn()
            await beside(self._until_done(), self._meeting.listen())
        finally:
            for task in self._runs:
                task.cancel()
            await asyncio.gather(*self._runs, return_exceptions=True)
            if not self._spent:  # else the last refusal is on its way
                await asyncio.shield(self._place.leave())

    async def _until_done(self) -> None:
        while not self._done.done():
            if self._clock.monotonic() - self._heard > OFFERED_S:
                raise TransferFault("no other device has come for this profile", remedy="Offer it again")
            if self._meeting.crowded:
                raise TransferFault("somebody else uses this code", remedy="Begin anew, with another code")
            waiting = asyncio.ensure_future(sleep(self._clock, _WATCH_S))
            try:
                await asyncio.wait((self._done, waiting), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
        await self._done

    def _begin(self, pipe: MeetingPipe) -> None:
        task = asyncio.create_task(self._serve(pipe), name="transfer")
        self._runs.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._runs.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None and not self._done.done():
            self._done.set_exception(fault)  # nobody foresaw it: the offer must not go on in silence

    async def _serve(self, pipe: MeetingPipe) -> None:
        try:
            session = await agree(pipe, self._offered.code, old_device=True, wrong=self._guessed)
            if self._spent:  # others were wrong while this one was under way
                return
            self._takes_over()
            await self._give(session)
        except CodeNotTheSame:
            if self._spent:
                self._end(self._withdrawn())
        except (TransferFault, NetworkError) as error:
            log.info("A run of the transfer ended: %s", error)  # the device may come back and go on
        except VeeryError as error:
            self._end(error)
        else:
            self._end(None)

    def _takes_over(self) -> None:
        """This run is the one of the new device; one before it was cut off."""
        self._heard = self._clock.monotonic()
        if self._proved is not None:
            self._proved.cancel()
        self._proved = asyncio.current_task()

    async def _guessed(self) -> None:
        """Count at once: proofs that come together must not be more than are allowed, nor may a kill forget one."""
        self._offered.guesses += 1
        await self._kept.guessed(self._offered.guesses)

    def _withdrawn(self) -> CodeNotTheSame:
        return CodeNotTheSame("wrong codes were given", remedy="Begin anew, with another code")

    @property
    def _spent(self) -> bool:
        return self._offered.guesses >= GUESSES

    def _end(self, error: VeeryError | None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)

    async def _give(self, session: Session) -> None:
        offered = self._offered
        await say(session, Offer(offered.id, self._size, offered.passphrase.reveal().decode(), PIECE_SIZE))
        wanted = await hear(session)
        if not isinstance(wanted, Wanted) or wanted.offset > self._size:
            raise TransferFault("the other device wants something else")
        await self._tell_pieces(session, wanted.offset // PIECE_SIZE)
        if not isinstance(await hear(session, RESTORING_S), Arrived):
            raise TransferFault("the other device says something else")

    async def _tell_pieces(self, session: Session, first: int) -> None:
        """Tell of every piece from the first that is wanted, as they come onto the file server."""
        count = -(-self._size // PIECE_SIZE)
        untold: list[Piece] = []
        told = self._clock.monotonic()
        for number in range(first, count):
            untold.append(await self._piece(number))
            self._heard = self._clock.monotonic()
            if len(untold) >= _BATCH or self._heard - told >= _TOLD_S or number == count - 1:
                await say(session, Pieces(number + 1 - len(untold), untold))
                untold, told = [], self._clock.monotonic()
            self._moved(min((number + 1) * PIECE_SIZE, self._size), self._size)

    async def _piece(self, number: int) -> Piece:
        async with self._uploading:
            if number not in self._offered.pieces:
                data = await asyncio.to_thread(self._read, number)
                piece = await self._store.put(data, self._offered.secret)
                await self._kept.piece(number, piece)
                self._offered.pieces[number] = piece
            return self._offered.pieces[number]

    def _read(self, number: int) -> bytes:
        with files_mapped("The backup"), self._offered.backup.open("rb") as file:
            file.seek(number * PIECE_SIZE)
            data = file.read(PIECE_SIZE)
        if not data:
            raise TransferBroken("the backup that is offered has become shorter")
        return data
