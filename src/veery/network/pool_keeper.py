"""The shell of `policy.pool`: the node list from memory, from nodes, and from seeds (03.7).

Nodes are asked for their lists by onion requests, never directly: a node that is asked directly learns an address and
could answer each client differently. Three are asked at the same time and what two of them say alike is believed. Each
is asked for `active_nodes_bin`, and nodes that do not know the method for the chain's `get_service_nodes`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from veery.errors import NetworkError, PolicyError, ProtocolError, RegistryError, Retry, Unreachable
from veery.network.memory import RememberedNodes, RoadMemory, keep
from veery.network.node_lists import GET_NODES, NodeLists
from veery.network.path_keeper import Asked
from veery.network.seeds import NodeSource
from veery.network.steady import SteadyTime
from veery.policy.chance import RandBelow
from veery.policy.pool import NodePool
from veery.protocol.constants import ONION_REQUEST_TIMEOUT_S
from veery.protocol.onion import NodeReply
from veery.protocol.storage_rpc.requests import ActiveNodesBin
from veery.protocol.storage_rpc.write import write_call
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.clock import Clock

log = logging.getLogger(__name__)

_ACTIVE_NODES: Final = write_call(ActiveNodesBin())
_SERVICE_NODES: Final = write_call(GET_NODES)
_NO_METHOD: Final = "no method"  # 04.1.1
_OK: Final = 200

Ask = Callable[[ServiceNode, bytes, float], Awaitable[Asked[NodeReply]]]  # node, payload, seconds


class NoNodeList(Unreachable):
    """Who the service nodes are could not be learnt."""

    default_kind = "network.no_nodes"
    default_retry = Retry.LATER


class PoolKeeper:
    """Fills a pool. ask: an onion request; changed: there is a new list; in_vain: there will be none."""

    def __init__(
        self,
        pool: NodePool,
        memory: RoadMemory,
        seeds: NodeSource,
        clock: Clock,
        time: SteadyTime,
        randbelow: RandBelow,
        *,
        ask: Ask,
        changed: Callable[[], None],
        in_vain: Callable[[NetworkError], None],
    ) -> None:
        self.height = 0
        self.network = ""  # as the seeds name it
        self._pool = pool
        self._memory = memory
        self._seeds = seeds
        self._clock = clock
        self._time = time
        self._randbelow = randbelow
        self._ask = ask
        self._changed = changed
        self._in_vain = in_vain
        self._one_at_a_time = asyncio.Lock()
        self._ended_ms: int | None = None
        self._fault: NetworkError | None = None

    async def load(self) -> None:
        """Take the remembered list, if there is one that can be used."""
        remembered = await self._memory.nodes()
        if remembered is None:
            return
        try:
            self._pool.adopt(remembered.nodes, self._time.now_ms(), fetched_ms=remembered.fetched_ms)
        except PolicyError as error:
            log.warning("The remembered node list is not used: %s", error)
            return
        self.height = remembered.height

    async def refresh(self, from_seeds: bool) -> None:
        """Fetch a list, give it to the pool and to memory; or tell the pool that there is none.

        The policy has called `refresh_started`, and decides when the next try is due.
        """
        async with self._one_at_a_time:
            await self._refresh(from_seeds)

    async def refresh_now(self) -> None:
        """Fetch a list because the old one seems wrong, unless one came a moment ago or is just coming."""
        wanted_ms = self._time.now_ms()
        async with self._one_at_a_time:
            if self._ended_ms is None or wanted_ms - self._ended_ms >= self._pool.rules.pause_ms:
                self._pool.refresh_started(self._time.now_ms())
                await self._refresh(self._pool.seeds_needed)

    async def provide(self) -> None:
        """Return at once if there are nodes; else fetch a list, since somebody waits for it.

        Raises NoNodeList or ProxyFailed when there is none; a try of a moment ago counts.
        """
        if self._pool.workable:
            return
        await self.refresh_now()
        if not self._pool.workable:
            raise self._fault or NoNodeList("The list of service nodes cannot be had")

    async def _refresh(self, from_seeds: bool) -> None:
        adopted = False
        try:
            nodes = await (self._from_seeds() if from_seeds else self._from_nodes())
            self._pool.adopt(nodes, self._time.now_ms())
            adopted = True
        except (NetworkError, RegistryError, PolicyError) as error:
            log.warning("No new node list: %s", error)
            self._fault = _as_fault(error)
            if not self._pool.workable:
                self._in_vain(self._fault)
        finally:
            self._ended_ms = self._time.now_ms()
            if not adopted:
                self._pool.refresh_failed(self._ended_ms)
        if adopted:
            self._fault = None
            log.info("A new node list of %d nodes", len(self._pool))
            self._changed()
            remembered = RememberedNodes(nodes, self.height, self._clock.now_ms())
            await keep(self._memory.save_nodes(remembered), "the node list")

    async def _from_seeds(self) -> tuple[ServiceNode, ...]:
        snapshot = await self._seeds.fetch()
        self.height, self.network = snapshot.height, snapshot.network
        return snapshot.nodes

    async def _from_nodes(self) -> tuple[ServiceNode, ...]:
        lists = NodeLists(self._pool)
        asked = self._pool.asked(self._randbelow)
        answers = await asyncio.gather(*(self._list_of(node, lists) for node in asked))
        agreed = self._pool.agree(answer for answer in answers if answer is not None)
        if len(lists.heights) > 1:
            self.height = sorted(lists.heights)[-2]  # the highest that is not one node's word alone
        return agreed

    async def _list_of(self, node: ServiceNode, lists: NodeLists) -> tuple[ServiceNode, ...] | None:
        """What one node says; None if it does not say anything that can be read."""
        try:
            asked = await self._ask(node, _ACTIVE_NODES, ONION_REQUEST_TIMEOUT_S)
            if not _knows_no_method(asked.reply):
                return lists.from_records(asked.reply)
            asked = await self._ask(node, _SERVICE_NODES, ONION_REQUEST_TIMEOUT_S)
            return lists.from_json(asked.reply)
        except (NetworkError, ProtocolError) as error:
            log.info("A node gives no list: %s", error)
            return None


def _knows_no_method(reply: NodeReply | None) -> bool:
    return reply is not None and reply.status != _OK and str(reply.body).startswith(_NO_METHOD)


def _as_fault(error: NetworkError | RegistryError | PolicyError) -> NetworkError:
    if isinstance(error, NetworkError):
        return error
    fault = NoNodeList(f"The list of service nodes cannot be had: {error.message}", remedy=error.remedy)
    fault.__cause__ = error
    return fault
