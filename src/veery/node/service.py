"""A service node as a service: opens what the rooms need, ties them together, and closes them in order.

```python
async with Node(NodeSettings(network="network.toml"), directory) as node:
    print(node.https_port, node.queue_port)
```
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from veery.errors import NodeError
from veery.network.queue_endpoint import QueueEndpoint
from veery.network.queue_links import Sender
from veery.node import message_table as table
from veery.node import replication_table as owed
from veery.node.chain import ChainQuestions
from veery.node.commands import WAITING_MAX, QueueMembers, Rooms, register
from veery.node.dispatch import Dispatcher
from veery.node.door import HttpDoor
from veery.node.front import Front
from veery.node.http import HttpAnswer, HttpRequest
from veery.node.keys import NodeKeys
from veery.node.listing import Listing
from veery.node.messages import MessageStore
from veery.node.metrics import Metrics, MetricsPort
from veery.node.reach import Reachability
from veery.node.reads import Reads
from veery.node.recursive import Forwarded, SwarmWork
from veery.node.relay import OnionHop
from veery.node.repairs import Repairs
from veery.node.replication import Replication
from veery.node.servers import ServerPoster
from veery.node.settings import NodeSettings
from veery.node.subscriptions import Subscriptions
from veery.node.view import NodeView
from veery.node.writes import Writes
from veery.policy.rate import BucketRules, Buckets
from veery.protocol.constants import EXPIRY_SWEEP_S, NODE_VERSION
from veery.protocol.storage_rpc.requests import Recursive
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.network_file import NetworkFile
from veery.registry.seed_client import SeedClient
from veery.registry.snapshot import Snapshot
from veery.runtime.clock import Clock, SystemClock
from veery.runtime.faults import FileMissing
from veery.runtime.identity import create_key_file, load_key_file
from veery.runtime.lifecycle import Background, OnFailure, Periodic
from veery.runtime.locks import FileLock
from veery.runtime.paths import private_directory
from veery.runtime.randomness import gauss, randbelow, random_bytes
from veery.runtime.tls import KeyKind, ensure_identity, server_context

log = logging.getLogger(__name__)

KEY_FILE = "key"
TLS_FILE = "tls.pem"
LOCK_FILE = "lock"


def node_keys(directory: Path) -> NodeKeys:
    """The keys of the node that lives in a directory; made at the first call. Raises FileUnsafe, KeyFileBroken."""
    path = private_directory(directory) / KEY_FILE
    try:
        seed = load_key_file(path)
    except FileMissing:
        seed = create_key_file(path)
    return NodeKeys.from_seed(seed)


class Node:
    """One running service node. `async with`, or `start`, `run_until_stopped` and `close`."""

    def __init__(
        self, settings: NodeSettings, directory: Path, *, network: NetworkFile, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.metrics = Metrics()
        self.https_port = self.queue_port = self.metrics_port = 0
        self._directory = directory
        self._network = network
        self._closers: list[Callable[[], object]] = []
        self._lock = FileLock(private_directory(directory) / LOCK_FILE)
        self._background = Background(self.clock)
        self.view = NodeView(node_keys(directory), NODE_VERSION, self.clock.now_ms)
        self.store = MessageStore(directory, size_max=settings.database_mib * 1024 * 1024)

    # -- life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open everything and begin to serve. Raises RuntimeFault, NetworkError, RegistryError leaves."""
        self._lock.acquire_now()
        await self.store.start()
        self._build()
        self._listen_to_nodes()
        await self._listen_to_clients()
        await self.replication.start()
        self.repairs.start()
        self._run()

    async def run_until_stopped(self) -> None:
        """Return when a task that the node cannot live without has failed; raises its error."""
        await self._background.run_until_stopped()

    async def close(self) -> None:
        """Stop accepting, answer what is in flight, then close databases and sockets."""
        self.view.stopping = True
        if hasattr(self, "door"):
            await self.door.close()
            if self._metrics_door is not None:
                await self._metrics_door.close()
        await self._background.close()
        if hasattr(self, "endpoint"):
            await self.replication.close()
            await self.endpoint.close()
            await self._servers.close()
            await self._seeds.close()
        await self.store.close()
        self._lock.release()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # -- rooms -------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        settings, view = self.settings, self.view
        self.endpoint = QueueEndpoint(
            view.keys.curve(),
            random_bytes,
            is_node=view.is_active_key,
            address_of=view.queue_address,
            service_node=True,
            waiting_max=WAITING_MAX,
        )
        self.members = QueueMembers(self.endpoint)
        self.repairs = Repairs(view, self.store, self.members, most=settings.limits.repairs)
        self.writes = Writes(view, self.store, self.members, self._missed)
        reads = Reads(view, self.store)
        self.dispatcher = Dispatcher(view, reads, SwarmWork(self.writes), ChainQuestions(view, randbelow))
        self._servers = ServerPoster(view.version, allow_private=settings.private_servers)
        self.hop = OnionHop(
            view,
            self.dispatcher,
            self.members,
            self._servers,
            random_bytes,
            allow_private_servers=settings.private_servers,
        )
        self.subscriptions = Subscriptions(
            view,
            self._tell,
            most=settings.limits.subscriptions,
            most_each=settings.limits.subscriptions_each,
        )
        self.replication = Replication(
            view,
            self.store,
            self.members,
            self.repairs,
            on_batch=lambda passed: self.metrics.pushed.labels("taken" if passed else "failed").inc(),
        )
        self.reachability = Reachability(view, self.members, self.clock, gauss, randbelow)
        self._buckets = Buckets(BucketRules(settings.limits.burst, settings.limits.rate), settings.limits.addresses)
        self.store.on_stored = self._stored

    def _listen_to_nodes(self) -> None:
        register(
            self.endpoint,
            Rooms(
                dispatcher=self.dispatcher,
                forwarded=Forwarded(self.dispatcher, self.writes),
                hop=self.hop,
                subscriptions=self.subscriptions,
                replication=self.replication,
                stats=lambda: json.dumps(self.status()).encode(),
                pinged=lambda: self.reachability.pinged("queue"),
                admit=self._admit,
            ),
        )
        self.endpoint.on_route_taken = self.subscriptions.route_taken
        self.queue_port = self.endpoint.listen(self.settings.listen.host, self.settings.listen.queue_port)

    async def _listen_to_clients(self) -> None:
        settings = self.settings
        front = Front(
            self.view,
            self.dispatcher,
            self.hop,
            admit=self._admit,
            on_ping=lambda: self.reachability.pinged("https"),
            cors=frozenset(settings.cors),
        )
        self.front = front

        async def measured(request: HttpRequest) -> HttpAnswer:
            began = time.perf_counter()
            answer = await front.handle(request)
            path = request.path if front.knows(request.path) else "other"
            self.metrics.observe(path, answer.status, time.perf_counter() - began)
            return answer

        path = self._directory / TLS_FILE
        ensure_identity(path, self.clock.now_ms(), kind=KeyKind.EC_P256)
        self.door = HttpDoor(measured, limits=settings.limits.door(), early=front.early)
        self._metrics_door: HttpDoor | None = None
        self.https_port = await self.door.listen(settings.listen.host, settings.listen.https_port, server_context(path))
        if settings.listen.metrics_port is not None:
            self._metrics_door = HttpDoor(MetricsPort(self.metrics, self.status).handle)
            self.metrics_port = await self._metrics_door.listen("127.0.0.1", settings.listen.metrics_port, None)

    def _run(self) -> None:
        self._seeds = SeedClient(self._network)
        listen = self.settings.listen
        address = (listen.public_ip or listen.host, self.https_port, self.queue_port)
        self.listing = Listing(
            self.view, self._seeds, self.clock, address, self._list_changed, refresh_s=self.settings.refresh_s
        )
        background = self._background
        background.start("proofs", self.listing.keep_listed)
        background.start("node list", self.listing.keep_up)
        background.start("replication", self.replication.run)
        background.start("expiry", Periodic(self.clock, EXPIRY_SWEEP_S, self._sweep).run)
        if self.settings.tests:
            background.start("reachability", self.reachability.run, OnFailure.RESTART)
        for name, what, value in (
            ("veery_subscriptions", "Subscriptions held", lambda: float(len(self.subscriptions))),
            ("veery_connections", "HTTPS connections", lambda: float(len(self.door.connections))),
            ("veery_height", "Height of the node list", lambda: float(self.view.height)),
            ("veery_nodes_failing", "Nodes that fail their tests", lambda: float(self.reachability.failing)),
        ):
            self.metrics.gauge(name, what, value)

    # -- what happens ------------------------------------------------------------------------------------------

    def _list_changed(self, before: Snapshot | None, after: Snapshot) -> None:
        self.endpoint.list_changed()
        self.reachability.list_changed()
        self.subscriptions.swarms_changed()
        self.replication.list_changed(before, after)

    def _stored(self, message: table.StoredMessage) -> None:
        self.metrics.stored.inc()
        self.subscriptions.on_stored(message)

    def _missed(self, node: ServiceNode, request: Recursive) -> None:
        self.metrics.missed.inc()
        self.repairs.missed(node, request)

    def _tell(self, sender: Sender, command: bytes, body: bytes) -> None:
        self.endpoint.notify(sender, command, body)

    def _admit(self, address: str) -> bool:
        return self._buckets.take(address, self.clock.monotonic())

    async def _sweep(self) -> None:
        now = self.clock.now_ms()
        removed = await self.store.write(lambda db: table.remove_expired(db, now))
        self.metrics.expired.inc(removed)
        if not removed:
            await self.store.write(table.forget_empty_owners)
        self.subscriptions.sweep()

    def status(self) -> dict[str, object]:
        """How the node stands, without identifiers of others: for `/healthz`, `service.get_stats` and the CLI."""
        if self.view.stopping and self.store is None:
            raise NodeError("the node is closed")
        return {
            "version": ".".join(map(str, self.view.version)),
            "reasons": self.view.not_ready(),
            "height": self.view.height,
            "hardfork": list(self.view.hardfork),
            "swarm": f"{self.view.own_swarm:x}",
            "members": len(self.view.others()) + 1,
            "connections": len(self.door.connections),
            "subscriptions": len(self.subscriptions),
            "messages": self.store.read(table.count),
            "repairs": self.store.read(owed.count_repairs),
            "registry": "" if self.listing.last_error is None else self.listing.last_error.kind,
        }
