"""Networks and chance for the tests of the policies."""

from __future__ import annotations

import random

from veery.policy.chance import RandBelow
from veery.protocol.swarm.nodes import ServiceNode


def node(number: int, *, ip: str | None = None, swarm_id: int = 7) -> ServiceNode:
    """A node of its own /24, unless an address is given."""
    key = number.to_bytes(32, "big")
    return ServiceNode(
        legacy=b"L" + key[1:],
        ed25519=b"E" + key[1:],
        x25519=b"X" + key[1:],
        ip=ip or f"10.{number // 250}.{number % 250}.1",
        https_port=22021,
        queue_port=22020,
        swarm_id=swarm_id,
    )


def network(count: int, *, subnets: int | None = None, addresses: int | None = None) -> list[ServiceNode]:
    """Nodes spread over so many /24s (default: one each), or over so many addresses of one /24."""
    if addresses is not None:
        return [node(i, ip=f"192.168.1.{1 + i % addresses}") for i in range(1, count + 1)]
    if subnets is not None:
        return [node(i, ip=f"10.0.{i % subnets}.{1 + i // subnets}") for i in range(1, count + 1)]
    return [node(i) for i in range(1, count + 1)]


def chance(seed: int = 1) -> RandBelow:
    """A repeatable source of random numbers."""
    return random.Random(seed).randrange
