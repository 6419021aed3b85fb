"""One part of a lab, here or in a process of its own, with the same few verbs.

`python -m veery.lab.parts ROLE DIR [NUMBER]` is such a process: it tells by one JSON line on standard output what
it is and where it listens, and ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import msgspec

from veery.fileserver.server import FileServerService
from veery.lab.plan import (
    FILE_SERVER,
    LabError,
    file_server_settings,
    load_plan,
    node_directory,
    node_settings,
    seed_settings,
)
from veery.node.service import Node
from veery.registry.network_file import NetworkFile
from veery.registry.seed_server import SeedServer
from veery.runtime.lifecycle import Service, serve
from veery.runtime.logs import configure
from veery.runtime.loop import run

_START_S = 60.0
_STOP_S = 20.0


Made: TypeAlias = SeedServer | FileServerService | Node


class PartFacts(msgspec.Struct, frozen=True):
    """What a part tells when it listens. Keys in hex; queue_port is 0 for all but nodes."""

    role: str
    address: str
    https_port: int
    queue_port: int
    ed25519: str
    x25519: str
    pid: int
    url: str = ""
    metrics_port: int = 0


class Part(Protocol):
    """A part that can be started and stopped, more than once."""

    facts: PartFacts | None

    async def start(self) -> PartFacts:
        """Start it; gives its facts when it listens."""
        ...

    async def stop(self) -> None:
        """Ask it to stop and wait until it has."""
        ...

    async def kill(self) -> None:
        """Stop it without asking, as far as its process allows."""
        ...


def make_seed(directory: Path) -> SeedServer:
    """The lab's seed."""
    return SeedServer(seed_settings(_plan(directory)), directory / "seed")


def make_node(directory: Path, number: int) -> Node:
    """A node of the lab."""
    settings = node_settings(_plan(directory), directory, number)
    network = NetworkFile.load(Path(settings.network))
    return Node(settings, node_directory(directory, number), network=network)


def make_file_server(directory: Path) -> FileServerService:
    """The lab's file server."""
    return FileServerService(file_server_settings(_plan(directory)), directory / FILE_SERVER)


def make(directory: Path, role: str, number: int) -> Made:
    """A part of the lab by its role; number: of a node, from 1."""
    if role == FILE_SERVER:
        return make_file_server(directory)
    return make_seed(directory) if role == "seed" else make_node(directory, number)


def facts_of(made: Made) -> PartFacts:
    """What a running part tells."""
    match made:
        case SeedServer():
            return seed_facts(made)
        case FileServerService():
            return file_server_facts(made)
        case Node():
            return node_facts(made)


def file_server_facts(server: FileServerService) -> PartFacts:
    """What a running file server tells."""
    keys, host = server.keys, server.settings.host
    return PartFacts(FILE_SERVER, host, server.port, 0, keys.ed25519.hex(), keys.x25519.hex(), os.getpid(), server.url)


def seed_facts(seed: SeedServer) -> PartFacts:
    """What a running seed tells."""
    host = seed.settings.host
    return PartFacts("seed", host, seed.port, 0, seed.seed.key.hex(), "", os.getpid(), seed.url)


def node_facts(node: Node) -> PartFacts:
    """What a running node tells."""
    keys, listen = node.view.keys, node.settings.listen
    return PartFacts(
        "node",
        listen.public_ip or listen.host,
        node.https_port,
        node.queue_port,
        keys.ed25519.hex(),
        keys.x25519.hex(),
        os.getpid(),
        metrics_port=node.metrics_port,
    )


def _plan(directory: Path) -> Any:
    plan = load_plan(directory)
    if plan is None:
        raise LabError(f"{directory} holds no lab", remedy="Make one with `veery lab up --dir DIR`")
    return plan


class OwnPart:
    """A part in this process."""

    def __init__(self, directory: Path, role: str, number: int = 0) -> None:
        self._directory = directory
        self._role = role
        self._number = number
        self.running: Made | None = None
        self.facts: PartFacts | None = None

    async def start(self) -> PartFacts:
        """See `Part`."""
        made = make(self._directory, self._role, self._number)
        await made.__aenter__()
        self.running = made
        self.facts = facts_of(made)
        return self.facts

    async def stop(self) -> None:
        """See `Part`."""
        running, self.running, self.facts = self.running, None, None
        if running is not None:
            await running.close()

    async def kill(self) -> None:
        """In one process with the others a part can only be closed; use `--processes` for a real kill."""
        await self.stop()


class ProcessPart:
    """A part in a process of its own."""

    def __init__(self, directory: Path, role: str, number: int = 0) -> None:
        self._arguments = [role, str(directory), str(number or "")]
        self._process: asyncio.subprocess.Process | None = None
        self.facts: PartFacts | None = None

    async def start(self) -> PartFacts:
        """See `Part`. Raises LabError when the process does not come up."""
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "veery.lab.parts",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,  # never written to: its end tells the part that the lab is gone
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_START_S):
                line = await process.stdout.readline()
            self.facts = msgspec.json.decode(line, type=PartFacts)
        except (TimeoutError, msgspec.DecodeError) as error:
            await self.kill()
            what = " ".join(self._arguments[::2])
            raise LabError(f"The {what} of the lab did not start", remedy="Its log above says why") from error
        return self.facts

    async def stop(self) -> None:
        """See `Part`."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill the process."""
        await self._end(signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process, self.facts = self._process, None, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


class _Telling:
    """A service that prints its facts when it listens."""

    def __init__(self, inner: Made) -> None:
        self._inner = inner

    async def start(self) -> None:
        await self._inner.start()
        sys.stdout.buffer.write(msgspec.json.encode(facts_of(self._inner)) + b"\n")
        sys.stdout.flush()

    async def run_until_stopped(self) -> None:
        """Return when the lab is gone, or when a node cannot go on."""
        works = [asyncio.create_task(_input_ended())]
        if not isinstance(self._inner, SeedServer):
            works.append(asyncio.create_task(self._inner.run_until_stopped()))
        try:
            done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for work in works:
                work.cancel()
        for work in done:
            work.result()

    async def close(self) -> None:
        await self._inner.close()


async def _input_ended() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def main() -> None:
    """The process of one part."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the lab asks its parts to stop
    configure()
    role, directory, number = sys.argv[1:4]

    async def work() -> None:
        service: Service = _Telling(make(Path(directory), role, int(number or 0)))
        await serve(service, signals=(signal.SIGTERM,))

    run(work())


if __name__ == "__main__":
    main()
