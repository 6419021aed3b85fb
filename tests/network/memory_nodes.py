"""A network of service nodes in memory: a `Transport` whose nodes really peel onion layers.

Nodes have real keys, relay to each other, answer storage requests from dictionaries and sign their results. Each can be
told to misbehave. What a client contacted directly is kept, so that tests can say who learned its address.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from veery.network.transport import NO_HEADERS, NodeSilent, NodeUnreachable, TransportAnswer
from veery.protocol.constants import ONION_PATH
from veery.protocol.crypto import ed25519_from_seed, ed25519_public_to_x25519, ed25519_secret_to_x25519
from veery.protocol.onion import (
    AnsweredRefusal,
    OnionRefused,
    Peeled,
    ToDestination,
    ToNode,
    ToServer,
    open_server_request,
    peel,
    peel_outer,
    read_v4_request,
    seal_reply,
    seal_v4_reply,
)
from veery.protocol.onion.servers import ServerReply, ServerRequest
from veery.protocol.storage_rpc.answers import RecursiveAnswer, RetrieveAnswer, StoredMessage, SwarmInfo
from veery.protocol.storage_rpc.encoding import encode_body
from veery.protocol.storage_rpc.errors import RpcError, UnknownMethod
from veery.protocol.storage_rpc.hashing import message_hash
from veery.protocol.storage_rpc.members import StoreResult, sign_result
from veery.protocol.storage_rpc.meta import Batch
from veery.protocol.storage_rpc.meta import Sequence as InSequence
from veery.protocol.storage_rpc.parse import parse_request
from veery.protocol.storage_rpc.requests import ActiveNodesBin, GetSwarm, Info, OxendRequest, Retrieve, Store
from veery.protocol.swarm import active_nodes
from veery.protocol.swarm.mapping import swarm_of
from veery.protocol.swarm.node_json import asked_fields, write_nodes
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.clock import Clock, ManualClock
from veery.secret import Secret

STORAGE_PATH = "/storage_rpc/v1"
Reply = tuple[int, Any]  # code, and text, bytes or a JSON value
Storage = Callable[["MemoryNode", bytes], Reply | None]  # answers in place of the node, or None
Server = Callable[[ServerRequest], ServerReply]


@dataclass
class MemoryNode:
    """One node. Faults are plain attributes; all are off at the start."""

    node: ServiceNode
    secret: Secret  # Ed25519, libsodium form
    x_secret: Secret
    stored: dict[tuple[bytes, int], list[StoredMessage]] = field(default_factory=dict)
    clock_error_ms: int = 0
    knows_active_nodes_bin: bool = True
    down: bool = False  # cannot be connected to, by anybody
    silent: bool = False  # takes everything and answers nothing, so that whoever asks gives up
    loses: bool = False  # as a hop or destination: the client never hears of the request again
    refuses: tuple[int, str] | None = None  # a clear answer to every onion request that it is to relay or answer
    unknown: set[bytes] = field(default_factory=set)  # keys that it cannot find
    onion_answer: bytes | None = None  # what it gives as guard, with status 200, whatever the path says
    storage: Storage | None = None
    gate: asyncio.Event | None = None  # storage answers wait for it

    @property
    def key(self) -> bytes:
        return self.node.ed25519


@dataclass(frozen=True)
class Contact:
    """A direct connection of the client."""

    key: bytes
    path: str
    body: bytes
    headers: Mapping[str, str]


def make_node(seed: int, ip: str, swarm_id: int) -> MemoryNode:
    """A node with keys of its own; its X25519 key is the conversion of its Ed25519 key."""
    source = random.Random(seed)
    public, secret = ed25519_from_seed(source.randbytes(32))
    x_secret = ed25519_secret_to_x25519(secret)
    node = ServiceNode(public, public, ed25519_public_to_x25519(public), ip, 22021, 22020, swarm_id)
    return MemoryNode(node, Secret(secret), Secret(x_secret))


class MemoryNetwork:
    """Nodes that reach each other in memory, and the transport of a client to them."""

    def __init__(self, count: int = 24, *, swarms: int = 2, subnets: bool = True, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or ManualClock()
        self.contacts: list[Contact] = []
        self.answered: list[tuple[bytes, str]] = []  # (who, method) of every storage request
        self.servers: dict[str, tuple[Secret, bytes, Server]] = {}  # by URL
        self.proxy_down: Exception | None = None
        self.closed = False
        self._random = random.Random(99).randbytes
        ids = [(index + 1) * (2**64 // (swarms + 1)) for index in range(swarms)]
        self.nodes: dict[bytes, MemoryNode] = {}
        for number in range(count):
            ip = f"10.0.{number}.1" if subnets else f"10.0.0.{number + 1}"
            made = make_node(number, ip, ids[number % swarms])
            self.nodes[made.key] = made

    # -- what tests look at ----------------------------------------------------------------------------------------

    @property
    def list(self) -> tuple[ServiceNode, ...]:
        """The node list."""
        return tuple(node.node for node in self.nodes.values())

    @property
    def touched(self) -> set[bytes]:
        """Keys of all nodes that the client contacted directly."""
        return {contact.key for contact in self.contacts}

    def members(self, account: bytes) -> tuple[MemoryNode, ...]:
        """The swarm of an account."""
        swarm_id = swarm_of(account, (node.node.swarm_id for node in self.nodes.values()))
        return tuple(node for node in self.nodes.values() if node.node.swarm_id == swarm_id)

    def methods(self, key: bytes | None = None) -> Sequence[str]:
        """The methods that were answered, by one node or by all."""
        return [method for who, method in self.answered if key is None or who == key]

    # -- the transport ---------------------------------------------------------------------------------------------

    async def post(
        self,
        node: ServiceNode,
        path: str,
        body: bytes,
        *,
        timeout_s: float,
        headers: Mapping[str, str] = NO_HEADERS,
        answer_max: int = 0,
    ) -> TransportAnswer:
        """See `Transport.post`; an endless silence is reported at once."""
        await asyncio.sleep(0)
        if self.proxy_down is not None:
            raise self.proxy_down
        self.contacts.append(Contact(node.ed25519, path, body, dict(headers)))
        peer = self.nodes.get(node.ed25519)
        if peer is None or peer.down or peer.node.ip != node.ip:
            raise NodeUnreachable("nobody there")
        if peer.silent:
            raise NodeSilent("no answer")
        if path == STORAGE_PATH:
            code, answer = await self._storage(peer, body)
            return TransportAnswer(code, {}, as_bytes(answer))
        assert path == ONION_PATH
        if peer.onion_answer is not None:
            return TransportAnswer(200, {}, peer.onion_answer)
        try:
            if peer.refuses:
                raise OnionRefusedWith(*peer.refuses)
            code, answer = await self._act(peer, self._peel_outer(peer, body))
        except OnionRefused as refusal:
            return TransportAnswer(refusal.code, {}, refusal.text.encode())
        except AnsweredRefusal as refusal:
            return TransportAnswer(200, {}, refusal.answer(self._random))
        except NoAnswer:
            raise NodeSilent("no answer") from None
        return TransportAnswer(code, {}, as_bytes(answer))

    async def close(self) -> None:
        """See `Transport.close`."""
        self.closed = True

    # -- relaying --------------------------------------------------------------------------------------------------

    def _peel_outer(self, peer: MemoryNode, body: bytes) -> Peeled:
        return peel_outer(body, peer.x_secret, peer.node.x25519, allow_private_servers=True)

    async def _act(self, peer: MemoryNode, peeled: Peeled) -> Reply:
        match peeled.route:
            case ToDestination(body, reply_form):
                code, answer = await self._storage(peer, body)
                return 200, seal_reply(peeled.key, code, answer, reply_form, self._random)
            case ToNode(destination, layer):
                following = self.nodes.get(destination)
                if following is None or destination in peer.unknown:
                    raise OnionRefusedWith(502, f"Next node not found: {destination.hex()}")
                if following.loses:
                    raise NoAnswer
                if following.down or following.silent:
                    raise OnionRefusedWith(504, "Request time out")
                if following.refuses:
                    raise OnionRefusedWith(*following.refuses)
                peeled = peel(layer, following.x_secret, following.node.x25519, allow_private_servers=True)
                return await self._act(following, peeled)
            case ToServer(url, _, _, payload):
                return self._serve(url, payload)

    def _serve(self, url: str, payload: bytes) -> Reply:
        if url not in self.servers:
            raise OnionRefusedWith(502, "Could not connect")
        secret, public, server = self.servers[url]
        plaintext, key = open_server_request(payload, secret, public)
        return 200, seal_v4_reply(key, server(read_v4_request(plaintext)), self._random)

    # -- storage ---------------------------------------------------------------------------------------------------

    async def _storage(self, peer: MemoryNode, body: bytes) -> Reply:
        if peer.gate is not None:
            await peer.gate.wait()
        self.answered.append((peer.key, str(json.loads(body).get("method"))))
        if peer.storage is not None:
            answer = peer.storage(peer, body)
            if answer is not None:
                return answer
        try:
            return self.answer(peer, parse_request(body))
        except RpcError as error:
            return error.code, error.body

    def answer(self, peer: MemoryNode, request: Any) -> Reply:
        """What a node answers to a parsed request. Raises RpcError."""
        match request:
            case Batch() | InSequence():
                return 200, self._several(peer, request)
            case Info():
                now = self.time_of(peer)
                return 200, self._stamped(peer, {"version": [2, 12, 0], "timestamp": now})
            case ActiveNodesBin() if peer.knows_active_nodes_bin:
                return 200, active_nodes.encode(self.list)
            case GetSwarm(account):
                return 200, self._stamped(peer, self.swarm_body(account))
            case OxendRequest(endpoint="get_service_nodes", params=params):
                states = write_nodes(
                    self.list, randbelow=random.Random(1).randrange, fields=asked_fields(params["fields"])
                )
                return 200, self._stamped(peer, {"result": {"service_node_states": states, "height": 100}})
            case Store() | Retrieve():
                if peer not in self.members(request.account):
                    return 421, self._stamped(peer, self.swarm_body(request.account))
                return self._store(peer, request) if isinstance(request, Store) else self._retrieve(peer, request)
        raise UnknownMethod(request.method)

    def _several(self, peer: MemoryNode, request: Batch | InSequence) -> dict[str, Any]:
        results = []
        for part in request.requests:
            try:
                code, answer = self.answer(peer, part)
            except RpcError as error:
                code, answer = error.code, error.body
            results.append({"code": code, "body": answer})
            if isinstance(request, InSequence) and code != 200:
                break
        return {"results": results}

    def _store(self, peer: MemoryNode, request: Store) -> Reply:
        now = self.time_of(peer)
        if abs(request.timestamp - now) > 60_000:
            return 406, "Timestamp error: check your clock"
        name = message_hash(request.account, request.namespace, request.data)
        results = {}
        for member in self.members(request.account):
            if not member.down:
                messages = member.stored.setdefault((request.account, request.namespace), [])
                if all(message.hash != name for message in messages):
                    messages.append(StoredMessage(name, request.timestamp, request.expiry, request.data))
                results[member.key] = sign_result(request, StoreResult(name, request.expiry), member.secret)
        return 200, RecursiveAnswer(results, hash=name, t=now, hf=(19, 4)).body()

    def _retrieve(self, peer: MemoryNode, request: Retrieve) -> Reply:
        messages = peer.stored.get((request.account, request.namespace), [])
        return 200, RetrieveAnswer(tuple(messages), t=self.time_of(peer), hf=(19, 4)).body()

    def swarm_body(self, account: bytes) -> dict[str, Any]:
        """What get_swarm and 421 answer."""
        nodes = tuple(node.node for node in self.members(account))
        return dict(SwarmInfo(nodes, nodes[0].swarm_id).body())

    def time_of(self, peer: MemoryNode) -> int:
        """The node's time in ms."""
        return self.clock.now_ms() + peer.clock_error_ms

    def _stamped(self, peer: MemoryNode, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "t": self.time_of(peer), "hf": [19, 4]}


class NoAnswer(Exception):
    """Somewhere on the path the request was lost."""


class OnionRefusedWith(OnionRefused):
    """A clear answer that a test asked for."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text, code=code)
        self.text = text


def as_bytes(answer: object) -> bytes:
    """An HTTP body."""
    if isinstance(answer, bytes):
        return answer
    return answer.encode() if isinstance(answer, str) else encode_body(answer)  # type: ignore[arg-type]
