"""Groups as one device holds them: rights, keys, and what is still to be done for each (08).

Their documents are in `config_dumps`. Which step follows from what is the client's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from veery.errors import StoreError
from veery.protocol.account import AccountId
from veery.runtime.sqlite import SqlValue
from veery.secret import Secret
from veery.store.sql import Connection, Row, account, clamp, one

GROUP: Final = "group"  # kind of the conversation of a group
KICKED, DESTROYED = 1, 2  # `removed`, 07.10.4


class NoGroup(StoreError):
    """A group is not in the store (any more)."""

    default_kind = "store.no_group"


@dataclass(frozen=True, slots=True, eq=False)
class GroupRow:
    """One group, with the values of a new one as defaults.

    seed: 32 bytes, of admins; auth_data: 100 bytes, of members. invited: the invitation waits for an answer;
    responding: the answer is still to be sent. keys: dump of the key list. pending: JSON of what goes out with the next
    push. letters: hashes of invitations and promotions in the own swarm. owed: members to whom this device has still to
    send one. Times as their names say; `renewed_ms` is
    network time, `polled_ms` local time.
    """

    id: AccountId
    name: str = field(default="", repr=False)
    seed: Secret | None = None
    auth_data: Secret | None = None
    removed: int = 0
    invited: bool = False
    inviter: AccountId | None = None
    responding: bool = False
    joined_s: int = 0
    keys: Secret | None = None
    pending: str = field(default="", repr=False)
    letters: tuple[str, ...] = ()
    cleared_s: int = 0
    media_cleared_s: int = 0
    renewed_ms: int = 0
    polled_ms: int = 0
    owed: tuple[AccountId, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the account is in the group now: neither asked, nor removed, nor without rights."""
        return not self.invited and not self.removed and (self.seed is not None or self.auth_data is not None)


_COLUMNS: Final = (
    "id, name, seed, auth_data, removed, invited, inviter, responding, joined_s, keys, pending, letters,"
    " cleared_s, media_cleared_s, renewed_ms, polled_ms, owed"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM groups"  # noqa: S608 - names of the schema
_NAMES: Final = tuple(name.strip() for name in _COLUMNS.split(","))
_INSERT: Final = f"INSERT INTO groups ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608
_UPDATE: Final = f"UPDATE groups SET {', '.join(f'{name} = ?' for name in _NAMES[1:])} WHERE id = ?"  # noqa: S608


class Groups:
    """The groups."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def get(self, group: AccountId) -> GroupRow | None:
        """One group, or None."""
        row = one(self._db, _SELECT + " WHERE id = ?", (group.raw,))
        return None if row is None else _group(row)

    def need(self, group: AccountId) -> GroupRow:
        """One group. Raises NoGroup."""
        found = self.get(group)
        if found is None:
            raise NoGroup("the group is not in the store")
        return found

    def all(self) -> tuple[GroupRow, ...]:
        """All groups, by name."""
        return tuple(_group(row) for row in self._db.execute(_SELECT + " ORDER BY lower(name), id"))

    def save(self, row: GroupRow) -> None:
        """Write a group, new or not."""
        id_, *rest = _values(row)
        # Two statements: in triggers, an INSERT OR IGNORE does not ignore what an upsert outside of it would do.
        if not self._db.execute(_UPDATE, (*rest, id_)).rowcount:
            self._db.execute(_INSERT, (id_, *rest))

    def update(self, group: AccountId, change: Callable[[GroupRow], GroupRow]) -> GroupRow:
        """Read, change and write one group; gives what was written. Raises NoGroup."""
        changed = change(self.need(group))
        self.save(changed)
        return changed

    def delete(self, group: AccountId) -> None:
        """Forget a group, and what was fetched of it."""
        self.forget_fetched(group)
        self._db.execute("DELETE FROM groups WHERE id = ?", (group.raw,))
        self._db.execute("DELETE FROM group_names WHERE group_id = ?", (group.raw,))

    def note_seen(self, group: AccountId, hashes: Iterable[str]) -> None:
        """Remember which items came from a group's swarm."""
        rows = [(hash_, group.raw) for hash_ in hashes]
        self._db.executemany("INSERT OR IGNORE INTO group_seen (hash, group_id) VALUES (?, ?)", rows)

    def forget_fetched(self, group: AccountId) -> None:
        """Read the group's swarm again from the start: no item counts as seen, no member as read."""
        self._db.execute(
            "DELETE FROM seen WHERE hash IN (SELECT hash FROM group_seen WHERE group_id = ?)", (group.raw,)
        )
        for table in ("cursors WHERE account", "group_seen WHERE group_id", "undecoded WHERE account"):
            self._db.execute(f"DELETE FROM {table} = ?", (group.raw,))  # noqa: S608 - names of the schema

    def set_names(self, group: AccountId, names: Mapping[AccountId, str]) -> None:
        """Keep what a group calls its members. Whoever is not listed any more keeps the last name, for old messages."""
        rows = [(group.raw, person.raw, name) for person, name in names.items() if name]
        self._db.executemany(
            "INSERT INTO group_names (group_id, account, name) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (group_id, account) DO UPDATE SET name = ?3 WHERE name <> ?3",
            rows,
        )
        nameless = [(group.raw, person.raw) for person, name in names.items() if not name]
        self._db.executemany("DELETE FROM group_names WHERE group_id = ? AND account = ?", nameless)

    def member_name(self, group: str, person: AccountId) -> str:
        """What a group calls a member, or has called a former one; empty when it has no name."""
        row = one(
            self._db,
            "SELECT name FROM group_names WHERE group_id = ? AND account = ?",
            (AccountId.from_hex(group).raw, person.raw),
        )
        return "" if row is None else str(row[0])

    def drop_outgoing(self, group: AccountId) -> int:
        """Give up what was to be said in a group and is not stored yet; gives how many copies."""
        return self._db.execute("DELETE FROM outbox WHERE destination = ?", (group.raw,)).rowcount

    def trim(self) -> int:
        """Forget items whose hash is not remembered as seen any more; gives how many."""
        return self._db.execute("DELETE FROM group_seen WHERE hash NOT IN (SELECT hash FROM seen)").rowcount

    def written_by(self, group: AccountId, author: AccountId, until_ms: int) -> tuple[int, ...]:
        """Ids of the messages of one author in a group with T up to `until_ms` that are not deleted for everyone."""
        rows = self._db.execute(
            "SELECT m.id FROM messages AS m JOIN conversations AS c ON c.key = m.conversation"
            " WHERE c.id = ? AND author = ? AND timestamp_ms <= ? AND deleted <> 2 ORDER BY m.id",
            (group.hex, author.raw, clamp(until_ms)),
        )
        return tuple(int(row[0]) for row in rows)

    def with_attachments(self, group: AccountId, until_ms: int) -> tuple[int, ...]:
        """Ids of the messages of a group with files and T up to `until_ms`."""
        rows = self._db.execute(
            "SELECT DISTINCT m.id FROM messages AS m JOIN conversations AS c ON c.key = m.conversation"
            " JOIN attachments AS a ON a.message = m.id WHERE c.id = ? AND timestamp_ms <= ? ORDER BY m.id",
            (group.hex, clamp(until_ms)),
        )
        return tuple(int(row[0]) for row in rows)


def _values(row: GroupRow) -> tuple[SqlValue, ...]:
    return (
        row.id.raw,
        row.name,
        _bytes(row.seed),
        _bytes(row.auth_data),
        clamp(row.removed),
        int(row.invited),
        None if row.inviter is None else row.inviter.raw,
        int(row.responding),
        clamp(row.joined_s),
        _bytes(row.keys),
        row.pending,
        " ".join(row.letters),
        clamp(row.cleared_s),
        clamp(row.media_cleared_s),
        row.renewed_ms,
        row.polled_ms,
        " ".join(each.hex for each in row.owed),
    )


def _bytes(secret: Secret | None) -> bytes | None:
    return None if secret is None else secret.reveal()


def _secret(value: object) -> Secret | None:
    return None if value is None else Secret(bytes(value))  # type: ignore[call-overload]  # a BLOB of the driver


def _group(row: Row) -> GroupRow:
    (id_, name, seed, auth_data, removed, invited, inviter, responding, joined_s, keys, *rest) = row
    (pending, letters, cleared_s, media_cleared_s, renewed_ms, polled_ms, owed) = rest
    return GroupRow(
        id=account(id_),
        name=name,
        seed=_secret(seed),
        auth_data=_secret(auth_data),
        removed=removed,
        invited=bool(invited),
        inviter=None if inviter is None else account(inviter),
        responding=bool(responding),
        joined_s=joined_s,
        keys=_secret(keys),
        pending=pending,
        letters=tuple(letters.split()),
        cleared_s=cleared_s,
        media_cleared_s=media_cleared_s,
        renewed_ms=renewed_ms,
        polled_ms=polled_ms,
        owed=tuple(AccountId.from_hex(each) for each in owed.split()),
    )
