"""One hop of an onion request: guard, middle or last, or its destination (chapter 03).

A layer that does not open, or a next hop that fails, is answered in clear with the chapter's code and text; a layer
that opens but cannot be carried out is answered encrypted. Answers of later hops are passed on untouched.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from veery.errors import VeeryError
from veery.node.dispatch import Dispatcher
from veery.node.http import BINARY, TEXT, HttpAnswer
from veery.node.view import NodeView
from veery.node.writes import Members
from veery.protocol.constants import ONION_HOP_COMMAND, ONION_HOP_TIMEOUT_S
from veery.protocol.crypto import RandomBytes
from veery.protocol.onion.layers import Peeled, peel, peel_outer
from veery.protocol.onion.node_to_node import (
    HopReply,
    encode_hop_reply,
    encode_hop_request,
    read_hop_reply,
    read_hop_request,
)
from veery.protocol.onion.refusals import (
    NextHopTimedOut,
    NextNodeNotFound,
    NextNodeUnreachable,
    NodeNotReady,
    OnionRefused,
)
from veery.protocol.onion.replies import seal_reply
from veery.protocol.onion.routes import AnsweredRefusal, ToDestination, ToNode, ToServer
from veery.runtime.off_loop import off_loop

log = logging.getLogger(__name__)


class Servers(Protocol):
    """The way from a last hop to servers behind the network."""

    async def post(self, route: ToServer) -> HopReply:
        """POST a route's payload. Raises OnionRefused leaves when there is no answer."""
        ...


class OnionHop:
    """Carries onion requests one hop on. `allow_private_servers` is for networks of one machine."""

    def __init__(
        self,
        view: NodeView,
        dispatcher: Dispatcher,
        members: Members,
        servers: Servers,
        random: RandomBytes,
        *,
        allow_private_servers: bool = False,
    ) -> None:
        self._view = view
        self._dispatcher = dispatcher
        self._members = members
        self._servers = servers
        self._random = random
        self._private = allow_private_servers

    async def from_client(self, body: bytes) -> HttpAnswer:
        """A request that a client POSTed to this node as its guard."""
        try:
            keys = self._view.keys
            peeled = await off_loop(
                len(body),
                lambda: peel_outer(body, keys.x25519_secret, keys.x25519, allow_private_servers=self._private),
            )
            reply = await self._carry(peeled)
        except OnionRefused as refusal:
            return HttpAnswer(refusal.code, refusal.text.encode(), TEXT)
        except AnsweredRefusal as refusal:
            return HttpAnswer(200, refusal.answer(self._random), BINARY)
        return HttpAnswer(reply.code, reply.body, BINARY if reply.code == 200 else TEXT)

    async def from_node(self, parts: Sequence[bytes]) -> Sequence[bytes]:
        """A request that another node passes on by its queue; gives code and body."""
        try:
            if self._view.not_ready():
                raise NodeNotReady(self._view.keys.ed25519)
            layer = read_hop_request(parts)
            keys = self._view.keys
            peeled = await off_loop(
                len(layer.blob),
                lambda: peel(layer, keys.x25519_secret, keys.x25519, allow_private_servers=self._private),
            )
            reply = await self._carry(peeled)
        except OnionRefused as refusal:
            return encode_hop_reply(refusal.code, refusal.text.encode())
        except AnsweredRefusal as refusal:
            return encode_hop_reply(200, refusal.answer(self._random))
        return encode_hop_reply(reply.code, reply.body)

    async def _carry(self, peeled: Peeled) -> HopReply:
        match peeled.route:
            case ToDestination(body, form):
                outcome = await self._dispatcher.from_json(body)
                return HopReply(200, seal_reply(peeled.key, outcome.code, outcome.body, form, self._random))
            case ToNode():
                return await self._to_node(peeled.route)
            case ToServer():
                return await self._servers.post(peeled.route)

    async def _to_node(self, route: ToNode) -> HopReply:
        node = self._view.node(route.destination)
        if node is None:
            raise NextNodeNotFound(route.destination)
        if not node.contactable:
            raise NextNodeUnreachable(route.destination)
        try:
            parts = await self._members.ask(
                node, ONION_HOP_COMMAND, encode_hop_request(route.layer), timeout_s=ONION_HOP_TIMEOUT_S
            )
        except VeeryError as error:
            log.debug("the next hop did not answer: %s", error.kind)
            raise NextHopTimedOut from None
        return read_hop_reply(parts)
