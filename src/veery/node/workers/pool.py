"""The core's side: starts workers, tells them what changes, answers what they ask, and restarts those that die."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from veery.errors import NodeError, Unreachable
from veery.node.metrics import Metrics
from veery.node.settings import NodeSettings
from veery.node.view import NodeView
from veery.node.workers.link import Link, LinkClosed
from veery.node.workers.remote import pack_snapshot
from veery.node.writes import Members
from veery.protocol.storage_rpc.parse import parse_forwarded
from veery.protocol.storage_rpc.requests import Delete, Recursive
from veery.runtime.lifecycle import Background

log = logging.getLogger(__name__)

_START_S = 30.0
_STOP_S = 10.0


class Work(Protocol):
    """What carries out recursive requests in the core."""

    async def run(self, request: Recursive) -> Any:
        """Give an outcome with `code` and `body`."""
        ...


class _Seat:
    """What the core keeps of one worker."""

    def __init__(self, metrics: Metrics) -> None:
        self.connections = 0
        self._metrics = metrics

    async def served(self, served: list[list[Any]], seconds: dict[str, float], connections: int) -> None:
        """A worker's counts since its last report."""
        self.connections = connections
        for path, code, count in served:
            self._metrics.requests.labels(path, str(code)).inc(count)
        for path, spent in seconds.items():
            self._metrics.seconds.labels(path).inc(spent)


class WorkerPool:
    """The workers of one node. They share the HTTPS port, which the first of them chooses when it is 0."""

    def __init__(
        self,
        directory: Path,
        settings: NodeSettings,
        view: NodeView,
        work: Work,
        members: Members,
        metrics: Metrics,
        on_ping: Callable[[], None],
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._view = view
        self._work = work
        self._members = members
        self._metrics = metrics
        self._on_ping = on_ping
        self._links: dict[Link, _Seat] = {}
        self._processes: set[asyncio.subprocess.Process] = set()
        self._port = settings.listen.https_port
        self._held: socket.socket | None = None
        self._stopping = False

    @property
    def connections(self) -> int:
        """HTTPS connections of all workers, as of their last report."""
        return sum(seat.connections for seat in self._links.values())

    async def start(self, count: int, background: Background) -> int:
        """Start workers under `background`; gives the HTTPS port. Raises NodeError when they do not come up."""
        host = self._settings.listen.host
        self._held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            self._held.bind((host, self._port))  # held, so that the port stays ours while a worker is restarted
        except OSError as error:
            raise NodeError(
                f"the HTTPS port {self._port} cannot be opened",
                kind="node.bind",
                remedy="Choose another `listen.https_port`, or stop the program that holds this one",
            ) from error
        self._port = int(self._held.getsockname()[1])
        ready = [asyncio.Event() for _ in range(count)]
        for number, event in enumerate(ready):
            background.start(f"worker {number}", partial(self._one, event))
        try:
            async with asyncio.timeout(_START_S):
                for event in ready:
                    await event.wait()
        except TimeoutError:
            raise NodeError("the worker processes of the node did not start", kind="node.workers") from None
        return self._port

    def list_changed(self) -> None:
        """Tell all workers the newest node list and state."""
        for link in self._links:
            self._inform(link)

    async def stop(self) -> None:
        """Let workers answer what is in flight, then end them."""
        self._stopping = True
        links = [*self._links]
        for link in links:
            with contextlib.suppress(LinkClosed):
                link.tell("stop")
        await asyncio.gather(*(_ended(process) for process in [*self._processes]))
        if self._held is not None:
            self._held.close()

    async def _one(self, ready: asyncio.Event) -> None:
        """The life of one worker process. Raises NodeError when it dies by itself."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "veery.node.workers.worker",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
            )
        self._processes.add(process)
        seat = _Seat(self._metrics)
        link = await Link.over(
            ours, {"work": self._run, "ask": self._ask, "pinged": self._pinged, "served": seat.served}
        )
        try:
            self._links[link] = seat
            await link.call("begin", str(self._directory), asdict(self._settings))
            self._inform(link)
            await link.call("listen", self._port)  # it knows all by now, so that nobody is told that it is not ready
            ready.set()
            await link.closed.wait()
            if not self._stopping:
                raise NodeError("a worker process of the node died", kind="node.worker_died")
        finally:
            self._links.pop(link, None)
            link.close()
            await _ended(process)
            self._processes.discard(process)

    def _inform(self, link: Link) -> None:
        with contextlib.suppress(LinkClosed):
            if self._view.snapshot is not None:
                link.tell("snapshot", *pack_snapshot(self._view.snapshot))
            link.tell("state", self._view.synced, self._view.stopping)

    # -- called by workers -------------------------------------------------------------------------------------

    async def _run(self, method: str, body: bytes, required: bool) -> tuple[int, Any]:
        request = parse_forwarded(method, body)
        if required and isinstance(request, Delete):
            request = replace(request, required=True)
        outcome = await self._work.run(request)
        return outcome.code, outcome.body

    async def _ask(
        self, key: bytes, command: bytes, parts: list[bytes], timeout_s: float, outgoing_only: bool
    ) -> list[bytes]:
        node = self._view.node(key)
        if node is None:
            raise Unreachable("the node is not in the list any more", kind="network.queue.no_address")
        return [*await self._members.ask(node, command, *parts, timeout_s=timeout_s, outgoing_only=outgoing_only)]

    async def _pinged(self) -> None:
        self._on_ping()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Wait for a worker that was told to end; one that does not, or for which nobody waits any more, is killed."""
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        log.warning("a worker process of the node had to be killed")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
