"""The new device: fetches the backup of the old one and makes a profile of it."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from veery.client.transfer.code import TransferCode
from veery.client.transfer.messages import Arrived, Offer, Wanted, hear, say
from veery.client.transfer.sender import Moved
from veery.client.transfer.session import Session, TransferBroken, TransferFault, agree
from veery.protocol.crypto import RandomBytes
from veery.runtime.faults import files_mapped
from veery.runtime.paths import FILE_MODE, private_directory
from veery.store.backup import Summary, restore_backup
from veery.store.keys import Passphrase, Unlock

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
        session = await agree(reader, writer, code, old_device=False)
        offer = await hear(session)
        if not isinstance(offer, Offer):
            raise TransferFault("the other device offers nothing")
        part = private_directory(directory) / f"transfer-{offer.id.hex()}.part"
        await _fetch(session, part, offer, moved)
        passphrase = Passphrase.of(offer.passphrase)
        summary = await asyncio.to_thread(restore_backup, part, passphrase, directory, unlock, random, lambda _: None)
        part.unlink(missing_ok=True)
        with suppress(TransferFault):  # the profile is there; the old device then goes on offering until it is stopped
            await say(session, Arrived())
        return summary
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _fetch(session: Session, part: Path, offer: Offer, moved: Moved) -> None:
    with files_mapped("The backup under way"), _kept(part) as file:
        offset = file.seek(0, os.SEEK_END)
        if offset > offer.size:
            offset = file.seek(0)
        file.truncate()
        await say(session, Wanted(offset))
        while offset < offer.size:
            data = await session.receive()
            if not data or offset + len(data) > offer.size:
                raise TransferBroken("the other device sends more than it offered")
            await asyncio.to_thread(file.write, data)
            file.flush()
            offset += len(data)
            moved(offset, offer.size)


def _kept(part: Path) -> BinaryIO:
    return os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE), "r+b")
