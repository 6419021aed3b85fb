"""What was fetched: how far each node was read, which hashes were seen, and what could not be read yet.

`record_fetched` is the only way in. In one transaction it lets the caller apply every item that is new, marks all of
them as seen, and moves the cursor. A kill before the commit leaves nothing of the batch, so it is fetched again; after
it everything is there, and a second fetch of the same items (from the same node or another of the swarm) finds them
seen. Items are marked as seen even when they are refused: they would be refused again (02.5.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from veery.errors import Malformed, ProtocolError
from veery.protocol.account import AccountId
from veery.protocol.constants import DAY_MS, TTL_MAX_PRIVATE_MS
from veery.protocol.storage_rpc import Namespace
from veery.store.sql import Connection, Row, account, clamp, one

SEEN_SLACK_MS: Final = DAY_MS  # a hash is remembered this much longer than its message lives: clocks differ
HASH_MAX: Final = 128  # characters; today's have 43, 04.4.1
MESSAGES: Final = frozenset({int(Namespace.INBOX), int(Namespace.GROUP_MESSAGES)})  # where messages are
UNDECODED_MAX: Final = 2_000  # items kept; anybody can send them, so the oldest make room
UNDECODED_BYTES_MAX: Final = 32 * 1024**2


class ItemMalformed(Malformed):
    """What a node names as the hash of a message cannot be one."""

    default_kind = "store.item_hash"


@dataclass(frozen=True, slots=True)
class FetchedItem:
    """One stored message as a node gave it (04.6.2). timestamp_ms and expires_ms are the node's; data is raw.

    Raises ItemMalformed when the hash is not 1 to 128 characters of ASCII.
    """

    hash: str
    data: bytes = field(repr=False)
    timestamp_ms: int
    expires_ms: int

    def __post_init__(self) -> None:
        _check_hash(self.hash)


@dataclass(frozen=True, slots=True)
class FetchedBatch:
    """One answer of one node, in its order. last_hash: the cursor afterwards, None to leave it.

    node: Ed25519 key of the node that answered. Raises ItemMalformed for a cursor that is no hash.
    """

    node: bytes
    account: AccountId
    namespace: int
    items: tuple[FetchedItem, ...]
    last_hash: str | None

    def __post_init__(self) -> None:
        if self.last_hash is not None:
            _check_hash(self.last_hash)


@dataclass(frozen=True, slots=True)
class Undecoded:
    """The answer of `apply` for an item that a later build or a later key may read: it is kept with this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class KeptItem:
    """An item that could not be read yet."""

    id: int
    account: AccountId
    namespace: int
    item: FetchedItem
    reason: str
    received_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that broke a rule of the book, and the kind of the error."""

    hash: str
    kind: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch: hashes applied, hashes kept undecoded, items refused, and how many were seen before."""

    applied: tuple[str, ...]
    undecoded: tuple[str, ...]
    refused: tuple[Refused, ...]
    repeated: int


Apply = Callable[[FetchedItem], Undecoded | None]


class Inbox:
    """Cursors, seen hashes and kept items."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def record_fetched(self, batch: FetchedBatch, apply: Apply, now_ms: int) -> Recorded:
        """Apply what is new in a batch, mark it seen and move the cursor, in the transaction that is open.

        apply: writes what an item means (with the tables of the same transaction) and gives None, or `Undecoded`.
        A ProtocolError of `apply`, or a number or text of the item that no column holds, undoes what it wrote for this
        item alone and counts it as refused. Any other error passes through and undoes the whole batch.
        """
        applied: list[str] = []
        undecoded: list[str] = []
        refused: list[Refused] = []
        repeated = 0
        for item in batch.items:
            if self.is_seen(item.hash, batch.namespace):
                repeated += 1
                continue
            outcome = self._apply(item, apply)
            if isinstance(outcome, Refused):
                refused.append(outcome)
            elif outcome is None:
                applied.append(item.hash)
            else:
                self._keep(batch, item, outcome.reason, now_ms)
                undecoded.append(item.hash)
            self.mark_seen(item.hash, min(item.expires_ms, now_ms + TTL_MAX_PRIVATE_MS), batch.namespace)
        if batch.last_hash is not None:
            self._move(batch, batch.last_hash, now_ms)
        return Recorded(tuple(applied), tuple(undecoded), tuple(refused), repeated)

    def last_hash(self, node: bytes, account: AccountId, namespace: int) -> str | None:
        """How far a node was read for an account and namespace; None: from the start."""
        row = one(
            self._db,
            "SELECT last_hash FROM cursors WHERE node = ? AND account = ? AND namespace = ?",
            (node, account.raw, namespace),
        )
        return None if row is None else str(row[0])

    def forget_cursors(self, account: AccountId, before_ms: int | None = None) -> int:
        """Read from the start again; with `before_ms` only nodes that were last read before it. Gives how many."""
        return self._db.execute(
            "DELETE FROM cursors WHERE account = ?1 AND (?2 IS NULL OR updated_ms < ?2)", (account.raw, before_ms)
        ).rowcount

    def is_seen(self, hash_: str, namespace: int = Namespace.INBOX) -> bool:
        """Whether an item of a namespace was handled before, or stored by this device.

        Without a namespace it counts for messages alone: it comes from an older store, or from a backup.
        """
        row = one(self._db, "SELECT namespace FROM seen WHERE hash = ?", (hash_,))
        return row is not None and (row[0] is not None or namespace in MESSAGES)

    def mark_seen(self, hash_: str, expires_ms: int, namespace: int | None = None) -> None:
        """Remember a hash until its message has surely expired. namespace: needed for all that is no message."""
        self._db.execute(
            "INSERT INTO seen (hash, forget_ms, namespace) VALUES (?1, ?2, ?3) ON CONFLICT (hash)"
            " DO UPDATE SET forget_ms = max(forget_ms, ?2), namespace = coalesce(?3, namespace)",
            (hash_, clamp(expires_ms + SEEN_SLACK_MS), namespace),
        )

    def kept(self, limit: int, after: int = 0) -> tuple[KeptItem, ...]:
        """At most `limit` items that could not be read yet, oldest first, with ids above `after`."""
        rows = self._db.execute(
            "SELECT id, account, namespace, hash, data, timestamp_ms, expires_ms, reason, received_ms FROM undecoded"
            " WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return tuple(_kept(row) for row in rows)

    def set_aside(self, owner: AccountId, namespace: int) -> Mapping[str, int]:
        """How many items of a namespace could not be read yet, by reason."""
        rows = self._db.execute(
            "SELECT reason, count(*) FROM undecoded WHERE account = ? AND namespace = ?"
            " GROUP BY reason ORDER BY reason",
            (owner.raw, namespace),
        )
        return {str(reason): int(number) for reason, number in rows}

    def reread(self, kept: KeptItem, apply: Apply) -> bool:
        """Apply a kept item again, in the transaction that is open; tells whether it was read, and is forgotten.

        One that now breaks a rule is forgotten as well, without what it wrote. Raises as `record_fetched`.
        """
        outcome = self._apply(kept.item, apply)
        if isinstance(outcome, Undecoded):
            self._db.execute("UPDATE undecoded SET reason = ? WHERE id = ?", (outcome.reason, kept.id))
            return False
        self.release(kept.id)
        return outcome is None

    def release(self, id_: int) -> None:
        """Forget a kept item: it was read, or never will be."""
        self._db.execute("DELETE FROM undecoded WHERE id = ?", (id_,))

    def trim(self, now_ms: int) -> int:
        """Forget hashes and kept items whose time is over; gives how many rows went."""
        seen = self._db.execute("DELETE FROM seen WHERE forget_ms < ?", (now_ms,)).rowcount
        return seen + self._db.execute("DELETE FROM undecoded WHERE expires_ms < ?", (now_ms,)).rowcount

    def _apply(self, item: FetchedItem, apply: Apply) -> Undecoded | Refused | None:
        self._db.execute("SAVEPOINT item")
        try:
            outcome: Undecoded | Refused | None = apply(item)
        except ProtocolError as error:
            outcome = Refused(item.hash, error.kind)
        except (OverflowError, UnicodeEncodeError):  # of the driver: a value of the wire that no column holds
            outcome = Refused(item.hash, "store.value")
        if isinstance(outcome, Refused):
            self._db.execute("ROLLBACK TO item")
        self._db.execute("RELEASE item")
        return outcome

    def _keep(self, batch: FetchedBatch, item: FetchedItem, reason: str, now_ms: int) -> None:
        self._db.execute(
            "INSERT INTO undecoded (hash, account, namespace, data, timestamp_ms, expires_ms, reason, received_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
            (
                item.hash,
                batch.account.raw,
                batch.namespace,
                item.data,
                clamp(item.timestamp_ms),
                clamp(min(item.expires_ms, now_ms + TTL_MAX_PRIVATE_MS)),
                reason,
                now_ms,
            ),
        )
        self._make_room()

    def _make_room(self) -> None:
        count, size = one(self._db, "SELECT count(*), coalesce(sum(length(data)), 0) FROM undecoded") or (0, 0)
        if count <= UNDECODED_MAX and size <= UNDECODED_BYTES_MAX:
            return
        self._db.execute(
            "DELETE FROM undecoded WHERE id NOT IN (SELECT id FROM"
            " (SELECT id, sum(length(data)) OVER (ORDER BY id DESC) AS size FROM undecoded ORDER BY id DESC LIMIT ?)"
            " WHERE size <= ?)",
            (UNDECODED_MAX, UNDECODED_BYTES_MAX),
        )

    def _move(self, batch: FetchedBatch, last_hash: str, now_ms: int) -> None:
        self._db.execute(
            "INSERT INTO cursors (node, account, namespace, last_hash, updated_ms) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (node, account, namespace)"
            " DO UPDATE SET last_hash = excluded.last_hash, updated_ms = excluded.updated_ms",
            (batch.node, batch.account.raw, batch.namespace, last_hash, now_ms),
        )


def _check_hash(text: str) -> None:
    if not text.isascii() or not 0 < len(text) <= HASH_MAX:
        raise ItemMalformed("a node names something as the hash of a message that is none")


def _kept(row: Row) -> KeptItem:
    id_, owner, namespace, hash_, data, timestamp, expires, reason, received = row
    item = FetchedItem(hash_, bytes(data), timestamp, expires)
    return KeptItem(id_, account(owner), namespace, item, reason, received)
