"""Full-text search (see `search_words` for what counts as a word, and `schema_storage` for how the index lives).

Found messages come newest first by their local id, that is in the order in which they came to this device, and a page
goes on below the last id: so the index gives them one by one and never has to collect and sort all that fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from veery.errors import Rejected
from veery.protocol.constants import DAY_MS
from veery.store.message_values import Message
from veery.store.messages import SELECT, message_of
from veery.store.search_words import match_expression
from veery.store.sql import INTEGER_MAX, Connection, clamp, one

WITH_FILE: Final = "file"  # the kind of messages of any kind that carry one
KINDS: Final = (
    *("text", "timer", "level", "group_update", "request_accepted", "missed_call", "screenshot", "media_saved"),
    WITH_FILE,
)
PERIOD_MS: Final = 30 * DAY_MS  # as in `place`, see `schema_storage`
_PERIODS_MAX: Final = 120  # of one search: ten years
_PHRASES_MAX: Final = 32
_CHARACTERS_MAX: Final = 1_000

_FROM: Final = SELECT.replace("FROM messages AS m", "FROM search JOIN messages AS m ON m.id = search.rowid")


class SearchWrong(Rejected):
    """There is nothing to look for."""

    default_kind = "store.search"
    default_remedy = "Give at least one letter, digit or symbol; at most 32 words of 1,000 characters together"


class KindUnknown(SearchWrong):
    """No message is of this kind."""

    default_kind = "store.search.kind"
    default_remedy = f"The kinds are {', '.join(KINDS[:-1])}, and {WITH_FILE} for whatever carries a file"


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for.

    phrases: each must be there, with its last word begun; a phrase of several words: in this order. conversation: its
    id. since_ms, until_ms: T, both included. kind: one of `KINDS`. before: only messages with local ids
    below.
    """

    phrases: tuple[str, ...] = field(repr=False)
    conversation: str | None = field(default=None, repr=False)
    since_ms: int = 0
    until_ms: int = INTEGER_MAX
    kind: str | None = None
    before: int = INTEGER_MAX


class Searching:
    """Looks into the index."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def page(self, search: Search, limit: int, now_ms: int) -> tuple[Message, ...]:
        """At most `limit` messages, newest first; none that has disappeared by `now_ms` (local).

        Raises SearchWrong, KindUnknown.
        """
        if search.kind is not None and search.kind not in KINDS:
            raise KindUnknown("no message is of the kind that was asked for")
        expression = f"words : ({_words(search.phrases)})"
        if search.conversation is not None:
            row = one(self._db, "SELECT key FROM conversations WHERE id = ?", (search.conversation,))
            if row is None:
                return ()
            expression += f' AND place : "c{int(row[0])}"'
        if (periods := self._periods(search)) is not None:
            expression += f" AND place : ({periods})"
        sql, parameters = _conditions(search, expression, now_ms)
        rows = self._db.execute(f"{_FROM} WHERE {sql} ORDER BY search.rowid DESC LIMIT ?", (*parameters, limit))
        return tuple(message_of(row) for row in rows)

    def _periods(self, search: Search) -> str | None:
        """The periods of `place` that a span of time touches; None where they would not narrow the search."""
        if not _is_limited(search):
            return None
        row = one(
            self._db,
            "SELECT min((SELECT min(timestamp_ms) FROM messages WHERE conversation = key)),"
            " max((SELECT max(timestamp_ms) FROM messages WHERE conversation = key)) FROM conversations",
        )
        oldest, newest = row if row is not None and row[0] is not None else (0, 0)
        first = max(oldest, search.since_ms) // PERIOD_MS
        last = min(newest, search.until_ms) // PERIOD_MS
        if last - first >= _PERIODS_MAX:
            return None
        return " OR ".join(f'"p{period}"' for period in range(first, max(first, last) + 1))

    def check(self) -> None:
        """Compare the index with the messages. Raises DatabaseCorrupt where they differ."""
        self._db.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")


def _words(phrases: Sequence[str]) -> str:
    if len(phrases) > _PHRASES_MAX or sum(map(len, phrases)) > _CHARACTERS_MAX:
        raise SearchWrong("there are too many words to look for")
    found = match_expression(phrases)
    if found is None:
        raise SearchWrong("there is nothing to look for")
    return found


def _is_limited(search: Search) -> bool:
    return search.since_ms > 0 or search.until_ms < INTEGER_MAX


def _conditions(search: Search, words: str, now_ms: int) -> tuple[str, tuple[int | str, ...]]:
    conditions = ["search MATCH ?", "search.rowid < ?", "(expires_ms IS NULL OR expires_ms > ?)"]
    parameters: list[int | str] = [words, clamp(search.before), now_ms]
    if _is_limited(search):
        conditions.append("timestamp_ms BETWEEN ? AND ?")
        parameters += [clamp(search.since_ms), clamp(search.until_ms)]
    if search.kind == WITH_FILE:
        conditions.append("EXISTS (SELECT 1 FROM attachments AS a WHERE a.message = m.id)")
    elif search.kind is not None:
        conditions.append("m.kind = ?")
        parameters.append(search.kind)
    return " AND ".join(conditions), tuple(parameters)
