"""Transports: how bytes get to a service node that is contacted directly, which only guards are (03.3, 03.8).

A transport carries one request to one node and brings one answer. What it does **not** promise:

- that the peer is the node: certificates are not verified, so any answer may be forged (secrecy comes from the layers);
- that a request which failed was not received: it may have been, and more than once;
- that a node which is unreachable is at fault: our own line, or the proxy, may be.

It does promise that nothing is sent to any other address than that of the node (no redirects, no look-ups of names),
that everything goes through the proxy if there is one, and that neither size nor time of an answer exceeds the bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

from veery.errors import NetworkError, Retry, Unreachable
from veery.protocol.constants import ONION_ANSWER_MAX
from veery.protocol.swarm.nodes import ServiceNode

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class NodeUnreachable(Unreachable):
    """The connection to a node was refused, could not be made, or was lost before a whole answer was there."""

    default_kind = "network.unreachable.node"


class NodeSilent(Unreachable):
    """A node took the request and gave no answer in time."""

    default_kind = "network.unreachable.silent"


class AnswerTooLarge(Unreachable):
    """A node answers with more bytes than anybody asked for. The rest was not read."""

    default_kind = "network.answer.too_large"


class ProxyFailed(NetworkError):
    """The proxy cannot be used. Nothing was sent past it."""

    default_kind = "network.proxy"
    default_retry = Retry.LATER
    default_remedy = "Start the proxy or correct its address in the settings; Veery does not connect past it"


@dataclass(frozen=True, slots=True)
class TransportAnswer:
    """What came back: HTTP status, headers (names in lower case), body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Transport(Protocol):
    """Carries requests to nodes. Safe for many calls at the same time; each call can be cancelled."""

    async def post(
        self,
        node: ServiceNode,
        path: str,
        body: bytes,
        *,
        timeout_s: float,
        headers: Mapping[str, str] = NO_HEADERS,
        answer_max: int = ONION_ANSWER_MAX,
    ) -> TransportAnswer:
        """POST `body` to `path` (begins with `/`) of a node and give the answer, whatever its status is.

        headers are added to those that every client sends. Raises NodeUnreachable, NodeSilent (after `timeout_s`
        seconds in all), AnswerTooLarge (more than `answer_max` bytes), ProxyFailed.
        """
        ...

    async def close(self) -> None:
        """Close all connections. May be called twice."""
        ...
