"""The answers of a node as values, and how a node writes them (04.6, 04.7). `read_answers` reads them back.

`body(encoding)` gives the fields of the answer; `encode_body` makes bytes of them. `t` is the node's time in ms, `hf`
the network's hard fork; answers that have neither leave them out (04.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from veery.protocol.constants import NO_SWARM
from veery.protocol.storage_rpc.encoding import Encoding, json_text
from veery.protocol.storage_rpc.errors import Plain
from veery.protocol.storage_rpc.members import HashesResult, MemberFailure, MemberResult
from veery.protocol.storage_rpc.requests import Delete, Recursive
from veery.protocol.swarm.nodes import ServiceNode, swarm_hex

Body = dict[str, Plain]
HardFork = tuple[int, int]

CODE_OK: Final = 200
CODE_NOT_FOUND: Final = 404
CODE_WRONG_SWARM: Final = 421
CODE_FAILED: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """What nearly every answer carries: the node's time in ms, and the hard fork (04.2)."""

    t: int | None = None
    hf: HardFork | None = None

    def stamps(self) -> Body:
        """The fields `t` and `hf`."""
        body: Body = {}
        if self.t is not None:
            body["t"] = self.t
        if self.hf is not None:
            body["hf"] = self.hf
        return body


@dataclass(frozen=True, slots=True)
class InfoAnswer(Stamped):
    """Version and time (ms) of a node."""

    version: tuple[int, ...]
    timestamp: int

    def body(self, encoding: Encoding = Encoding.JSON) -> Body:
        """The answer's fields."""
        return {"version": self.version, "timestamp": self.timestamp, **self.stamps()}


@dataclass(frozen=True, slots=True)
class SwarmInfo(Stamped):
    """The members of the swarm that holds an account: the answer to get_swarm, and the body of a 421 (04.2.1)."""

    nodes: tuple[ServiceNode, ...]
    swarm_id: int = NO_SWARM

    def body(self, encoding: Encoding = Encoding.JSON) -> Body:
        """The answer's fields."""
        return {"snodes": [_node(node) for node in self.nodes], "swarm": swarm_hex(self.swarm_id), **self.stamps()}


def _node(node: ServiceNode) -> Body:
    return {
        "address": node.address,
        "ip": node.ip,
        "port": str(node.https_port),
        "port_https": node.https_port,
        "port_omq": node.queue_port,
        "port_quic": node.queue_port,
        "pubkey_legacy": node.legacy.hex(),
        "pubkey_x25519": node.x25519.hex(),
        "pubkey_ed25519": node.ed25519.hex(),
    }


@dataclass(frozen=True, slots=True)
class OxendAnswer(Stamped):
    """The chain daemon's reply. It may hold fractions and null, so a bencoded answer carries it as JSON text."""

    result: dict[str, Plain] = field(repr=False)

    def body(self, encoding: Encoding = Encoding.JSON) -> Body:
        """The answer's fields."""
        result: Plain = self.result if encoding is Encoding.JSON else json_text(self.result)
        return {"result": result, **self.stamps()}


@dataclass(frozen=True, slots=True)
class RecursiveAnswer(Stamped):
    """The results of a swarm's members by their Ed25519 keys (32 bytes); `hash` for store alone."""

    members: Mapping[bytes, MemberResult] = field(repr=False)
    hash: str | None = None

    def body(self, encoding: Encoding = Encoding.JSON) -> Body:
        """The answer's fields."""
        body: Body = {"swarm": {key.hex(): result.body() for key, result in self.members.items()}}
        if self.hash is not None:
            body["hash"] = self.hash
        return body | self.stamps()

    def code(self, request: Recursive) -> int:
        """The answer's code: 500 when every member failed, 404 when a required delete found nothing, else 200."""
        results = self.members.values()
        if all(isinstance(result, MemberFailure) for result in results):
            return CODE_FAILED
        if isinstance(request, Delete) and request.required and not any(_found(result) for result in results):
            return CODE_NOT_FOUND
        return CODE_OK


StoreAnswer: TypeAlias = RecursiveAnswer  # of store; `hash` is given


def _found(result: MemberResult) -> bool:
    return isinstance(result, HashesResult) and bool(result.hashes)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message of a retrieve: hash, timestamp and expiration in ms, raw data."""

    hash: str
    timestamp: int
    expiration: int
    data: bytes = field(repr=False)

    def body(self) -> Body:
        """The message's fields."""
        return {"hash": self.hash, "timestamp": self.timestamp, "expiration": self.expiration, "data": self.data}


@dataclass(frozen=True, slots=True)
class RetrieveAnswer(Stamped):
    """Messages in the order in which the asked node stored them; `more` when some were left."""

    messages: tuple[StoredMessage, ...]
    more: bool = False

    def body(self, encoding: Encoding = Encoding.JSON) -> Body:
        """The answer's fields."""
        return {"messages": [message.body() for message in self.messages], "more": self.more, **self.stamps()}


@dataclass(frozen=True, slots=True)
class ExpiriesAnswer:
    """Expiries (ms) by hash of those messages that exist."""

    expiries: Mapping[str, int] = field(repr=False)

    def body(self, encoding: Encoding = Encoding.JSON) -> Body:
        """The answer's fields."""
        return {"expiries": dict(self.expiries)}


@dataclass(frozen=True, slots=True)
class RevokedAnswer(Stamped):
    """The revoked tokens of an account, 36 bytes each."""

    tokens: tuple[bytes, ...] = field(repr=False)

    def body(self, encoding: Encoding = Encoding.JSON) -> Body:
        """The answer's fields."""
        return {"revoked_subaccounts": self.tokens, **self.stamps()}


@dataclass(frozen=True, slots=True)
class SubAnswer:
    """Code and body of one part of a meta-request: text, or the fields of its answer (bytes for binary answers)."""

    code: int
    content: Plain = field(repr=False)

    def body(self) -> Body:
        """The part's fields."""
        return {"code": self.code, "body": self.content}


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """The answers of a batch or sequence, in the order of the requests."""

    results: tuple[SubAnswer, ...]

    def body(self, encoding: Encoding = Encoding.JSON) -> Body:
        """The answer's fields."""
        return {"results": [result.body() for result in self.results]}


@dataclass(frozen=True, slots=True)
class IfElseAnswer:
    """What the conditions were judged by, their outcome, and the answer of the branch if there is one."""

    hf: HardFork
    version: tuple[int, ...]
    height: int
    condition: bool
    result: SubAnswer | None = None

    def body(self, encoding: Encoding = Encoding.JSON) -> Body:
        """The answer's fields."""
        body: Body = {"hf": self.hf, "v": self.version, "height": self.height, "condition": self.condition}
        return body if self.result is None else {**body, "result": self.result.body()}


Answer: TypeAlias = (
    InfoAnswer
    | SwarmInfo
    | OxendAnswer
    | RecursiveAnswer
    | RetrieveAnswer
    | ExpiriesAnswer
    | RevokedAnswer
    | ListAnswer
    | IfElseAnswer
)
