"""The node's messages in SQLite: statements only, on a connection that somebody else opened and commits.

Every function here is synchronous and runs inside a transaction of the writer (or on a reading connection). An answer
of 200 is given only after that transaction was synced, so nothing here commits by itself. Insertion numbers grow and
are never given twice (05.9), which is what `last_hash` leans on.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from veery.node import deleted_table as deleted
from veery.protocol.constants import REVOKED_MAX, TTL_MAX_PRIVATE_MS
from veery.protocol.storage_rpc.namespaces import is_public_outbox
from veery.runtime.sqlite import Connection, Migration

MIGRATIONS: tuple[Migration, ...] = (
    (
        1,
        """
        CREATE TABLE owners (
            id INTEGER PRIMARY KEY,
            account BLOB NOT NULL UNIQUE
        ) STRICT;
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            owner INTEGER NOT NULL REFERENCES owners (id),
            namespace INTEGER NOT NULL,
            hash TEXT NOT NULL UNIQUE,
            timestamp INTEGER NOT NULL,
            expiry INTEGER NOT NULL,
            data BLOB NOT NULL
        ) STRICT;
        CREATE INDEX messages_by_owner ON messages (owner, namespace, id);
        CREATE INDEX messages_by_expiry ON messages (expiry);
        CREATE TABLE revocations (
            account BLOB NOT NULL,
            token BLOB NOT NULL,
            time INTEGER NOT NULL,
            PRIMARY KEY (account, token)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE dumps (
            peer BLOB NOT NULL,
            swarm TEXT NOT NULL,
            cursor INTEGER NOT NULL,
            up_to INTEGER NOT NULL,
            PRIMARY KEY (peer, swarm)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE repairs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            peer BLOB NOT NULL,
            method TEXT NOT NULL,
            body BLOB NOT NULL,
            missed INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX repairs_by_peer ON repairs (peer, id);
        """,
    ),
    (2, deleted.SCHEMA),
)

_OLDEST_FIRST = (
    "SELECT hash, timestamp, expiry, data FROM messages WHERE owner = ? AND namespace = ? AND id > ? ORDER BY id"
)
_NEWEST_FIRST = _OLDEST_FIRST + " DESC"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message as a swarm keeps it. `account` 33 bytes, `hash` 43 characters, times in milliseconds."""

    account: bytes
    namespace: int
    hash: str
    timestamp: int
    expiry: int
    data: bytes


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What a store did: the expiry that holds now, and whether the message was there or is new."""

    expiry: int
    already: bool
    inserted: bool


@dataclass(frozen=True, slots=True)
class ExpireResult:
    """What an expire did: changed hashes with their expiry, and those that exist but stayed as they were."""

    updated: dict[str, int]
    unchanged: dict[str, int]


def owner_id(db: Connection, account: bytes) -> int | None:
    """The row of an account, or None."""
    row = db.execute("SELECT id FROM owners WHERE account = ?", (account,)).fetchone()
    return None if row is None else int(row[0])


def _owner_made(db: Connection, account: bytes) -> int:
    found = owner_id(db, account)
    if found is not None:
        return found
    return int(db.execute("INSERT INTO owners (account) VALUES (?)", (account,)).lastrowid or 0)


# -- storing ---------------------------------------------------------------------------------------------------


def store(db: Connection, message: StoredMessage) -> StoreResult:
    """Keep a message; a known hash keeps the later expiry (04.4.3). An outbox holds only its newest message."""
    known = db.execute("SELECT expiry FROM messages WHERE hash = ?", (message.hash,)).fetchone()
    if known is not None:
        if message.expiry > known[0]:
            db.execute("UPDATE messages SET expiry = ? WHERE hash = ?", (message.expiry, message.hash))
        return StoreResult(max(message.expiry, known[0]), already=True, inserted=False)
    owner = _owner_made(db, message.account)
    if is_public_outbox(message.namespace):
        newest = db.execute(
            "SELECT max(timestamp), expiry FROM messages WHERE owner = ? AND namespace = ?", (owner, message.namespace)
        ).fetchone()
        if newest[0] is not None and newest[0] >= message.timestamp:
            return StoreResult(message.expiry, already=True, inserted=False)
        db.execute("DELETE FROM messages WHERE owner = ? AND namespace = ?", (owner, message.namespace))
    db.execute(
        "INSERT INTO messages (owner, namespace, hash, timestamp, expiry, data) VALUES (?, ?, ?, ?, ?, ?)",
        (owner, message.namespace, message.hash, message.timestamp, message.expiry, message.data),
    )
    return StoreResult(message.expiry, already=False, inserted=True)


def store_many(db: Connection, messages: Sequence[StoredMessage]) -> list[StoreResult]:
    """As `store` for each, with three statements for all that are new."""
    if len(messages) == 1:
        return [store(db, messages[0])]
    first: dict[str, StoredMessage] = {}
    for message in messages:
        if not is_public_outbox(message.namespace):
            first.setdefault(message.hash, message)
    marks = ", ".join("?" * len(first))
    for row in db.execute(f"SELECT hash FROM messages WHERE hash IN ({marks})", [*first]).fetchall():  # noqa: S608
        del first[row[0]]
    if first:
        _insert(db, [*first.values()])
    return [
        StoreResult(message.expiry, already=False, inserted=True)
        if first.get(message.hash) is message
        else store(db, message)
        for message in messages
    ]


def _insert(db: Connection, messages: Sequence[StoredMessage]) -> None:
    """Insert messages whose hashes are new."""
    accounts = ", ".join(["(?)"] * len(messages))
    db.execute(
        f"INSERT INTO owners (account) VALUES {accounts} ON CONFLICT (account) DO NOTHING",  # noqa: S608
        [message.account for message in messages],
    )
    rows = ", ".join(["((SELECT id FROM owners WHERE account = ?), ?, ?, ?, ?, ?)"] * len(messages))
    values: list[bytes | int | str] = []
    for each in messages:
        values += (each.account, each.namespace, each.hash, each.timestamp, each.expiry, each.data)
    db.execute(
        f"INSERT INTO messages (owner, namespace, hash, timestamp, expiry, data) VALUES {rows}",  # noqa: S608
        values,
    )


def store_pushed(db: Connection, messages: Sequence[StoredMessage]) -> int:
    """Keep what another member pushed (05.4.1), but for what was deleted since; gives how many were new."""
    gone = deleted.times(db, [message.hash for message in messages])
    return sum(
        store(db, message).inserted
        for message in messages
        if message.timestamp > gone.get(message.hash, -1) or _is_known(db, message.hash)
    )


def _is_known(db: Connection, message_hash: str) -> bool:
    return db.execute("SELECT 1 FROM messages WHERE hash = ?", (message_hash,)).fetchone() is not None


# -- reading ---------------------------------------------------------------------------------------------------


def position_of(db: Connection, owner: int, namespace: int, last_hash: str | None) -> int:
    """The insertion number of a cursor; 0 when it is absent or not of this account and namespace (04.6.2)."""
    if not last_hash:
        return 0
    row = db.execute(
        "SELECT id FROM messages WHERE hash = ? AND owner = ? AND namespace = ?", (last_hash, owner, namespace)
    ).fetchone()
    return 0 if row is None else int(row[0])


def messages_after(
    db: Connection, account: bytes, namespace: int, last_hash: str | None, *, newest_first: bool = False
) -> Iterator[tuple[str, int, int, bytes]]:
    """Messages after a cursor as (hash, timestamp, expiry, data), in the order in which this node stored them."""
    owner = owner_id(db, account)
    if owner is None:
        return
    after = position_of(db, owner, namespace, last_hash)
    yield from db.execute(_NEWEST_FIRST if newest_first else _OLDEST_FIRST, (owner, namespace, after))


def expiries(db: Connection, account: bytes, hashes: Collection[str]) -> dict[str, int]:
    """The expiry of each known hash of an account; unknown ones are left out."""
    rows = db.execute(
        "SELECT hash, expiry FROM messages JOIN owners ON owners.id = owner"
        " WHERE account = ? AND hash IN (SELECT value FROM json_each(?))",
        (account, json.dumps([*hashes])),
    )
    return {str(row[0]): int(row[1]) for row in rows}


# -- deleting --------------------------------------------------------------------------------------------------


def delete(db: Connection, account: bytes, hashes: Sequence[str], now_ms: int) -> list[str]:
    """Delete messages of an account; gives those that were there, sorted."""
    rows = db.execute(
        "DELETE FROM messages WHERE owner = (SELECT id FROM owners WHERE account = ?)"
        " AND hash IN (SELECT value FROM json_each(?)) RETURNING hash, timestamp, expiry",
        (account, json.dumps([*hashes])),
    ).fetchall()
    deleted.remember(db, rows, now_ms)
    found = {str(row[0]) for row in rows}
    deleted.remember_absent(db, (each for each in hashes if each not in found), now_ms)
    return sorted(found)


def delete_where(
    db: Connection, account: bytes, namespace: int | None, now_ms: int, before: int | None = None
) -> list[tuple[int, str]]:
    """Delete an account's messages of one namespace (None: of all), with timestamp <= `before` where given.

    Gives (namespace, hash) of what was deleted.
    """
    rows = db.execute(
        "DELETE FROM messages WHERE owner = (SELECT id FROM owners WHERE account = ?1)"
        " AND (?2 IS NULL OR namespace = ?2) AND (?3 IS NULL OR timestamp <= ?3)"
        " RETURNING namespace, hash, timestamp, expiry",
        (account, namespace, before),
    ).fetchall()
    deleted.remember(db, [row[1:] for row in rows], now_ms)
    return [(int(row[0]), str(row[1])) for row in rows]


def expire_all(db: Connection, account: bytes, namespace: int | None, expiry: int) -> list[tuple[int, str]]:
    """Lower the expiry of all messages that expire later; gives (namespace, hash) of what changed (04.6.5)."""
    rows = db.execute(
        "UPDATE messages SET expiry = ?1 WHERE owner = (SELECT id FROM owners WHERE account = ?2)"
        " AND (?3 IS NULL OR namespace = ?3) AND expiry > ?1 RETURNING namespace, hash",
        (expiry, account, namespace),
    ).fetchall()
    return [(int(row[0]), str(row[1])) for row in rows]


# -- expiry ----------------------------------------------------------------------------------------------------


def capped_expiry(asked: int, now_ms: int) -> int:
    """The expiry that is applied for an asked one: at most 30 days from now, whatever the namespace (04.6.5)."""
    return min(asked, now_ms + TTL_MAX_PRIVATE_MS)


def expire(
    db: Connection,
    account: bytes,
    wanted: Sequence[tuple[str, int]],
    *,
    shorten: bool,
    extend: bool,
    now_ms: int,
) -> ExpireResult:
    """Re-date messages: (hash, expiry) each, capped at now + 30 days; `shorten` only lowers, `extend` only raises."""
    present = expiries(db, account, [each for each, _ in wanted])
    updated: dict[str, int] = {}
    unchanged: dict[str, int] = {}
    for message_hash, asked in wanted:
        if message_hash not in present:
            continue
        expiry, old = capped_expiry(asked, now_ms), present[message_hash]
        if (shorten and expiry >= old) or (extend and expiry <= old):
            unchanged[message_hash] = old
        else:
            updated[message_hash] = expiry
    db.executemany("UPDATE messages SET expiry = ? WHERE hash = ?", [(at, each) for each, at in updated.items()])
    return ExpireResult(updated, unchanged)


def remove_expired(db: Connection, now_ms: int, most: int) -> int:
    """Delete what expired, at most `most` rows at once so that stores need not wait; gives how many."""
    return db.execute(
        "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE expiry <= ? LIMIT ?)", (now_ms, most)
    ).rowcount


# -- revocations (04.6.6) --------------------------------------------------------------------------------------


def revoke(db: Connection, account: bytes, tokens: Sequence[bytes], now_ms: int) -> None:
    """Put tokens on the account's list, or renew their time; only the newest 50 stay."""
    db.executemany(
        "INSERT INTO revocations (account, token, time) VALUES (?, ?, ?)"
        " ON CONFLICT (account, token) DO UPDATE SET time = excluded.time",
        [(account, token, now_ms) for token in tokens],
    )
    db.execute(
        "DELETE FROM revocations WHERE account = ?1 AND token NOT IN"
        " (SELECT token FROM revocations WHERE account = ?1 ORDER BY time DESC, token LIMIT ?2)",
        (account, REVOKED_MAX),
    )


def unrevoke(db: Connection, account: bytes, tokens: Sequence[bytes]) -> int:
    """Take tokens off the list; gives how many were on it."""
    return db.executemany(
        "DELETE FROM revocations WHERE account = ? AND token = ?", [(account, token) for token in tokens]
    ).rowcount


def revoked(db: Connection, account: bytes) -> frozenset[bytes]:
    """The tokens on the account's list."""
    return frozenset(row[0] for row in db.execute("SELECT token FROM revocations WHERE account = ?", (account,)))


# -- pushing to other members ----------------------------------------------------------------------------------


def newest_id(db: Connection) -> int:
    """The highest insertion number now; 0 when there are no messages."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()[0])


def count(db: Connection) -> int:
    """How many messages are kept."""
    return int(db.execute("SELECT count(*) FROM messages").fetchone()[0])


def accounts(db: Connection) -> Iterator[tuple[int, bytes]]:
    """Every account with messages or the memory of some: (row, 33 bytes)."""
    yield from db.execute("SELECT id, account FROM owners")


def batch_after(
    db: Connection, after: int, up_to: int, now_ms: int, rows: int = 500
) -> list[tuple[int, StoredMessage]]:
    """The next live messages with insertion number in (after, up_to], as (number, message)."""
    found = db.execute(
        "SELECT messages.id, account, namespace, hash, timestamp, expiry, data FROM messages"
        " JOIN owners ON owners.id = owner WHERE messages.id > ? AND messages.id <= ? AND expiry > ?"
        " ORDER BY messages.id LIMIT ?",
        (after, up_to, now_ms, rows),
    )
    return [(int(row[0]), StoredMessage(*row[1:])) for row in found]


def by_hash(db: Connection, hashes: Collection[str]) -> list[StoredMessage]:
    """Those of some messages that are there, in the order in which this node stored them."""
    rows = db.execute(
        "SELECT account, namespace, hash, timestamp, expiry, data FROM messages JOIN owners ON owners.id = owner"
        " WHERE hash IN (SELECT value FROM json_each(?)) ORDER BY messages.id",
        (json.dumps([*hashes]),),
    )
    return [StoredMessage(*row) for row in rows]


def forget_empty_owners(db: Connection, after: int, most: int = 2_000) -> int:
    """Remove account rows without messages among the next `most` behind row `after`; revocations are kept apart.

    Gives the row to go on from; 0 after the last.
    """
    last = db.execute(
        "SELECT max(id) FROM (SELECT id FROM owners WHERE id > ? ORDER BY id LIMIT ?)", (after, most)
    ).fetchone()[0]
    if last is None:
        return 0
    db.execute(
        "DELETE FROM owners WHERE id > ? AND id <= ?"
        " AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.owner = owners.id)",
        (after, last),
    )
    return int(last)
