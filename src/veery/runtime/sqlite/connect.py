"""Opening databases.

Both engines give connections of the same form, described here as protocols. Connections are in autocommit mode:
transactions are begun and ended by `transaction`, `migrate` and the writer alone, so that nobody holds one by accident.
They may be handed from thread to thread, but are used by one at a time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias
from urllib.parse import quote

from veery.runtime.faults import files_mapped
from veery.runtime.paths import FILE_MODE
from veery.runtime.sqlite.faults import DatabaseFault, mapped
from veery.secret import Secret

SqlValue: TypeAlias = "int | float | str | bytes | bytearray | memoryview | None"
SqlParameters: TypeAlias = "Sequence[SqlValue] | Mapping[str, SqlValue]"

RAW_KEY_SIZE: Final = 32  # bytes: a key that needs no stretching
_STATEMENT_CACHE: Final = 256  # prepared statements a connection


class Cursor(Protocol):
    """The rows of one statement."""

    @property
    def lastrowid(self) -> int | None: ...
    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchmany(self, size: int | None = ..., /) -> list[Any]: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What the connections of both engines can do."""

    @property
    def in_transaction(self) -> bool: ...
    @property
    def total_changes(self) -> int: ...
    def execute(self, sql: str, parameters: SqlParameters = ..., /) -> Cursor: ...
    def executemany(self, sql: str, parameters: Iterable[SqlParameters], /) -> Cursor: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """How a database is opened.

    synchronous: FULL brings every commit to the disk before it returns, NORMAL may lose the last ones at a power cut.
    busy_timeout_ms: how long to wait for another connection. secure_delete: overwrite what is deleted (full-text
    tables need their own option too). cache_kib: page cache. read_only: refuse writes; the file must exist.
    """

    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    busy_timeout_ms: int = 5_000
    foreign_keys: bool = True
    secure_delete: bool = True
    cache_kib: int = 8_192
    read_only: bool = False


def open_plain(path: Path, options: Options | None = None) -> Connection:
    """Open a SQLite database, creating it with mode 0600.

    Raises NotADatabase, DatabaseDenied, DatabaseLocked, DatabaseCorrupt, and the leaves of FileFault.
    """
    options = Options() if options is None else options
    return _prepared(_connected(sqlite3.connect, path, options), (), options)


def open_encrypted(path: Path, key: Secret, options: Options | None = None) -> Connection:
    """Open a SQLCipher database with a raw key of 32 bytes, creating it with mode 0600.

    Raises NotADatabase if the key is another one; else as `open_plain`. Nothing is changed by a wrong key.
    """
    from sqlcipher3 import dbapi2 as sqlcipher  # not needed by nodes, and twice as slow to import

    if len(key) != RAW_KEY_SIZE:
        raise DatabaseFault(f"a raw key has {RAW_KEY_SIZE} bytes, not {len(key)}", kind="runtime.database.key")
    options = Options() if options is None else options
    connection = _connected(sqlcipher.connect, path, options)
    unlock = f"PRAGMA key = \"x'{key.reveal().hex()}'\""
    # The engine's own log goes to standard error; a wrong key is an error of ours, not a line on a screen.
    return _prepared(connection, ("PRAGMA cipher_log_level = NONE", unlock), options)


@contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """One write transaction: committed at the end of the body, undone if it raises. Maps the engines' errors."""
    with mapped():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # some faults, as a full disk, have ended it already
                connection.execute("ROLLBACK")
            raise


def _uri(path: Path, options: Options) -> str:
    return f"file:{quote(str(path.absolute()))}?mode={'ro' if options.read_only else 'rw'}"


def _connected(connect: Callable[..., Connection], path: Path, options: Options) -> Connection:
    """The same with both engines, whose `connect` takes the same arguments."""
    _create_private(path, options)
    with mapped():
        return connect(
            _uri(path, options),
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENT_CACHE,
            timeout=options.busy_timeout_ms / 1000,
        )


def _create_private(path: Path, options: Options) -> None:
    """The engines would create the file with mode 0644; the files beside it take the mode of the first."""
    if options.read_only:
        return
    with files_mapped(f"The database {path}"):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))


def _prepared(connection: Connection, first: Sequence[str], options: Options) -> Connection:
    statements = [
        *first,
        "SELECT count(*) FROM sqlite_master",  # the first read: here a wrong key or a foreign file shows
        "PRAGMA temp_store = MEMORY",
        f"PRAGMA synchronous = {options.synchronous}",
        f"PRAGMA foreign_keys = {int(options.foreign_keys)}",
        f"PRAGMA secure_delete = {int(options.secure_delete)}",
        f"PRAGMA cache_size = -{options.cache_kib}",
        "PRAGMA trusted_schema = OFF",
    ]
    if not options.read_only:
        statements.append("PRAGMA journal_mode = WAL")
    try:
        with mapped():
            for statement in statements:
                connection.execute(statement).fetchall()
    except BaseException:
        connection.close()
        raise
    return connection
