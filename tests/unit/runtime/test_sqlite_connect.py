"""Opening databases of both engines, transactions, and the mapping of their errors."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from veery.errors import Retry, RuntimeFault
from veery.runtime.faults import DiskFull, FileDenied, FileMissing
from veery.runtime.sqlite import (
    Connection,
    ConstraintBroken,
    DatabaseCorrupt,
    DatabaseDenied,
    DatabaseFault,
    DatabaseLocked,
    NotADatabase,
    Options,
    mapped,
    open_encrypted,
    open_plain,
    transaction,
)
from veery.runtime.sqlite.faults import database_fault
from veery.secret import Secret

KEY = Secret(b"\xab" * 32)
Opener = Callable[..., Connection]


def encrypted(path: Path, options: Options | None = None) -> Connection:
    return open_encrypted(path, KEY, options)


@pytest.fixture(params=[open_plain, encrypted], ids=["plain", "encrypted"])
def opener(request: pytest.FixtureRequest) -> Opener:
    chosen: Opener = request.param
    return chosen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a base?#%41.db"


def pragma(connection: Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_pragmas(opener: Opener, path: Path) -> None:
    connection = opener(path)
    assert pragma(connection, "journal_mode") == "wal"
    assert pragma(connection, "synchronous") == 2
    assert pragma(connection, "foreign_keys") == 1
    assert pragma(connection, "secure_delete") == 1
    assert pragma(connection, "busy_timeout") == 5_000
    assert pragma(connection, "temp_store") == 2
    assert pragma(connection, "trusted_schema") == 0
    connection.close()
    connection = opener(path, Options(synchronous="NORMAL", busy_timeout_ms=7, secure_delete=False, foreign_keys=False))
    assert pragma(connection, "synchronous") == 1
    assert pragma(connection, "foreign_keys") == 0
    assert pragma(connection, "secure_delete") == 0
    assert pragma(connection, "busy_timeout") == 7
    connection.close()


def test_files_are_private(opener: Opener, path: Path) -> None:
    old = os.umask(0)
    try:
        connection = opener(path)
        connection.execute("CREATE TABLE t (a)")
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == [path.name, f"{path.name}-shm", f"{path.name}-wal"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        connection.close()
    finally:
        os.umask(old)


def test_read_only(opener: Opener, path: Path) -> None:
    writing = opener(path)
    writing.execute("CREATE TABLE t (a)")
    reading = opener(path, Options(read_only=True))
    with pytest.raises(DatabaseDenied), mapped():
        reading.execute("INSERT INTO t VALUES (1)")
    assert reading.execute("SELECT count(*) FROM t").fetchone() == (0,)
    reading.close()
    writing.close()
    with pytest.raises(DatabaseDenied):
        opener(path.with_name("none"), Options(read_only=True))


def test_encryption_and_a_wrong_key(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    connection = encrypted(path)
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES ('plain text')")
    connection.close()
    content = path.read_bytes()
    assert b"plain text" not in content
    assert b"SQLite format" not in content
    with pytest.raises(NotADatabase):
        open_encrypted(path, Secret(bytes(32)))
    with pytest.raises(NotADatabase):
        open_plain(path)
    assert path.read_bytes() == content
    assert capfd.readouterr() == ("", "")
    with pytest.raises(DatabaseFault, match="32 bytes"):
        open_encrypted(path, Secret(bytes(16)))


def test_files_that_are_no_database(opener: Opener, path: Path) -> None:
    path.write_bytes(b"something else entirely " * 400)
    with pytest.raises(NotADatabase):
        opener(path)


def test_damage_is_told(path: Path) -> None:
    connection = open_plain(path)
    connection.execute("CREATE TABLE t (a)")
    connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1_000,) for _ in range(50)])
    connection.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    connection = open_plain(path)
    with pytest.raises(DatabaseCorrupt, match="backup"), mapped():
        connection.execute("SELECT * FROM t").fetchall()
    connection.close()


def test_places_that_cannot_be_used(opener: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileMissing):
        opener(tmp_path / "none" / "a.db")

    def refused(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(FileDenied):
        opener(tmp_path / "a.db")


def test_locked(opener: Opener, path: Path) -> None:
    first, second = opener(path), opener(path, Options(busy_timeout_ms=0))
    with transaction(first):
        with pytest.raises(DatabaseLocked) as caught, transaction(second):
            pass
        assert caught.value.retry is Retry.LATER
    with transaction(second):
        second.execute("CREATE TABLE t (a)")
    first.close()
    second.close()


def test_a_full_database(opener: Opener, path: Path) -> None:
    connection = opener(path)
    connection.execute("CREATE TABLE t (a)")
    connection.execute("PRAGMA max_page_count = 4")
    with pytest.raises(DiskFull, match="Free some space"), transaction(connection):
        for _ in range(20):
            connection.execute("INSERT INTO t VALUES (?)", (bytes(2_000),))
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()


def test_rules_of_the_schema(opener: Opener, path: Path) -> None:
    connection = opener(path)
    connection.execute("CREATE TABLE t (a UNIQUE, b REFERENCES t (a))")
    connection.execute("INSERT INTO t VALUES (1, NULL)")
    for values in ("(1, NULL)", "(2, 9)"):
        with pytest.raises(ConstraintBroken), mapped():
            connection.execute(f"INSERT INTO t VALUES {values}")
    connection.close()


def test_mistakes_of_the_program(opener: Opener, path: Path) -> None:
    connection = opener(path)
    with pytest.raises(DatabaseFault, match="syntax error") as caught, mapped():
        connection.execute("SELEC")
    assert type(caught.value) is DatabaseFault
    connection.close()
    with pytest.raises(DatabaseFault) as caught, mapped():
        connection.execute("SELECT 1")
    assert caught.value.kind == "runtime.database.usage"


def test_a_transaction_is_all_or_nothing(opener: Opener, path: Path) -> None:
    connection = opener(path)
    connection.execute("CREATE TABLE t (a)")
    with pytest.raises(LookupError), transaction(connection):
        connection.execute("INSERT INTO t VALUES (1)")
        raise LookupError("stop")
    with transaction(connection) as same:
        same.execute("INSERT INTO t VALUES (2)")
    assert connection.execute("SELECT a FROM t").fetchall() == [(2,)]
    connection.close()


@pytest.mark.parametrize(
    ("code", "leaf"),
    [
        (sqlite3.SQLITE_IOERR_FSYNC, DatabaseFault),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, DatabaseLocked),
        (sqlite3.SQLITE_CORRUPT_INDEX, DatabaseCorrupt),
        (sqlite3.SQLITE_READONLY_DBMOVED, DatabaseDenied),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, DatabaseDenied),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, ConstraintBroken),
        (sqlite3.SQLITE_NOMEM, DatabaseFault),
    ],
)
def test_extended_codes(code: int, leaf: type[RuntimeFault]) -> None:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    assert type(database_fault(error)) is leaf
