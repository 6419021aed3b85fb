"""The file server's rows in SQLite: statements only, on a connection that somebody else opened and commits.

No column holds an account, an address, or anything that leads from a file to who sent or fetched it (09.7.4). Version
checks are counted by day under a key that leads back to nobody, and are forgotten after some days.
"""

from __future__ import annotations

from collections.abc import Sequence

from veery.fileserver.metadata import StoredFile, Totals
from veery.runtime.sqlite import Connection, Migration

MIGRATIONS: tuple[Migration, ...] = (
    (
        1,
        """
        CREATE TABLE files (
            id TEXT PRIMARY KEY,
            size INTEGER NOT NULL,
            uploaded INTEGER NOT NULL,
            expiry INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX files_by_expiry ON files (expiry);
        CREATE TABLE version_checks (
            day INTEGER NOT NULL,
            id BLOB NOT NULL,
            platform TEXT NOT NULL,
            channel TEXT NOT NULL,
            PRIMARY KEY (day, id, platform, channel)
        ) STRICT, WITHOUT ROWID;
        """,
    ),
    (
        2,
        """
        CREATE TABLE own_name (name TEXT NOT NULL) STRICT;
        INSERT INTO own_name (name) VALUES (lower(hex(randomblob(16))));
        """,
    ),
)


def name(db: Connection) -> str:
    """The random name of these rows."""
    return str(db.execute("SELECT name FROM own_name").fetchone()[0])


def find(db: Connection, file_id: str) -> StoredFile | None:
    """One file, expired or not."""
    row = db.execute("SELECT id, size, uploaded, expiry FROM files WHERE id = ?", (file_id,)).fetchone()
    return None if row is None else StoredFile(*row)


def keep(db: Connection, file: StoredFile) -> StoredFile:
    """Add a file; a known one is uploaded anew and keeps the later expiry (09.7.2)."""
    known = find(db, file.id)
    if known is not None:
        file = StoredFile(file.id, file.size, file.uploaded_ms, max(known.expiry_ms, file.expiry_ms))
    db.execute(
        "INSERT INTO files (id, size, uploaded, expiry) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET uploaded = excluded.uploaded, expiry = excluded.expiry",
        (file.id, file.size, file.uploaded_ms, file.expiry_ms),
    )
    return file


def extend(db: Connection, file_id: str, expiry_ms: int) -> StoredFile | None:
    """Give a file the expiry if it is later than its own; the file as it is then, None if there is none."""
    db.execute("UPDATE files SET expiry = max(expiry, ?) WHERE id = ?", (expiry_ms, file_id))
    return find(db, file_id)


def expired(db: Connection, now_ms: int, limit: int) -> list[str]:
    """Ids of at most `limit` files whose time is up, longest ago first."""
    rows = db.execute("SELECT id FROM files WHERE expiry <= ? ORDER BY expiry LIMIT ?", (now_ms, limit))
    return [str(row[0]) for row in rows]


def remove_expired(db: Connection, file_ids: Sequence[str], now_ms: int) -> list[StoredFile]:
    """Remove those of the files whose time is (still) up, and give them."""
    gone: list[StoredFile] = []
    for file_id in file_ids:
        file = find(db, file_id)
        if file is not None and file.expiry_ms <= now_ms:
            db.execute("DELETE FROM files WHERE id = ?", (file_id,))
            gone.append(file)
    return gone


def totals(db: Connection) -> Totals:
    """Sum over all rows."""
    return Totals(*db.execute("SELECT count(*), coalesce(sum(size), 0) FROM files").fetchone())


def count_check(db: Connection, day: int, identifier: bytes, platform: str, channel: str) -> int:
    """Count who asked for the newest version, once a day (days since 1970); 1 if it was not counted before, else 0."""
    return db.execute(
        "INSERT INTO version_checks (day, id, platform, channel) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (day, identifier, platform, channel),
    ).rowcount


def checks_of(db: Connection, day: int) -> int:
    """How many checks a day has."""
    return int(db.execute("SELECT count(*) FROM version_checks WHERE day = ?", (day,)).fetchone()[0])


def forget_checks(db: Connection, before_day: int) -> None:
    """Forget the checks of earlier days."""
    db.execute("DELETE FROM version_checks WHERE day < ?", (before_day,))


def checks(db: Connection, since_day: int) -> dict[tuple[str, str], int]:
    """How many asked since a day, by platform and channel."""
    rows = db.execute(
        "SELECT platform, channel, count(DISTINCT id) FROM version_checks WHERE day >= ? GROUP BY platform, channel",
        (since_day,),
    )
    return {(str(platform), str(channel)): int(found) for platform, channel, found in rows}
