"""Bringing a database to the newest schema.

The number of the last migration stands in `user_version` of the file and changes in the same transaction as the
schema, so that a crash leaves the old or the new one. Foreign keys are off while tables are rebuilt, as SQLite advises,
and are checked before each commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from veery.errors import Retry
from veery.runtime.sqlite.connect import Connection, transaction
from veery.runtime.sqlite.faults import ConstraintBroken, DatabaseFault, mapped

Migration: TypeAlias = "tuple[int, str | Callable[[Connection], None]]"


class SchemaTooNew(DatabaseFault):
    """A newer version of Veery has written this database. Nothing was changed."""

    default_kind = "runtime.database.too_new"
    default_retry = Retry.NEVER
    default_remedy = "Use the newer version of Veery, or another directory"


def schema_version(connection: Connection) -> int:
    """The number of the last migration that was run; 0 for a new database."""
    with mapped():
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: Connection, migrations: Sequence[Migration]) -> int:
    """Run the migrations that the database has not seen, each in one transaction; give the version reached.

    migrations: numbered from 1 without gaps; SQL of one or several statements, or a callable that gets the connection
    and leaves the transaction open. Raises SchemaTooNew, ConstraintBroken (a foreign key points nowhere afterwards),
    and what the statements raise; the failed migration is undone, the earlier ones stay.
    """
    if [number for number, _ in migrations] != list(range(1, len(migrations) + 1)):
        raise DatabaseFault("migrations are numbered from 1 without gaps", kind="runtime.database.migrations")
    _refuse_newer(connection, len(migrations))
    with mapped():
        (enforced,) = connection.execute("PRAGMA foreign_keys").fetchone()
        connection.execute("PRAGMA foreign_keys = 0")
    try:
        for migration in migrations:
            _run(connection, migration, len(migrations))
    finally:
        with mapped():
            connection.execute(f"PRAGMA foreign_keys = {enforced}")
    return schema_version(connection)


def _refuse_newer(connection: Connection, known: int) -> None:
    found = schema_version(connection)
    if found > known:
        raise SchemaTooNew(f"the database has schema {found}, this version of Veery knows {known}")


def _run(connection: Connection, migration: Migration, known: int) -> None:
    number, work = migration
    with transaction(connection):
        _refuse_newer(connection, known)  # another process may have been at it since
        if schema_version(connection) >= number:
            return
        if isinstance(work, str):
            for statement in statements(work):
                connection.execute(statement)
        else:
            work(connection)
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise ConstraintBroken(f"after migration {number} a foreign key points nowhere")
        connection.execute(f"PRAGMA user_version = {number}")


def statements(sql: str) -> Iterator[str]:
    """Split SQL into statements; the drivers' own `executescript` would commit the open transaction.

    A semicolon inside a string, comment or trigger does not end a statement.
    """
    start = 0
    end = sql.find(";")
    while end >= 0:
        if sqlite3.complete_statement(sql[start : end + 1]):
            yield sql[start : end + 1].strip()
            start = end + 1
        end = sql.find(";", end + 1)
    if rest := sql[start:].strip():
        yield rest
