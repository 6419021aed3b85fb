"""How different the nodes of a path must be, and how they are drawn (03.8).

Two nodes of one path must not share a /24: one operator could own both ends. Where the network is too poor for that,
the rule is relaxed as a whole, decided from the pool and visible to the user, never path by path: first to distinct
addresses, then (a laboratory on one machine) to distinct nodes.

Nodes of other paths are avoided in steps: no /24 of any path, then no node of a standing path, and only when there is
no other way (a network of fewer nodes than the wanted paths have hops) nodes are shared between paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from enum import Enum

from veery.policy.chance import RandBelow, pick
from veery.protocol.swarm.nodes import ServiceNode


class Diversity(Enum):
    """What two nodes of one path must not share."""

    SUBNETS = "subnets"  # the first three octets of their address: the rule of the book
    ADDRESSES = "addresses"  # their address: too few subnets in this network
    NODES = "nodes"  # nothing but being the same node: a network on one machine


def diversity_of(nodes: Sequence[ServiceNode], hops: int, paths: int) -> Diversity:
    """The strictest rule under which a pool can build the wanted paths whatever the destination is."""
    if len({node.subnet for node in nodes}) >= hops * paths:
        return Diversity.SUBNETS
    # One more than a path has: the destination, which must not be in the path, may be the only node of its address.
    if len({node.ip for node in nodes}) > hops:
        return Diversity.ADDRESSES
    return Diversity.NODES


def mark(node: ServiceNode, level: Diversity) -> str | bytes:
    """What must differ between two nodes of a path."""
    if level is Diversity.SUBNETS:
        return node.subnet
    return node.ip if level is Diversity.ADDRESSES else node.ed25519


def honours(hops: Sequence[ServiceNode], level: Diversity) -> bool:
    """Whether the nodes of a path all differ at this level."""
    return len({mark(node, level) for node in hops}) == len(hops)


def draw(
    nodes: Sequence[ServiceNode], count: int, level: Diversity, beside: Sequence[ServiceNode], randbelow: RandBelow
) -> tuple[ServiceNode, ...] | None:
    """Draw nodes that differ at this level from each other and from those `beside`. None if there are not so many.

    Every node has the same chance, so a big subnet keeps its weight.
    """
    taken = {mark(node, level) for node in beside}
    keys = {node.ed25519 for node in beside}
    chosen: list[ServiceNode] = []
    while len(chosen) < count:
        free = [node for node in nodes if mark(node, level) not in taken and node.ed25519 not in keys]
        if not free:
            return None
        node = pick(free, randbelow)
        chosen.append(node)
        taken.add(mark(node, level))
    return tuple(chosen)


def candidates(
    nodes: Sequence[ServiceNode],
    level: Diversity,
    *,
    excluded: Set[bytes],
    suspects: Set[bytes],
    standing: Sequence[ServiceNode],
    leaving: Sequence[ServiceNode],
    share: bool,
) -> Iterator[list[ServiceNode]]:
    """Ever weaker choices of nodes to draw from; the first that yields a path is taken.

    excluded: never (the destination); suspects: failed a moment ago, avoided as long as there are others; standing,
    leaving: nodes of paths in use and of paths that only finish open requests; share: whether nodes of standing paths
    may be used at last.
    """
    open_to_all = [node for node in nodes if node.ed25519 not in excluded]
    marks = {mark(node, level) for node in (*standing, *leaving)}
    keys = {node.ed25519 for node in standing}
    apart = [node for node in open_to_all if mark(node, level) not in marks]
    unused = [node for node in open_to_all if node.ed25519 not in keys]
    for choice in (apart, unused):
        yield [node for node in choice if node.ed25519 not in suspects]
    yield apart
    yield unused
    if share:
        yield [node for node in open_to_all if node.ed25519 not in suspects]
        yield open_to_all
