"""Who the service nodes are at one height: a value with cheap lookups."""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.protocol.constants import HARDFORK, KEY_SIZE
from veery.protocol.swarm.mapping import Ring
from veery.protocol.swarm.nodes import ServiceNode


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The list of service nodes at one height.

    height: blocks; block_hash: 32 bytes, changes exactly when the list may have changed; hardfork: major, revision;
    nodes: active and decommissioned ones, in the order of their legacy keys; network: its name, "" if it has none.
    Two snapshots are equal when all of these are. Lookups are dictionaries built once.
    """

    height: int
    block_hash: bytes
    hardfork: tuple[int, int] = HARDFORK
    nodes: tuple[ServiceNode, ...] = ()
    network: str = ""
    active: tuple[ServiceNode, ...] = field(init=False, repr=False, compare=False)
    active_x25519: frozenset[bytes] = field(init=False, repr=False, compare=False)
    ring: Ring = field(init=False, repr=False, compare=False)
    _by_legacy: dict[bytes, ServiceNode] = field(init=False, repr=False, compare=False)
    _by_ed25519: dict[bytes, ServiceNode] = field(init=False, repr=False, compare=False)
    _by_x25519: dict[bytes, ServiceNode] = field(init=False, repr=False, compare=False)
    _members: dict[int, tuple[ServiceNode, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        active = tuple(node for node in self.nodes if node.active)
        members: dict[int, list[ServiceNode]] = {}
        for node in active:
            members.setdefault(node.swarm_id, []).append(node)
        for name, value in (
            ("active", active),
            ("active_x25519", frozenset(node.x25519 for node in active if len(node.x25519) == KEY_SIZE)),
            ("ring", Ring.of(members)),
            ("_by_legacy", {node.legacy: node for node in self.nodes if node.legacy}),
            ("_by_ed25519", {node.ed25519: node for node in self.nodes if node.ed25519}),
            ("_by_x25519", {node.x25519: node for node in self.nodes if node.x25519}),
            ("_members", {swarm_id: tuple(found) for swarm_id, found in members.items()}),
        ):
            object.__setattr__(self, name, value)

    def by_legacy(self, key: bytes) -> ServiceNode | None:
        """The node with this legacy key, active or not."""
        return self._by_legacy.get(key)

    def by_ed25519(self, key: bytes) -> ServiceNode | None:
        """The node with this Ed25519 key, active or not."""
        return self._by_ed25519.get(key)

    def by_x25519(self, key: bytes) -> ServiceNode | None:
        """The node with this X25519 key, active or not. For access to `sn` commands ask `active_x25519` instead."""
        return self._by_x25519.get(key)

    def swarm_of(self, account: bytes) -> int | None:
        """The swarm that holds an account of 33 (or 32) bytes; None when there is no swarm (05.1)."""
        return self.ring.swarm_of(account)

    def members(self, swarm_id: int | None) -> tuple[ServiceNode, ...]:
        """The active nodes of a swarm, in the order of their legacy keys; none for None or an unknown id."""
        return () if swarm_id is None else self._members.get(swarm_id, ())

    def members_for(self, account: bytes) -> tuple[ServiceNode, ...]:
        """The swarm that holds an account, as its members."""
        return self.members(self.swarm_of(account))
