"""Which tables a backup holds, and how their rows leave one store and enter another.

A table is in a backup only if it stands in `INCLUDED`: what nobody has thought about is left out, so that no key of a
device ever slips in (R7 of 06). `LEFT_OUT` names the others with the reason; a test holds both against the schema.
What is done with included rows before a restored store is used is in `settling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from veery.runtime.sqlite import Connection
from veery.store.backup.format import BackupWrong, Rows

# In an order in which no row comes before one that it refers to.
INCLUDED: Final = (
    "account",
    "settings",
    "conversations",
    "contact_keys",
    "messages",
    "message_marks",
    "reactions",
    "attachments",
    "outbox",
    "copy_levels",
    "seen",
    "group_seen",
    "undecoded",
    "config_documents",
    "groups",
    "group_names",
    "trim_rules",
    "shortenings",
    "pictures",
    "blobs",
    "sqlite_sequence",  # no number of a message or an event means another one afterwards
)
LEFT_OUT: Final[Mapping[str, str]] = {
    "config_changes": "what one device has changed and merged; the documents themselves are held",
    "config_marks": "what a restored store may have to write follows from its own rows",
    "config_obsolete": "what it deletes from the swarm follows from what it finds there",
    "cursors": "a restored store reads everything from the start; what comes twice is known by its hash",
    "events": "of one device; numbers go on, so that a program that comes with its own one learns what it has missed",
    "event_consumers": "programs of one device: one that never comes would hold back all events",
    "node_list": "of the network, and old by then",
    "guards": "another device should not share them",
    "strikes": "of the network",
    "clock": "of one machine",
    "swarms": "of the network",
    "device_group": "keys of one device, and the account keys of its group (06.18.4 R7)",
    "own_record": "what one device has published; another reads it in the swarm",
    "own_echoes": "see own_record",
    "own_publishing": "see own_record",
    "echo_denials": "see own_record",
    "held_copies": "nothing waits in a restored store: what was in the outbox has failed",
    "unconfirmed": "sent already; it may have been answered, or deleted for everyone, since",
    "moving": "an offer of one device, with the key of another backup",
    "moving_pieces": "see moving",
}
INDEXES: Final = "search"  # tables that begin so are made of others by triggers
PASSED_OVER: Final = frozenset({"config_marks", "config_obsolete"})  # backups of earlier versions hold these
# Triggers have filled these by then; the rows of the backup take their place.
REPLACED: Final = frozenset({"blobs", "sqlite_sequence"})
BATCH_BYTES: Final = 256 * 1024  # of cells, about; then a record ends
BATCH_ROWS: Final = 500


def dump(connection: Connection) -> Iterator[Rows]:
    """The rows of every included table, in batches."""
    for table, names in columns_of(connection).items():
        columns = list(names)
        cursor = connection.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - names of the schema
        batch: list[list[Any]] = []
        size = 0
        for row in cursor:
            batch.append(list(row))
            size += sum(len(cell) if isinstance(cell, bytes | str) else 8 for cell in row)
            if size >= BATCH_BYTES or len(batch) >= BATCH_ROWS:
                yield Rows(table, columns, batch)
                batch, size = [], 0
        if batch:
            yield Rows(table, columns, batch)


def count(connection: Connection) -> int:
    """How many rows `dump` will give."""
    counts = (connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in INCLUDED)  # noqa: S608
    return sum(int(row[0]) for row in counts)


def clear(connection: Connection, table: str) -> None:
    """Make room for the rows of a table that triggers have filled."""
    if table in REPLACED:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are ours


def insert(connection: Connection, batch: Rows, known: Mapping[str, Iterable[str]]) -> None:
    """Insert a batch. known: the columns of each table of this schema. Raises BackupWrong for anything else."""
    if batch.table in PASSED_OVER:
        return
    columns = known.get(batch.table)
    if batch.table not in INCLUDED or columns is None:
        raise BackupWrong("the backup holds rows of a table that does not belong into one")
    if not batch.columns or not set(batch.columns) <= set(columns):
        raise BackupWrong("the backup holds columns that its schema does not have")
    if any(len(row) != len(batch.columns) for row in batch.rows):
        raise BackupWrong("the backup holds rows that do not fit their columns")
    if not all(isinstance(cell, int | float | str | bytes | None) for row in batch.rows for cell in row):
        raise BackupWrong("the backup holds values that no column holds")
    names, marks = ", ".join(batch.columns), ", ".join("?" * len(batch.columns))
    connection.executemany(
        f"INSERT INTO {batch.table} ({names}) VALUES ({marks})",  # noqa: S608 - held against the schema above
        batch.rows,
    )


def columns_of(connection: Connection) -> dict[str, tuple[str, ...]]:
    """The columns of every included table of this schema."""
    found: dict[str, tuple[str, ...]] = {}
    for table in INCLUDED:
        rows = connection.execute(f"PRAGMA table_info({table})").fetchall()
        if rows:
            found[table] = tuple(str(row[1]) for row in rows)
    return found
