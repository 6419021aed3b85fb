"""One onion request over given hops: build the layers, hand them to the guard, classify and open what came back.

Nothing is decided here. What came back becomes an `Outcome` of `policy.blame`; the reply stands beside it if the
destination gave one. Only faults that concern neither path nor destination are raised: a proxy that does not work, and
requests that do not fit into the form.

An answer with an HTTP status other than 200 is never looked at as ciphertext, and one with 200 never as clear text
(03.11): a guard can write either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeAlias, TypeVar

from veery.network.transport import AnswerTooLarge, NodeSilent, NodeUnreachable, Transport, TransportAnswer
from veery.policy.blame import (
    Answered,
    DestinationError,
    GuardUnreachable,
    Outcome,
    PathError,
    RequestTimeout,
    Undecryptable,
)
from veery.protocol.constants import ONION_PATH, ONION_REFUSAL_TEXT_MAX, ONION_REQUEST_TIMEOUT_S
from veery.protocol.crypto import CryptoFailed, RandomBytes
from veery.protocol.onion import (
    Destination,
    EncType,
    Hop,
    NodeDestination,
    NodeReply,
    ReplyKey,
    ReplyMalformed,
    ServerDestination,
    ServerMessageMalformed,
    ServerReply,
    ServerRequest,
    build,
    encode_v4_request,
    open_reply,
    open_v4_reply,
)
from veery.protocol.storage_rpc.encoding import json_text
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.clock import Clock
from veery.runtime.off_loop import off_loop

_OK: Final = 200
_SUCCESS: Final = range(200, 300)

ReplyT = TypeVar("ReplyT", NodeReply, ServerReply)
Reader: TypeAlias = Callable[[bytes, ReplyKey], tuple[Outcome, ReplyT]]


@dataclass(frozen=True, slots=True)
class Exchange(Generic[ReplyT]):
    """What became of one onion request. reply: what the destination said, if it said something.

    sent_ms, received_ms: local wall clock around it, for the measuring of the network's time (03.10).
    """

    outcome: Outcome
    reply: ReplyT | None = field(repr=False)
    sent_ms: int
    received_ms: int


class OnionRequester:
    """Sends onion requests over a transport. Stateless; every request stands alone and can be cancelled."""

    def __init__(
        self, transport: Transport, clock: Clock, random: RandomBytes, *, enc_type: EncType = EncType.XCHACHA20
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._random = random
        self._enc_type = enc_type

    async def to_node(
        self,
        hops: Sequence[ServiceNode],
        node: ServiceNode,
        payload: bytes,
        *,
        timeout_s: float = ONION_REQUEST_TIMEOUT_S,
    ) -> Exchange[NodeReply]:
        """Ask a node; payload: a JSON request of chapter 04. Raises ProxyFailed, Misuse (FrameTooLarge)."""
        destination = NodeDestination(node.ed25519, node.x25519)
        return await self._exchange(hops, destination, payload, timeout_s, _node_reply)

    async def to_server(
        self,
        hops: Sequence[ServiceNode],
        server: ServerDestination,
        request: ServerRequest,
        *,
        timeout_s: float = ONION_REQUEST_TIMEOUT_S,
    ) -> Exchange[ServerReply]:
        """Ask a server behind the last hop, in the form v4 (03.6). Raises ProxyFailed, Misuse (FrameTooLarge)."""
        return await self._exchange(hops, server, encode_v4_request(request), timeout_s, _server_reply)

    async def _exchange(
        self,
        hops: Sequence[ServiceNode],
        destination: Destination,
        payload: bytes,
        timeout_s: float,
        read: Reader[ReplyT],
    ) -> Exchange[ReplyT]:
        sent_ms = self._clock.now_ms()
        outcome, reply = await self._ask(hops, destination, payload, timeout_s, read)
        return Exchange(outcome, reply, sent_ms, self._clock.now_ms())

    async def _ask(
        self,
        hops: Sequence[ServiceNode],
        destination: Destination,
        payload: bytes,
        timeout_s: float,
        read: Reader[ReplyT],
    ) -> tuple[Outcome, ReplyT | None]:
        try:
            layers = [Hop(node.ed25519, node.x25519) for node in hops]
            built = await off_loop(
                len(payload),
                lambda: build(layers, destination, payload, random=self._random, enc_type=self._enc_type),
            )
        except CryptoFailed:  # a key of the list that no layer can be made for: as if nothing ever decrypted
            return Undecryptable(), None
        try:
            answer = await self._transport.post(hops[0], ONION_PATH, built.body, timeout_s=timeout_s)
        except NodeUnreachable:
            return GuardUnreachable(), None
        except NodeSilent:
            return RequestTimeout(), None
        except AnswerTooLarge:  # the guard or the destination: nobody can tell
            return Undecryptable(), None
        if answer.status != _OK:
            return clear_refusal(answer), None
        try:
            return await off_loop(len(answer.body), lambda: read(answer.body, built.reply_key))
        except (CryptoFailed, ReplyMalformed, ServerMessageMalformed):
            return Undecryptable(), None


def clear_refusal(answer: TransportAnswer) -> PathError:
    """The outcome of an answer in clear. At most 1,000 characters of a stranger's text are kept."""
    return PathError(answer.status, _clipped(answer.body.decode("utf-8", "replace")))


def _node_reply(sealed: bytes, key: ReplyKey) -> tuple[Outcome, NodeReply]:
    reply = open_reply(sealed, key)
    if reply.status in _SUCCESS:
        return Answered(), reply
    return DestinationError(reply.status, _text(reply.body)), reply


def _server_reply(sealed: bytes, key: ReplyKey) -> tuple[Outcome, ServerReply]:
    reply = open_v4_reply(sealed, key)
    if reply.code in _SUCCESS:
        return Answered(), reply
    return DestinationError(reply.code, _clipped(reply.body.decode("utf-8", "replace")), server=True), reply


def _text(body: Any) -> str:
    return _clipped(body if isinstance(body, str) else json_text(body))


def _clipped(text: str) -> str:
    return text[:ONION_REFUSAL_TEXT_MAX]
