"""Calls to swarms: choose a member, ask it by an onion request, follow its answer as chapter 03.9 says.

A call fails only when every way has failed: after a fault of a path the next attempt takes another path, after a fault
of a member another member (unless the caller named one). Attempts are three, 100 ms apart; a 421 is followed once and
does not count. A request that was refused for its time cannot be sent again by the road, since it is signed: the road
learns the time and lets the caller sign anew (`signed_calls`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from veery.errors import NetworkError, ProtocolError, Retry
from veery.network.faults import NoAnswer, NodeRefused, NoSwarm, SwarmMoved
from veery.network.path_keeper import Asked, PathKeeper
from veery.network.road import MemberAnswer
from veery.network.steady import SteadyTime
from veery.network.storage_answers import Part, Wrapped, checked, common_failure, take_apart, wrap
from veery.network.time_keeper import TimeKeeper
from veery.policy.blame import DestinationError, RequestTimeout, Verdict, judge
from veery.policy.chance import RandBelow, sample
from veery.policy.pool import NodePool
from veery.policy.swarms import RedirectKind, SwarmCache
from veery.protocol.constants import ONION_REQUEST_TIMEOUT_S, POOL_ASKED, SEND_ATTEMPTS, SEND_PAUSE_MS
from veery.protocol.onion import NodeReply
from veery.protocol.storage_rpc.read_answers import read_swarm_info
from veery.protocol.storage_rpc.requests import GetSwarm, Simple
from veery.protocol.storage_rpc.write import write_call
from veery.protocol.swarm.nodes import ServiceNode

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Call:
    """One call on its way. fault: what the caller is told if no attempt is left."""

    account: bytes
    requests: Sequence[Simple]
    wrapped: Wrapped
    payload: bytes
    member: bytes | None
    signed_offset_ms: int
    tried: set[bytes] = field(default_factory=set)
    paths: set[int] = field(default_factory=set)
    named: ServiceNode | None = None  # by a 421
    redirected: bool = False
    failures: int = 0
    fault: NetworkError | None = None


class SwarmCalls:
    """Asks swarms. refresh_pool: fetches a new node list now, if that was not done a moment ago."""

    def __init__(
        self,
        keeper: PathKeeper,
        pool: NodePool,
        cache: SwarmCache,
        network_time: TimeKeeper,
        time: SteadyTime,
        randbelow: RandBelow,
        *,
        refresh_pool: Callable[[], Awaitable[None]],
    ) -> None:
        self._keeper = keeper
        self._pool = pool
        self._cache = cache
        self._network_time = network_time
        self._time = time
        self._randbelow = randbelow
        self._refresh_pool = refresh_pool

    # -- who holds an account --------------------------------------------------------------------------------------

    async def members(self, account: bytes, *, refresh: bool = False) -> tuple[ServiceNode, ...]:
        """The members of an account's swarm that can be asked. Raises NoSwarm, NoPath, NoNodeList, ProxyFailed."""
        if not self._pool.workable:
            await self._keeper.ready()
        if refresh and self._pool.swarm_ids:
            await self._refresh_pool()
        known = None if refresh and not self._pool.swarm_ids else self._cache.members(account)
        return await self._ask_for_members(account) if known is None else known

    async def _ask_for_members(self, account: bytes) -> tuple[ServiceNode, ...]:
        payload = write_call(GetSwarm(account))
        fault: NetworkError | None = None
        for node in sample(self._pool.nodes, POOL_ASKED, self._randbelow):
            try:
                asked = await self._keeper.ask_node(node, payload, timeout_s=ONION_REQUEST_TIMEOUT_S)
                named = _named(None if asked.reply is None else asked.reply.content())
            except NetworkError as error:
                fault, named = error, ()
            members = [member for key in named if (member := self._pool.get(key)) is not None]
            if members:
                self._cache.learn(account, members)
                return tuple(members)
        raise NoSwarm("No node told which nodes hold the account") from fault

    # -- calls -----------------------------------------------------------------------------------------------------

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> tuple[MemberAnswer, ...]:
        """See `Road.call`."""
        wrapped = wrap(requests, ordered)
        call = _Call(account, requests, wrapped, write_call(wrapped), member, self._network_time.offset_ms)
        while call.fault is None or call.failures < SEND_ATTEMPTS:
            if call.failures:
                await self._time.sleep_until(self._time.now_ms() + SEND_PAUSE_MS)
            answers = await self._attempt(call)
            if answers is not None:
                return answers
        raise call.fault

    async def _attempt(self, call: _Call) -> tuple[MemberAnswer, ...] | None:
        node = await self._choose(call)
        asked = await self._keeper.ask_node(
            node, call.payload, timeout_s=ONION_REQUEST_TIMEOUT_S, avoid=frozenset(call.paths)
        )
        if asked.reply is None:
            if asked.verdict is Verdict.RESYNC:
                await self._network_time.refused(call.signed_offset_ms, proved=False)
            fault = NoAnswer("No answer came back from the network")
            self._count(call, asked, node, fault)
            if call.member is not None and isinstance(asked.outcome, RequestTimeout):
                raise fault  # whoever chose this member has others, and each further try costs a whole time-out
            return None
        content = asked.reply.content()
        self._network_time.note(node.ed25519, content, asked.exchange)
        try:
            parts = take_apart(call.requests, call.wrapped, asked.reply, content)
            failure = common_failure(parts)
            if failure is None or _verdict(failure, node) is Verdict.REFUSED:
                return tuple(
                    MemberAnswer(node, part.status, part.body)
                    for part in map(checked, call.requests[: len(parts)], parts)
                )
        except ProtocolError as error:
            self._count(call, asked, node, NoAnswer(f"A node's answer cannot be read: {error.message}"))
            return None
        await self._follow(call, asked, node, failure)
        return None

    async def _choose(self, call: _Call) -> ServiceNode:
        named, call.named = call.named, None
        if named is not None:
            return named
        members = await self.members(call.account)
        if call.member is not None:
            known = {node.ed25519: node for node in members}.get(call.member) or self._pool.get(call.member)
            if known is None:
                raise NoSwarm("The node that was to be asked is not known any more", retry=Retry.ELSEWHERE)
            return known
        return self._cache.for_store(call.account, call.tried, self._randbelow) or members[0]

    async def _follow(self, call: _Call, asked: Asked[NodeReply], node: ServiceNode, failure: Part) -> None:
        """Do what a failure of the whole call asks for. Raises what is final."""
        match _verdict(failure, node):
            case Verdict.OTHER_MEMBER:
                await self._redirect(call, node, failure)
            case Verdict.RESYNC:
                await self._network_time.refused(call.signed_offset_ms, proved=True)
                self._count(call, asked, node, _refused(failure))
            case _:
                self._count(call, asked, node, _refused(failure))

    async def _redirect(self, call: _Call, node: ServiceNode, failure: Part) -> None:
        redirect = self._cache.wrong_swarm(
            call.account,
            _named(failure.body),
            asked=(call.account,),
            answered_by=node.ed25519,
            known=self._pool.get,
            retried=call.redirected,
            randbelow=self._randbelow,
        )
        if redirect.kind is RedirectKind.REFRESH:
            await self._refresh_pool()
        if redirect.kind is RedirectKind.GIVE_UP or call.member is not None:
            raise SwarmMoved("The account is held by other nodes now", code=failure.status)
        call.redirected = True
        call.tried.add(node.ed25519)
        call.named = redirect.member

    def _count(self, call: _Call, asked: Asked[NodeReply], node: ServiceNode, fault: NetworkError) -> None:
        if call.member is not None:
            fault.retry = Retry.ELSEWHERE  # the caller's choice of a member leaves the others unasked
        call.failures += 1
        call.fault = fault
        call.paths.add(asked.path_id)
        call.tried.add(node.ed25519)
        log.debug("Attempt %d of a call failed: %s", call.failures, fault)


def _verdict(failure: Part, node: ServiceNode) -> Verdict:
    """What to do about a failure, also about one that only the parts of a batch tell."""
    text = failure.body if isinstance(failure.body, str) else ""
    return judge(DestinationError(failure.status, text), (), node.ed25519).verdict


def _refused(failure: Part) -> NodeRefused:
    return NodeRefused(f"The nodes refuse the request with code {failure.status}", code=failure.status)


def _named(content: object) -> tuple[bytes, ...]:
    """Ed25519 keys of the nodes in an answer to get_swarm or a 421; none if it cannot be read."""
    try:
        return tuple(node.ed25519 for node in read_swarm_info(content).nodes)
    except ProtocolError:
        return ()
