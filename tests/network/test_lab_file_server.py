"""The file server of a lab, as clients reach it: named by the network file, over three nodes of a path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from veery.lab.network import LabNetwork
from veery.network.client_road import OnionRoad
from veery.network.faults import NoAnswer
from veery.protocol.attachments import FileServer, http_id, requests
from veery.protocol.attachments.errors import FileServerRefused
from veery.protocol.onion import ServerReply, ServerRequest
from veery.registry.network_file import NetworkFile
from veery.runtime.randomness import random_bytes

pytestmark = pytest.mark.network
modes = pytest.mark.parametrize("processes", [False, True], ids=["one process", "processes"])


class Asker:
    """A client of a lab's file server that knows the network file alone."""

    def __init__(self, road: OnionRoad, network: NetworkFile) -> None:
        entry = network.file_server
        assert entry is not None
        assert entry.key is not None
        host, _, port = entry.url.removeprefix("http://").partition(":")
        self._destination = FileServer(entry.key, host, port=int(port)).destination()
        self._road = road
        self.url = entry.url
        self.hops: list[int] = []
        road.watch(lambda hops, node: self.hops.append(len(hops) if node is None else 0))

    async def ask(self, request: ServerRequest) -> ServerReply:
        return await self._road.request(self._destination, request)


@asynccontextmanager
async def lab_with_asker(directory: Path, nodes: int, *, processes: bool) -> AsyncIterator[tuple[LabNetwork, Asker]]:
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(LabNetwork(directory, nodes, processes=processes))
        network = NetworkFile.load(lab.network_file)
        road = await OnionRoad.open(network)
        stack.push_async_callback(road.close)
        yield lab, Asker(road, network)


@modes
async def test_files_over_three_hops(tmp_path: Path, processes: bool) -> None:
    blob = random_bytes(1_000_000)
    async with lab_with_asker(tmp_path / "lab", 5, processes=processes) as (_, asker):
        uploaded = requests.read_uploaded(await asker.ask(requests.upload_request(blob)))
        assert uploaded.id == http_id(blob).text
        assert requests.read_download(await asker.ask(requests.download_request(uploaded.id))) == blob
        info = requests.read_info(await asker.ask(requests.info_request(uploaded.id)))
        assert (info.size, info.expires) == (len(blob), uploaded.expires)
        assert uploaded.expires is not None
        longer = requests.read_info(await asker.ask(requests.extend_request(uploaded.id)))
        assert longer.expires >= uploaded.expires
        with pytest.raises(FileServerRefused):
            requests.read_download(await asker.ask(requests.download_request("7")))
        assert asker.hops == [3] * 5
        # Who goes without onion requests finds the same file.
        async with aiohttp.ClientSession() as session, session.get(f"{asker.url}/file/{uploaded.id}") as answer:
            assert await answer.read() == blob


async def test_files_outlive_a_file_server_that_is_killed(tmp_path: Path) -> None:
    async with lab_with_asker(tmp_path / "lab", 5, processes=True) as (lab, asker):
        uploaded = requests.read_uploaded(await asker.ask(requests.upload_request(b"kept")))
        await lab.file_server.kill()
        with pytest.raises(NoAnswer):
            await asker.ask(requests.download_request(uploaded.id))
        await lab.start_file_server()
        assert requests.read_download(await asker.ask(requests.download_request(uploaded.id))) == b"kept"
