"""Copies of the outbox that wait for keys, the level that the copy for own devices has to have, and marks of messages.

A held copy is an ordinary row of the outbox that is not sealed. It has a time at which it is looked at again, so that
it neither keeps the outbox busy nor is forgotten; `wake` brings that time forward when keys have come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from veery.policy.level import Level
from veery.protocol.account import AccountId
from veery.store.message_values import DeliveryState
from veery.store.messages import Messages
from veery.store.outbox import Copy, Outbox
from veery.store.sql import Connection, account, clamp, one


@dataclass(frozen=True, slots=True)
class Held:
    """Why a copy waits, and since when (local time, ms). chosen: the user sends it with long-term keys, this once."""

    reason: str
    since_ms: int
    chosen: bool = False


class HeldCopies:
    """Copies that wait, and what is known of levels."""

    __slots__ = ("_db", "_messages", "_outbox")

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._messages = Messages(connection)
        self._outbox = Outbox(connection)

    def hold(self, copy: Copy, reason: str, now_ms: int, next_ms: int) -> bool:
        """Let a copy wait until it is looked at again (local time, ms); tells whether it did not wait before."""
        fresh = self.get(copy.id) is None
        self._db.execute(
            "INSERT INTO held_copies (copy, reason, since_ms) VALUES (?, ?, ?)"
            " ON CONFLICT (copy) DO UPDATE SET reason = excluded.reason",
            (copy.id, reason, now_ms),
        )
        self._db.execute("UPDATE outbox SET next_attempt_ms = ? WHERE id = ?", (clamp(next_ms), copy.id))
        self._set_reason(copy, reason)
        return fresh

    def get(self, copy: int) -> Held | None:
        """Why a copy waits, or None."""
        row = one(self._db, "SELECT reason, since_ms, chosen FROM held_copies WHERE copy = ?", (copy,))
        return None if row is None else Held(str(row[0]), int(row[1]), bool(row[2]))

    def all(self) -> Mapping[int, Held]:
        """Every copy that waits for keys, by its id; those that go out without them do not any more."""
        rows = self._db.execute("SELECT copy, reason, since_ms FROM held_copies WHERE chosen = 0").fetchall()
        return {int(copy): Held(str(reason), int(since)) for copy, reason, since in rows}

    def contacts(self, message: int) -> tuple[AccountId, ...]:
        """For whose keys the recipient's copy of a message waits: one contact, or none."""
        rows = self._db.execute(
            "SELECT destination FROM held_copies JOIN outbox ON outbox.id = copy"
            " WHERE message = ? AND role = 'recipient' AND chosen = 0",
            (clamp(message),),
        )
        return tuple(account(row[0]) for row in rows)

    def count(self, destination: AccountId) -> int:
        """How many copies for an account wait."""
        row = one(
            self._db,
            "SELECT count(*) FROM held_copies JOIN outbox ON outbox.id = copy WHERE destination = ? AND chosen = 0",
            (destination.raw,),
        )
        return 0 if row is None else int(row[0])

    def choose(self, copy: int, now_ms: int) -> None:
        """Let a copy that waits go out with long-term keys, now. Raises NoCopy."""
        self._db.execute("UPDATE held_copies SET chosen = 1 WHERE copy = ?", (copy,))
        self._db.execute("UPDATE outbox SET next_attempt_ms = ? WHERE id = ?", (now_ms, copy))
        self._set_reason(self._outbox.need(copy), None)

    def wake(self, destination: AccountId, now_ms: int) -> int:
        """Look at every copy for an account again, from now on (local time, ms); gives how many wait."""
        return self._db.execute(
            "UPDATE outbox SET next_attempt_ms = ? WHERE destination = ? AND sealed IS NULL"
            " AND id IN (SELECT copy FROM held_copies)",
            (now_ms, destination.raw),
        ).rowcount

    def release(self, copy: Copy) -> None:
        """A copy waits no longer."""
        if self._db.execute("DELETE FROM held_copies WHERE copy = ?", (copy.id,)).rowcount:
            self._set_reason(copy, None)

    def note_level(self, copy: int, level: Level) -> None:
        """Tell the copies that wait until this one is stored at which level it went out."""
        self._db.execute(
            "INSERT OR REPLACE INTO copy_levels (copy, level) SELECT id, ? FROM outbox WHERE after = ?",
            (int(level), copy),
        )

    def level(self, copy: int) -> Level | None:
        """The level of the copy that this one follows, or None when it follows none."""
        row = one(self._db, "SELECT level FROM copy_levels WHERE copy = ?", (copy,))
        return None if row is None else Level(row[0])

    def set_mark(self, message: int, mark: str) -> None:
        """Show something beside a message."""
        self._db.execute("INSERT OR REPLACE INTO message_marks (message, mark) VALUES (?, ?)", (message, mark))

    def mark(self, message: int) -> str | None:
        """What is shown beside a message, or None."""
        row = one(self._db, "SELECT mark FROM message_marks WHERE message = ?", (message,))
        return None if row is None else str(row[0])

    def _set_reason(self, copy: Copy, reason: str | None) -> None:
        message = None if copy.message is None else self._messages.get(copy.message)
        if message is not None and message.delivery.state is DeliveryState.QUEUED:
            self._messages.set_delivery(message.id, replace(message.delivery, reason=reason))
