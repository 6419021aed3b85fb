"""Durable events for programs: numbered from 1 without reuse, read after a cursor, acknowledged by consumer name.

An event is written in the transaction of the change that it tells of, so that neither exists without the other.
Consumers read from their own cursor as often as they like; `acknowledge` only says what `trim` may remove. A consumer
that has acknowledged nothing yet still holds everything back once it is known (`acknowledge(name, 0, …)`).

The events of a message that is deleted become events of the kind `gone` in the same transaction (`schema_events`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from veery.errors import StoreError
from veery.store.sql import Connection, clamp, one

GONE: Final = "gone"  # kind of what stands in place of the events of a deleted message


class EventNotJson(StoreError):
    """The payload of an event cannot be written as JSON."""

    default_kind = "store.event_payload"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. payload: what the kind defines, as JSON values; it may hold message text, so it does not print."""

    seq: int
    kind: str
    payload: Mapping[str, Any] = field(repr=False)
    created_ms: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events after a cursor. missed: some after the cursor were trimmed already. more: there are further ones."""

    events: tuple[Event, ...]
    missed: bool
    more: bool


class Events:
    """The event log and its consumers."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def append(self, kind: str, payload: Mapping[str, Any], now_ms: int) -> int:
        """Write an event; gives its number. Raises EventNotJson."""
        try:
            text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            text.encode()
        except (TypeError, ValueError):
            raise EventNotJson(f"the payload of an event of kind {kind} is not JSON") from None
        cursor = self._db.execute(
            "INSERT INTO events (kind, payload, created_ms) VALUES (?, ?, ?)", (kind, text, now_ms)
        )
        return int(cursor.lastrowid or 0)

    def after(self, cursor: int, limit: int) -> EventPage:
        """At most `limit` events with a number above `cursor`, in order."""
        cursor, limit = max(0, clamp(cursor)), clamp(limit)
        rows = self._db.execute(
            "SELECT seq, kind, payload, created_ms FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
            (cursor, limit + 1),
        ).fetchall()
        events = tuple(Event(seq, kind, json.loads(text), created) for seq, kind, text, created in rows[:limit])
        first = events[0].seq if events else self.last() + 1
        return EventPage(events, missed=first > cursor + 1, more=len(rows) > limit)

    def last(self) -> int:
        """The number of the newest event ever written; 0 when there was none."""
        row = one(self._db, "SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return 0 if row is None else int(row[0])

    def acknowledge(self, consumer: str, seq: int, now_ms: int) -> int:
        """Note that a consumer has dealt with everything up to `seq`. Never goes back; gives what counts now."""
        self._db.execute(
            "INSERT INTO event_consumers (name, acknowledged, updated_ms) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (name) DO UPDATE SET acknowledged = max(acknowledged, ?2), updated_ms = ?3",
            (consumer, max(0, min(clamp(seq), self.last())), now_ms),
        )
        return self.acknowledged(consumer)

    def acknowledged(self, consumer: str) -> int:
        """Up to which number a consumer has dealt with events; 0 when it is unknown."""
        row = one(self._db, "SELECT acknowledged FROM event_consumers WHERE name = ?", (consumer,))
        return 0 if row is None else int(row[0])

    def consumers(self) -> Mapping[str, int]:
        """What each consumer has acknowledged."""
        rows = self._db.execute("SELECT name, acknowledged FROM event_consumers ORDER BY name")
        return {str(name): int(seq) for name, seq in rows}

    def forget_consumer(self, consumer: str) -> None:
        """Remove a consumer, so that it holds nothing back any more."""
        self._db.execute("DELETE FROM event_consumers WHERE name = ?", (consumer,))

    def trim(self, before_ms: int) -> int:
        """Remove events written before `before_ms` that every consumer has acknowledged; gives how many."""
        return self._db.execute(
            "DELETE FROM events WHERE created_ms < ? AND seq <="
            " coalesce((SELECT min(acknowledged) FROM event_consumers), 9223372036854775807)",
            (before_ms,),
        ).rowcount
