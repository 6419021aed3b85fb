"""The new device in another network: meets the old one in the swarm, and fetches the backup from the file server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from veery.client.attachments.servers import server_of
from veery.client.transfer.arriving import Arriving
from veery.client.transfer.code import TransferCode
from veery.client.transfer.meeting import LOOK_S, RUN_SIZE, Meeting, MeetingPipe, MeetingPlace, beside
from veery.client.transfer.messages import Arrived, Offer, Pieces, Wanted, hear, say
from veery.client.transfer.pieces import PieceStore
from veery.client.transfer.sender import Moved
from veery.client.transfer.session import Session, TransferBroken, TransferFault, agree
from veery.errors import Misuse
from veery.network.client_road import OnionRoad
from veery.network.proxy import Proxy
from veery.network.road import Road
from veery.protocol.attachments import FileServer
from veery.registry.network_file import NetworkFile
from veery.runtime.clock import Clock, SystemClock
from veery.runtime.randomness import Randomness
from veery.store.backup import Summary
from veery.store.keys import Unlock


async def receive_by_server(
    road: Road,
    server: FileServer,
    code: TransferCode,
    directory: Path,
    unlock: Unlock,
    moved: Moved,
    *,
    clock: Clock | None = None,
    random: Randomness | None = None,
    look_s: float = LOOK_S,
) -> Summary:
    """Make a profile of what the device with the same code offers; what an earlier attempt has brought is kept.

    road, server: of the network of both devices; moved: told of bytes that are here, and of all; look_s: seconds
    between two looks into the swarm. Raises Misuse for a code of the local network, CodeNotTheSame, TransferBroken,
    NetworkError, FileServerRefused, BackupWrong and its kinds, StoreError, FileFault.
    """
    if code.nameplate is None:
        raise Misuse("this code is for devices in one network")
    clock, random = clock or SystemClock(), random or Randomness()
    meeting = Meeting(MeetingPlace(road, code.nameplate, clock, random), clock, look_s=look_s)
    pipe = meeting.begin(random.random_bytes(RUN_SIZE))
    receiving = _Receiving(PieceStore(road, server, clock), directory, unlock, random, moved)
    return await beside(receiving.run(pipe, code), meeting.listen())


class _Receiving:
    def __init__(self, store: PieceStore, directory: Path, unlock: Unlock, random: Randomness, moved: Moved) -> None:
        self._store = store
        self._directory = directory
        self._unlock = unlock
        self._random = random
        self._moved = moved

    async def run(self, pipe: MeetingPipe, code: TransferCode) -> Summary:
        session = await agree(pipe, code, old_device=False)
        offer = await hear(session)
        if not isinstance(offer, Offer) or not offer.piece:
            raise TransferFault("the other device offers nothing")
        arriving = Arriving(self._directory, offer)
        await self._fetch(session, arriving, offer)
        summary = await arriving.restore(self._unlock, self._random.random_bytes)
        with suppress(TransferFault):  # the profile is there; the old device then goes on offering until it is stopped
            await say(session, Arrived())
        return summary

    async def _fetch(self, session: Session, arriving: Arriving, offer: Offer) -> None:
        with arriving.open() as (file, offset):
            await say(session, Wanted(offset))
            while offset < offer.size:
                told = await hear(session)
                if not isinstance(told, Pieces) or told.first * offer.piece != offset or not told.pieces:
                    raise TransferBroken("the other device names other pieces than those that are missing")
                for piece in told.pieces:
                    data = await self._store.get(piece, min(offer.piece, offer.size - offset))
                    await asyncio.to_thread(file.write, data)
                    file.flush()
                    offset += len(data)
                    self._moved(offset, offer.size)


async def receive_over_network(
    network: NetworkFile,
    code: TransferCode,
    directory: Path,
    unlock: Unlock,
    moved: Moved,
    *,
    proxy: Proxy | None = None,
) -> Summary:
    """`receive_by_server` on a road of its own. Raises the same, and FileServerMissing."""
    server = server_of(network)
    async with await OnionRoad.open(network, proxy=proxy) as road:
        return await receive_by_server(road, server, code, directory, unlock, moved)
