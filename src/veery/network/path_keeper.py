"""The shell of `policy.paths`: builds and proves paths, lends them to requests, and keeps time for them.

Everything that is decided is decided by the `PathTable`; this carries its actions out. A request borrows a path, sends,
and gives the path back with what came of it, whatever happens to the request: a cancelled one gives it back as
abandoned. Who finds no path ready waits until one is built, the waiting time is over, or it is clear that waiting is in
vain (a proxy that is down, no node list).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import Final, Generic

from veery.errors import NetworkError, Retry, Unreachable
from veery.network.memory import RoadMemory, keep
from veery.network.onion_requests import Exchange, OnionRequester, ReplyT
from veery.network.path_proof import PathProver
from veery.network.steady import SteadyTime
from veery.network.waiting import Waiters
from veery.policy.blame import Abandoned, Answered, Outcome, Verdict
from veery.policy.guards import Guard
from veery.policy.path_actions import (
    Action,
    BuildPath,
    ClosePath,
    NodeDropped,
    PathState,
    RefreshPool,
    RememberGuards,
    Route,
)
from veery.policy.paths import PathTable
from veery.protocol.constants import PATH_WAIT_S
from veery.protocol.onion import NodeReply, ServerDestination, ServerReply, ServerRequest
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.lifecycle import Background, OnFailure

log = logging.getLogger(__name__)

_TURN_MS: Final = 20  # between two looks at the timer at least, so that a table that is always due cannot spin
_LOOK_MS: Final = 15_000  # and at most: timers stand still while the machine sleeps


class NoPath(Unreachable):
    """No path to the network could be had in time."""

    default_kind = "network.no_path"
    default_retry = Retry.LATER
    default_remedy = "Check this machine's connection; if it is fine, try again in a minute"


@dataclass(frozen=True, slots=True)
class Asked(Generic[ReplyT]):
    """What came of one request over one path, and what the policy says about it."""

    verdict: Verdict
    exchange: Exchange[ReplyT] = field(repr=False)
    path_id: int

    @property
    def outcome(self) -> Outcome:
        """What came back."""
        return self.exchange.outcome

    @property
    def reply(self) -> ReplyT | None:
        """What the destination said, if it said something."""
        return self.exchange.reply


class PathKeeper:
    """Keeps the paths of one client, as long as `run` runs.

    make_table: makes a path table over the pool that begins with the given guards;
    provide: makes sure that the pool has nodes, or raises why it has none;
    refresh: fetches a node list (True: from seeds), reports to the pool and calls `pool_changed` when there is one;
    dropped: told of nodes that left the pool; proved: given the proof of each path, which tells the time of a node;
    leapt: told when the wall clock leapt.
    """

    def __init__(
        self,
        make_table: Callable[[Sequence[Guard]], PathTable],
        guards: Sequence[Guard],
        prover: PathProver,
        requester: OnionRequester,
        memory: RoadMemory,
        time: SteadyTime,
        background: Background,
        *,
        provide: Callable[[], Awaitable[None]],
        refresh: Callable[[bool], Awaitable[None]],
        dropped: Callable[[bytes], None] = lambda key: None,
        proved: Callable[[ServiceNode, Exchange[NodeReply]], None] = lambda node, exchange: None,
        leapt: Callable[[], None] = lambda: None,
    ) -> None:
        self._make_table = make_table
        self._table = make_table(guards)
        self._prover = prover
        self._requester = requester
        self._memory = memory
        self._time = time
        self._background = background
        self._provide = provide
        self._refresh = refresh
        self._dropped = dropped
        self._proved = proved
        self._leapt = leapt
        self._waiters = Waiters(time)
        self.on_use: Callable[[Sequence[ServiceNode], bytes | None], None] = lambda hops, destination: None
        self._nudge = asyncio.Event()
        self._due_ms = 0
        self._ready_ms: dict[int, int] = {}
        self._saving = asyncio.Lock()
        self._closed = False

    # -- what is to be seen ----------------------------------------------------------------------------------------

    @property
    def table(self) -> PathTable:
        """The policy behind."""
        return self._table

    def age_s(self, path_id: int) -> float:
        """Seconds since a path was proved; 0 before."""
        since = self._ready_ms.get(path_id)
        return 0.0 if since is None else (self._time.now_ms() - since) / 1_000

    # -- requests --------------------------------------------------------------------------------------------------

    async def ask_node(
        self, node: ServiceNode, payload: bytes, *, timeout_s: float, avoid: Set[int] = frozenset()
    ) -> Asked[NodeReply]:
        """Send one request to a node over a path that does not contain it. avoid: paths to use only as the last ones.

        Raises NoPath, ProxyFailed, Misuse (the request is too large).
        """

        def send(hops: Sequence[ServiceNode]) -> Awaitable[Exchange[NodeReply]]:
            return self._requester.to_node(hops, node, payload, timeout_s=timeout_s)

        return await self._over_a_path(node.ed25519, send, avoid)

    async def ask_server(
        self, server: ServerDestination, request: ServerRequest, *, timeout_s: float, avoid: Set[int] = frozenset()
    ) -> Asked[ServerReply]:
        """Send one v4 request to a server behind the last hop. Raises as `ask_node`."""

        def send(hops: Sequence[ServiceNode]) -> Awaitable[Exchange[ServerReply]]:
            return self._requester.to_server(hops, server, request, timeout_s=timeout_s)

        return await self._over_a_path(None, send, avoid)

    async def _over_a_path(
        self,
        destination: bytes | None,
        send: Callable[[Sequence[ServiceNode]], Awaitable[Exchange[ReplyT]]],
        avoid: Set[int],
    ) -> Asked[ReplyT]:
        table, route = await self._borrow(destination, avoid)
        self.on_use(route.hops, destination)
        outcome: Outcome = Abandoned()
        try:
            exchange = await send(route.hops)
            outcome = exchange.outcome
        finally:
            ruling = table.finish(route, outcome, self._time.now_ms())
            self._do(ruling.actions if table is self._table else self._late(ruling.actions))
        return Asked(ruling.verdict, exchange, route.path_id)

    async def _borrow(self, destination: bytes | None, avoid: Set[int]) -> tuple[PathTable, Route]:
        await self._provide()
        until_ms = self._time.now_ms() + round(PATH_WAIT_S * 1_000)
        while not self._closed:
            table = self._table
            route, actions = table.open(destination, self._time.now_ms(), avoid)
            if route is not None:
                return table, route
            self._do(actions)
            await self._wait(until_ms)
        raise _closed()

    async def _wait(self, until_ms: int) -> None:
        if not await self._waiters.wait(until_ms):
            raise self._waiters.fault or NoPath("No path to the network could be built in time")

    async def renew(self) -> None:
        """Build new paths behind the same guards; open requests end over the old ones. Returns when one is ready.

        Raises NoPath, ProxyFailed.
        """
        self._table = self._make_table(self._table.guards)
        self._ready_ms.clear()
        self._do(self._table.handle_timer(self._time.now_ms()))
        await self.ready()

    async def ready(self) -> None:
        """Return when a path is ready. Raises NoPath, ProxyFailed, and what `provide` and `in_vain` tell."""
        await self._provide()
        until_ms = self._time.now_ms() + round(PATH_WAIT_S * 1_000)
        while not any(path.state is PathState.READY for path in self._table.paths):
            if self._closed:
                raise _closed()
            await self._wait(until_ms)

    def _late(self, actions: Sequence[Action]) -> tuple[Action, ...]:
        """What is still to be done of the actions of an old table: it builds nothing any more."""
        dropped = tuple(action for action in actions if isinstance(action, NodeDropped))
        return (*dropped, *self._table.pool_changed(self._time.now_ms())) if dropped else ()

    # -- time and events -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the paths until cancelled."""
        while True:
            self._nudge.clear()
            leap_ms = self._time.leapt()
            now_ms = self._time.now_ms()
            if leap_ms:
                self._leapt()
            self._do(self._table.network_changed(now_ms) if leap_ms > 0 else self._table.handle_timer(now_ms))
            self._due_ms = min(max(self._table.get_timer(), now_ms + _TURN_MS), now_ms + _LOOK_MS)
            await self._until_due()

    async def _until_due(self) -> None:
        alarm = asyncio.ensure_future(self._time.sleep_until(self._due_ms))
        nudged = asyncio.ensure_future(self._nudge.wait())
        try:
            await asyncio.wait((alarm, nudged), return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
            nudged.cancel()
            await asyncio.gather(alarm, nudged, return_exceptions=True)

    def pool_changed(self) -> None:
        """The pool has a new list."""
        self._do(self._table.pool_changed(self._time.now_ms()))

    def network_changed(self) -> None:
        """The machine has another network: try everything anew at once."""
        self._do(self._table.network_changed(self._time.now_ms()))

    def in_vain(self, fault: NetworkError) -> None:
        """Those who wait for a path will not get one: let them know why."""
        self._waiters.in_vain(fault)

    def _do(self, actions: Sequence[Action]) -> None:
        if self._closed:
            return
        for action in actions:
            self._carry_out(action)
        if self._table.get_timer() < self._due_ms:
            self._nudge.set()

    def _carry_out(self, action: Action) -> None:
        match action:
            case BuildPath():
                table = self._table
                self._background.start("path", lambda: self._build(table, action), OnFailure.FORGET)
            case ClosePath(path_id):
                self._ready_ms.pop(path_id, None)  # the connection to the guard closes by itself when it is idle
            case NodeDropped(key):
                log.info("A node failed too often and is not used until the next list")
                self._dropped(key)
            case RememberGuards(guards):
                self._background.start("guards", lambda: self._save(guards), OnFailure.FORGET)
            case RefreshPool(from_seeds):
                self._background.start("node list", lambda: self._refresh(from_seeds), OnFailure.FORGET)

    async def _save(self, guards: Sequence[Guard]) -> None:
        async with self._saving:  # the latest must be written last
            await keep(self._memory.save_guards(guards), "its guards")

    def close(self) -> None:
        """Carry out nothing any more; the tasks belong to the `Background`."""
        self._closed = True
        self._waiters.in_vain(_closed())

    # -- building --------------------------------------------------------------------------------------------------

    async def _build(self, table: PathTable, action: BuildPath) -> None:
        outcome: Outcome = Abandoned()
        try:
            outcome = await self._prove(action)
        except NetworkError as fault:  # the proxy: nothing is known of the nodes
            log.warning("No path can be built: %s", fault)
            self.in_vain(fault)
        finally:
            if table is self._table:
                self._tell(action, outcome)

    async def _prove(self, action: BuildPath) -> Outcome:
        if not self._stands(action.hops[0].ed25519):
            outcome = await self._prover.guard(action.hops[0])
            if not isinstance(outcome, Answered):
                return outcome
        if action.proof is None:
            return Answered()
        exchange = await self._prover.path(action.hops, action.proof)
        if exchange.reply is None:
            return exchange.outcome
        self._proved(action.proof, exchange)
        return Answered()

    def _stands(self, guard: bytes) -> bool:
        paths = self._table.paths
        return any(path.state is PathState.READY and path.hops[0].ed25519 == guard for path in paths)

    def _tell(self, action: BuildPath, outcome: Outcome) -> None:
        now_ms = self._time.now_ms()
        if not isinstance(outcome, Answered):
            log.debug("A path was not built (%s)", type(outcome).__name__)
            self._do(self._table.build_failed(action.path_id, outcome, now_ms))
            return
        self._ready_ms[action.path_id] = now_ms
        self._do(self._table.built(action.path_id, now_ms))
        self._waiters.changed()


def _closed() -> NoPath:
    return NoPath("The road is closed", kind="network.closed", remedy="", retry=Retry.NEVER)
