"""Echoes of the records that were published for this account, and who was told that there are none (14.1)."""

from __future__ import annotations

from veery.policy.record_exchange import OwnEchoes
from veery.store.sql import Connection, one


class OwnEchoesTable:
    """Records of this account, by their hashes."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def get(self, *, whole: bool) -> OwnEchoes:
        """What is known. whole: no other device publishes for this account."""
        published = {bytes(echo): int(at) for echo, at in self._db.execute("SELECT echo, published_ms FROM own_echoes")}
        since = one(self._db, "SELECT since_ms FROM own_publishing")
        denied = frozenset(bytes(row[0]) for row in self._db.execute("SELECT account FROM echo_denials"))
        return OwnEchoes(published, None if since is None else int(since[0]), whole, denied)

    def save(self, echoes: OwnEchoes) -> None:
        """Keep what is known now."""
        self._db.execute("DELETE FROM own_echoes")
        self._db.execute("DELETE FROM own_publishing")
        self._db.execute("DELETE FROM echo_denials")
        self._db.executemany("INSERT INTO own_echoes (echo, published_ms) VALUES (?, ?)", [*echoes.published.items()])
        if echoes.since_ms is not None:
            self._db.execute("INSERT INTO own_publishing (only, since_ms) VALUES (1, ?)", (echoes.since_ms,))
        self._db.executemany("INSERT INTO echo_denials (account) VALUES (?)", [(each,) for each in echoes.denied_by])
