"""A node whose HTTPS port is served by worker processes: the same answers, and what happens when processes die."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.network import by_hand as hand
from tests.network.by_hand import Someone, bdecode, bencode, now_ms
from tests.network.by_hand_roads import onion_to_node, subscription, unverified
from tests.network.labs import ROADS, Lab, lab_of, ok, stored, swarm_of_answer
from tests.network.waiting import until, until_awaited
from veery.node.settings import NodeSettings

pytestmark = pytest.mark.network
shared = pytest.mark.asyncio(loop_scope="module")

INFO = b'{"method":"info","params":{}}'


def with_workers(settings: NodeSettings) -> NodeSettings:
    """Two workers for the first node of a lab; the others have none."""
    first = settings.listen.host == "127.0.1.1"  # each node has an address of its own
    return replace(settings, workers=2 if first else 0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    directory = Path(tmp_path_factory.mktemp("workers"))
    async with lab_of(directory, 3, with_workers, host_per_node=True) as running:
        assert len(workers_of(os.getpid())) == 2
        yield running
    assert workers_of(os.getpid()) == []


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    with suppress(FileNotFoundError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return []


def workers_of(pid: int) -> list[int]:
    """Living worker processes of a node."""
    found = []
    for child in children(pid):
        with suppress(OSError):
            if b"veery.node.workers.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def is_running(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# -- the same answers --------------------------------------------------------------------------------------------


@shared
@pytest.mark.parametrize("name", ["https", "onion"])
async def test_methods_through_workers(lab: Lab, name: str) -> None:
    road, who, at = ROADS[name], Someone.new(), now_ms()
    for _ in range(6):  # several connections, so that both workers serve
        await ok(lab, road, "info", {})
    names = [await stored(lab, who, bytes([each]), at=at) for each in range(4)]
    answer = await ok(lab, road, "store", hand.store(who, b"more", 2))
    assert len(swarm_of_answer(lab, answer)) == 3
    again = await ok(lab, road, "store", hand.store(who, b"more", 2))
    assert all(each["already"] for each in again["swarm"].values())
    for number in lab.numbers:
        got = await ok(lab, road, "retrieve", hand.retrieve(who), number)
        assert {each["hash"] for each in got["messages"]} == {*names}
    answer = await ok(lab, road, "delete", hand.delete(who, names[:2], required=True))
    assert all(each["deleted"] == sorted(names[:2]) for each in answer["swarm"].values())
    code, _ = await road(lab, 1, "delete", hand.delete(who, names[:2], required=True))
    assert code == 404
    answer = await ok(lab, road, "delete_all", hand.delete_all(who, "all"))
    assert all(each["deleted"].keys() == {"0", "2"} for each in answer["swarm"].values())
    group = Someone.new(group=True)
    token = bytes((3, 3, 0, 0)) + os.urandom(32)
    await ok(lab, road, "revoke_subaccount", hand.revoke(group, [token]))
    assert len((await ok(lab, road, "revoked_subaccounts", hand.revoked(group)))["revoked_subaccounts"]) == 1
    batch = {"requests": [{"method": "store", "params": hand.store(who, b"a")}, {"method": "info", "params": {}}]}
    assert [each["code"] for each in (await ok(lab, road, "batch", batch))["results"]] == [200, 200]
    failed = (401, "retrieve signature verification failed")
    assert await road(lab, 1, "retrieve", {**hand.retrieve(who), "namespace": 5}) == failed
    assert await road(lab, 1, "nosuch", {}) == (400, "no method nosuch")


@shared
async def test_a_worker_is_a_hop_like_any_other(lab: Lab) -> None:
    for path in ([], [1], [1, 2], [1, 2, 3]):
        hops = [lab.hop(number) for number in path]
        onion = onion_to_node(hops, lab.hop(3 if path else 1), INFO)
        answer = await lab.https(1).send("/onion_req/v2", onion.body)
        assert onion.open(answer.body)["status"] == 200
    unknown = os.urandom(32)
    onion = onion_to_node([lab.hop(1)], replace(lab.hop(2), ed25519=unknown), INFO)
    answer = await lab.https(1).send("/onion_req/v2", onion.body)
    assert (answer.code, answer.text) == (502, f"Next node not found: {unknown.hex()}")


@shared
async def test_other_paths_through_workers(lab: Lab) -> None:
    assert "X-Oxen-Snode-Pubkey" in (await lab.https(1).send("/ping_test/v1")).headers
    assert (await lab.https(1).send("/get_stats/v1", method="GET")).code == 200
    assert (await lab.https(1).send("/nothing")).code == 404
    long = await lab.https(1).send("/storage_rpc/v1", INFO, headers={"X-Loki-Long-Poll": "1"})
    assert long.code == 410
    large = await lab.https(1).send("/storage_rpc/v1", b"x" * 10_485_761)
    assert (large.code, large.text) == (413, "Request body too large")


@shared
async def test_subscribers_hear_of_what_workers_take(lab: Lab) -> None:
    who = Someone.new()
    async with lab.queue_to(1) as queue:
        assert await queue.ask("monitor.messages", bencode(subscription(who, [0]))) == [b"d7:successi1ee"]
        name = await stored(lab, who, b"through a worker")
        command, body = await queue.next_told()
    assert (command, bdecode(body)[b"h"]) == (b"notify.message", name.encode())


@shared
async def test_what_workers_served_is_counted(lab: Lab) -> None:
    def served() -> float:
        labels = {"path": "/storage_rpc/v1", "code": "200"}
        return lab.node(1).metrics.registry.get_sample_value("veery_requests_total", labels) or 0.0

    before = served()
    for _ in range(10):
        await ok(lab, ROADS["https"], "info", {})
    await until(lambda: served() >= before + 10)


@shared
async def test_workers_learn_of_new_lists(lab: Lab) -> None:
    await lab.network.restart_node(3)  # its ports stay, its record is new
    await lab.network.wait_listed()

    async def relayed() -> bool:
        onion = onion_to_node([lab.hop(1)], lab.hop(3), INFO)
        return (await lab.https(1).send("/onion_req/v2", onion.body)).code == 200

    await until_awaited(relayed)


# -- processes that die ------------------------------------------------------------------------------------------


@shared
async def test_a_killed_worker_is_replaced_and_the_port_is_served_meanwhile(lab: Lab) -> None:
    before = workers_of(os.getpid())
    os.kill(before[0], signal.SIGKILL)
    await until(lambda: not is_running(before[0]))
    url = lab.https(1).base + "/storage_rpc/v1"
    for _ in range(30):
        async with aiohttp.request("POST", url, data=INFO, ssl=unverified()) as answer:
            assert answer.status == 200
    await until(lambda: len(workers_of(os.getpid())) == 2)
    assert before[1] in workers_of(os.getpid())
    pids = {*workers_of(os.getpid())}
    assert before[0] not in pids
    for _ in range(30):
        async with aiohttp.request("POST", url, data=INFO, ssl=unverified()) as answer:
            assert answer.status == 200


async def test_a_store_goes_on_when_its_worker_dies(tmp_path: Path) -> None:
    """The client hears nothing; all members have the message, or it is noted that they missed it."""
    others = {*workers_of(os.getpid())}  # of the lab that tests of this module share
    async with lab_of(tmp_path, 3, with_workers, host_per_node=True) as lab:
        who = Someone.new()
        await lab.node(3).endpoint.drain()  # a member that does not answer for five seconds
        storing = asyncio.create_task(ROADS["https"](lab, 1, "store", hand.store(who, b"kept")))
        await until(lambda: lab.node(2).status()["messages"] == 1)
        for pid in {*workers_of(os.getpid())} - others:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(aiohttp.ClientError):
            await storing
        await until(lambda: lab.node(1).status()["repairs"] == 1)
        assert lab.node(1).status()["messages"] == 1
        await until(lambda: len({*workers_of(os.getpid())} - others) == 2)

        async def served() -> bool:
            with suppress(aiohttp.ClientError):
                code, got = await ROADS["https"](lab, 1, "retrieve", hand.retrieve(who))
                return code == 200 and len(got["messages"]) == 1
            return False

        await until_awaited(served)


CORE = """
import asyncio, json, os, sys
from pathlib import Path
from veery.node.service import Node
from veery.node.settings import ListenSettings, NodeSettings
from veery.registry.network_file import NetworkFile

async def main():
    directory = Path(sys.argv[1])
    (directory / "network.toml").write_text('[network]\\nname = "x"\\nseeds = [{ url = "http://127.0.0.1:9" }]\\n')
    settings = NodeSettings("x", listen=ListenSettings(https_port=0, queue_port=0), workers=2, tests=False)
    async with Node(settings, directory / "node", network=NetworkFile.load(directory / "network.toml")) as node:
        print(json.dumps(node.https_port), flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_workers_end_with_their_core(tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    core = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CORE, str(tmp_path), stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )
    assert core.stdout is not None
    port = json.loads(await core.stdout.readline())
    pids = workers_of(core.pid)
    assert len(pids) == 2
    async with aiohttp.request("POST", f"https://127.0.0.1:{port}/ping_test/v1", ssl=unverified()) as answer:
        assert answer.status == 200
    core.kill()
    await core.wait()
    await until(lambda: not any(map(is_running, pids)))


async def test_workers_that_cannot_start_are_an_error(tmp_path: Path) -> None:
    """The port belongs to another program."""
    others = workers_of(os.getpid())
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with server:
        taken = server.sockets[0].getsockname()[1]

        def change(settings: NodeSettings) -> NodeSettings:
            return replace(settings, workers=1, listen=replace(settings.listen, https_port=taken))

        with pytest.raises(Exception, match="cannot be opened"):
            async with lab_of(tmp_path, 1, change):
                raise AssertionError
    assert workers_of(os.getpid()) == others
