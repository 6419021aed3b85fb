"""Migrations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from veery.runtime.sqlite import (
    Connection,
    ConstraintBroken,
    DatabaseFault,
    Migration,
    SchemaTooNew,
    migrate,
    open_encrypted,
    open_plain,
    schema_version,
)
from veery.runtime.sqlite.migrate import statements
from veery.secret import Secret


@pytest.fixture(params=["plain", "encrypted"])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    path = tmp_path / "a.db"
    opened = open_plain(path) if request.param == "plain" else open_encrypted(path, Secret(bytes(32)))
    yield opened
    opened.close()


def fill(connection: Connection) -> None:
    connection.execute("INSERT INTO t (a) VALUES ('x;y')")


FIRST: Migration = (1, "CREATE TABLE t (a); -- a; comment\nCREATE INDEX i ON t (a);")
SECOND: Migration = (2, fill)
TRIGGER = "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 'a;b'; DELETE FROM t WHERE a = 'c'; END;"


def names(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def test_each_runs_once_and_in_order(connection: Connection) -> None:
    assert schema_version(connection) == 0
    assert migrate(connection, [FIRST]) == 1
    assert migrate(connection, [FIRST, SECOND, (3, TRIGGER)]) == 3
    assert migrate(connection, [FIRST, SECOND, (3, TRIGGER)]) == 3
    assert names(connection) == {"t", "i", "g"}
    assert connection.execute("SELECT a FROM t").fetchall() == [("x;y",)]


def test_a_failed_one_is_undone_and_the_earlier_stay(connection: Connection) -> None:
    broken: Migration = (2, "CREATE TABLE u (a); CREATE TABLE t (a);")
    with pytest.raises(DatabaseFault, match="already exists"):
        migrate(connection, [FIRST, broken])
    assert schema_version(connection) == 1
    assert names(connection) == {"t", "i"}
    assert not connection.in_transaction
    assert migrate(connection, [FIRST, SECOND]) == 2


def test_a_callable_that_fails(connection: Connection) -> None:
    def broken(connection: Connection) -> None:
        fill(connection)
        raise LookupError("stop")

    with pytest.raises(LookupError):
        migrate(connection, [FIRST, (2, broken)])
    assert schema_version(connection) == 1
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_newer_schema_is_refused_and_untouched(connection: Connection) -> None:
    migrate(connection, [FIRST, SECOND])
    with pytest.raises(SchemaTooNew, match="schema 2, this version of Veery knows 1"):
        migrate(connection, [FIRST])
    assert schema_version(connection) == 2


@pytest.mark.parametrize("numbers", [[0], [2], [1, 3], [1, 1]])
def test_numbers_have_no_gaps(connection: Connection, numbers: list[int]) -> None:
    with pytest.raises(DatabaseFault) as caught:
        migrate(connection, [(number, "SELECT 1") for number in numbers])
    assert caught.value.kind == "runtime.database.migrations"


def test_tables_can_be_rebuilt_under_foreign_keys(connection: Connection) -> None:
    tables = "CREATE TABLE p (a INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (a));"
    rows = "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1);"
    rebuild = """
        CREATE TABLE p2 (a INTEGER PRIMARY KEY, b);
        INSERT INTO p2 (a) SELECT a FROM p;
        DROP TABLE p;
        ALTER TABLE p2 RENAME TO p;
    """
    done: list[Migration] = [(1, tables + rows), (2, rebuild)]
    assert migrate(connection, done) == 2
    with pytest.raises(ConstraintBroken):
        migrate(connection, [*done, (3, "DELETE FROM p;")])
    assert schema_version(connection) == 2
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_splitting() -> None:
    sql = f"CREATE TABLE t (a DEFAULT ';'); /* ; */ {TRIGGER}\n-- end;\nSELECT 1"
    assert list(statements(sql)) == ["CREATE TABLE t (a DEFAULT ';');", f"/* ; */ {TRIGGER}", "-- end;\nSELECT 1"]
    assert list(statements(" \n ")) == []
