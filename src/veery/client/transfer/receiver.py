"""The new device in the same network: fetches the backup of the old one and makes a profile of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from veery.client.transfer.arriving import Arriving
from veery.client.transfer.code import TransferCode
from veery.client.transfer.connection import ConnectionPipe
from veery.client.transfer.messages import Arrived, Offer, Wanted, hear, say
from veery.client.transfer.sender import Moved
from veery.client.transfer.session import Session, TransferBroken, TransferFault, agree
from veery.protocol.crypto import RandomBytes
from veery.store.backup import Summary
from veery.store.keys import Unlock

CONNECT_S: Final = 20.0


async def receive_profile(
    host: str, port: int, code: TransferCode, directory: Path, unlock: Unlock, random: RandomBytes, moved: Moved
) -> Summary:
    """Make a profile of what the device at an address offers; what an earlier connection has brought is kept.

    moved: told of bytes that are here, and of all. Raises CodeNotTheSame, TransferBroken, BackupWrong and its kinds,
    StoreError, FileFault.
    """
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        raise TransferBroken(
            "the other device does not answer", remedy="Check the address, and that both are in one network"
        ) from error
    try:
        session = await agree(ConnectionPipe(reader, writer), code, old_device=False)
        offer = await hear(session)
        if not isinstance(offer, Offer) or offer.piece:
            raise TransferFault("the other device offers nothing")
        arriving = Arriving(directory, offer)
        await _fetch(session, arriving, offer, moved)
        summary = await arriving.restore(unlock, random)
        with suppress(TransferFault):  # the profile is there; the old device then goes on offering until it is stopped
            await say(session, Arrived())
        return summary
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _fetch(session: Session, arriving: Arriving, offer: Offer, moved: Moved) -> None:
    with arriving.open() as (file, offset):
        await say(session, Wanted(offset))
        while offset < offer.size:
            data = await session.receive()
            if not data or offset + len(data) > offer.size:
                raise TransferBroken("the other device sends more than it offered")
            await asyncio.to_thread(file.write, data)
            file.flush()
            offset += len(data)
            moved(offset, offer.size)
