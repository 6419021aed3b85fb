"""What a node still owes other members, in SQLite: dumps under way, and requests that a member missed (05.4, 05.5)."""

from __future__ import annotations

from dataclasses import dataclass

from veery.runtime.sqlite import Connection


@dataclass(frozen=True, slots=True)
class DumpRow:
    """A dump under way: to whom (Ed25519 key), of which swarm, confirmed up to and including `cursor`."""

    peer: bytes
    swarm: int
    cursor: int
    up_to: int


@dataclass(frozen=True, slots=True)
class RepairRow:
    """A request that a member missed: method and the bytes to send again, and when it was missed (ms)."""

    id: int
    peer: bytes
    method: str
    body: bytes
    missed: int


def save_dump(db: Connection, row: DumpRow) -> None:
    """Note a dump, or how far it came. Swarm ids are texts, since they exceed SQLite's integers."""
    db.execute(
        "INSERT INTO dumps (peer, swarm, cursor, up_to) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (peer, swarm) DO UPDATE SET cursor = excluded.cursor, up_to = excluded.up_to",
        (row.peer, f"{row.swarm:x}", row.cursor, row.up_to),
    )


def begin_dump(db: Connection, peer: bytes, swarm: int, up_to: int) -> None:
    """Note a new dump; one that was under way to this peer begins anew."""
    save_dump(db, DumpRow(peer, swarm, 0, up_to))


def drop_dump(db: Connection, peer: bytes, swarm: int) -> None:
    """Forget a dump that is done or given up."""
    db.execute("DELETE FROM dumps WHERE peer = ? AND swarm = ?", (peer, f"{swarm:x}"))


def dumps(db: Connection) -> list[DumpRow]:
    """All dumps under way."""
    rows = db.execute("SELECT peer, swarm, cursor, up_to FROM dumps")
    return [DumpRow(row[0], int(row[1], 16), row[2], row[3]) for row in rows]


def add_repair(db: Connection, peer: bytes, method: str, body: bytes, now_ms: int) -> None:
    """Note a request that a member missed."""
    db.execute("INSERT INTO repairs (peer, method, body, missed) VALUES (?, ?, ?, ?)", (peer, method, body, now_ms))


def repairs_size(db: Connection) -> tuple[int, int]:
    """How many requests wait to be repeated, and the bytes of their bodies."""
    row = db.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM repairs").fetchone()
    return int(row[0]), int(row[1])


def give_up_repairs(db: Connection) -> list[tuple[bytes, int]]:
    """Forget the older half of all missed requests; gives peer and size of body of each."""
    rows = db.execute(
        "DELETE FROM repairs WHERE id <= (SELECT id FROM repairs ORDER BY id LIMIT 1"
        " OFFSET (SELECT count(*) / 2 FROM repairs)) RETURNING peer, length(body)"
    )
    return [(row[0], int(row[1])) for row in rows]


def repairs_of(db: Connection, peer: bytes, most: int) -> list[RepairRow]:
    """What a member missed, oldest first."""
    rows = db.execute(
        "SELECT id, peer, method, body, missed FROM repairs WHERE peer = ? ORDER BY id LIMIT ?", (peer, most)
    )
    return [RepairRow(*row) for row in rows]


def peers_to_repair(db: Connection) -> list[bytes]:
    """Members that missed something."""
    return [row[0] for row in db.execute("SELECT DISTINCT peer FROM repairs")]


def drop_repairs(db: Connection, ids: list[int]) -> None:
    """Forget repairs that are done or given up."""
    db.executemany("DELETE FROM repairs WHERE id = ?", [(each,) for each in ids])


def drop_repairs_of(db: Connection, peer: bytes) -> None:
    """Forget all that a member missed."""
    db.execute("DELETE FROM repairs WHERE peer = ?", (peer,))


def count_repairs(db: Connection) -> int:
    """How many requests wait to be repeated."""
    return int(db.execute("SELECT count(*) FROM repairs").fetchone()[0])
