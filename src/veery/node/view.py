"""What a node knows of itself and of the network at this moment; every handler asks here.

The view is replaced piece by piece as lists and blocks come in; handlers must not keep what they read from it over an
await if it matters.
"""

from __future__ import annotations

from collections.abc import Callable

from veery.node.keys import NodeKeys
from veery.protocol.constants import HARDFORK, NO_SWARM
from veery.protocol.storage_rpc.answers import SwarmInfo
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.snapshot import Snapshot


class NodeView:
    """A node's own keys, the newest node list, and whether it may serve. `now_ms`: its clock, Unix milliseconds."""

    def __init__(self, keys: NodeKeys, version: tuple[int, int, int], now_ms: Callable[[], int]) -> None:
        self.keys = keys
        self.version = version
        self.now_ms = now_ms
        self.snapshot = None
        self.synced = False
        self.stopping = False

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest node list; None before the first."""
        return self._snapshot

    @snapshot.setter
    def snapshot(self, found: Snapshot | None) -> None:
        """Take another list, and look up once what every request asks: the own record, swarm and members."""
        self._snapshot = found
        self._own = own = None if found is None else found.by_ed25519(self.keys.ed25519)
        self._own_swarm = own.swarm_id if own is not None and own.active else NO_SWARM
        self._others: tuple[ServiceNode, ...] = ()
        if found is not None and self._own_swarm != NO_SWARM:
            members = found.members(self._own_swarm)
            self._others = tuple(node for node in members if node is not own and node.contactable)

    # -- the network -------------------------------------------------------------------------------------------

    @property
    def hardfork(self) -> tuple[int, int]:
        """The network's hard fork; the registry's default before the first list."""
        return HARDFORK if self.snapshot is None else self.snapshot.hardfork

    @property
    def height(self) -> int:
        """The height of the newest list; 0 before the first."""
        return 0 if self.snapshot is None else self.snapshot.height

    @property
    def network(self) -> str:
        """The name of the network as its seeds tell it; "" before the first list."""
        return "" if self.snapshot is None else self.snapshot.network

    def node(self, ed25519: bytes) -> ServiceNode | None:
        """A funded node by its Ed25519 key, active or decommissioned (03.3.1)."""
        return None if self.snapshot is None else self.snapshot.by_ed25519(ed25519)

    def is_active_key(self, x25519: bytes) -> bool:
        """Whether an X25519 key belongs to a node of the active list now (15.2)."""
        return self.snapshot is not None and x25519 in self.snapshot.active_x25519

    def queue_address(self, x25519: bytes) -> tuple[str, int] | None:
        """Where the queue of the node with this X25519 key listens."""
        found = None if self.snapshot is None else self.snapshot.by_x25519(x25519)
        return (found.ip, found.queue_port) if found is not None and found.reachable else None

    # -- swarms ------------------------------------------------------------------------------------------------

    @property
    def own(self) -> ServiceNode | None:
        """This node's record in the list."""
        return self._own

    @property
    def own_swarm(self) -> int:
        """The swarm of this node; NO_SWARM while it has none."""
        return self._own_swarm

    def holds(self, account: bytes) -> bool:
        """Whether an account (33 bytes) maps to this node's swarm."""
        found, own = self._snapshot, self._own_swarm
        return found is not None and own != NO_SWARM and found.swarm_of(account) == own

    def others(self) -> tuple[ServiceNode, ...]:
        """The other members of this node's swarm that can be contacted (04.2.2)."""
        return self._others

    def swarm_info(self, account: bytes) -> SwarmInfo:
        """The answer to get_swarm, and the body of a 421."""
        now = self.now_ms()
        if self.snapshot is None:
            return SwarmInfo((), t=now, hf=self.hardfork)
        swarm_id = self.snapshot.swarm_of(account)
        members = tuple(node for node in self.snapshot.members(swarm_id) if node.contactable)
        return SwarmInfo(members, NO_SWARM if swarm_id is None else swarm_id, t=now, hf=self.hardfork)

    # -- readiness ---------------------------------------------------------------------------------------------

    def not_ready(self) -> list[str]:
        """Why this node serves no clients now; empty when it does (05.2)."""
        if self.stopping:
            return ["shutting down"]
        reasons = []
        if self.hardfork < HARDFORK:
            reasons.append(f"not yet on hardfork {HARDFORK[0]}.{HARDFORK[1]}")
        if self.own_swarm == NO_SWARM:
            reasons.append("not in any swarm")
        if not self.synced:
            reasons.append("not done syncing")
        return reasons
