"""The client's way to the network: the `Road` that real clients use.

    OnionRoad ── PathKeeper ── OnionRequester ── Transport ──► guards
        │  ├──── PoolKeeper ── Seeds ──► first contact
        │  ├──── SwarmCalls ── SwarmCache
        │  ├──── ServerRequests
        │  └──── TimeKeeper
        └─ RoadMemory

Each keeper is the shell of one policy. Only guards and seeds are ever contacted directly; with a proxy, through it.
Opening does not wait for the network: calls do, each as long as it has time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Self

from veery.errors import ClockWrong, NetworkError, Unreachable
from veery.network.https_transport import HttpsTransport
from veery.network.memory import RoadMemory, VolatileMemory
from veery.network.onion_requests import Exchange, OnionRequester
from veery.network.path_keeper import Asked, PathKeeper
from veery.network.path_proof import PathProver
from veery.network.pool_keeper import PoolKeeper
from veery.network.proxy import Proxy
from veery.network.road import MemberAnswer, PathView, RoadStatus
from veery.network.seeds import NodeSource, Seeds
from veery.network.server_requests import ServerRequests
from veery.network.steady import SteadyTime
from veery.network.swarm_calls import SwarmCalls
from veery.network.time_keeper import TimeKeeper
from veery.network.transport import Transport
from veery.policy.blame import Answered
from veery.policy.chance import sample
from veery.policy.guards import Guard
from veery.policy.path_actions import PathState
from veery.policy.paths import PathTable
from veery.policy.pool import NodePool
from veery.policy.swarms import Mapping as SwarmMapping
from veery.policy.swarms import SwarmCache
from veery.protocol.constants import ONION_REQUEST_TIMEOUT_S
from veery.protocol.onion import NodeReply, ServerDestination, ServerReply, ServerRequest
from veery.protocol.storage_rpc.requests import Simple
from veery.protocol.storage_rpc.write import write_call
from veery.protocol.swarm.mapping import Ring
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.network_file import NetworkFile
from veery.runtime.clock import Clock, SystemClock
from veery.runtime.lifecycle import Background, OnFailure
from veery.runtime.randomness import Randomness

_UNTOLD: Final = "unknown"


class OnionRoad:
    """A `Road` by onion requests. Make it with `open`; `close` it in the end, or use `async with`."""

    def __init__(
        self,
        network: NetworkFile,
        memory: RoadMemory,
        transport: Transport,
        seeds: NodeSource,
        *,
        guards: Sequence[Guard],
        proxy: Proxy | None,
        clock: Clock,
        random: Randomness,
    ) -> None:
        self._network = network
        self._proxy = proxy
        self._random = random
        self._transport = transport
        self._seeds = seeds
        self._background = Background(clock)
        self._time = SteadyTime(clock)
        self._pool = NodePool()
        self._swarms = SwarmCache()
        requester = OnionRequester(transport, clock, random.random_bytes)
        self._prover = PathProver(transport, requester)
        self._paths = PathKeeper(
            lambda kept: PathTable(self._pool, random.randbelow, guards=kept),
            guards,
            self._prover,
            requester,
            memory,
            self._time,
            self._background,
            provide=lambda: self._nodes.provide(),
            refresh=lambda from_seeds: self._nodes.refresh(from_seeds),
            dropped=self._swarms.forget_node,
            proved=self._note_proof,
            leapt=self._ask_for_time,
        )
        self._nodes = PoolKeeper(
            self._pool,
            memory,
            seeds,
            clock,
            self._time,
            random.randbelow,
            ask=self._ask,
            changed=self._nodes_changed,
            in_vain=self._paths.in_vain,
        )
        self._network_time = TimeKeeper(clock, memory, nodes=lambda: self._pool.asked(random.randbelow), ask=self._ask)
        self._calls = SwarmCalls(
            self._paths,
            self._pool,
            self._swarms,
            self._network_time,
            self._time,
            random.randbelow,
            refresh_pool=self._nodes.refresh_now,
        )
        self._servers = ServerRequests(self._paths, self._network_time, self._time)

    @classmethod
    async def open(
        cls,
        network: NetworkFile,
        memory: RoadMemory | None = None,
        *,
        transport: Transport | None = None,
        seeds: NodeSource | None = None,
        proxy: Proxy | None = None,
        clock: Clock | None = None,
        random: Randomness | None = None,
    ) -> Self:
        """Open a road to a network and begin to build paths, without waiting for them.

        memory: what is kept between runs, by default nothing; proxy: every connection goes through it; transport and
        seeds: in place of the real ones, for tests. Raises what the memory raises.
        """
        memory = memory or VolatileMemory()
        road = cls(
            network,
            memory,
            transport or HttpsTransport(proxy),
            seeds or Seeds(network, proxy),
            guards=await memory.guards(),
            proxy=proxy,
            clock=clock or SystemClock(),
            random=random or Randomness(),
        )
        await road._network_time.load()
        await road._nodes.load()
        road._nodes_changed()
        road._background.start("paths", road._paths.run)
        return road

    # -- Road ------------------------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        """See `Road.now_ms`."""
        return self._network_time.now_ms()

    async def members(self, account: bytes, *, refresh: bool = False) -> Sequence[ServiceNode]:
        """See `Road.members`."""
        return await self._calls.members(account, refresh=refresh)

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        """See `Road.call`."""
        return await self._calls.call(account, requests, member=member, ordered=ordered)

    async def request(
        self, server: ServerDestination, request: ServerRequest, *, timeout_s: float = ONION_REQUEST_TIMEOUT_S
    ) -> ServerReply:
        """See `Road.request`."""
        return await self._servers.request(server, request, timeout_s=timeout_s)

    async def ask_nodes(self, request: Simple, count: int, *, timeout_s: float) -> Sequence[MemberAnswer]:
        """See `Road.ask_nodes`."""
        await self._paths.ready()
        nodes = sample(self._pool.nodes, count, self._random.randbelow)
        payload = write_call(request)
        found = await asyncio.gather(*(self._answer_of(node, payload, timeout_s) for node in nodes))
        return [answer for answer in found if answer is not None]

    async def new_paths(self) -> None:
        """See `Road.new_paths`. Returns when the first new path is ready; raises NoPath, ProxyFailed."""
        await self._paths.renew()

    async def probe_seeds(self) -> str:
        """Ask the seeds for the node list, whatever is kept. Raises RegistryError, ProxyFailed."""
        snapshot = await self._seeds.fetch()
        seeds, disputed = len(self._network.seeds), self._seeds.disputed if isinstance(self._seeds, Seeds) else 0
        who = "they list" if not disputed else f"{disputed} of {seeds} cannot be used; the others list"
        return f"{who} {len(snapshot.active)} nodes, at height {snapshot.height}"

    async def probe_guard(self) -> str:
        """Ask a standing guard directly, as the next request would. Raises NoPath, ProxyFailed, Unreachable."""
        await self._paths.ready()
        ready = [path for path in self._paths.table.paths if path.state is PathState.READY]
        outcomes = [await self._prover.guard(path.hops[0]) for path in ready]
        answering = sum(isinstance(outcome, Answered) for outcome in outcomes)
        if not answering:
            raise Unreachable("no guard answers", kind="network.guard")
        return f"{answering} of {len(ready)} answer"

    async def probe_clock(self) -> None:
        """Ask nodes for their time. Raises ClockWrong when none tells it."""
        if not await self._network_time.resync():
            raise ClockWrong("No node tells its time", remedy="Try again in a minute")

    def watch(self, seen: Callable[[Sequence[ServiceNode], ServiceNode | None], None]) -> None:
        """Tell `seen` of each request: the hops it goes over, guard first, and the node it is for (None: a server)."""

        def used(hops: Sequence[ServiceNode], destination: bytes | None) -> None:
            seen(hops, None if destination is None else self._pool.get(destination))

        self._paths.on_use = used

    def network_changed(self) -> None:
        """The machine has another network connection: try everything anew at once."""
        self._paths.network_changed()

    def status(self) -> RoadStatus:
        """See `Road.status`."""
        table = self._paths.table
        verdict = self._network_time.verdict
        return RoadStatus(
            network=self._network.name or self._nodes.network or _UNTOLD,
            pool=len(self._pool),
            height=self._nodes.height,
            diversity=table.diversity.value,
            paths=tuple(
                PathView(
                    path.hops, path.state.value, path.open_requests, path.failures, self._paths.age_s(path.path_id)
                )
                for path in table.paths
            ),
            clock_offset_ms=verdict.offset_ms if verdict.measured else None,
            proxy=None if self._proxy is None else str(self._proxy),
        )

    async def close(self) -> None:
        """See `Road.close`. May be called twice."""
        self._paths.close()
        await self._network_time.close()
        await self._background.close()
        await self._transport.close()
        await self._seeds.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # -- what ties the keepers together ----------------------------------------------------------------------------

    async def _ask(self, node: ServiceNode, payload: bytes, timeout_s: float) -> Asked[NodeReply]:
        return await self._paths.ask_node(node, payload, timeout_s=timeout_s)

    async def _answer_of(self, node: ServiceNode, payload: bytes, timeout_s: float) -> MemberAnswer | None:
        try:
            async with asyncio.timeout(timeout_s):
                asked = await self._ask(node, payload, timeout_s)
        except (NetworkError, TimeoutError):
            return None
        reply = asked.reply
        if reply is None:
            return None
        content = reply.content()
        return MemberAnswer(node, reply.status, content if isinstance(content, Mapping | str) else {})

    def _nodes_changed(self) -> None:
        self._swarms.new_list(_mapping(self._pool))
        self._paths.pool_changed()

    def _note_proof(self, node: ServiceNode, exchange: Exchange[NodeReply]) -> None:
        content = None if exchange.reply is None else exchange.reply.content()
        self._network_time.note(node.ed25519, content, exchange)

    def _ask_for_time(self) -> None:
        self._background.start("network time", self._network_time.resync_if_due, OnFailure.FORGET)


def _mapping(pool: NodePool) -> SwarmMapping | None:
    """How accounts map to nodes by the pool's list; None if the list tells no swarms."""
    if not pool.swarm_ids:
        return None
    ring = Ring.of(pool.swarm_ids)
    found: dict[int | None, list[ServiceNode]] = {}
    for node in pool.nodes:
        found.setdefault(node.swarm_id, []).append(node)
    return lambda account: found.get(ring.swarm_of(account), ())
