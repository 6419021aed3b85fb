"""A worker process: the HTTPS door of a node, with everything behind it that needs no other process.

Started by `WorkerPool` as `python -m veery.node.workers.worker FD`; FD is the worker's end of the socket pair. It ends
when the core asks it to, or when the core is gone.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from veery.node.chain import ChainQuestions
from veery.node.dispatch import Dispatcher
from veery.node.door import HttpDoor
from veery.node.front import Front
from veery.node.http import HttpAnswer, HttpRequest
from veery.node.keys import KEY_FILE, TLS_FILE, NodeKeys
from veery.node.reads import Reads
from veery.node.relay import OnionHop
from veery.node.servers import ServerPoster
from veery.node.settings import NodeSettings
from veery.node.view import NodeView
from veery.node.workers.link import Answerer, Link
from veery.node.workers.remote import OwnReader, RemoteMembers, RemoteWork, unpack_snapshot
from veery.policy.rate import BucketRules, Buckets
from veery.protocol.constants import NODE_VERSION
from veery.runtime.clock import SystemClock
from veery.runtime.identity import load_key_file
from veery.runtime.logs import configure
from veery.runtime.loop import run
from veery.runtime.randomness import randbelow, random_bytes
from veery.runtime.tls import server_context

_REPORT_S = 1.0


class Serving:
    """The door of a worker and the rooms behind it."""

    def __init__(self, link: Link, directory: Path, settings: NodeSettings) -> None:
        clock, limits = SystemClock(), settings.limits
        self._directory, self._host = directory, settings.listen.host
        self.view = NodeView(NodeKeys.from_seed(load_key_file(directory / KEY_FILE)), NODE_VERSION, clock.now_ms)
        self.served: Counter[tuple[str, int]] = Counter()
        self.seconds: dict[str, float] = {}
        self._reader = OwnReader(directory)
        self._servers = ServerPoster(NODE_VERSION, allow_private=settings.private_servers)
        buckets = Buckets(BucketRules(limits.burst, limits.rate), limits.addresses)
        dispatcher = Dispatcher(
            self.view, Reads(self.view, self._reader), RemoteWork(link), ChainQuestions(self.view, randbelow)
        )
        hop = OnionHop(
            self.view,
            dispatcher,
            RemoteMembers(link),
            self._servers,
            random_bytes,
            allow_private_servers=settings.private_servers,
        )
        self._front = Front(
            self.view,
            dispatcher,
            hop,
            admit=lambda peer: buckets.take(peer, clock.monotonic()),
            on_ping=lambda: link.tell("pinged"),
            cors=frozenset(settings.cors),
        )
        self.door = HttpDoor(self._measured, limits=limits.door(), early=self._front.early)

    async def listen(self, port: int) -> int:
        """Open the door on the port that all workers share."""
        context = server_context(self._directory / TLS_FILE)
        return await self.door.listen(self._host, port, context, reuse_port=True)

    async def close(self) -> None:
        """Answer what is in flight, then close."""
        await self.door.close()
        await self._servers.close()
        self._reader.close()

    async def _measured(self, request: HttpRequest) -> HttpAnswer:
        began = time.perf_counter()
        answer = await self._front.handle(request)
        path = request.path if self._front.knows(request.path) else "other"
        self.served[path, answer.status] += 1
        self.seconds[path] = self.seconds.get(path, 0.0) + time.perf_counter() - began
        return answer


class Worker:
    """One worker: serves until its core says stop, or is gone."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()
        self._serving: Serving | None = None
        self._link: Link | None = None

    async def run(self, end: socket.socket) -> None:
        """Serve on the core's behalf; `end` is this side of the socket pair."""
        answerers: dict[str, Answerer] = {
            "begin": self._begin,
            "listen": self._listen,
            "snapshot": self._snapshot,
            "state": self._state,
            "stop": self._stop,
        }
        link = self._link = await Link.over(end, answerers)
        waits = [asyncio.create_task(each) for each in (self._stopped.wait(), link.closed.wait(), self._report(link))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            if self._serving is not None:
                await self._serving.close()
                self._tell_counts(link)
            link.close()

    async def _begin(self, directory: str, settings: Any) -> None:
        assert self._link is not None
        self._serving = Serving(self._link, Path(directory), msgspec.convert(settings, NodeSettings))

    async def _listen(self, port: int) -> int:
        assert self._serving is not None
        return await self._serving.listen(port)

    async def _snapshot(self, *values: Any) -> None:
        if self._serving is not None:
            self._serving.view.snapshot = unpack_snapshot([*values])

    async def _state(self, synced: bool, stopping: bool) -> None:
        if self._serving is not None:
            self._serving.view.synced, self._serving.view.stopping = synced, stopping

    async def _stop(self) -> None:
        if self._serving is not None:
            self._serving.view.stopping = True
        self._stopped.set()

    async def _report(self, link: Link) -> bool:
        while True:
            await asyncio.sleep(_REPORT_S)
            self._tell_counts(link)

    def _tell_counts(self, link: Link) -> None:
        serving = self._serving
        if serving is None or link.closed.is_set():
            return
        served = [(path, code, count) for (path, code), count in serving.served.items()]
        link.tell("served", served, serving.seconds, len(serving.door.connections))
        serving.served.clear()
        serving.seconds.clear()


def main() -> None:
    """The process."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the core decides when its workers stop
        signal.signal(number, signal.SIG_IGN)
    configure()
    end = socket.socket(fileno=int(sys.argv[1]))

    async def work() -> None:
        await Worker().run(end)

    run(work())


if __name__ == "__main__":
    main()
