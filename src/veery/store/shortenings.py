"""Copies in the own swarm that must expire sooner: noted with the reading, forgotten once it is done."""

from __future__ import annotations

from collections.abc import Iterable

from veery.store.sql import Connection, clamp


class Shortenings:
    """What the own swarm must still be told of messages that disappear after reading (02.8.1)."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def note(self, hash_: str, expires_ms: int, now_ms: int) -> None:
        """Note that a copy must expire at a moment of network time; the earliest counts."""
        self._db.execute(
            "INSERT INTO shortenings (hash, expires_ms, noted_ms) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (hash) DO UPDATE SET expires_ms = min(expires_ms, ?2)",
            (hash_, clamp(expires_ms), now_ms),
        )

    def pending(self, limit: int) -> tuple[tuple[str, int], ...]:
        """At most `limit` copies with their expiries, the longest waiting first."""
        rows = self._db.execute("SELECT hash, expires_ms FROM shortenings ORDER BY noted_ms, hash LIMIT ?", (limit,))
        return tuple((str(hash_), int(expires_ms)) for hash_, expires_ms in rows)

    def forget(self, hashes: Iterable[str]) -> None:
        """The swarm knows of these."""
        self._db.executemany("DELETE FROM shortenings WHERE hash = ?", [(hash_,) for hash_ in hashes])

    def trim(self, before_ms: int) -> int:
        """Forget what was noted before a moment (local time): its copies have expired. Gives how many."""
        return self._db.execute("DELETE FROM shortenings WHERE noted_ms < ?", (before_ms,)).rowcount
