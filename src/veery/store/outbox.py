"""The outbox: every copy that is still to be stored on somebody's swarm, one row each, on disk.

A row is `waiting` until its bytes are sealed, then `sealed` until a swarm has stored them, then it is gone. Sealing
is done once: whoever comes second, also after a kill, gets the bytes that are kept, so that a repeated `store` is the
same message with the same hash and never doubles. A copy that waits for another (`after`) becomes due when that one
is stored. How often and when to try again is the client's policy; a row only remembers it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from veery.errors import StoreError
from veery.protocol.account import AccountId
from veery.store.sql import Connection, Row, account, clamp, one


class CopyRole(Enum):
    """Whom a copy is for."""

    RECIPIENT = "recipient"  # the other side's swarm; the message's state follows it
    SYNC = "sync"  # the own swarm, for one's other devices (02.4.2)
    CONTROL = "control"  # no message shows it: receipts, responses, unsend requests


class CopyState(Enum):
    """How far a copy has come."""

    WAITING = "waiting"  # not sealed
    SEALED = "sealed"  # bytes are fixed, not stored yet
    FAILED = "failed"  # given up until it is revived


class NoCopy(StoreError):
    """A row of the outbox is not there (any more)."""

    default_kind = "store.no_copy"


@dataclass(frozen=True, slots=True)
class NewCopy:
    """A copy to be sent. timestamp_ms: T; ttl_ms: 02.4.1; content: the Content, unpadded."""

    role: CopyRole
    destination: AccountId
    namespace: int
    timestamp_ms: int
    ttl_ms: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy in the outbox.

    message: local id, None for control messages. sealed: the bytes for `store`, None until they are made, and
    sealed_hash their storage hash. next_attempt_ms: local time. last_error: kind of the last error.
    """

    id: int
    message: int | None
    role: CopyRole
    after: int | None
    destination: AccountId
    namespace: int
    timestamp_ms: int
    ttl_ms: int
    content: bytes = field(repr=False)
    sealed: bytes | None = field(repr=False)
    sealed_hash: str | None
    level: str | None
    state: CopyState
    attempts: int
    next_attempt_ms: int
    last_error: str | None
    created_ms: int


_SELECT: Final = (
    "SELECT id, message, role, after, destination, namespace, timestamp_ms, ttl_ms, content, sealed, sealed_hash,"
    " level, state, attempts, next_attempt_ms, last_error, created_ms FROM outbox"
)
_DUE: Final = _SELECT + (
    " WHERE state IN ('waiting', 'sealed') AND next_attempt_ms <= ? AND after IS NULL ORDER BY next_attempt_ms, id"
    " LIMIT ?"
)
_LISTED: Final = _SELECT + (
    " WHERE after IS NULL OR state = 'failed' ORDER BY state = 'failed', next_attempt_ms, id LIMIT ?"
)


class Outbox:
    """The copies on their way."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def insert(self, copy: NewCopy, now_ms: int, *, message: int | None = None, after: int | None = None) -> int:
        """Keep a copy, due at once or as soon as the copy `after` is stored; gives its id."""
        cursor = self._db.execute(
            "INSERT INTO outbox (message, role, after, destination, namespace, timestamp_ms, ttl_ms, content, state,"
            " next_attempt_ms, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)",
            (
                message,
                copy.role.value,
                after,
                copy.destination.raw,
                copy.namespace,
                copy.timestamp_ms,
                copy.ttl_ms,
                copy.content,
                now_ms,
                now_ms,
            ),
        )
        return int(cursor.lastrowid or 0)

    def get(self, id_: int) -> Copy | None:
        """One copy, or None when it is stored or cancelled."""
        row = one(self._db, _SELECT + " WHERE id = ?", (clamp(id_),))
        return None if row is None else _copy(row)

    def need(self, id_: int) -> Copy:
        """One copy. Raises NoCopy."""
        found = self.get(id_)
        if found is None:
            raise NoCopy("this copy is stored or cancelled already")
        return found

    def of(self, message: int) -> tuple[Copy, ...]:
        """The copies of a message that are not stored yet."""
        rows = self._db.execute(_SELECT + " WHERE message = ? ORDER BY id", (message,))
        return tuple(_copy(row) for row in rows)

    def due(self, now_ms: int, limit: int) -> tuple[Copy, ...]:
        """At most `limit` copies that may be tried now, the longest waiting first."""
        return tuple(_copy(row) for row in self._db.execute(_DUE, (now_ms, limit)))

    def listed(self, limit: int) -> tuple[Copy, ...]:
        """At most `limit` copies that are not stored, those given up last; none of those that wait for another."""
        return tuple(_copy(row) for row in self._db.execute(_LISTED, (limit,)))

    def next_due(self) -> int | None:
        """When the next copy may be tried (local time, ms), or None when nothing is to be sent."""
        row = one(
            self._db,
            "SELECT min(next_attempt_ms) FROM outbox WHERE state IN ('waiting', 'sealed') AND after IS NULL",
        )
        return None if row is None or row[0] is None else int(row[0])

    def seal(self, id_: int, sealed: bytes, sealed_hash: str, level: str) -> Copy:
        """Fix the bytes of a copy. If it has some already they stay. Gives the row as it counts. Raises NoCopy."""
        self._db.execute(
            "UPDATE outbox SET sealed = ?, sealed_hash = ?, level = ?,"
            " state = CASE WHEN state = 'waiting' THEN 'sealed' ELSE state END WHERE id = ? AND sealed IS NULL",
            (sealed, sealed_hash, level, id_),
        )
        return self.need(id_)

    def postpone(self, id_: int, next_attempt_ms: int, error: str) -> None:
        """Count an attempt that failed, and set the time of the next (local, ms)."""
        self._db.execute(
            "UPDATE outbox SET attempts = attempts + 1, next_attempt_ms = ?, last_error = ? WHERE id = ?",
            (clamp(next_attempt_ms), error, id_),
        )

    def fail(self, id_: int, error: str) -> None:
        """Give a copy up. What waits for it goes on waiting."""
        self._db.execute(
            "UPDATE outbox SET attempts = attempts + 1, state = 'failed', last_error = ? WHERE id = ?", (error, id_)
        )

    def revive(self, id_: int, now_ms: int) -> Copy:
        """Try a copy again from now on, with the same sealed bytes if there are some. Raises NoCopy."""
        self._db.execute(
            "UPDATE outbox SET attempts = 0, next_attempt_ms = ?, last_error = NULL,"
            " state = CASE WHEN sealed IS NULL THEN 'waiting' ELSE 'sealed' END WHERE id = ?",
            (now_ms, id_),
        )
        return self.need(id_)

    def finish(self, id_: int) -> None:
        """Remove a copy that is stored; what waited for it becomes due."""
        self._db.execute("DELETE FROM outbox WHERE id = ?", (id_,))

    def cancel(self, id_: int) -> None:
        """Remove a copy that is not to be sent any more, with everything that waits for it."""
        waiting = self._db.execute("SELECT id FROM outbox WHERE after = ?", (id_,)).fetchall()
        self._db.executemany("DELETE FROM outbox WHERE id = ?", [(int(row[0]),) for row in waiting])
        self.finish(id_)


def _copy(row: Row) -> Copy:
    (id_, message, role, after, destination, namespace, timestamp, ttl, content, sealed, hash_, level, *rest) = row
    state, attempts, next_attempt, last_error, created = rest
    return Copy(
        id=id_,
        message=message,
        role=CopyRole(role),
        after=after,
        destination=account(destination),
        namespace=namespace,
        timestamp_ms=timestamp,
        ttl_ms=ttl,
        content=bytes(content),
        sealed=None if sealed is None else bytes(sealed),
        sealed_hash=hash_,
        level=level,
        state=CopyState(state),
        attempts=attempts,
        next_attempt_ms=next_attempt,
        last_error=last_error,
        created_ms=created,
    )
