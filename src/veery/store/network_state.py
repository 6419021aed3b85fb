"""What a device remembers of the network between runs: node list, guards, strikes, clock offset, swarms.

All of it can be fetched again; losing it costs requests and, for guards, some protection (03.8). The node list and the
swarms are JSON texts whose form belongs to those who write them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from veery.protocol.account import AccountId
from veery.store.sql import Connection, one


@dataclass(frozen=True, slots=True)
class NodeList:
    """A cached node list. nodes: JSON; height: of the chain when it was made; fetched_ms: local time."""

    nodes: str = field(repr=False)
    height: int
    fetched_ms: int


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard and the time of first contact (03.8). node: its Ed25519 key."""

    node: bytes
    first_contact_ms: int


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Network time minus local time, and when it was measured (local time), 03.10."""

    offset_ms: int
    measured_ms: int


@dataclass(frozen=True, slots=True)
class CachedSwarm:
    """The members of an account's swarm as JSON, and when they were fetched."""

    swarm: str = field(repr=False)
    fetched_ms: int


class NetworkState:
    """The network's tables."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def node_list(self) -> NodeList | None:
        """The cached node list."""
        row = one(self._db, "SELECT nodes, height, fetched_ms FROM node_list")
        return None if row is None else NodeList(*row)

    def set_node_list(self, nodes: NodeList) -> None:
        """Replace the cached node list."""
        self._db.execute(
            "INSERT OR REPLACE INTO node_list (only, nodes, height, fetched_ms) VALUES (1, ?, ?, ?)",
            (nodes.nodes, nodes.height, nodes.fetched_ms),
        )

    def guards(self) -> tuple[Guard, ...]:
        """The guards, oldest contact first."""
        rows = self._db.execute("SELECT node, first_contact_ms FROM guards ORDER BY first_contact_ms, node")
        return tuple(Guard(node, first) for node, first in rows)

    def set_guards(self, guards: Iterable[Guard]) -> None:
        """Replace the guards."""
        self._db.execute("DELETE FROM guards")
        self._db.executemany(
            "INSERT INTO guards (node, first_contact_ms) VALUES (?, ?)",
            [(guard.node, guard.first_contact_ms) for guard in guards],
        )

    def strike(self, node: bytes, now_ms: int) -> None:
        """Count a failure of a node (03.7.3)."""
        self._db.execute("INSERT INTO strikes (node, struck_ms) VALUES (?, ?)", (node, now_ms))

    def strikes(self, since_ms: int) -> Mapping[bytes, tuple[int, ...]]:
        """The times of the failures of each node from `since_ms` on, in order."""
        found: dict[bytes, list[int]] = {}
        for node, struck in self._db.execute(
            "SELECT node, struck_ms FROM strikes WHERE struck_ms >= ? ORDER BY struck_ms, id", (since_ms,)
        ):
            found.setdefault(bytes(node), []).append(struck)
        return {node: tuple(times) for node, times in found.items()}

    def forget_strikes(self, node: bytes) -> None:
        """Forget the failures of one node."""
        self._db.execute("DELETE FROM strikes WHERE node = ?", (node,))

    def trim_strikes(self, before_ms: int) -> int:
        """Forget failures before `before_ms` (03.7.3: after 48 hours); gives how many."""
        return self._db.execute("DELETE FROM strikes WHERE struck_ms < ?", (before_ms,)).rowcount

    def clock_offset(self) -> ClockOffset | None:
        """The last measured clock offset."""
        row = one(self._db, "SELECT offset_ms, measured_ms FROM clock")
        return None if row is None else ClockOffset(*row)

    def set_clock_offset(self, offset: ClockOffset) -> None:
        """Replace the clock offset."""
        self._db.execute(
            "INSERT OR REPLACE INTO clock (only, offset_ms, measured_ms) VALUES (1, ?, ?)",
            (offset.offset_ms, offset.measured_ms),
        )

    def swarm(self, account: AccountId) -> CachedSwarm | None:
        """The cached swarm of an account."""
        row = one(self._db, "SELECT swarm, fetched_ms FROM swarms WHERE account = ?", (account.raw,))
        return None if row is None else CachedSwarm(*row)

    def set_swarm(self, account: AccountId, swarm: CachedSwarm) -> None:
        """Replace the cached swarm of an account."""
        self._db.execute(
            "INSERT OR REPLACE INTO swarms (account, swarm, fetched_ms) VALUES (?, ?, ?)",
            (account.raw, swarm.swarm, swarm.fetched_ms),
        )

    def forget_swarm(self, account: AccountId) -> None:
        """Forget the cached swarm of an account."""
        self._db.execute("DELETE FROM swarms WHERE account = ?", (account.raw,))

    def trim_swarms(self, before_ms: int) -> int:
        """Forget swarms fetched before `before_ms`; gives how many."""
        return self._db.execute("DELETE FROM swarms WHERE fetched_ms < ?", (before_ms,)).rowcount
