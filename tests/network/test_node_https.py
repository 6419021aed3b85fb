"""What the HTTPS port does besides the methods (04.1, 03.3, 05.8): paths, headers, limits, readiness, CORS."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import pytest

from tests.network import by_hand as hand
from tests.network.by_hand import Someone
from tests.network.by_hand_roads import Https, https_session, onion_to_node, unverified
from tests.network.labs import ROADS, Lab, lab_of
from tests.network.waiting import until
from veery.node.service import Node
from veery.node.settings import ListenSettings, NodeSettings
from veery.registry.network_file import NetworkFile

pytestmark = pytest.mark.network

INFO = json.dumps({"method": "info", "params": {}}).encode()


@asynccontextmanager
async def one_node(directory: Path, *, cors: tuple[str, ...] = (), **limits: float) -> AsyncIterator[Lab]:
    """A node alone in its network, with some limits changed."""

    def change(settings: NodeSettings) -> NodeSettings:
        return replace(settings, limits=replace(settings.limits, **limits), cors=cors)  # type: ignore[arg-type]

    async with lab_of(directory, 1, change) as lab:
        yield lab


@asynccontextmanager
async def unlisted(directory: Path) -> AsyncIterator[tuple[Node, Https]]:
    """A node whose seed does not answer."""
    (directory / "network.toml").write_text('[network]\nname = "x"\nseeds = [{ url = "http://127.0.0.1:9" }]\n')
    settings = NodeSettings(network="unused", listen=ListenSettings(https_port=0, queue_port=0), workers=0, tests=False)
    network = NetworkFile.load(directory / "network.toml")
    async with Node(settings, directory / "node", network=network) as node, https_session() as session:
        yield node, Https(session, "127.0.0.1", node.https_port)


async def test_paths_and_headers(tmp_path: Path) -> None:
    async with one_node(tmp_path) as lab:
        https, node = lab.https(1), lab.node(1)
        ping = await https.send("/ping_test/v1", headers={"Host": "anything.snode"})
        assert (ping.code, ping.body) == (200, b"")
        assert b64decode(ping.headers["X-Oxen-Snode-Pubkey"]) == node.view.keys.ed25519
        stats = await https.send("/get_stats/v1", method="GET")
        assert (stats.code, stats.value) == (200, {"version": "2.11.3"})
        assert stats.headers["Content-Type"] == "application/json"
        for method, path in (("GET", "/storage_rpc/v1"), ("PUT", "/onion_req/v2"), ("POST", "/x/y"), ("GET", "/")):
            answer = await https.send(path, method=method)
            assert (answer.code, answer.text) == (404, f"{method.lower()} {path} Not Found")
            assert answer.headers["Content-Type"] == "text/plain"
        answer = await https.send("/storage_rpc/v1?query=ignored", INFO)
        assert answer.code == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Server"]
        assert abs(parsedate_to_datetime(answer.headers["Date"]).timestamp() * 1000 - hand.now_ms()) < 5_000
        assert "Connection" not in answer.headers
        assert not any(name.lower().startswith("access-control") for name in answer.headers)
        closed = await https.send("/storage_rpc/v1", INFO, headers={"Connection": "close"})
        assert closed.headers["Connection"] == "close"


async def test_long_polling_is_gone(tmp_path: Path) -> None:
    async with one_node(tmp_path) as lab:
        answer = await lab.https(1).send("/storage_rpc/v1", INFO, headers={"X-Loki-Long-Poll": "1"})
    assert (answer.code, answer.text) == (410, "long polling is no longer supported, client upgrade required")


@pytest.mark.parametrize("path", ["/storage_rpc/v1", "/onion_req/v2"])
async def test_bodies_are_bounded(tmp_path: Path, path: str) -> None:
    async with one_node(tmp_path) as lab:
        largest = await lab.https(1).send(path, b"x" * 10_485_760)
        assert largest.code == 400
        larger = await lab.https(1).send(path, b"x" * 10_485_761)
    assert (larger.code, larger.text) == (413, "Request body too large")
    assert larger.headers["Connection"] == "close"


async def test_a_node_that_is_not_ready_says_why(tmp_path: Path) -> None:
    async with unlisted(tmp_path) as (node, https):
        for path in ("/storage_rpc/v1", "/onion_req/v2"):
            answer = await https.send(path, b"body")
            assert answer.code == 503
            assert answer.text == "Service node is not ready: not in any swarm; not done syncing\n"
        assert (await https.send("/ping_test/v1")).code == 200
        assert (await https.send("/get_stats/v1", method="GET")).code == 200
        assert node.status()["reasons"] == ["not in any swarm", "not done syncing"]


async def test_too_many_requests(tmp_path: Path) -> None:
    async with one_node(tmp_path, burst=5, rate=0.001) as lab:
        who = Someone.new()
        batch = {"requests": [{"method": "store", "params": hand.store(who, bytes([at]))} for at in range(20)]}
        assert (await lab.https(1).rpc("batch", batch)).code == 200
        for _ in range(4):
            assert (await lab.https(1).send("/storage_rpc/v1", INFO)).code == 200
        refused = await lab.https(1).send("/storage_rpc/v1", INFO)
        assert (refused.code, refused.text) == (429, "Too Many Requests\n")
        queue = await lab.queue(1)
        assert await queue.ask("storage.info") == [b"429", b"Too many requests, try again later"]
        onion = onion_to_node([], lab.hop(1), INFO)
        for _ in range(10):
            assert (await lab.https(1).send("/onion_req/v2", onion.body)).code == 200
        assert (await lab.https(1).send("/ping_test/v1")).code == 200


async def test_a_full_table_of_addresses_refuses_new_ones(tmp_path: Path) -> None:
    async with one_node(tmp_path, addresses=1, burst=600, rate=0.001) as lab:
        assert (await lab.https(1).send("/storage_rpc/v1", INFO)).code == 200
        elsewhere = aiohttp.TCPConnector(ssl=unverified(), local_addr=("127.0.0.2", 0))
        async with aiohttp.ClientSession(connector=elsewhere) as session:
            other = Https(session, "127.0.0.1", lab.node(1).https_port)
            assert (await other.send("/storage_rpc/v1", INFO)).code == 429
            assert (await other.send("/ping_test/v1")).code == 200
        assert (await lab.https(1).send("/storage_rpc/v1", INFO)).code == 200


@pytest.mark.parametrize(
    ("listed", "origin", "allowed"),
    [
        (("*",), "https://a.example", "*"),
        (("https://a.example",), "https://a.example", "https://a.example"),
        (("https://a.example",), "https://b.example", None),
        ((), "https://a.example", None),
    ],
)
async def test_origins(tmp_path: Path, listed: tuple[str, ...], origin: str, allowed: str | None) -> None:
    async with one_node(tmp_path, cors=listed) as lab:
        answer = await lab.https(1).send("/storage_rpc/v1", INFO, headers={"Origin": origin})
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed


async def test_stopping_answers_what_is_in_flight(tmp_path: Path) -> None:
    """A store that waits for a member that is gone is answered, although the node was told to stop meanwhile."""
    async with lab_of(tmp_path, 3) as lab:
        who = Someone.new()
        lab.node(3).endpoint._draining = True  # a member that is there and does not answer
        storing = asyncio.create_task(ROADS["https"](lab, 1, "store", hand.store(who, b"kept")))
        await until(lambda: lab.node(2).status()["messages"] == 1)
        members = {lab.hop(number).ed25519.hex() for number in (1, 2, 3)}
        await lab.network.node(1).stop()
        code, answer = await storing
        assert code == 200
        assert answer["swarm"].keys() == members
        assert answer["swarm"][lab.hop(3).ed25519.hex()] == {"failed": True, "timeout": True}
        await lab.network.start_node(1)
        await lab.network.wait_listed()
        assert lab.node(1).status()["messages"] == 1
        assert lab.node(1).status()["repairs"] == 1
