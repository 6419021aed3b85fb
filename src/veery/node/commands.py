"""The commands of the node's queue port (15.4), each tied to the room that does its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from veery.network.queue_endpoint import QueueEndpoint
from veery.network.queue_links import Handler, Incoming
from veery.node.dispatch import Dispatcher
from veery.node.recursive import Forwarded
from veery.node.relay import OnionHop
from veery.node.replication import Replication
from veery.node.subscriptions import Subscriptions
from veery.protocol.constants import ONION_HOP_COMMAND
from veery.protocol.queue import CommandRule, Level
from veery.protocol.storage_rpc.parse import METHODS
from veery.protocol.swarm.nodes import ServiceNode

WAITING_MAX: Final = {b"sn": 1000, b"storage": 200, b"monitor": 500}  # 15.4

_OPEN = CommandRule(request=True)
_NODES = CommandRule(request=True, remote_sn=True)
_ADMIN = CommandRule(request=True, level=Level.ADMIN)


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the commands lead to. `stats`: JSON of the node's counters; `pinged`: somebody reached us by the queue."""

    dispatcher: Dispatcher
    forwarded: Forwarded
    hop: OnionHop
    subscriptions: Subscriptions
    replication: Replication
    stats: Callable[[], bytes]
    pinged: Callable[[], None]
    admit: Callable[[str], bool]


def register(endpoint: QueueEndpoint, rooms: Rooms) -> None:
    """Register every command of a storage server."""

    async def ping(incoming: Incoming) -> Sequence[bytes]:
        rooms.pinged()
        return [b"pong"]

    async def data(incoming: Incoming) -> Sequence[bytes] | None:
        return await rooms.replication.receive_push(incoming.parts)

    async def data_ready(incoming: Incoming) -> Sequence[bytes]:
        return await rooms.replication.receive_ready(incoming.sender.key, incoming.parts)

    async def storage_cc(incoming: Incoming) -> Sequence[bytes] | None:
        return await rooms.forwarded.answer(incoming.parts)

    async def onion(incoming: Incoming) -> Sequence[bytes]:
        return await rooms.hop.from_node(incoming.parts)

    async def monitor(incoming: Incoming) -> Sequence[bytes]:
        return [await rooms.subscriptions.subscribe(incoming.sender, incoming.parts)]

    async def stats(incoming: Incoming) -> Sequence[bytes]:
        return [rooms.stats()]

    endpoint.register(b"sn.ping", _NODES, ping)
    endpoint.register(b"sn.data", _NODES, data)
    endpoint.register(b"sn.data_ready", _NODES, data_ready)
    endpoint.register(b"sn.storage_cc", _NODES, storage_cc)
    endpoint.register(ONION_HOP_COMMAND, _NODES, onion)
    endpoint.register(b"monitor.messages", _OPEN, monitor)
    endpoint.register(b"service.get_stats", _ADMIN, stats)
    for method in METHODS:
        endpoint.register(b"storage." + method.encode(), _OPEN, _storage(rooms, method))


def _storage(rooms: Rooms, method: str) -> Handler:
    async def answer(incoming: Incoming) -> Sequence[bytes]:
        if len(incoming.parts) > 1:
            reason = f"Invalid request: expected 1 message parts, received {len(incoming.parts)}"
            return [b"400", reason.encode()]
        if not rooms.admit(incoming.sender.address):
            return [b"429", b"Too many requests, try again later"]
        body = incoming.parts[0] if incoming.parts else b""
        outcome, encoding = await rooms.dispatcher.from_queue(method, body)
        return outcome.to_queue(encoding)

    return answer


class QueueMembers:
    """The way to other nodes by the queue endpoint of this process."""

    def __init__(self, endpoint: QueueEndpoint) -> None:
        self._endpoint = endpoint

    def ask(
        self, node: ServiceNode, command: bytes, *parts: bytes, timeout_s: float, outgoing_only: bool = False
    ) -> Awaitable[Sequence[bytes]]:
        """Ask a node by its key, at once. Awaiting raises Unreachable or PeerRefused."""
        return self._endpoint.ask(node.x25519, command, *parts, timeout_s=timeout_s, outgoing_only=outgoing_only)
