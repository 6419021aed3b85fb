"""A private network for the benchmarks: a seed and service nodes on loopback, each a process of its own.

The nodes are those of `veery node run`, with two settings changed: the rate limit of one source address is out of the
way, since all load comes from one, and `workers` is what the benchmark asks for. The databases lie on the disk that
holds the temporary directory; every commit is synced to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from veery.lab.plan import (
    Plan,
    load_plan,
    node_directory,
    node_settings,
    save_plan,
    seed_settings,
    with_seed_port,
    write_network_file,
)
from veery.node.service import Node
from veery.node.settings import LimitSettings
from veery.registry.network_file import NetworkFile
from veery.registry.seed_client import SeedClient
from veery.registry.seed_server import SeedServer
from veery.registry.snapshot import Snapshot
from veery.runtime.lifecycle import serve
from veery.runtime.logs import configure
from veery.runtime.loop import run

_LISTED_S = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A child process that prints one JSON line when it is ready."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self.facts: dict[str, Any] = {}

    async def start(self) -> Self:
        """Start it and wait for its line."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self.facts = await self.read()
        return self

    async def read(self) -> dict[str, Any]:
        """Its next line."""
        assert self._process is not None and self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{Path(self._arguments[0]).name} ended before it was ready")
        found: dict[str, Any] = json.loads(line)
        return found

    async def ask(self, **command: object) -> dict[str, Any]:
        """Write one line to it and read one."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        return await self.read()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def cpu_s(self) -> float:
        """CPU time of the process and its children until now, in seconds."""
        return _cpu_s(self.pid)

    async def stop(self) -> None:
        """End it in good order."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / _TICKS + sum(_cpu_s(int(child)) for child in children)


async def _serves(node: Process) -> bool:
    """Whether a node knows its swarm and its members, by what it tells its operator."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.facts["health"])
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 200")


class Network:
    """A seed and `count` nodes; `async with` starts them, waits until all are listed, and ends them."""

    def __init__(self, count: int, *, workers: int | None) -> None:
        self._count = count
        self._workers = workers
        self._temporary = tempfile.TemporaryDirectory(prefix="veery-bench-")
        self.directory = Path(self._temporary.name)
        self.seed: Process | None = None
        self.nodes: list[Process] = []

    async def __aenter__(self) -> Self:
        plan = Plan.new(self._count, processes=True, host_per_node=False)
        save_plan(self.directory, plan)
        own = str(Path(__file__))
        self.seed = await Process(own, "seed", str(self.directory)).start()
        save_plan(self.directory, with_seed_port(plan, self.seed.facts["port"]))
        write_network_file(self.directory, self.seed.facts["url"], bytes.fromhex(self.seed.facts["key"]))
        workers = "auto" if self._workers is None else str(self._workers)
        for number in range(1, self._count + 1):
            self.nodes.append(await Process(own, "node", str(self.directory), str(number), workers).start())
        await self.snapshot()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for part in (*self.nodes, self.seed):
            if part is not None:
                await part.stop()
        self._temporary.cleanup()

    async def snapshot(self) -> Snapshot:
        """The node list, once all nodes serve."""
        async with asyncio.timeout(_LISTED_S), SeedClient(NetworkFile.load(self.directory / "network.toml")) as seeds:
            while True:
                found = await seeds.fetch()
                if len(found.active) == self._count and all([await _serves(node) for node in self.nodes]):
                    return found
                await asyncio.sleep(0.1)

    def cpu_s(self) -> float:
        """CPU time of all nodes until now, in seconds."""
        return sum(node.cpu_s() for node in self.nodes)


class _Telling:
    """A service that prints where it listens."""

    def __init__(self, inner: SeedServer | Node) -> None:
        self._inner = inner

    async def start(self) -> None:
        inner = self._inner
        await inner.start()
        if isinstance(inner, SeedServer):
            facts = {"port": inner.port, "url": inner.url, "key": inner.seed.key.hex()}
        else:
            facts = {"port": inner.https_port, "health": inner.metrics_port, "key": inner.view.keys.ed25519.hex()}
        print(json.dumps(facts), flush=True)

    async def run_until_stopped(self) -> None:
        if isinstance(self._inner, Node):
            await self._inner.run_until_stopped()
        else:
            await asyncio.Event().wait()

    async def close(self) -> None:
        await self._inner.close()


def _made(role: str, directory: Path, rest: list[str]) -> SeedServer | Node:
    plan = load_plan(directory)
    assert plan is not None
    if role == "seed":
        return SeedServer(seed_settings(plan), directory / "seed")
    number, workers = int(rest[0]), rest[1]
    settings = replace(
        node_settings(plan, directory, number),
        workers=None if workers == "auto" else int(workers),
        limits=LimitSettings(rate=1e9, burst=10**9),
    )
    return Node(settings, node_directory(directory, number), network=NetworkFile.load(Path(settings.network)))


def main() -> None:
    """The process of one part."""
    configure()
    role, directory, *rest = sys.argv[1:]

    async def work() -> None:
        await serve(_Telling(_made(role, Path(directory), rest)), signals=(signal.SIGTERM,))

    run(work())


if __name__ == "__main__":
    main()
