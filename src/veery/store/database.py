"""One device's store: an encrypted database, its header, and the threads that work on it.

    directory/            0700
        store.json        the header: how the store opens (`header`)
        store.db          the database, SQLCipher with the random key that the header wraps
        store.lock        held while the store is open: one process a profile

All writes go through one thread. `run(work)` calls `work(tables)` there, inside a transaction that is committed, and
on the disk, before the answer comes back; writes that come together share one commit. `read(work)` sees one state of
the database on another connection and never waits for writers. Both take functions, not coroutines: they should be
short and do nothing but work with the tables, for a write that shares a commit may be undone with it.

A row that is deleted is overwritten in the database at once, but older images of its page remain in the log for a
while. Whoever erases something that must be gone when the call returns (keys, seeds, what a person deleted) deletes it
in a `run` and then awaits `purge()`; see `purging`.

Creation is safe against kills: the database is made under another name, then the header is written, then the database
gets its name. A kill in between leaves either nothing that counts, or a store that `open` completes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from veery.errors import StoreError
from veery.protocol.account import Account
from veery.protocol.crypto import RandomBytes
from veery.runtime.faults import files_mapped
from veery.runtime.locks import FileLock
from veery.runtime.paths import FILE_MODE, private_directory
from veery.runtime.randomness import random_bytes
from veery.runtime.sqlite import (
    Connection,
    Options,
    ReaderPool,
    WriterThread,
    migrate,
    open_encrypted,
    transaction,
)
from veery.secret import Secret
from veery.store.accounts import DEVICE_ID_SIZE, AccountRow
from veery.store.faults import StoreClosed, StoreDamaged, store_faults
from veery.store.gate import Gate
from veery.store.header import HEADER_NAME, new_header, read_header, rewrap, unlock_store, write_header
from veery.store.keys import Unlock
from veery.store.migrations import MIGRATIONS
from veery.store.purging import Purged, give_back, purge
from veery.store.tables import Tables
from veery.store.tries import StoreWiped, finish_wipe

T = TypeVar("T")

DATABASE_NAME: Final = "store.db"
LOCK_NAME: Final = "store.lock"
FILES_NAME: Final = "files"  # directory of local files, each encrypted with a key of its own
_MAKING: Final = "store.db.new"
_READING: Final = Options(read_only=True)


@dataclass(frozen=True, slots=True, eq=False)
class NewProfile:
    """What a new store begins with. profile_s: seconds, 1 for a name typed at a restore (01.4). network: its file.

    begin: writes what belongs to the account from the first moment, in the same transaction.
    """

    account: Account
    display_name: str = field(repr=False)
    profile_s: int
    network: str = field(repr=False)
    restored: bool = False
    begin: Callable[[Tables, AccountRow], None] | None = None


class Store:
    """An open store. Make one with `create` or `open`, inside the event loop that it will be used in."""

    def __init__(
        self,
        directory: Path,
        writer: WriterThread,
        readers: ReaderPool,
        lock: FileLock,
        connect: Callable[[], Connection],
    ) -> None:
        self.directory = directory
        self._writer = writer
        self._readers = readers
        self._lock = lock
        self._connect = connect
        self._purging = asyncio.Lock()
        self._writing = Gate()
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def create(
        cls, directory: Path, unlock: Unlock, profile: NewProfile, now_ms: int, random: RandomBytes = random_bytes
    ) -> Store:
        """Make a store for an account and open it.

        Raises StoreError (`store.exists` when there is one), StoreBusy, and the leaves of FileFault.
        """
        return await _finished(cls._create(directory, unlock, profile, now_ms, random))

    @classmethod
    async def open(cls, directory: Path, unlock: Unlock) -> Store:
        """Open a store, bringing it to the newest schema.

        Raises WrongKey (nothing was changed), StoreBusy, StoreTooNew, StoreDamaged, HeaderError and other StoreErrors.
        """
        return await _finished(cls._open(directory, unlock))

    @classmethod
    async def _create(
        cls, directory: Path, unlock: Unlock, profile: NewProfile, now_ms: int, random: RandomBytes
    ) -> Store:
        with store_faults():
            private_directory(directory)
            lock = _locked(directory)
            try:
                row = _account_row(profile, now_ms, random)
                fill = partial(_fill, row=row, begin=profile.begin)
                key = await asyncio.to_thread(make_store, directory, unlock, fill, random)
                return await cls._start(directory, key, lock)
            except BaseException:
                lock.release()
                raise

    @classmethod
    async def _open(cls, directory: Path, unlock: Unlock) -> Store:
        if finish_wipe(directory):
            raise StoreWiped("too many wrong passphrases: this profile was wiped")
        read_header(directory)  # before the lock: it makes no file where there is no store
        with store_faults():
            lock = _locked(directory)
            try:
                key = await asyncio.to_thread(_unlock, directory, unlock)
                return await cls._start(directory, key, lock)
            except BaseException:
                lock.release()
                raise

    @classmethod
    async def _start(cls, directory: Path, key: Secret, lock: FileLock) -> Store:
        path = directory / DATABASE_NAME
        writer = WriterThread(lambda: _migrated(path, key), name="veery-store")
        await writer.start()
        readers = ReaderPool(lambda: open_encrypted(path, key, _READING), name="veery-store-reader")
        return cls(directory, writer, readers, lock, lambda: open_encrypted(path, key))

    async def run(self, work: Callable[[Tables], T]) -> T:
        """Run `work(tables)` in a transaction; give its result once it is on the disk.

        Raises what `work` raises (then nothing of it is kept), StoreFull, StoreClosed and other StoreErrors. A caller
        that is cancelled before the write began has written nothing; later, the write stands.
        """
        path = self.directory / DATABASE_NAME
        with store_faults():
            async with self._writing.passing():
                return await self._writer.run(lambda connection: work(Tables(connection, path)))

    async def read(self, work: Callable[[Tables], T]) -> T:
        """Run `work(tables)` on one state of the database, beside the writers; it sees every `run` that has returned.

        Raises what `work` raises, StoreClosed and other StoreErrors; also when `work` tries to write.
        """
        self._need_open()
        path = self.directory / DATABASE_NAME
        with store_faults():
            return await self._readers.run(lambda connection: work(Tables(connection, path)))

    async def purge(self, *, thorough: bool = False) -> Purged:
        """Make what earlier calls of `run` have deleted unreadable for good, and give its space back to the disk.

        Cuts the log to nothing and free pages off the file; writers and readers go on meanwhile. thorough: writes the
        whole database anew, so that not one byte of a deleted row remains anywhere in it; writers wait for that
        (seconds for a store of years), and it needs as much free space again. Raises StoreBusy (others read or write
        all the time: try again later), StoreFull, StoreClosed.
        """
        async with self._purging, self._writing.closed() if thorough else nullcontext():
            self._need_open()
            with store_faults():
                return await asyncio.to_thread(purge, self._connect, self.directory / DATABASE_NAME, thorough=thorough)

    async def snapshot(self, work: Callable[[Connection], T]) -> T:
        """Run `work(connection)` on one state of the database, for what reads whole tables. Raises as `read`."""
        self._need_open()
        with store_faults():
            return await self._readers.run(work)

    async def change_unlock(self, old: Unlock, new: Unlock, random: RandomBytes = random_bytes) -> None:
        """Change how the store opens (a new passphrase, say); the database stays. Raises WrongKey, StoreError."""
        self._need_open()
        await asyncio.to_thread(rewrap, self.directory, old, new, random)

    async def close(self) -> None:
        """Finish the writes that wait, close the database and let the profile go. A second call does nothing."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)  # whoever is cancelled here leaves no half-closed store

    async def _close(self) -> None:
        try:
            async with self._purging:  # its thread has the database open
                try:
                    await self._readers.close()
                finally:
                    await self._writer.close()
                await asyncio.to_thread(give_back, self._connect)
        finally:
            self._lock.release()

    def _need_open(self) -> None:
        if self._closing is not None:
            raise StoreClosed("the store is closed")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def exists(directory: Path) -> bool:
    """Tell whether a directory holds a store; `header.read_header` then says what opens it."""
    return (directory / HEADER_NAME).exists()


async def _finished(making: Coroutine[Any, Any, Store]) -> Store:
    """Wait for an opening to end even when cancelled: its thread goes on, and must not lose the lock under way."""
    task = asyncio.create_task(making)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None:
            await task.result().close()
        raise


def _locked(directory: Path) -> FileLock:
    lock = FileLock(directory / LOCK_NAME)
    lock.acquire_now()
    return lock


def make_store(directory: Path, unlock: Unlock, fill: Callable[[Path, Secret], None], random: RandomBytes) -> Secret:
    """Make a store in a directory that is locked, all or nothing; gives its key. fill: makes the database at a path.

    Raises StoreError (`store.exists` when there is one), what `fill` raises, and the leaves of FileFault.
    """
    finish_wipe(directory)
    if exists(directory):
        raise StoreError("there is a profile in this directory already", kind="store.exists")
    if (directory / DATABASE_NAME).exists():
        raise StoreError(
            f"there is a {DATABASE_NAME} without a {HEADER_NAME}",
            kind="store.header_missing",
            remedy=f"Put {HEADER_NAME} back from a backup, or choose another directory",
        )
    making = directory / _MAKING
    discard_unmade(directory)
    header, key = new_header(unlock, random)
    fill(making, key)
    write_header(directory, header)
    _name_database(directory)
    return key


def discard_unmade(directory: Path) -> None:
    """Remove a database whose making was broken off; one that a header belongs to stays. Raises FileFault."""
    making = directory / _MAKING
    if exists(directory):
        return
    with files_mapped(f"The database {making}"):
        for ending in ("", "-wal", "-shm", "-journal"):
            making.with_name(making.name + ending).unlink(missing_ok=True)


def _fill(path: Path, key: Secret, row: AccountRow, begin: Callable[[Tables, AccountRow], None] | None) -> None:
    with closing(new_database(path, key)) as connection, store_faults():
        migrate(connection, MIGRATIONS)
        with transaction(connection):
            tables = Tables(connection, path)
            tables.accounts.insert(row)
            if begin is not None:
                begin(tables, row)


def new_database(path: Path, key: Secret) -> Connection:
    """An encrypted database without tables, set up as every store is."""
    connection = open_encrypted(path, key)
    try:
        with store_faults():
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("VACUUM")  # makes the line above count in a file that has pages already
    except BaseException:
        connection.close()
        raise
    return connection


def _name_database(directory: Path) -> None:
    making = directory / _MAKING
    with files_mapped(f"The database {making}"):
        making.replace(directory / DATABASE_NAME)


def _unlock(directory: Path, unlock: Unlock) -> Secret:
    key = unlock_store(directory, unlock)
    database = directory / DATABASE_NAME
    if not database.exists() and (directory / _MAKING).exists():
        _name_database(directory)  # a kill came between header and name
    if not database.exists():
        raise StoreDamaged(f"{DATABASE_NAME} is missing")
    with files_mapped(f"The directory {directory}"):
        for name in (DATABASE_NAME, HEADER_NAME):
            (directory / name).chmod(FILE_MODE)  # a backup may have come back with wider rights
    return key


def _migrated(path: Path, key: Secret) -> Connection:
    connection = open_encrypted(path, key)
    try:
        migrate(connection, MIGRATIONS)
    except BaseException:
        connection.close()
        raise
    return connection


def _account_row(profile: NewProfile, now_ms: int, random: RandomBytes) -> AccountRow:
    return AccountRow(
        account_id=profile.account.account_id,
        seed=profile.account.seed,
        device_id=random(DEVICE_ID_SIZE),
        display_name=profile.display_name,
        profile_s=profile.profile_s,
        restored=profile.restored,
        network=profile.network,
        created_ms=now_ms,
    )
