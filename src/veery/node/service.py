"""A service node as a service: opens what the rooms need, ties them together, and closes them in order.

```python
async with Node(NodeSettings(network="network.toml"), directory) as node:
    print(node.https_port, node.queue_port)
```
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from veery.network.queue_endpoint import QueueEndpoint
from veery.network.queue_links import Sender
from veery.node import deleted_table as deleted
from veery.node import message_table as table
from veery.node import replication_table as owed
from veery.node.chain import ChainQuestions
from veery.node.commands import WAITING_MAX, QueueMembers, Rooms, register
from veery.node.dispatch import Dispatcher
from veery.node.door import HttpDoor
from veery.node.front import Front
from veery.node.http import HttpAnswer, HttpRequest
from veery.node.keys import TLS_FILE, NodeKeys
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
from veery.node.settings import NodeSettings, automatic_workers
from veery.node.subscriptions import Subscriptions
from veery.node.view import NodeView
from veery.node.workers.pool import WorkerPool
from veery.node.writes import Writes
from veery.policy.rate import BucketRules, Buckets
from veery.protocol.constants import EXPIRY_SWEEP_S, MEMBER_TIMEOUT_S, NODE_VERSION
from veery.protocol.storage_rpc.requests import Recursive
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.network_file import NetworkFile
from veery.registry.seed_client import SeedClient
from veery.registry.snapshot import Snapshot
from veery.runtime.clock import Clock, SystemClock
from veery.runtime.lifecycle import Background, OnFailure, Periodic, Startable
from veery.runtime.locks import FileLock
from veery.runtime.paths import private_directory
from veery.runtime.randomness import gauss, randbelow, random_bytes
from veery.runtime.tls import KeyKind, ensure_identity, server_context

log = logging.getLogger(__name__)

LOCK_FILE = "lock"
_DELETED_MAX = 500_000  # deletions that are remembered, about 100 bytes each
_SWEEP_ROWS = 2_000  # expired messages that are removed in one transaction, so that stores need not wait long


class Node(Startable):
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
        self._open = AsyncExitStack()
        self._workers: WorkerPool | None = None
        self._door: HttpDoor | None = None
        self._lock = FileLock(private_directory(directory) / LOCK_FILE)
        self._background = Background(self.clock)
        self._owners_seen = 0
        self.view = NodeView(NodeKeys.of_directory(directory), NODE_VERSION, self.clock.now_ms)
        self.store = MessageStore(directory, size_max=settings.database_mib * 1024 * 1024)

    # -- life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open everything and begin to serve. Raises RuntimeFault, NetworkError, RegistryError leaves."""
        self._lock.acquire_now()
        self._open.callback(self._lock.release)
        await self.store.start()
        self._open.push_async_callback(self.store.close)
        self._build()
        self._open.push_async_callback(self._background.close)
        self._open.push_async_callback(self._work.close)
        self._listen_to_nodes()
        self._open.push_async_callback(self.endpoint.drain, MEMBER_TIMEOUT_S + 1.0)
        await self._listen_to_clients()
        await self._listen_to_operator()
        await self.replication.start()
        self.repairs.start()
        self._run()

    async def run_until_stopped(self) -> None:
        """Return when a task that the node cannot live without has failed; raises its error."""
        await self._background.run_until_stopped()

    async def close(self) -> None:
        """Stop accepting, answer what is in flight, then close databases and sockets."""
        self.view.stopping = True
        await self._open.aclose()

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
        self._open.push_async_callback(self.endpoint.close)
        self.members = QueueMembers(self.endpoint)
        self.repairs = Repairs(view, self.store, self.members, most=settings.limits.repairs, ticks_ms=self._ticks_ms)
        self.writes = Writes(view, self.store, self.members, self._missed)
        self._work = SwarmWork(self.writes)
        reads = Reads(view, self.store)
        self.dispatcher = Dispatcher(view, reads, self._work, ChainQuestions(view, randbelow))
        self._servers = ServerPoster(view.version, allow_private=settings.private_servers)
        self._open.push_async_callback(self._servers.close)
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
            ticks_ms=self._ticks_ms,
        )
        self.replication = Replication(
            view,
            self.store,
            self.members,
            self.repairs,
            ticks_ms=self._ticks_ms,
            on_batch=lambda passed: self.metrics.pushed.labels("taken" if passed else "failed").inc(),
        )
        self.repairs.on_given_up = self.replication.give_all
        self._open.push_async_callback(self.replication.close)
        self.reachability = Reachability(view, self.members, self.clock, gauss, randbelow)
        self._seeds = SeedClient(self._network)
        self._open.push_async_callback(self._seeds.close)
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
        """Open the HTTPS port: here, or in worker processes."""
        settings = self.settings
        path = self._directory / TLS_FILE
        ensure_identity(path, self.clock.now_ms(), kind=KeyKind.EC_P256)
        count = automatic_workers(len(os.sched_getaffinity(0))) if settings.workers is None else settings.workers
        if count:
            pool = self._workers = WorkerPool(
                self._directory, settings, self.view, self._work, self.members, self.metrics, self._pinged_by_https
            )
            self._open.push_async_callback(pool.stop)
            self.https_port = await pool.start(count, self._background)
            return
        front = Front(
            self.view,
            self.dispatcher,
            self.hop,
            admit=self._admit,
            on_ping=self._pinged_by_https,
            cors=frozenset(settings.cors),
        )

        async def measured(request: HttpRequest) -> HttpAnswer:
            began = time.perf_counter()
            answer = await front.handle(request)
            known = request.path if front.knows(request.path) else "other"
            self.metrics.observe(known, answer.status, time.perf_counter() - began)
            return answer

        door = self._door = HttpDoor(measured, limits=settings.limits.door(), early=front.early)
        self._open.push_async_callback(door.close)
        self.https_port = await door.listen(settings.listen.host, settings.listen.https_port, server_context(path))

    async def _listen_to_operator(self) -> None:
        port = self.settings.listen.metrics_port
        if port is not None:
            door = HttpDoor(MetricsPort(self.metrics, self.status).handle)
            self._open.push_async_callback(door.close)
            self.metrics_port = await door.listen("127.0.0.1", port, None)

    def _run(self) -> None:
        listen = self.settings.listen
        address = (listen.public_ip or listen.host, self.https_port, self.queue_port)
        self.listing = Listing(
            self.view, self._seeds, self.clock, address, self._list_changed, refresh_s=self.settings.refresh_s
        )
        background = self._background
        background.start("proofs", self.listing.keep_listed)
        background.start("node list", self.listing.keep_up)
        background.start("replication", self.replication.run)
        background.start("repairs", self.repairs.run)
        background.start("expiry", Periodic(self.clock, EXPIRY_SWEEP_S, self._sweep).run)
        if self.settings.tests:
            background.start("reachability", self.reachability.run, OnFailure.RESTART)
        for name, what, value in (
            ("veery_subscriptions", "Subscriptions held", lambda: float(len(self.subscriptions))),
            ("veery_connections", "HTTPS connections", lambda: float(self.connections)),
            ("veery_height", "Height of the node list", lambda: float(self.view.height)),
            ("veery_nodes_failing", "Nodes that fail their tests", lambda: float(self.reachability.failing)),
        ):
            self.metrics.gauge(name, what, value)

    @property
    def connections(self) -> int:
        """HTTPS connections that are open."""
        if self._workers is not None:
            return self._workers.connections
        return 0 if self._door is None else len(self._door.connections)

    # -- what happens ------------------------------------------------------------------------------------------

    def _list_changed(self, before: Snapshot | None, after: Snapshot) -> None:
        self.endpoint.list_changed()
        self.reachability.list_changed()
        self.subscriptions.swarms_changed()
        self.replication.list_changed(before, after)
        if self._workers is not None:
            self._workers.list_changed()

    def _stored(self, message: table.StoredMessage) -> None:
        self.metrics.stored.inc()
        self.subscriptions.on_stored(message)

    async def _missed(self, node: ServiceNode, request: Recursive) -> None:
        self.metrics.missed.inc()
        await self.repairs.missed(node, request)

    def _ticks_ms(self) -> int:
        return int(self.clock.monotonic() * 1000)

    def _tell(self, sender: Sender, command: bytes, body: bytes) -> None:
        self.endpoint.notify(sender, command, body)

    def _pinged_by_https(self) -> None:
        self.reachability.pinged("https")

    def _admit(self, address: str) -> bool:
        return self._buckets.take(address, self.clock.monotonic())

    async def _sweep(self) -> None:
        self.subscriptions.sweep()
        if self.listing.clock_doubted:
            return  # a clock that is years ahead would delete everything
        removed = _SWEEP_ROWS
        while removed == _SWEEP_ROWS:
            now = self.clock.now_ms()
            removed = await self.store.write(partial(table.remove_expired, now_ms=now, most=_SWEEP_ROWS))
            self.metrics.expired.inc(removed)
        await self.store.write(lambda db: deleted.forget(db, self.clock.now_ms(), _DELETED_MAX))
        seen = self._owners_seen
        self._owners_seen = await self.store.write(lambda db: table.forget_empty_owners(db, seen))

    def status(self) -> dict[str, object]:
        """How the node stands, without identifiers of others: for `/healthz`, `service.get_stats` and the CLI."""
        return {
            "version": ".".join(map(str, self.view.version)),
            "reasons": self.view.not_ready(),
            "height": self.view.height,
            "block": "" if self.view.snapshot is None else self.view.snapshot.block_hash.hex(),
            "hardfork": list(self.view.hardfork),
            "swarm": f"{self.view.own_swarm:x}",
            "members": len(self.view.others()) + 1,
            "connections": self.connections,
            "subscriptions": len(self.subscriptions),
            "messages": self.store.read(table.count),
            "repairs": self.store.read(owed.count_repairs),
            "registry": "" if self.listing.last_error is None else self.listing.last_error.kind,
        }
