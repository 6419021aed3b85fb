"""A network whose seed somebody else wrote: it knows one method and tells no more than chapter 03.7.1 asks for."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from veery.lab.network import LabNetwork
from veery.network.client_road import OnionRoad
from veery.node.service import Node
from veery.node.settings import ListenSettings, NodeSettings
from veery.protocol.account import Account
from veery.protocol.constants import DAY_MS
from veery.protocol.storage_rpc.requests import Store
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.network_file import NetworkFile

pytestmark = pytest.mark.network

Record = dict[str, Any]


def as_client_is_told(node: ServiceNode) -> Record:
    """The fields of 03.7.1, nothing else."""
    return {
        "public_ip": node.ip,
        "storage_port": node.https_port,
        "pubkey_x25519": node.x25519.hex(),
        "pubkey_ed25519": node.ed25519.hex(),
        "requested_unlock_height": 0,
    }


def as_node_is_told(node: ServiceNode) -> Record:
    """What a node needs besides (05.12)."""
    return as_client_is_told(node) | {
        "service_node_pubkey": node.legacy.hex(),
        "storage_lmq_port": node.queue_port,
        "swarm_id": node.swarm_id,
        "funded": True,
    }


@asynccontextmanager
async def seed(records: Callable[[], list[Record]]) -> AsyncIterator[NetworkFile]:
    async def answer(request: web.Request) -> web.Response:
        call = await request.json()
        if call["method"] != "get_n_service_nodes":
            return web.Response(status=404)
        result = {"height": 100, "service_node_states": records(), "status": "OK"}
        body = json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result})
        return web.Response(body=body.encode(), content_type="application/json")

    app = web.Application()
    app.router.add_post("/json_rpc", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield NetworkFile.from_seed_url(f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


async def test_a_client_finds_its_way_from_the_smallest_list(tmp_path: Path) -> None:
    async with LabNetwork(tmp_path / "lab", 8) as lab:
        nodes = (await lab.snapshot()).nodes
        async with seed(lambda: [as_client_is_told(node) for node in nodes]) as network:
            road = await OnionRoad.open(network)
            async with road:
                account = Account.create(secrets.token_bytes).account_id.raw
                now = road.now_ms()
                (stored,) = await road.call(account, [Store(account, 0, b"hello", now, now + DAY_MS)])
                assert stored.status == 200
                assert len(await road.members(account)) == 8


async def test_a_node_takes_its_list_from_a_seed_that_takes_no_proofs(tmp_path: Path) -> None:
    listed: list[Record] = []
    async with seed(lambda: listed) as network:
        settings = NodeSettings(
            network="seed", listen=ListenSettings(https_port=0, queue_port=0), workers=0, refresh_s=0.05
        )
        async with Node(settings, tmp_path / "node", network=network) as node:
            keys = node.view.keys
            own = ServiceNode(
                keys.legacy, keys.ed25519, keys.x25519, "127.0.0.1", node.https_port, node.queue_port, swarm_id=5
            )
            assert node.view.not_ready()
            listed.append(as_node_is_told(own))
            await node.listing.refresh()
            assert node.view.not_ready() == []
            assert node.view.own_swarm == 5
            assert node.view.hardfork >= (19, 4)
