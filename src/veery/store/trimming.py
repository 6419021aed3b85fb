"""Trimming: rules that the user set, what they fit, and carrying them out.

A rule takes files that came longer ago than `older_ms`, or are larger than `larger_bytes`; with both, files for which
both are true; with neither it keeps everything. It is for one conversation, or the default of all conversations that
have no rule of their own. Several rules of a conversation add up. Without rules nothing is ever taken, and never more
than the local file: the message, its text, what it says about the file, and the thumbnail of a picture stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from veery.protocol.constants import DAY_MS
from veery.store.conversations import NoConversation
from veery.store.sql import Connection, Row, clamp, one

_KIND: Final = (
    "CASE WHEN a.content_type LIKE 'image/%' THEN 'image' WHEN a.content_type LIKE 'video/%' THEN 'video'"
    " WHEN a.content_type LIKE 'audio/%' THEN 'audio' ELSE 'file' END"
)
# ?1: now. A file counts as old from when its message came to this device. Text of `r` and `m` and `a` below.
_FITS: Final = (
    "EXISTS (SELECT 1 FROM trim_rules AS r WHERE (r.conversation = m.conversation OR (r.conversation IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM trim_rules AS own WHERE own.conversation = m.conversation)))"
    " AND NOT (r.older_ms IS NULL AND r.larger_bytes IS NULL)"
    " AND (r.older_ms IS NULL OR m.received_ms < ?1 - r.older_ms)"
    " AND (r.larger_bytes IS NULL OR b.size > r.larger_bytes))"
)
_FILES: Final = (
    " FROM attachments AS a JOIN messages AS m ON m.id = a.message JOIN blobs AS b ON b.name = a.file"
    " JOIN conversations AS c ON c.key = m.conversation WHERE a.file IS NOT NULL AND a.state = 'stored'"
)
AGES_MS: Final = (30 * DAY_MS, 365 * DAY_MS)  # up to a month, up to a year, older
_MESSAGE_SIZES: Final = "SELECT conversation, kind, received_ms, length(content) + octet_length(body), 0 FROM messages"
_FILE_SIZES: Final = (
    f"SELECT m.conversation, {_KIND}, m.received_ms, b.size, CASE WHEN {_FITS} THEN b.size ELSE 0 END{_FILES}"
)
_THUMBNAIL_SIZES: Final = (
    "SELECT m.conversation, 'thumbnail', m.received_ms, b.size, 0 FROM attachments AS a"
    " JOIN messages AS m ON m.id = a.message JOIN blobs AS b ON b.name = a.thumbnail"
)


@dataclass(frozen=True, slots=True)
class TrimRule:
    """A rule. conversation: its id, None: the default. Without both limits it keeps everything."""

    id: int
    conversation: str | None = field(repr=False)
    older_ms: int | None
    larger_bytes: int | None


@dataclass(frozen=True, slots=True)
class Share:
    """What of one conversation, kind and age takes space.

    kind: of messages, or image, video, audio, file, thumbnail. age: 0 up to a month, 1 up to a year, 2 older. size:
    bytes of content, or of local files. freed: bytes that the rules would free now.
    """

    conversation: str = field(repr=False)
    kind: str
    age: int
    count: int
    size: int
    freed: int


@dataclass(frozen=True, slots=True)
class TrimFile:
    """A local file that the rules fit."""

    attachment: int
    message: int
    conversation: str = field(repr=False)
    name: str = field(repr=False)
    kind: str
    size: int
    received_ms: int


class Trimming:
    """Rules, and what they do."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def rules(self) -> tuple[TrimRule, ...]:
        """All rules, in the order in which they were set."""
        rows = self._db.execute(
            "SELECT r.id, c.id, older_ms, larger_bytes FROM trim_rules AS r"
            " LEFT JOIN conversations AS c ON c.key = r.conversation ORDER BY r.id"
        )
        return tuple(TrimRule(*row) for row in rows)

    def set_rule(
        self, conversation: str | None, older_ms: int | None, larger_bytes: int | None, now_ms: int
    ) -> TrimRule:
        """Add a rule; one that is there already is not doubled. Raises NoConversation."""
        key = None if conversation is None else self._key(conversation)
        older = None if older_ms is None else clamp(older_ms)
        larger = None if larger_bytes is None else clamp(larger_bytes)
        found = one(
            self._db,
            "SELECT id FROM trim_rules WHERE conversation IS ? AND older_ms IS ? AND larger_bytes IS ?",
            (key, older, larger),
        )
        if found is None:
            found = one(
                self._db,
                "INSERT INTO trim_rules (conversation, older_ms, larger_bytes, created_ms) VALUES (?, ?, ?, ?)"
                " RETURNING id",
                (key, older, larger, now_ms),
            )
        return TrimRule(int(found[0]) if found else 0, conversation, older, larger)

    def remove_rule(self, id_: int) -> bool:
        """Remove a rule; False if there is none of this number."""
        return bool(self._db.execute("DELETE FROM trim_rules WHERE id = ?", (clamp(id_),)).rowcount)

    def fitting(self, now_ms: int, limit: int, after: int = 0) -> tuple[TrimFile, ...]:
        """At most `limit` local files that the rules fit, in the order of their attachments' ids, above `after`."""
        if not self.rules():
            return ()
        rows = self._db.execute(
            f"SELECT a.id, m.id, c.id, a.file_name, {_KIND}, b.size, m.received_ms{_FILES} AND {_FITS}"
            " AND a.id > ?3 ORDER BY a.id LIMIT ?2",
            (now_ms, limit, after),
        )
        return tuple(TrimFile(*row) for row in rows)

    def fitting_total(self, now_ms: int) -> tuple[int, int]:
        """How many local files the rules fit, and how many bytes go with them: of files that nothing else needs."""
        if not self.rules():
            return 0, 0
        row = one(
            self._db,
            "SELECT coalesce(sum(fitting), 0), coalesce(sum(CASE WHEN fitting = refs THEN size ELSE 0 END), 0) FROM"  # noqa: S608
            f" (SELECT count(*) AS fitting, b.refs AS refs, b.size AS size{_FILES} AND {_FITS} GROUP BY b.name)",
            (now_ms,),
        )
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def trim(self, now_ms: int, limit: int, after: int = 0) -> tuple[TrimFile, ...]:
        """Give up at most `limit` local files that the rules fit; the files go once nobody refers to them (`blobs`)."""
        found = self.fitting(now_ms, limit, after)
        self._db.executemany(
            "UPDATE attachments SET state = 'trimmed', file = NULL, file_key = NULL, trimmed_ms = ? WHERE id = ?",
            [(now_ms, each.attachment) for each in found],
        )
        return found

    def shares(self, now_ms: int) -> tuple[Share, ...]:
        """What takes space: messages, then local files, by conversation, kind and age. Walks all messages."""
        names = dict(self._db.execute("SELECT key, id FROM conversations").fetchall())
        messages = _summed(self._db.execute(_MESSAGE_SIZES), names, now_ms)
        files = _summed(self._db.execute(_FILE_SIZES, (now_ms,)), names, now_ms)
        return (*messages, *files, *_summed(self._db.execute(_THUMBNAIL_SIZES), names, now_ms))

    def _key(self, conversation: str) -> int:
        row = one(self._db, "SELECT key FROM conversations WHERE id = ?", (conversation,))
        if row is None:
            raise NoConversation("the rule is for a conversation that is not in the store")
        return int(row[0])


def _summed(rows: Iterable[Row], names: Mapping[int, str], now_ms: int) -> Iterator[Share]:
    """Sums by conversation, kind and age. Not by the database: it would sort all rows in memory to group them."""
    sums: dict[tuple[int, str, int], list[int]] = {}
    month, year = (now_ms - age for age in AGES_MS)
    for conversation, kind, received_ms, size, freed in rows:
        age = 0 if received_ms > month else 1 if received_ms > year else 2
        held = sums.setdefault((conversation, kind, age), [0, 0, 0])
        held[0] += 1
        held[1] += size
        held[2] += freed
    for (conversation, kind, age), (count, total, freed) in sorted(sums.items()):
        yield Share(names[conversation], kind, age, count, total, freed)
