"""What the account takes on the disk: looking at it, rules that the user sets, and making room.

Local files lie in `files/` of the profile, each counted in the store (`store.blobs`). A file whose count is 0 is
removed right after the commit that brought it there (`sweep`, which housekeeping calls at every change); what a kill
left behind is removed at the start (`begin`).

Nothing is ever trimmed without a rule that the user set. Rules are applied from time to time while an engine runs, and
by `trim`. What was deleted is written over at once; the database is written anew (`store.purging`) at most once a day,
so that not even unused corners of pages keep anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from veery.client.core import Core
from veery.client.storage_views import StorageState, storage_state
from veery.errors import NotFound, StoreError
from veery.protocol.constants import DAY_MS
from veery.runtime.faults import FileFault, files_mapped
from veery.store.blobs import Blobs
from veery.store.database import FILES_NAME
from veery.store.purging import DELETED, Purged
from veery.store.tables import Tables
from veery.store.trimming import TrimFile, TrimRule

log = logging.getLogger(__name__)

STORAGE_EVENT: Final = "storage"
_ANEW: Final = "written_anew_ms"  # setting: when the database was last written anew, local time
_ANEW_BYTES_MAX: Final = 256 * 1024**2  # larger databases are written anew once a week only
_AT_ONCE: Final = 200  # files trimmed or removed in one transaction


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What a trim took, or would take. freed_bytes: of files that nothing else refers to."""

    files: tuple[TrimFile, ...]
    freed_bytes: int


class StorageService:
    """The storage of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._files = core.store.directory / FILES_NAME

    async def show(self) -> StorageState:
        """What takes space, and what the rules would free now. Walks all messages. Raises StoreError."""
        now_ms = self._core.clock.now_ms()
        return await self._core.read(lambda tables: storage_state(tables, now_ms))

    async def rules(self) -> tuple[TrimRule, ...]:
        """The rules."""
        return await self._core.read(lambda tables: tables.trimming.rules())

    async def set_rule(self, conversation: str | None, older_ms: int | None, larger_bytes: int | None) -> TrimRule:
        """Add a rule, for one conversation or as the default; without both limits it keeps everything.

        Nothing is taken yet: `trim` does that, and housekeeping from time to time. Raises NoConversation.
        """
        now_ms = self._core.clock.now_ms()
        return await self._core.write(
            lambda tables: tables.trimming.set_rule(conversation, older_ms, larger_bytes, now_ms)
        )

    async def remove_rule(self, id_: int) -> None:
        """Remove a rule. Raises NotFound."""
        if not await self._core.write(lambda tables: tables.trimming.remove_rule(id_)):
            raise NotFound(f"there is no rule {id_}", remedy="`veery storage rules list` shows the rules")

    async def trim(self, *, dry_run: bool = False) -> Trimmed:
        """Remove the local files that the rules fit; with `dry_run` only tell which. Raises StoreError."""
        now_ms = self._core.clock.now_ms()
        _, freed = await self._core.read(lambda tables: tables.trimming.fitting_total(now_ms))
        if dry_run:
            every = await self._core.read(lambda tables: tables.trimming.fitting(now_ms, -1))
            return Trimmed(every, freed)
        taken: list[TrimFile] = []
        while some := await self._core.write(partial(_trim, now_ms=now_ms, after=taken[-1].attachment if taken else 0)):
            taken += some
            await self.sweep()
        return Trimmed(tuple(taken), freed)

    async def begin(self) -> None:
        """At the start, before anybody makes files: remove what a kill left behind."""
        await self._core.store.run(lambda tables: tables.blobs.release_held())  # also of a first file that never came
        await self.sweep()
        if not await asyncio.to_thread(self._files.is_dir):
            return
        known = await self._core.read(lambda tables: tables.blobs.names())
        await asyncio.to_thread(_remove_others, self._files, known)

    async def sweep(self) -> int:
        """Remove files that nobody refers to any more; gives how many."""
        removed = 0
        while names := await self._core.read(lambda tables: tables.blobs.unreferenced(_AT_ONCE)):
            gone = await asyncio.to_thread(_remove, self._files, names)
            if not gone:
                break
            await self._core.store.run(lambda tables, gone=gone: _forget(tables.blobs, gone))  # type: ignore[misc]
            removed += len(gone)
        return removed

    async def purge(self) -> Purged:
        """Write the database anew, so that nothing of what was deleted is left in it. Raises StoreError."""
        done = await self._core.store.purge(thorough=True)
        now_ms = self._core.clock.now_ms()
        await self._core.write(lambda tables: tables.accounts.set_setting(_ANEW, str(now_ms)))
        return done

    async def tidy(self) -> None:
        """From time to time: apply the rules, give space back, and write the database anew when it is due."""
        taken = await self.trim()
        if taken.files:
            log.info("rules for trimming took %d files, %d bytes", len(taken.files), taken.freed_bytes)
        try:
            if await self._is_due():
                await self.purge()
            else:
                await self._core.store.purge()
        except StoreError as error:
            log.info("the space of deleted rows is given back later (%s)", error.kind)

    async def _is_due(self) -> bool:
        now_ms = self._core.clock.now_ms()

        def work(tables: Tables) -> bool:
            if tables.accounts.setting(DELETED) is None:
                return False
            pause_ms = DAY_MS if tables.usage.file_bytes() < _ANEW_BYTES_MAX else 7 * DAY_MS
            return now_ms - int(tables.accounts.setting(_ANEW) or 0) >= pause_ms

        return await self._core.read(work)


def _trim(tables: Tables, now_ms: int, after: int) -> tuple[TrimFile, ...]:
    taken = tables.trimming.trim(now_ms, _AT_ONCE, after)
    if taken:
        told = {"trimmed": len(taken), "messages": sorted({each.message for each in taken})}
        tables.events.append(STORAGE_EVENT, told, now_ms)
    return taken


def _forget(blobs: Blobs, names: Iterable[str]) -> None:
    blobs.forget(names)


def _remove(directory: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Remove files; gives the names of those that are gone now."""
    gone = []
    for name in names:
        if Path(name).name != name:  # never outside of the directory, whatever a database says
            gone.append(name)
            continue
        try:
            with files_mapped(f"The file {name}"):
                (directory / name).unlink(missing_ok=True)
        except FileFault as fault:
            log.warning("a local file cannot be removed (%s)", fault.kind)
            continue
        gone.append(name)
    return tuple(gone)


def _remove_others(directory: Path, known: frozenset[str]) -> None:
    _remove(directory, [each.name for each in directory.iterdir() if each.is_file() and each.name not in known])
