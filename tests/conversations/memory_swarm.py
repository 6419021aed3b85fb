"""A swarm in memory, and roads to it: the storage RPC with its real checks, signatures, hashes and orders.

Requests and answers cross as JSON text, as they do on the wire. Every member keeps its own order, so that members may
lag and differ. `Weather` decides what happens to each call; `Killed` stands for the end of the asking process.
"""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from veery.errors import Retry
from veery.network.faults import NoAnswer, NoSwarm
from veery.network.road import MemberAnswer, PathView, RoadStatus
from veery.protocol.constants import ONION_REQUEST_TIMEOUT_S
from veery.protocol.crypto import ed25519_from_seed, ed25519_public_to_x25519
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest
from veery.protocol.storage_rpc import (
    Delete,
    DeleteAll,
    Expire,
    ExpireResult,
    HashesResult,
    Info,
    MemberFailure,
    MemberResult,
    RecursiveAnswer,
    Retrieve,
    RetrieveAnswer,
    RetrieveWindow,
    RevokeResult,
    RevokeSubaccount,
    RpcError,
    Store,
    StoredMessage,
    StoreResult,
    UnrevokeSubaccount,
    check_request,
    encode_body,
    message_hash,
    parse_request,
    sign_result,
    write_call,
)
from veery.protocol.storage_rpc.namespaces import is_public_outbox
from veery.protocol.storage_rpc.requests import Recursive, Simple
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.clock import Clock
from veery.secret import Secret

Place = tuple[bytes, int]  # account and namespace


class Killed(BaseException):
    """The process of an engine ends here."""


class Fate(Enum):
    """What happens to one call."""

    ARRIVES = "arrives"
    LOST = "lost"  # nobody hears of the request
    ANSWER_LOST = "answer lost"  # it is carried out, and the answer never comes back
    REPEATS = "repeats"  # the member answers a retrieve from the start
    KILLED_BEFORE = "killed before"  # the asking process ends before anybody hears of the request
    KILLED_AFTER = "killed after"  # it ends after the request was carried out


Weather = Callable[[], Fate]


def calm() -> Fate:
    """Everything arrives."""
    return Fate.ARRIVES


@dataclass
class Member:
    """One node of the swarm. missed: requests that did not reach it yet."""

    node: ServiceNode
    secret: Secret
    stored: dict[Place, dict[str, StoredMessage]] = field(default_factory=dict)
    missed: list[Store] = field(default_factory=list)
    lagging: bool = False
    down: bool = False

    @property
    def key(self) -> bytes:
        return self.node.ed25519

    def hashes(self, account: bytes, namespace: int = 0) -> list[str]:
        """What it holds, in its order."""
        return list(self.stored.get((account, namespace), {}))


class MemorySwarm:
    """Nodes that hold every account."""

    def __init__(self, clock: Clock, members: int = 5) -> None:
        self.clock = clock
        self.revoked: dict[bytes, set[bytes]] = {}  # tokens, by account
        self.members: list[Member] = []
        self.held_by: dict[str, set[bytes]] = {}  # every member that ever stored a hash
        self._made = 0
        for _ in range(members):
            self.add_member()

    def add_member(self) -> Member:
        """A new member, with what the others hold."""
        seed = random.Random(self._made).randbytes(32)
        public, secret = ed25519_from_seed(seed)
        node = ServiceNode(b"", public, ed25519_public_to_x25519(public), f"10.0.{self._made}.1", 22021, 22020, 7)
        member = Member(node, Secret(secret))
        self._made += 1
        for other in self.members:
            for place, messages in other.stored.items():
                for message in messages.values():
                    self._keep(member, Store(place[0], place[1], message.data, message.timestamp, message.expiration))
        self.members.append(member)
        return member

    def lose_member(self, index: int) -> None:
        """A member goes for good. What it alone held was pushed to the others before, as swarms do."""
        lost = self.members.pop(index % len(self.members))
        for other in self.members:
            for place, messages in lost.stored.items():
                for message in messages.values():
                    self._keep(other, Store(place[0], place[1], message.data, message.timestamp, message.expiration))

    def catch_up(self, order: Callable[[list[Store]], object] = lambda missed: None) -> None:
        """What members missed reaches them, in an order of its own."""
        for member in self.members:
            missed, member.missed = member.missed, []
            order(missed)
            for request in missed:
                self._keep(member, request)

    def put(self, account: bytes, data: bytes, *, namespace: int = 0, ttl_ms: int = 1_209_600_000) -> str:
        """Store something at all members as anybody may; gives its hash."""
        now = self.clock.now_ms()
        for member in self.members:
            self._keep(member, Store(account, namespace, data, now, now + ttl_ms))
        return message_hash(account, namespace, data)

    def answer(self, member: Member, body: bytes, *, repeats: bool) -> tuple[int, Any]:
        """What a member answers to the JSON of a request: code, and JSON value or text."""
        try:
            request = parse_request(body)
            revoked = self.revoked.get(getattr(request, "account", b""), set())
            check_request(request, self.clock.now_ms(), revoked=revoked)
            answer = self._answer(member, request, repeats)
        except RpcError as error:
            return error.code, error.body
        return 200, json.loads(encode_body(answer))

    def _answer(self, member: Member, request: Any, repeats: bool) -> Mapping[str, Any]:
        now = self.clock.now_ms()
        match request:
            case Info():
                return {"version": [2, 12, 0], "timestamp": now, "t": now, "hf": [19, 4]}
            case Retrieve():
                return self._retrieve(member, request, repeats).body()
            case Store() | Delete() | DeleteAll() | Expire() | RevokeSubaccount() | UnrevokeSubaccount():
                results = {each.key: self._do(each, request, at=member) for each in self.members}
                name = _name(request)
                return RecursiveAnswer(results, hash=name, t=now, hf=(19, 4)).body()
        raise RpcError(400, "invalid request: no such method here")

    def _do(self, member: Member, request: Recursive, at: Member) -> MemberResult:
        if member.down:
            return MemberFailure(timeout=True)
        if member.lagging and member is not at:
            if isinstance(request, Store):
                member.missed.append(request)
            return MemberFailure(timeout=True)
        match request:
            case Store():
                already = not self._keep(member, request)
                held = member.stored[request.account, request.namespace]
                name = message_hash(request.account, request.namespace, request.data)
                return sign_result(request, StoreResult(name, held[name].expiration, already), member.secret)
            case Delete():
                return sign_result(request, HashesResult("deleted", self._delete(member, request)), member.secret)
            case Expire():
                return sign_result(request, self._expire(member, request), member.secret)
            case DeleteAll(namespace=int(namespace)):
                gone = tuple(sorted(member.stored.pop((request.account, namespace), {})))
                return sign_result(request, HashesResult("deleted", gone), member.secret)
            case RevokeSubaccount():
                self.revoked.setdefault(request.account, set()).update(request.tokens)
                return sign_result(request, RevokeResult(), member.secret)
            case UnrevokeSubaccount():
                self.revoked.setdefault(request.account, set()).difference_update(request.tokens)
                return sign_result(request, RevokeResult(len(request.tokens)), member.secret)
        raise RpcError(400, "invalid request: no such method here")

    def _keep(self, member: Member, request: Store) -> bool:
        messages = member.stored.setdefault((request.account, request.namespace), {})
        name = message_hash(request.account, request.namespace, request.data)
        self.held_by.setdefault(name, set()).add(member.key)
        if name in messages:
            return False
        if is_public_outbox(request.namespace):
            messages.clear()  # it holds a single message
        messages[name] = StoredMessage(name, request.timestamp, request.expiry, request.data)
        return True

    def _delete(self, member: Member, request: Delete) -> tuple[str, ...]:
        deleted = set()
        for (account, _), messages in member.stored.items():
            for name in messages.keys() & set(request.messages) if account == request.account else ():
                del messages[name]
                deleted.add(name)
        return tuple(sorted(deleted))

    def _expire(self, member: Member, request: Expire) -> ExpireResult:
        updated, unchanged = [], {}
        for (account, _), messages in member.stored.items():
            for name in request.messages if account == request.account else ():
                held = messages.get(name)
                if held is None:
                    continue
                shorter = request.shorten and held.expiration <= request.expiries[0]
                if shorter or (request.extend and held.expiration >= request.expiries[0]):
                    unchanged[name] = held.expiration
                    continue
                messages[name] = StoredMessage(name, held.timestamp, request.expiries[0], held.data)
                updated.append(name)
        return ExpireResult(
            tuple(sorted(updated)), request.expiries[0], unchanged if request.reports_unchanged else None
        )

    def _retrieve(self, member: Member, request: Retrieve, repeats: bool) -> RetrieveAnswer:
        messages = list(member.stored.get((request.account, request.namespace), {}).values())
        names = [message.hash for message in messages]
        if request.last_hash in names and not repeats:
            messages = messages[names.index(request.last_hash) + 1 :]
        window = RetrieveWindow(request)
        taken = [message for message in messages if window.take(len(message.data))]
        return RetrieveAnswer(tuple(taken), window.more, t=self.clock.now_ms(), hf=(19, 4))


def _name(request: Recursive) -> str | None:
    return message_hash(request.account, request.namespace, request.data) if isinstance(request, Store) else None


class MemoryRoad:
    """A `Road` of one client to a swarm in memory."""

    def __init__(self, swarm: MemorySwarm, weather: Weather = calm, *, seed: int = 0) -> None:
        self.swarm = swarm
        self.weather = weather
        self.calls: list[tuple[str, ...]] = []  # the methods of every call
        self.requests: list[Simple] = []
        self.offset_ms = 0
        self.closed = False
        self.unreachable: set[bytes] = set()  # accounts whose swarm nobody hears of
        self.server: Callable[[ServerDestination, ServerRequest], Awaitable[ServerReply]] | None = None
        self.nodes_say: Callable[[ServiceNode, Simple], tuple[int, Mapping[str, Any]] | None] = lambda *_: None
        self._random = random.Random(seed)

    def now_ms(self) -> int:
        return self.swarm.clock.now_ms() + self.offset_ms

    async def members(self, account: bytes, *, refresh: bool = False) -> Sequence[ServiceNode]:
        return tuple(member.node for member in self.swarm.members)

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        fate = self.weather()
        if fate is Fate.KILLED_BEFORE:
            raise Killed
        retry = None if member is None else Retry.ELSEWHERE
        if fate is Fate.LOST or account in self.unreachable:
            raise NoAnswer("lost on the way", retry=retry)
        asked = self._member(member)
        if asked.down:
            raise NoAnswer("the member does not answer", retry=retry)
        self.calls.append(tuple(request.method for request in requests))
        self.requests += requests
        found = []
        for each in requests:
            found.append(self.swarm.answer(asked, write_call(each), repeats=fate is Fate.REPEATS))
            if ordered and found[-1][0] != 200:
                break
        if fate is Fate.KILLED_AFTER:
            raise Killed
        if fate is Fate.ANSWER_LOST:
            raise NoAnswer("the answer is lost", retry=retry)
        return tuple(MemberAnswer(asked.node, code, body) for code, body in found)

    def _member(self, key: bytes | None) -> Member:
        if key is None:
            return self._random.choice([member for member in self.swarm.members if not member.down])
        for member in self.swarm.members:
            if member.key == key:
                return member
        raise NoSwarm("the member is gone", retry=Retry.ELSEWHERE)

    async def request(
        self, server: ServerDestination, request: ServerRequest, *, timeout_s: float = ONION_REQUEST_TIMEOUT_S
    ) -> ServerReply:
        fate = self.weather()
        if fate is Fate.KILLED_BEFORE:
            raise Killed
        if fate is Fate.LOST or self.server is None:
            raise NoAnswer("the server cannot be reached")
        reply = await self.server(server, request)
        if fate is Fate.KILLED_AFTER:
            raise Killed
        if fate is Fate.ANSWER_LOST:
            raise NoAnswer("the answer is lost")
        return reply

    async def ask_nodes(self, request: Simple, count: int, *, timeout_s: float) -> Sequence[MemberAnswer]:
        if self.weather() is Fate.LOST:
            raise NoAnswer("there is no path")
        asked = self._random.sample(self.swarm.members, min(count, len(self.swarm.members)))
        answers = [(member.node, self.nodes_say(member.node, request)) for member in asked if not member.down]
        return [MemberAnswer(node, *answer) for node, answer in answers if answer is not None]

    async def new_paths(self) -> None:
        return None

    def status(self) -> RoadStatus:
        hops = tuple(member.node for member in self.swarm.members[:3])
        return RoadStatus(
            network="memory",
            pool=len(self.swarm.members),
            height=1,
            diversity="off",
            paths=(PathView(hops, "ready", 0, 0, 1.0),),
            clock_offset_ms=self.offset_ms,
            proxy=None,
        )

    async def close(self) -> None:
        self.closed = True
