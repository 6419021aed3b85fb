"""A running lab: starts the seed, then the nodes, waits until all are listed, and restarts what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from veery.lab.parts import OwnPart, Part, PartFacts, ProcessPart
from veery.lab.plan import (
    FILE_SERVER,
    LOCK,
    NETWORK_FILE,
    LabError,
    Plan,
    load_plan,
    node_name,
    save_plan,
    with_file_server_port,
    with_node_ports,
    with_seed_port,
    write_network_file,
)
from veery.registry.network_file import NetworkFile
from veery.registry.seed_client import SeedClient
from veery.registry.snapshot import Snapshot
from veery.runtime.lifecycle import Startable
from veery.runtime.locks import FileLock
from veery.runtime.paths import private_directory
from veery.runtime.together import all_done

_LISTED_S = 60.0
_LOOK_S = 0.05
_TOGETHER = 4  # parts that start at the same time; more only wait for each other


class LabNetwork(Startable):
    """A lab in a directory. `async with`, or `start` and `close`.

    nodes: how many in a new lab; a lab that exists keeps its number, and None takes what is there. file_max: bytes of
    one blob that the file server of a new lab keeps, None for the usual number.
    """

    def __init__(
        self,
        directory: Path,
        nodes: int | None = None,
        *,
        processes: bool = False,
        host_per_node: bool = False,
        file_max: int | None = None,
    ) -> None:
        self.directory = directory
        found = load_plan(directory)
        if found is not None and nodes not in (None, len(found.nodes)):
            raise LabError(
                f"The lab in {directory} has {len(found.nodes)} nodes, not {nodes}",
                remedy="Leave --nodes out to start it as it is, or choose another directory",
            )
        self.plan = found or Plan.new(
            16 if nodes is None else nodes, processes=processes, host_per_node=host_per_node, file_max=file_max
        )
        make = ProcessPart if processes else OwnPart
        self.seed: Part = make(directory, "seed")
        self.file_server: Part = make(directory, FILE_SERVER)
        self.nodes: list[Part] = [make(directory, "node", number) for number in range(1, len(self.plan.nodes) + 1)]
        self._lock = FileLock(private_directory(directory) / LOCK)

    @property
    def network_file(self) -> Path:
        """The network file of the lab."""
        return self.directory / NETWORK_FILE

    @property
    def seed_url(self) -> str:
        """Where the seed listens."""
        if self.seed.facts is None:
            raise LabError("The seed of the lab does not run")
        return self.seed.facts.url

    async def start(self) -> None:
        """Start all parts and wait until the seed lists every node. Raises LabError, and what parts raise."""
        self._lock.acquire_now()
        save_plan(self.directory, self.plan)
        await self.start_file_server()
        await self.start_seed()
        for at in range(0, len(self.nodes), _TOGETHER):
            numbers = range(at + 1, min(at + _TOGETHER, len(self.nodes)) + 1)
            await all_done(*(self.start_node(number) for number in numbers))
        await self.wait_listed()

    async def close(self) -> None:
        """Stop all parts. Raises what the first of them raised, when all have been told to stop."""
        try:
            await all_done(*(node.stop() for node in self.nodes))
        finally:
            try:
                await all_done(self.seed.stop(), self.file_server.stop())
            finally:
                self._lock.release()

    # -- parts -------------------------------------------------------------------------------------------------

    async def start_seed(self) -> PartFacts:
        """Start the seed and write the network file."""
        facts = await self.seed.start()
        self.plan = with_seed_port(self.plan, facts.https_port)
        save_plan(self.directory, self.plan)
        files = self.file_server.facts
        named = None if files is None else (files.url, bytes.fromhex(files.ed25519))
        write_network_file(
            self.directory,
            facts.url,
            bytes.fromhex(facts.ed25519),
            file_server=named,
            file_max=self.plan.file_max,
        )
        return facts

    async def start_file_server(self) -> PartFacts:
        """Start the file server, which the network file will name."""
        facts = await self.file_server.start()
        self.plan = with_file_server_port(self.plan, facts.https_port)
        save_plan(self.directory, self.plan)
        return facts

    async def start_node(self, number: int) -> PartFacts:
        """Start node `number` (from 1)."""
        facts = await self.node(number).start()
        self.plan = with_node_ports(self.plan, number, facts.https_port, facts.queue_port)
        save_plan(self.directory, self.plan)
        return facts

    def node(self, number: int) -> Part:
        """Node `number` (from 1). Raises LabError when there is none."""
        if not 1 <= number <= len(self.nodes):
            raise LabError(f"The lab has no node {number}", remedy=f"Its nodes are 1 to {len(self.nodes)}")
        return self.nodes[number - 1]

    async def kill_node(self, number: int) -> None:
        """Stop node `number` without asking. Raises LabError when it does not run."""
        part = self.node(number)
        if part.facts is None:
            raise LabError(f"Node {number} does not run", remedy=f"Start it with `veery lab restart {number}`")
        await part.kill()

    async def restart_node(self, number: int) -> PartFacts:
        """Start node `number` again, stopping it first if it runs."""
        await self.node(number).stop()
        return await self.start_node(number)

    # -- the list ----------------------------------------------------------------------------------------------

    async def snapshot(self) -> Snapshot:
        """The node list of the seed."""
        async with SeedClient(NetworkFile.load(self.network_file)) as seeds:
            return await seeds.fetch()

    async def wait_listed(self) -> Snapshot:
        """Wait until every running node has a swarm, serves, and knows the seed's list.

        Raises LabError when that takes too long.
        """
        running = [node.facts for node in self.nodes if node.facts is not None]
        wanted = {bytes.fromhex(facts.ed25519) for facts in running}
        try:
            async with (
                asyncio.timeout(_LISTED_S),
                SeedClient(NetworkFile.load(self.network_file)) as seeds,
                aiohttp.ClientSession() as session,
            ):
                while True:
                    snapshot = await seeds.fetch()
                    listed = wanted <= {node.ed25519 for node in snapshot.active}
                    if listed and await _all_serve(session, running, snapshot):
                        return snapshot
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise LabError(
                "Not all nodes of the lab were listed in time", remedy="Look at the log above; the machine may be busy"
            ) from None

    async def status(self) -> Sequence[dict[str, object]]:
        """One row a part, in the fields that `veery lab up --json` prints."""
        snapshot = await self.snapshot()
        rows: list[dict[str, object]] = []
        for name, part in [
            ("seed", self.seed),
            (FILE_SERVER, self.file_server),
            *((node_name(at), each) for at, each in enumerate(self.nodes, 1)),
        ]:
            rows.append(row(name, part.facts, snapshot))
        return rows


async def _all_serve(session: aiohttp.ClientSession, nodes: Sequence[PartFacts], snapshot: Snapshot) -> bool:
    """Whether all nodes serve clients by this list."""
    for facts in nodes:
        async with session.get(f"http://127.0.0.1:{facts.metrics_port}/healthz") as answer:
            health = await answer.json()
        if answer.status != 200 or health["block"] != snapshot.block_hash.hex():
            return False
    return True


def row(name: str, facts: PartFacts | None, snapshot: Snapshot) -> dict[str, object]:
    """The fields of one part; a part that does not run has no more than its name."""
    if facts is None:
        return {"role": name if name in ("seed", FILE_SERVER) else "node", "name": name, "running": False}
    listed = snapshot.by_ed25519(bytes.fromhex(facts.ed25519)) if facts.role == "node" else None
    return {
        "role": facts.role,
        "name": name,
        "running": True,
        "address": facts.address,
        "https_port": facts.https_port,
        "queue_port": facts.queue_port or None,
        "ed25519": facts.ed25519,
        "x25519": facts.x25519 or None,
        "swarm": f"{listed.swarm_id:x}" if listed is not None and listed.active else None,
        "pid": facts.pid,
    } | ({"url": facts.url} if facts.url else {})
