"""What the road remembers between runs, kept in the encrypted store of the profile."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from veery.network.memory import RememberedNodes, nodes_from_json, nodes_to_json
from veery.policy.guards import Guard
from veery.protocol.swarm.nodes import NodeMalformed
from veery.runtime.clock import Clock
from veery.store import network_state as rows
from veery.store.database import Store

log: Final = logging.getLogger(__name__)


class StoreMemory:
    """A `RoadMemory` in a store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def nodes(self) -> RememberedNodes | None:
        """The last node list; None as well when it cannot be read any more, for it can be fetched again."""
        kept = await self._store.read(lambda tables: tables.network.node_list())
        if kept is None:
            return None
        try:
            return RememberedNodes(nodes_from_json(kept.nodes), kept.height, kept.fetched_ms)
        except NodeMalformed:
            log.warning("The kept node list is of another form; it is fetched anew")
            return None

    async def save_nodes(self, remembered: RememberedNodes) -> None:
        """Replace the node list."""
        row = rows.NodeList(nodes_to_json(remembered.nodes), remembered.height, remembered.fetched_ms)
        await self._store.run(lambda tables: tables.network.set_node_list(row))

    async def guards(self) -> Sequence[Guard]:
        """The remembered guards, oldest contact first."""
        kept = await self._store.read(lambda tables: tables.network.guards())
        return tuple(Guard(each.node, each.first_contact_ms) for each in kept)

    async def save_guards(self, guards: Sequence[Guard]) -> None:
        """Replace the remembered guards."""
        kept = [rows.Guard(each.key, each.first_contact_ms) for each in guards]
        await self._store.run(lambda tables: tables.network.set_guards(kept))

    async def clock_offset_ms(self) -> int | None:
        """The offset when it was last measured."""
        kept = await self._store.read(lambda tables: tables.network.clock_offset())
        return None if kept is None else kept.offset_ms

    async def save_clock_offset_ms(self, offset_ms: int) -> None:
        """Replace the offset."""
        row = rows.ClockOffset(offset_ms, self._clock.now_ms())
        await self._store.run(lambda tables: tables.network.set_clock_offset(row))
