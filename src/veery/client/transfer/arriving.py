"""What the new device keeps of a backup on its way, and the profile that it makes of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from veery.client.transfer.messages import Offer
from veery.protocol.crypto import RandomBytes
from veery.runtime.faults import files_mapped
from veery.runtime.paths import FILE_MODE, private_directory
from veery.store.backup import BackupWrong, Summary, restore_backup
from veery.store.keys import Passphrase, Unlock


class Arriving:
    """A backup that is on its way into a directory. What an earlier attempt has brought of the same offer is kept."""

    def __init__(self, directory: Path, offer: Offer) -> None:
        self._directory = private_directory(directory)
        self._offer = offer
        self._part = self._directory / f"transfer-{offer.id.hex()}.part"
        for other in self._directory.glob("transfer-*.part"):
            if other != self._part:  # of an offer that nobody makes any more
                other.unlink(missing_ok=True)

    @contextmanager
    def open(self) -> Iterator[tuple[BinaryIO, int]]:
        """The file, at its end, and how many bytes are there: of whole pieces, if it comes in pieces."""
        with files_mapped("The backup under way"), _kept(self._part) as file:
            offset = file.seek(0, os.SEEK_END)
            if offset > self._offer.size:
                offset = 0
            if self._offer.piece and offset < self._offer.size:
                offset -= offset % self._offer.piece
            file.seek(offset)
            file.truncate()
            yield file, offset

    async def restore(self, unlock: Unlock, random: RandomBytes) -> Summary:
        """Make the profile. Raises BackupWrong and its kinds, StoreError, FileFault."""
        passphrase = Passphrase.of(self._offer.passphrase)
        try:
            summary = await asyncio.to_thread(
                restore_backup, self._part, passphrase, self._directory, unlock, random, lambda _: None
            )
        except BackupWrong:
            self._part.unlink(missing_ok=True)  # going on with it would fail again
            raise
        self._part.unlink(missing_ok=True)
        return summary


def _kept(part: Path) -> BinaryIO:
    return os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE), "r+b")
