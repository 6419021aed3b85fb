"""Reactions: who put which emoji on which message (02.7.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from veery.protocol.account import AccountId
from veery.store.message_values import Reaction
from veery.store.sql import Connection, account, clamp


class Reactions:
    """The reactions."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, message: int, emoji: str, author: AccountId, timestamp_ms: int) -> bool:
        """Put an emoji on a message; False if this author has put it there already."""
        return bool(
            self._db.execute(
                "INSERT INTO reactions (message, emoji, author, timestamp_ms) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (message, emoji, author) DO NOTHING",
                (message, emoji, author.raw, clamp(timestamp_ms)),
            ).rowcount
        )

    def remove(self, message: int, emoji: str, author: AccountId) -> bool:
        """Take an emoji away; False if it was not there."""
        return bool(
            self._db.execute(
                "DELETE FROM reactions WHERE message = ? AND emoji = ? AND author = ?", (message, emoji, author.raw)
            ).rowcount
        )

    def of(self, messages: Iterable[int]) -> Mapping[int, tuple[Reaction, ...]]:
        """The reactions of each of these messages that has some, in the order in which they were put."""
        found: dict[int, tuple[Reaction, ...]] = {}
        for message in messages:
            rows = self._db.execute(
                "SELECT emoji, author, timestamp_ms FROM reactions WHERE message = ? ORDER BY timestamp_ms, author",
                (message,),
            ).fetchall()
            if rows:
                found[message] = tuple(Reaction(emoji, account(author), at) for emoji, author, at in rows)
        return found
