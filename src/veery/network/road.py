"""What the client engine asks of the network: one interface, so that engines can be joined in memory for tests.

A road answers questions about swarms by onion requests, keeps the pool and the paths behind it healthy, and knows the
network's time. It retries on other paths and members as chapter 03.9 says before it raises; what it raises is final for
this call, and `retry` of the error says whether another call can help.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from veery.protocol.constants import ONION_REQUEST_TIMEOUT_S
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest
from veery.protocol.storage_rpc.errors import Plain
from veery.protocol.storage_rpc.requests import Simple
from veery.protocol.swarm.nodes import ServiceNode


@dataclass(frozen=True, slots=True)
class MemberAnswer:
    """One node's answer to a storage request: who answered, with which code, and the JSON object or text."""

    member: ServiceNode
    status: int
    body: Mapping[str, Plain] | str


@dataclass(frozen=True, slots=True)
class PathView:
    """A path as a person may see it: the hops, guard first."""

    hops: tuple[ServiceNode, ...]
    state: str
    in_flight: int
    failures: int
    age_s: float


@dataclass(frozen=True, slots=True)
class RoadStatus:
    """How the road stands: what `veery path` and `veery doctor` show.

    pool: usable nodes known; height: of the chain, as last told; diversity: what two nodes of a path must not share;
    clock_offset_ms: network time less the machine's, None until measured; proxy: its address without credentials.
    """

    network: str
    pool: int
    height: int
    diversity: str
    paths: tuple[PathView, ...]
    clock_offset_ms: int | None
    proxy: str | None


class Road(Protocol):
    """The way to the network. All times are milliseconds of network time."""

    def now_ms(self) -> int:
        """Network time: the machine's clock and the measured offset (03.10)."""
        ...

    async def members(self, account: bytes, *, refresh: bool = False) -> Sequence[ServiceNode]:
        """The swarm of an account (33 bytes); `refresh` looks it up anew. Raises NetworkError when no node tells."""
        ...

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        """Ask one member of an account's swarm, by an onion request, and give an answer for each request.

        Several requests (at most 20) go as one `batch`, or as one `sequence` if `ordered`, which gives fewer answers
        when it stops at a failure. `member` (Ed25519 key) picks who is asked; otherwise a random member is, and another
        after failures and after 421. Codes of the node that are not the road's business (401, 404, …) come back in the
        answer. What others cannot have said is taken out of it: results that their member did not sign become its
        failures, messages that their hash does not name are left away.

        The road raises NetworkError when no answer could be had at all: Unreachable, PeerRefused, ClockWrong; see
        `faults`. TimeCorrected asks for the same call, signed anew with `now_ms()` (`signed_calls.call_signed`).
        """
        ...

    async def request(
        self, server: ServerDestination, request: ServerRequest, *, timeout_s: float = ONION_REQUEST_TIMEOUT_S
    ) -> ServerReply:
        """A request to a server (of files, say) through the last hop of a path, also a reply with a code of failure.

        timeout_s: seconds for one attempt. Raises ServerRefused (it cannot answer now), NoAnswer, TimeCorrected (sign
        anew), NoPath, ProxyFailed, Misuse (the request is too large).
        """
        ...

    async def ask_nodes(self, request: Simple, count: int, *, timeout_s: float) -> Sequence[MemberAnswer]:
        """Ask so many different random nodes the same; gives the answers of those who answer in time.

        Raises NetworkError when there is no path.
        """
        ...

    async def new_paths(self) -> None:
        """Build new paths now and retire the standing ones."""
        ...

    def status(self) -> RoadStatus:
        """How the road stands now."""
        ...

    async def close(self) -> None:
        """Stop background work and close connections."""
        ...
