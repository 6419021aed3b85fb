"""A lab in this process and in processes of its own: it starts, is looked at, killed, and comes back as it was."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.network import by_hand as hand
from tests.network.by_hand import Someone
from tests.network.by_hand_roads import Https, https_session
from tests.network.waiting import until, until_awaited
from veery.errors import VeeryError
from veery.lab.command import down, kill, restart, status
from veery.lab.control import LabControl, ask
from veery.lab.network import LabNetwork
from veery.lab.plan import LabError, load_plan
from veery.registry.network_file import NetworkFile

pytestmark = pytest.mark.network
modes = pytest.mark.parametrize("processes", [False, True], ids=["one process", "processes"])


@asynccontextmanager
async def client(lab: LabNetwork, number: int) -> AsyncIterator[Https]:
    facts = lab.node(number).facts
    assert facts is not None
    async with https_session() as session:
        yield Https(session, facts.address, facts.https_port)


async def put(lab: LabNetwork, number: int, who: Someone, data: bytes) -> str:
    async with client(lab, number) as https:
        answer = await https.rpc("store", hand.store(who, data))
    assert answer.code == 200, answer.text
    return str(answer.value["hash"])


async def has(lab: LabNetwork, number: int, who: Someone, names: set[str]) -> bool:
    async with client(lab, number) as https:
        answer = await https.rpc("retrieve", hand.retrieve(who))
    return answer.code == 200 and {each["hash"] for each in answer.value["messages"]} == names


@modes
async def test_nodes_are_killed_and_come_back(tmp_path: Path, processes: bool) -> None:
    async with LabNetwork(tmp_path / "lab", 3, processes=processes) as lab:
        who = Someone.new()
        first = await put(lab, 1, who, b"1")
        before = lab.node(2).facts
        await lab.kill_node(2)
        assert lab.node(2).facts is None
        with pytest.raises(LabError, match="does not run"):
            await lab.kill_node(2)
        second = await put(lab, 1, who, b"2")
        after = await lab.restart_node(2)
        await lab.wait_listed()
        assert before is not None
        for name in ("https_port", "queue_port", "ed25519", "x25519", "address"):
            assert getattr(after, name) == getattr(before, name)
        await until_awaited(lambda: has(lab, 2, who, {first, second}))
        with pytest.raises(LabError, match="no node 4"):
            lab.node(4)


@modes
async def test_a_lab_comes_back_from_its_directory(tmp_path: Path, processes: bool) -> None:
    who = Someone.new()
    async with LabNetwork(tmp_path / "lab", 3, processes=processes) as lab:
        names = {await put(lab, number, who, bytes([number])) for number in (1, 2, 3)}
        before = [(node.facts.ed25519, node.facts.https_port) for node in lab.nodes if node.facts is not None]
        url, swarms = lab.seed_url, {node.swarm_id for node in (await lab.snapshot()).nodes}
    plan = load_plan(tmp_path / "lab")
    assert plan is not None
    async with LabNetwork(tmp_path / "lab", processes=processes) as lab:
        assert load_plan(tmp_path / "lab") == plan
        assert [(node.facts.ed25519, node.facts.https_port) for node in lab.nodes if node.facts is not None] == before
        assert lab.seed_url == url
        assert {node.swarm_id for node in (await lab.snapshot()).nodes} == swarms
        for number in (1, 2, 3):
            assert await has(lab, number, who, names)


async def test_each_node_on_an_address_of_its_own(tmp_path: Path) -> None:
    async with LabNetwork(tmp_path / "lab", 3, host_per_node=True) as lab:
        addresses = {node.facts.address for node in lab.nodes if node.facts is not None}
        assert addresses == {"127.0.1.1", "127.0.2.1", "127.0.3.1"}
        assert {node.ip for node in (await lab.snapshot()).nodes} == addresses
        who = Someone.new()
        names = {await put(lab, 1, who, b"x")}
        assert await has(lab, 3, who, names)


async def test_two_labs_at_once_know_nothing_of_each_other(tmp_path: Path) -> None:
    async with LabNetwork(tmp_path / "a", 2) as a, LabNetwork(tmp_path / "b", 2) as b:
        who = Someone.new()
        name = await put(a, 1, who, b"in a")
        assert await has(a, 2, who, {name})
        assert await has(b, 1, who, set())
        keys = [{node.ed25519 for node in (await lab.snapshot()).nodes} for lab in (a, b)]
        assert keys[0].isdisjoint(keys[1])


async def test_one_lab_a_directory(tmp_path: Path) -> None:
    async with LabNetwork(tmp_path / "lab", 1) as lab:
        other = LabNetwork(tmp_path / "lab")
        with pytest.raises(VeeryError):
            await other.start()
        with pytest.raises(LabError, match="has 1 nodes, not 5"):
            LabNetwork(tmp_path / "lab", 5)
        who = Someone.new()
        assert await has(lab, 1, who, {await put(lab, 1, who, b"still here")})


@pytest.mark.parametrize("nodes", [0, -1, 251])
async def test_numbers_that_make_no_lab(tmp_path: Path, nodes: int) -> None:
    with pytest.raises(LabError, match="1 to 250"):
        LabNetwork(tmp_path / "lab", nodes)


async def test_a_node_that_cannot_start_ends_the_whole_lab(tmp_path: Path) -> None:
    async with LabNetwork(tmp_path / "lab", 3):
        pass
    plan = load_plan(tmp_path / "lab")
    assert plan is not None
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", plan.nodes[1].https_port)
    async with taken:
        with pytest.raises((VeeryError, OSError)):
            async with LabNetwork(tmp_path / "lab"):
                raise AssertionError
    async with LabNetwork(tmp_path / "lab") as lab:  # nothing of the first try holds a lock or a port
        assert len((await lab.snapshot()).active) == 3


# -- from another terminal ---------------------------------------------------------------------------------------


async def test_looking_at_a_lab_from_outside(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    with pytest.raises(LabError, match="No lab runs"):
        await status(directory)
    async with LabNetwork(directory, 3) as lab:
        control = LabControl(lab)
        await control.start()
        rows = await status(directory)
        assert [row["name"] for row in rows] == ["seed", "fileserver", "01", "02", "03"]
        assert all(row["running"] for row in rows)
        assert {row["swarm"] for row in rows[2:]} == {"0"}
        assert rows[0]["url"] == lab.seed_url
        await kill(directory, 2)
        assert not (await status(directory))[3]["running"]
        row = await restart(directory, 2)
        assert (row["name"], row["running"], row["swarm"]) == ("02", True, "0")
        wrong: list[Any] = [
            {"do": "kill", "node": 9},
            {"do": "dance"},
            {},
            [],
            {"do": "kill"},
            {"do": "kill", "node": "x"},
        ]
        for request in wrong:
            with pytest.raises(LabError):
                await ask(directory, request)
        reader, writer = await asyncio.open_unix_connection(directory / "lab.sock")
        writer.write(b"x" * 2_000_000 + b"\n")
        with suppress(ConnectionError):  # the rest is not read
            assert b"error" in await reader.read()
        writer.close()
        assert len(await status(directory)) == 5
        assert (directory / "lab.sock").stat().st_mode & 0o777 == 0o600
        ending = asyncio.create_task(down(directory))
        async with asyncio.timeout(20):
            await control.down.wait()
        await control.close()
        assert not (directory / "lab.sock").exists()
        assert not ending.done()  # until the lab has ended
    async with asyncio.timeout(20):
        await ending
    async with LabNetwork(directory):
        pass


async def test_a_directory_with_a_long_path(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 20) / ("longer" * 10)
    directory.parent.mkdir()
    async with LabNetwork(directory, 1) as lab:
        with pytest.raises(LabError, match="cannot be opened") as caught:
            await LabControl(lab).start()
    assert "shorter" in caught.value.remedy


# -- processes ---------------------------------------------------------------------------------------------------


async def test_parts_end_when_their_lab_is_gone(tmp_path: Path) -> None:
    """The process that runs the lab is killed: its parts notice, and leave the ports to the next."""
    script = (
        "import asyncio, json, sys\n"
        "from pathlib import Path\n"
        "from veery.lab.network import LabNetwork\n"
        "async def main():\n"
        "    async with LabNetwork(Path(sys.argv[1]), 2, processes=True) as lab:\n"
        "        print(json.dumps([lab.seed.facts.pid, *(node.facts.pid for node in lab.nodes)]), flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(tmp_path / "lab"), stdout=pipe)
    assert process.stdout is not None
    pids = json.loads(await process.stdout.readline())
    assert len({*pids, process.pid}) == 4
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await until(lambda: not any(Path(f"/proc/{pid}").exists() and _lives(pid) for pid in pids))
    async with LabNetwork(tmp_path / "lab", processes=True) as lab:
        assert len((await lab.snapshot()).active) == 2


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_the_network_file_names_a_file_server_that_serves(tmp_path: Path) -> None:
    async with LabNetwork(tmp_path / "lab", 3) as lab:
        entry = NetworkFile.load(lab.network_file).file_server
        assert entry is not None
        assert lab.file_server.facts is not None
        assert (entry.url, entry.key) == (lab.file_server.facts.url, bytes.fromhex(lab.file_server.facts.ed25519))
        async with aiohttp.ClientSession() as session, session.post(f"{entry.url}/file", data=b"x" * 100) as answer:
            assert answer.status == 200
    async with LabNetwork(tmp_path / "lab") as again:
        assert NetworkFile.load(again.network_file).file_server == entry
