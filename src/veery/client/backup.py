"""Backups of a running engine: the file is written beside its work, from one state of the store."""

from __future__ import annotations

import asyncio
from pathlib import Path

from veery.client.core import Core
from veery.runtime.faults import FilePresent
from veery.runtime.sqlite import Connection
from veery.store.backup import Progress, create_backup
from veery.store.backup.create import Tell
from veery.store.database import FILES_NAME
from veery.store.keys import Passphrase

__all__ = ["Backup", "Progress"]


class Backup:
    """Backups of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(self, target: Path, passphrase: Passphrase, tell: Tell | None = None) -> None:
        """Write a backup to a file that is not there yet; one that was broken off is gone on with.

        tell: called from another thread with how far it is; what it raises breaks the backup off. Raises FilePresent,
        StoreError, FileFault.
        """
        if await asyncio.to_thread(target.exists):
            raise FilePresent(f"{target.name} is there already", remedy="Choose another name for the backup")
        core, files, now_ms = self._core, self._core.store.directory / FILES_NAME, self._core.clock.now_ms()

        def work(connection: Connection) -> None:
            create_backup(
                connection, files, target, passphrase, now_ms, core.random.random_bytes, tell or (lambda _: None)
            )

        await core.store.snapshot(work)
