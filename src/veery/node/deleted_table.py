"""The memory of deleted messages, in SQLite: what another member still has must not bring them back.

Members hand over all that they have to each other: to those that join, and to those that were away. One that was away
itself may still have what was deleted meanwhile. So a deletion is remembered for as long as the message would have
lived, and what is pushed (05.4.1) is left out if it is not younger than its deletion. A message that its owner stores
again is younger, and comes from its owner besides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from veery.protocol.constants import DAY_MS
from veery.runtime.sqlite import Connection

_ABSENT_MAX: Final = 100  # of one request, so that nobody fills the table with what never was

SCHEMA = """
    CREATE TABLE deleted (
        hash TEXT PRIMARY KEY,
        time INTEGER NOT NULL,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deleted_by_until ON deleted (until);
"""


def remember(db: Connection, gone: Sequence[tuple[str, int, int]], now_ms: int) -> None:
    """Note deletions: (hash, timestamp, expiry) of each message. The time is not before the message's own."""
    db.executemany(
        "INSERT INTO deleted (hash, time, until) VALUES (?, ?, ?)"
        " ON CONFLICT (hash) DO UPDATE SET time = excluded.time, until = max(until, excluded.until)",
        [(text, max(now_ms, timestamp), expiry) for text, timestamp, expiry in gone],
    )


def remember_absent(db: Connection, hashes: Iterable[str], now_ms: int) -> None:
    """Note for a while that some messages are not wanted that are not here: their stores may come late, as repairs."""
    remember(db, [(text, 0, now_ms + DAY_MS) for text in islice(hashes, _ABSENT_MAX)], now_ms)


def times(db: Connection, hashes: Sequence[str]) -> dict[str, int]:
    """When those of some messages were deleted that were."""
    rows = db.execute(
        "SELECT hash, time FROM deleted WHERE hash IN (SELECT value FROM json_each(?))", (json.dumps([*hashes]),)
    )
    return {str(row[0]): int(row[1]) for row in rows}


def forget(db: Connection, now_ms: int, most: int) -> None:
    """Forget deletions whose messages would have expired; beyond `most`, also those that would expire next."""
    db.execute("DELETE FROM deleted WHERE until <= ?", (now_ms,))
    over = int(db.execute("SELECT count(*) FROM deleted").fetchone()[0]) - most
    if over > 0:
        db.execute("DELETE FROM deleted WHERE hash IN (SELECT hash FROM deleted ORDER BY until LIMIT ?)", (over,))
