"""The seam to `runtime.sqlite`: what a database of this machine says, as an error of the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from veery.errors import Retry, RuntimeFault, StoreBusy, StoreError
from veery.runtime.faults import DiskFull
from veery.runtime.locks import LockHeld
from veery.runtime.sqlite import (
    ConstraintBroken,
    DatabaseCorrupt,
    DatabaseFault,
    DatabaseLocked,
    NotADatabase,
    SchemaTooNew,
    WriterClosed,
    WriterFull,
)


class StoreFull(StoreError):
    """The disk is full. What was being written is undone as a whole; everything before it is kept."""

    default_kind = "store.full"
    default_retry = Retry.LATER
    default_remedy = "Free some space on the device, then try again"


class StoreDamaged(StoreError):
    """The database is damaged, or belongs to another header."""

    default_kind = "store.damaged"
    default_remedy = "Put database and header back from one and the same backup of this profile"


class StoreTooNew(StoreError):
    """A newer Veery has written this store. Nothing was changed."""

    default_kind = "store.newer"
    default_remedy = "Use the newer Veery that wrote it"


class StoreClosed(StoreError):
    """The store is closed."""

    default_kind = "store.closed"


@contextmanager
def store_faults() -> Iterator[None]:
    """Raise leaves of StoreError in place of the faults of databases and locks in the body."""
    try:
        yield
    except (DatabaseFault, DiskFull, LockHeld, WriterClosed, WriterFull) as fault:
        raise _store_error(fault) from fault


def _store_error(fault: RuntimeFault) -> StoreError:
    if isinstance(fault, DiskFull):
        return StoreFull("the store cannot be written: the device is full")
    if isinstance(fault, SchemaTooNew):
        return StoreTooNew(f"a newer Veery has written this store ({fault.message})")
    if isinstance(fault, DatabaseCorrupt | NotADatabase):
        return StoreDamaged("the database of this profile is damaged")
    if isinstance(fault, LockHeld):
        return StoreBusy(f"this profile is in use: {fault.message}", remedy=fault.remedy)
    if isinstance(fault, DatabaseLocked | WriterFull):
        return StoreBusy(f"the store is busy: {fault.message}", remedy=fault.remedy)
    if isinstance(fault, ConstraintBroken):
        return StoreError("the store refuses a row: a rule of its schema is broken", kind="store.constraint")
    if isinstance(fault, WriterClosed):
        return StoreClosed("the store is closed")
    return StoreError(f"the store cannot be used: {fault.message}", remedy=fault.remedy, retry=fault.retry)
