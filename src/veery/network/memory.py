"""What the road remembers between runs: node list, guards, and the offset of the clock.

All of it can be fetched again. Losing the guards costs protection: every new guard is one more node that has seen this
machine's address together with onion requests (03.8).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from veery.errors import VeeryError
from veery.policy.guards import Guard
from veery.protocol.swarm.node_json import read_nodes, write_node
from veery.protocol.swarm.nodes import NodeMalformed, ServiceNode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RememberedNodes:
    """A node list. height: of the chain when it was made, 0 if not told; fetched_ms: local wall clock."""

    nodes: tuple[ServiceNode, ...] = field(repr=False)
    height: int
    fetched_ms: int


class RoadMemory(Protocol):
    """Where the road keeps what it remembers. VeeryErrors of the saving methods are logged, and the road goes on."""

    async def nodes(self) -> RememberedNodes | None:
        """The last node list, if there is one."""
        ...

    async def save_nodes(self, remembered: RememberedNodes) -> None:
        """Replace the node list."""
        ...

    async def guards(self) -> Sequence[Guard]:
        """The remembered guards."""
        ...

    async def save_guards(self, guards: Sequence[Guard]) -> None:
        """Replace the remembered guards."""
        ...

    async def clock_offset_ms(self) -> int | None:
        """Local time less network time when it was last measured, if it was."""
        ...

    async def save_clock_offset_ms(self, offset_ms: int) -> None:
        """Replace the offset."""
        ...


class VolatileMemory:
    """A `RoadMemory` that lasts as long as the process."""

    def __init__(self) -> None:
        self._nodes: RememberedNodes | None = None
        self._guards: tuple[Guard, ...] = ()
        self._offset_ms: int | None = None

    async def nodes(self) -> RememberedNodes | None:
        return self._nodes

    async def save_nodes(self, remembered: RememberedNodes) -> None:
        self._nodes = remembered

    async def guards(self) -> Sequence[Guard]:
        return self._guards

    async def save_guards(self, guards: Sequence[Guard]) -> None:
        self._guards = tuple(guards)

    async def clock_offset_ms(self) -> int | None:
        return self._offset_ms

    async def save_clock_offset_ms(self, offset_ms: int) -> None:
        self._offset_ms = offset_ms


async def keep(saving: Awaitable[None], what: str) -> None:
    """Save something; if that fails, the road goes on without having it remembered."""
    try:
        await saving
    except VeeryError:
        log.exception("The road cannot remember %s", what)


def nodes_to_json(nodes: Sequence[ServiceNode]) -> str:
    """A node list as JSON text, for memories that keep texts."""
    return msgspec.json.encode([write_node(node) for node in nodes]).decode()


def nodes_from_json(text: str) -> tuple[ServiceNode, ...]:
    """What `nodes_to_json` wrote. Raises NodeMalformed."""
    try:
        return read_nodes(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise NodeMalformed("the kept node list is not JSON") from error
