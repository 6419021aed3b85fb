"""Configuration documents of the own account and of groups, and the marks of what may differ from them (07.9).

A document is saved whole, as one dump, in the transaction of whatever changed it. `version` is another number each
time, so that whoever keeps a document in memory can tell whether it is still the one on the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from veery.protocol.account import AccountId
from veery.store.sql import Connection, Row, account, clamp, one


class Mark(Enum):
    """What may differ from its document."""

    PROFILE = "profile"  # the own profile; it has no id
    CONTACT = "contact"  # a conversation, and what is settled with its contact
    READ = "read"  # how far a conversation is read
    LEFT = "left"  # a group that the account has left, by its conversation's id
    MADE = "made"  # a conversation that is new here, for which other devices may have settled something before


@dataclass(frozen=True, slots=True)
class ConfigRow:
    """One document. dump: its state; version: another number for each dump; pending: waits to be confirmed.

    changed_ms and changed_last_ms: of the pending changes; pushed_ms, merged_ms: of the last of each that was done;
    renewed_ms: when the swarm last said that it has it; lost_ms: when it last said that it has not; changes_lost_ms:
    when changes were last given up. All of these are local time. stored_ms: network time, of the newest message that
    was merged (02.5.2).
    """

    account: AccountId
    namespace: int
    dump: bytes = field(repr=False)
    version: int = 0
    seqno: int = 0
    pending: bool = False
    changed_ms: int | None = None
    changed_last_ms: int | None = None
    pushed_ms: int | None = None
    merged_ms: int | None = None
    stored_ms: int | None = None
    renewed_ms: int | None = None
    lost_ms: int | None = None
    changes_lost_ms: int | None = None


_SELECT: Final = (
    "SELECT account, namespace, dump, version, seqno, pending, changed_ms, changed_last_ms, pushed_ms, merged_ms,"
    " stored_ms, renewed_ms, lost_ms, changes_lost_ms FROM config_documents WHERE account = ?"
)


class ConfigDumps:
    """The documents."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def get(self, owner: AccountId, namespace: int) -> ConfigRow | None:
        """One document, or None."""
        row = one(self._db, _SELECT + " AND namespace = ?", (owner.raw, namespace))
        return None if row is None else _row(row)

    def version(self, owner: AccountId, namespace: int) -> int | None:
        """Which dump is on the disk, or None."""
        row = one(
            self._db,
            "SELECT version FROM config_documents WHERE account = ? AND namespace = ?",
            (owner.raw, namespace),
        )
        return None if row is None else int(row[0])

    def stored_ms(self, owner: AccountId, namespace: int) -> int | None:
        """The newest storage time of a merged message, network time; None: none was merged."""
        row = one(
            self._db,
            "SELECT stored_ms FROM config_documents WHERE account = ? AND namespace = ?",
            (owner.raw, namespace),
        )
        return None if row is None or row[0] is None else int(row[0])

    def all(self, owner: AccountId) -> tuple[ConfigRow, ...]:
        """All documents of an account, by namespace."""
        rows = self._db.execute(_SELECT + " ORDER BY namespace", (owner.raw,))
        return tuple(_row(row) for row in rows)

    def save(self, row: ConfigRow) -> None:
        """Write a document."""
        self._db.execute(
            "INSERT OR REPLACE INTO config_documents (account, namespace, dump, version, seqno, pending, changed_ms,"
            " changed_last_ms, pushed_ms, merged_ms, stored_ms, renewed_ms, lost_ms, changes_lost_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.account.raw,
                row.namespace,
                row.dump,
                row.version,
                clamp(row.seqno),
                int(row.pending),
                row.changed_ms,
                row.changed_last_ms,
                row.pushed_ms,
                row.merged_ms,
                None if row.stored_ms is None else clamp(row.stored_ms),
                row.renewed_ms,
                row.lost_ms,
                row.changes_lost_ms,
            ),
        )

    def forget(self, owner: AccountId) -> None:
        """Remove all documents of an account: of a group that was left."""
        self._db.execute("DELETE FROM config_documents WHERE account = ?", (owner.raw,))
        self._db.execute("DELETE FROM config_obsolete WHERE account = ?", (owner.raw,))
        self._db.execute("DELETE FROM config_changes WHERE account = ?", (owner.raw,))

    # -- what is to be deleted from the swarm ------------------------------------------------------------------

    def add_obsolete(self, owner: AccountId, namespace: int, hashes: Iterable[str], now_ms: int) -> None:
        """Remember hashes until the swarm has said that they are deleted."""
        self._db.executemany(
            "INSERT OR IGNORE INTO config_obsolete (account, namespace, hash, noted_ms) VALUES (?, ?, ?, ?)",
            [(owner.raw, namespace, each, now_ms) for each in hashes],
        )

    def obsolete(self, owner: AccountId, limit: int) -> tuple[str, ...]:
        """At most `limit` hashes that are to be deleted, the oldest first."""
        rows = self._db.execute(
            "SELECT hash FROM config_obsolete WHERE account = ? ORDER BY noted_ms, hash LIMIT ?", (owner.raw, limit)
        )
        return tuple(str(row[0]) for row in rows)

    def drop_obsolete(self, owner: AccountId, hashes: Iterable[str]) -> None:
        """Forget hashes: they are deleted, or needed after all."""
        self._db.executemany(
            "DELETE FROM config_obsolete WHERE account = ? AND hash = ?", [(owner.raw, each) for each in hashes]
        )

    def trim(self, before_ms: int) -> int:
        """Forget hashes that were noted before a moment of local time: their messages have expired. Gives how many."""
        return self._db.execute("DELETE FROM config_obsolete WHERE noted_ms < ?", (before_ms,)).rowcount

    # -- marks -------------------------------------------------------------------------------------------------

    def marks(self, what: Mark) -> tuple[str, ...]:
        """The ids that are marked."""
        return tuple(
            str(row[0]) for row in self._db.execute("SELECT id FROM config_marks WHERE what = ?", (what.value,))
        )

    def any_marked(self) -> bool:
        """Whether anything is marked."""
        return one(self._db, "SELECT 1 FROM config_marks LIMIT 1") is not None

    def mark(self, what: Mark, ids: Iterable[str]) -> None:
        """Mark ids by hand."""
        self._db.executemany("INSERT OR IGNORE INTO config_marks VALUES (?, ?)", [(what.value, each) for each in ids])

    def unmark(self, what: Mark | None = None) -> None:
        """Remove the marks of one sort, or all."""
        self._db.execute("DELETE FROM config_marks WHERE ?1 IS NULL OR what = ?1", (what.value if what else None,))


def _row(row: Row) -> ConfigRow:
    owner, namespace, dump, version, seqno, pending, *times = row
    return ConfigRow(account(owner), namespace, bytes(dump), version, seqno, bool(pending), *times)
