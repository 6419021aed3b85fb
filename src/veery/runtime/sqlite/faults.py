"""What SQLite and SQLCipher raise, as leaves of the error tree.

Both engines' exceptions carry the result code of SQLite; the leaf is chosen by the primary code. The texts of the
engines name tables, columns and SQL, never values, and go along as the cause.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from veery.errors import Retry, RuntimeFault
from veery.runtime.faults import DiskFull


class DatabaseFault(RuntimeFault):
    """The database refuses: a mistake in the program, or something of the machine without a leaf of its own."""

    default_kind = "runtime.database"
    default_retry = Retry.NEVER


class DatabaseCorrupt(DatabaseFault):
    """The file is damaged."""

    default_kind = "runtime.database.corrupt"
    default_remedy = "Restore it from a backup, or move it away so that a new one is made"


class DatabaseLocked(DatabaseFault):
    """Another connection holds the database for longer than the busy time-out."""

    default_kind = "runtime.database.locked"
    default_retry = Retry.LATER
    default_remedy = "Wait until the other process is done, or stop it"


class NotADatabase(DatabaseFault):
    """The file is no database, or it is encrypted and the key is another one."""

    default_kind = "runtime.database.not_a_database"


class DatabaseDenied(DatabaseFault):
    """The file cannot be opened or written."""

    default_kind = "runtime.database.denied"
    default_remedy = "Check that the directory exists and that the user that runs Veery may write to it"


class ConstraintBroken(DatabaseFault):
    """A row breaks a rule of the schema: unique, foreign key, check, not null."""

    default_kind = "runtime.database.constraint"


_PRIMARY = 0xFF  # the low byte of an extended result code
_LEAVES: Final[dict[int, tuple[type[RuntimeFault], str]]] = {
    sqlite3.SQLITE_BUSY: (DatabaseLocked, "the database is in use by another process"),
    sqlite3.SQLITE_LOCKED: (DatabaseLocked, "the database is in use by another connection"),
    sqlite3.SQLITE_CORRUPT: (DatabaseCorrupt, "the database is damaged"),
    sqlite3.SQLITE_NOTADB: (NotADatabase, "the file is not a database, or the key does not open it"),
    sqlite3.SQLITE_FULL: (DiskFull, "the database cannot grow: the device is full"),
    sqlite3.SQLITE_CANTOPEN: (DatabaseDenied, "the database cannot be opened"),
    sqlite3.SQLITE_PERM: (DatabaseDenied, "access to the database is refused"),
    sqlite3.SQLITE_AUTH: (DatabaseDenied, "access to the database is refused"),
    sqlite3.SQLITE_READONLY: (DatabaseDenied, "the database cannot be written"),
    sqlite3.SQLITE_CONSTRAINT: (ConstraintBroken, "a rule of the schema is broken"),
}


def driver_errors() -> tuple[type[Exception], ...]:
    """The root exceptions of the engines in use; SQLCipher's only once it was imported."""
    cipher = sys.modules.get("sqlcipher3.dbapi2")
    error = getattr(cipher, "Error", None)  # absent as well while another thread is importing the module
    return (sqlite3.Error, sqlite3.Warning) if error is None else (sqlite3.Error, sqlite3.Warning, error)


def database_fault(error: BaseException) -> RuntimeFault:
    """The leaf that stands for an engine's exception."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return DatabaseFault(f"the database was used wrongly: {error}", kind="runtime.database.usage")
    if (code & _PRIMARY) == sqlite3.SQLITE_IOERR:
        return DatabaseFault("the database cannot be read or written", kind="runtime.database.io", retry=Retry.LATER)
    leaf, message = _LEAVES.get(code & _PRIMARY, (DatabaseFault, f"the database refuses: {error}"))
    return leaf(message)


@contextmanager
def mapped() -> Iterator[None]:
    """Raise leaves of DatabaseFault, or DiskFull, in place of the engines' exceptions of the body."""
    try:
        yield
    except driver_errors() as error:
        raise database_fault(error) from error
