"""What of documents was changed on this device and by merges, as fields without their values (07.9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from veery.protocol.account import AccountId
from veery.protocol.constants import CONFIG_CHANGES_MAX
from veery.store.sql import Connection, clamp

ADDED, REMOVED, FURTHER = (
    "added",
    "removed",
    "further",
)  # fields that stand for a whole entry, and for what is not named


@dataclass(frozen=True, slots=True)
class Changed:
    """One field that was changed. subject: whose, empty for the document itself; number: changes it stands for."""

    subject: str = field(repr=False)
    field: str
    number: int = 1


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change as it is remembered. changed_ms: local time; stored_ms: of own ones, when the swarm had it."""

    what: Changed
    own: bool
    seqno: int
    changed_ms: int
    stored_ms: int | None
    lost: bool


_PLACE: Final = "account = ? AND namespace = ?"


class ConfigChanges:
    """The changes. All methods work on one document: an account and a namespace."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def note(
        self, owner: AccountId, namespace: int, found: Iterable[Changed], *, own: bool, seqno: int, now_ms: int
    ) -> None:
        """Remember changes; of what a merge has removed, that it did, and not whom. Keeps the newest."""
        found = list(found)
        whole = [each for each in found if each.field in (ADDED, REMOVED)]
        self._db.executemany(
            f"DELETE FROM config_changes WHERE {_PLACE} AND own = ? AND stored_ms IS NULL AND subject = ?",  # noqa: S608
            [(owner.raw, namespace, int(own), each.subject) for each in whole if each.subject],
        )
        rows = [
            (
                owner.raw,
                namespace,
                int(own),
                "" if each.field == REMOVED and not own else each.subject,
                each.field,
                each.number,
                clamp(seqno),
                now_ms,
            )
            for each in found
        ]
        self._db.executemany(
            "INSERT OR REPLACE INTO config_changes (account, namespace, own, subject, field, number, seqno, changed_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        for side in (0, 1):
            self._db.execute(
                f"DELETE FROM config_changes WHERE {_PLACE} AND own = ? AND (subject, field) NOT IN"  # noqa: S608
                f" (SELECT subject, field FROM config_changes WHERE {_PLACE} AND own = ?"
                " ORDER BY changed_ms DESC, subject, field LIMIT ?)",
                (owner.raw, namespace, side, owner.raw, namespace, side, CONFIG_CHANGES_MAX),
            )

    def waiting(self, owner: AccountId, namespace: int) -> tuple[ChangeRow, ...]:
        """Own changes that the swarm has not confirmed, the oldest first."""
        return self._rows(owner, namespace, "own = 1 AND stored_ms IS NULL AND lost = 0 ORDER BY changed_ms, subject")

    def merged(self, owner: AccountId, namespace: int) -> tuple[ChangeRow, ...]:
        """What merges have brought, the newest first."""
        return self._rows(owner, namespace, "own = 0 ORDER BY changed_ms DESC, subject, field")

    def lost(self, owner: AccountId, namespace: int) -> tuple[ChangeRow, ...]:
        """Own changes that were given up, the newest first."""
        return self._rows(owner, namespace, "lost = 1 ORDER BY changed_ms DESC, subject, field")

    def undo(self, owner: AccountId, namespace: int, undone: Iterable[Changed]) -> None:
        """Forget own changes that were taken back before they were stored."""
        self._db.executemany(
            f"DELETE FROM config_changes WHERE {_PLACE} AND own = 1 AND stored_ms IS NULL"  # noqa: S608
            " AND subject = ? AND field = ?",
            [(owner.raw, namespace, each.subject, each.field) for each in undone],
        )

    def settle(self, owner: AccountId, namespace: int, now_ms: int, *, lost: bool = False) -> None:
        """The swarm has all that was changed here, or it was given up."""
        self._db.execute(
            f"UPDATE config_changes SET stored_ms = ?, lost = ? WHERE {_PLACE} AND own = 1 AND stored_ms IS NULL",  # noqa: S608
            (now_ms, int(lost), owner.raw, namespace),
        )
        self._db.execute(
            f"UPDATE OR REPLACE config_changes SET subject = '' WHERE {_PLACE} AND own = 1 AND field = ?",  # noqa: S608
            (owner.raw, namespace, REMOVED),
        )

    def _rows(self, owner: AccountId, namespace: int, rest: str) -> tuple[ChangeRow, ...]:
        rows = self._db.execute(
            "SELECT subject, field, number, own, seqno, changed_ms, stored_ms, lost FROM config_changes"  # noqa: S608
            f" WHERE {_PLACE} AND {rest}",
            (owner.raw, namespace),
        )
        return tuple(
            ChangeRow(Changed(subject, name, number), bool(own), seqno, changed_ms, stored_ms, bool(lost))
            for subject, name, number, own, seqno, changed_ms, stored_ms, lost in rows
        )
