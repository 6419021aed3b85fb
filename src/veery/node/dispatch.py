"""From a parsed request to its outcome: a façade over the rooms that do the work.

The order of checks is the chapter's (04.2.1): wrong swarm, then limits of time, then the signature, then work. Every
way in uses this: HTTPS, onion requests and the queue; forwarded requests come in by `forwarded` and go no further.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from veery.errors import RuntimeFault
from veery.node.outcome import Outcome
from veery.node.reads import Reads, Room
from veery.node.view import NodeView
from veery.protocol.storage_rpc import meta
from veery.protocol.storage_rpc.answers import (
    CODE_OK,
    CODE_WRONG_SWARM,
    IfElseAnswer,
    InfoAnswer,
    ListAnswer,
    SubAnswer,
)
from veery.protocol.storage_rpc.checks import check_request
from veery.protocol.storage_rpc.encoding import Encoding
from veery.protocol.storage_rpc.errors import RpcError
from veery.protocol.storage_rpc.meta import Batch, IfElse, Request, Sequence
from veery.protocol.storage_rpc.parse import parse_params, parse_request
from veery.protocol.storage_rpc.requests import (
    ActiveNodesBin,
    GetExpiries,
    GetSwarm,
    Info,
    OxendRequest,
    Recursive,
    Retrieve,
    RevokedSubaccounts,
    Signed,
    subaccount_token,
)
from veery.protocol.swarm import active_nodes

log = logging.getLogger(__name__)


class RecursiveWork(Protocol):
    """Whoever carries out requests that change messages, on this node and its swarm."""

    async def run(self, request: Recursive) -> Outcome:
        """Do it at every member; the outcome holds the `swarm` dict."""
        ...


class Registry(Protocol):
    """Whoever answers what is passed through to the chain daemon (04.6.1)."""

    def ask(self, endpoint: str, params: dict[str, object]) -> Outcome:
        """Answer `oxend_request`."""
        ...


class Dispatcher:
    """Answers storage requests."""

    def __init__(self, view: NodeView, reads: Reads, work: RecursiveWork, registry: Registry) -> None:
        self._view = view
        self._reads = reads
        self._work = work
        self._registry = registry

    async def from_json(self, body: bytes) -> Outcome:
        """A request of HTTPS or of an onion's innermost layer."""
        try:
            request = parse_request(body)
        except RpcError as error:
            return Outcome.refused(error)
        return await self.run(request)

    async def from_queue(self, method: str, body: bytes) -> tuple[Outcome, Encoding]:
        """A request of the queue; the answer is written as the request was."""
        encoding = Encoding.BENCODED if body[:1] == b"d" else Encoding.JSON
        try:
            request, encoding = parse_params(method, body)
        except RpcError as error:
            return Outcome.refused(error), encoding
        return await self.run(request, encoding), encoding

    async def run(self, request: Request, encoding: Encoding = Encoding.JSON, room: Room | None = None) -> Outcome:
        """Answer a parsed request. Never raises for what a client sent; a database that fails is a 500.

        room: shared by the requests of one answer.
        """
        try:
            return await self._run(request, encoding, Room() if room is None else room)
        except RpcError as error:
            return Outcome.refused(error)
        except RuntimeFault as error:
            log.error("a request failed inside the node: %s", error.kind)
            return Outcome(500, "request failed")

    def check(self, request: Signed, *, forwarded: bool = False) -> None:
        """Swarm, times and signature of a request. Raises RpcError."""
        if not self._view.holds(request.account):
            raise RpcError(CODE_WRONG_SWARM, self._view.swarm_info(request.account).body())
        revoked = self._reads.revoked(request.account) if subaccount_token(request) is not None else frozenset()
        check_request(request, self._view.now_ms(), forwarded=forwarded, revoked=revoked)

    async def _run(self, request: Request, encoding: Encoding, room: Room) -> Outcome:
        if isinstance(request, Signed):
            self.check(request)
            return await self._signed(request, encoding, room)
        match request:
            case Info():
                now = self._view.now_ms()
                answer = InfoAnswer(self._view.version, now, t=now, hf=self._view.hardfork)
                return Outcome(CODE_OK, answer.body(encoding))
            case GetSwarm():
                return Outcome(CODE_OK, self._view.swarm_info(request.account).body(encoding))
            case ActiveNodesBin():
                nodes = () if self._view.snapshot is None else self._view.snapshot.active
                return Outcome(CODE_OK, active_nodes.encode([node for node in nodes if node.contactable]))
            case OxendRequest():
                return self._registry.ask(request.endpoint, dict(request.params))
            case Batch() | Sequence():
                return await self._several(request, encoding)
            case IfElse():
                return await self._ifelse(request, encoding, room)

    async def _signed(self, request: Signed, encoding: Encoding, room: Room) -> Outcome:
        match request:
            case Retrieve():
                return Outcome(CODE_OK, self._reads.retrieve(request, room).body(encoding))
            case GetExpiries():
                return Outcome(CODE_OK, self._reads.expiries(request).body(encoding))
            case RevokedSubaccounts():
                return Outcome(CODE_OK, self._reads.revoked_list(request).body(encoding))
            case _:
                return await self._work.run(request)

    async def _several(self, request: Batch | Sequence, encoding: Encoding) -> Outcome:
        results: list[Outcome] = []
        room = Room.shared_by(sum(isinstance(each, Retrieve) for each in request.requests))
        if isinstance(request, Batch):
            results += await asyncio.gather(*(self.run(each, encoding, room) for each in request.requests))
        else:
            for each in request.requests:
                results.append(await self.run(each, encoding, room))
                if not meta.goes_on(results[-1].code):
                    break
        answer = ListAnswer(tuple(SubAnswer(each.code, each.body) for each in results))
        return Outcome(CODE_OK, answer.body(encoding))

    async def _ifelse(self, request: IfElse, encoding: Encoding, room: Room) -> Outcome:
        view = self._view
        condition = request.conditions.hold(view.hardfork, view.version, view.height)
        branch = request.branch(condition)
        result = None
        if branch is not None:
            outcome = await self.run(branch, encoding, room)
            result = SubAnswer(outcome.code, outcome.body)
        answer = IfElseAnswer(view.hardfork, view.version, view.height, condition, result)
        return Outcome(CODE_OK, answer.body(encoding))
