"""SQLite for nodes and SQLCipher for clients, with one small interface.

`faults` maps what the engines raise, `connect` opens databases, `migrate` brings them to the newest schema, `writer`
groups the writes of many callers into one transaction, `readers` reads beside it.
"""

from veery.runtime.sqlite.connect import (
    Connection,
    Cursor,
    Options,
    SqlParameters,
    SqlValue,
    open_encrypted,
    open_plain,
    transaction,
)
from veery.runtime.sqlite.faults import (
    ConstraintBroken,
    DatabaseCorrupt,
    DatabaseDenied,
    DatabaseFault,
    DatabaseLocked,
    NotADatabase,
    mapped,
)
from veery.runtime.sqlite.migrate import Migration, SchemaTooNew, migrate, schema_version
from veery.runtime.sqlite.readers import ReaderPool
from veery.runtime.sqlite.writer import WriterClosed, WriterFull, WriterThread

__all__ = [
    "Connection",
    "ConstraintBroken",
    "Cursor",
    "DatabaseCorrupt",
    "DatabaseDenied",
    "DatabaseFault",
    "DatabaseLocked",
    "Migration",
    "NotADatabase",
    "Options",
    "ReaderPool",
    "SchemaTooNew",
    "SqlParameters",
    "SqlValue",
    "WriterClosed",
    "WriterFull",
    "WriterThread",
    "mapped",
    "migrate",
    "open_encrypted",
    "open_plain",
    "schema_version",
    "transaction",
]
