"""Seeds and their clients over real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.network.socks5 import socks5
from tests.unit.registry.world import NOW, key_of, proof_of, seed_of
from veery.protocol.swarm.node_json import write_node
from veery.registry.cross_check import Dispute, SeedsDisputed
from veery.registry.following import HistoryDiverged
from veery.registry.listener import AddressTaken
from veery.registry.network_file import NetworkFile, SeedEntry
from veery.registry.proofs import ProofRefused, sign_proof
from veery.registry.seed_call import SeedMalformed, SeedNotPinned, SeedRefused
from veery.registry.seed_client import NoSeedAnswers, SeedClient
from veery.registry.seed_server import SeedServer
from veery.registry.seed_settings import ListenerSettings, SeedSettings
from veery.registry.signed_snapshot import SnapshotRefused
from veery.runtime.tls import KeyKind, TlsIdentity, ensure_identity, generate_identity, save_identity, server_context

pytestmark = pytest.mark.network

SETTINGS = SeedSettings("lab", port=0, open=True, private_addresses=True, batch_s=0, block_interval_s=1)


class Time:
    """The clock of seeds and nodes; moves only when told."""

    def __init__(self) -> None:
        self.ms = NOW

    def __call__(self) -> int:
        return self.ms


class Lab:
    """Seeds, clients and nodes of one test. The background task of a writer writes at once (`batch_s` 0)."""

    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        self.directory, self.stack = directory, stack
        self.time = Time()
        self.naps: list[float] = []

    async def seed(
        self, name: str = "leader", *, tls: ssl.SSLContext | None = None, settings: SeedSettings = SETTINGS
    ) -> SeedServer:
        return await self.stack.enter_async_context(
            SeedServer(settings, self.directory / name, tls=tls, now_ms=self.time)
        )

    async def follower(self, leader: SeedServer, name: str) -> SeedServer:
        """A follower that asks its leader when it starts, and then only when it is told to."""
        settings = replace(SETTINGS, leader=leader.url, leader_key=leader.seed.key.hex(), follow_s=3_600.0)
        follower = await self.seed(name, settings=settings)
        await follower.until(lambda snapshot: snapshot.block_hash == leader.seed.head_hash)
        return follower

    async def nap(self, seconds: float) -> None:
        self.naps.append(seconds)

    async def client(self, *seeds: SeedEntry, name: str = "lab", **options: Any) -> SeedClient:
        network = NetworkFile(name, seeds)
        return await self.stack.enter_async_context(SeedClient(network, sleep=self.nap, **options))

    async def join(self, seed: SeedServer, *numbers: int) -> None:
        client = await self.client(seed.entry)
        for number in numbers:
            await client.submit_proof(proof_of(number, self.time.ms))
        await seed.until(lambda snapshot: all(snapshot.by_ed25519(key_of(n)) for n in numbers))


def reasons(client: SeedClient) -> list[str]:
    """Why the answers of some seeds were not taken."""
    return [dispute.reason for dispute in client.disputes]


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with AsyncExitStack() as stack:
        yield Lab(tmp_path, stack)


# -- one seed ------------------------------------------------------------------------------------------------------


async def test_nodes_prove_themselves_and_clients_see_them(lab: Lab) -> None:
    seed = await lab.seed()
    client = await lab.client(seed.entry)
    receipt = await client.submit_proof(proof_of(1, lab.time.ms))
    assert (receipt.active, receipt.every_ms) == (False, 30_000)
    await seed.until(lambda snapshot: len(snapshot.active) == 1)
    lab.time.ms += 1
    assert (await client.submit_proof(proof_of(1, lab.time.ms))).active
    await lab.join(seed, *range(2, 17))
    snapshot = await client.fetch()
    assert snapshot == seed.snapshot()
    assert len(snapshot.active) == 16
    assert snapshot.network == "lab"
    assert client.disputes == ()
    assert lab.naps == []


async def test_an_unchanged_list_travels_once(lab: Lab) -> None:
    seed = await lab.seed()
    await lab.join(seed, *range(1, 20))
    client = await lab.client(seed.entry)
    first = await client.fetch()
    lab.time.ms += 60_000
    second = await client.fetch()
    assert second.nodes is first.nodes
    assert (first.height, second.height) == (19, 60)
    await lab.join(seed, 30)
    assert len((await client.fetch()).nodes) == 20


async def test_with_the_clock_of_the_machine(tmp_path: Path) -> None:
    settings = SeedSettings("lab", port=0, open=True, private_addresses=True, batch_s=0.01)
    async with SeedServer(settings, tmp_path) as seed, SeedClient(NetworkFile("lab", (seed.entry,))) as client:
        proof = sign_proof(
            seed_of(1),
            network="lab",
            time_ms=time.time_ns() // 1_000_000,
            ip="127.0.0.1",
            https_port=5,
            queue_port=6,
            version=(1, 0, 0),
        )
        await client.submit_proof(proof)
        await seed.until(lambda snapshot: len(snapshot.active) == 1)
        assert (await client.fetch()).by_ed25519(key_of(1)) is not None


async def test_refusals_come_back_with_kind_and_remedy(lab: Lab) -> None:
    seed = await lab.seed(settings=replace(SETTINGS, open=False))
    client = await lab.client(seed.entry)
    with pytest.raises(ProofRefused, match="`allow`") as refused:
        await client.submit_proof(proof_of(1, lab.time.ms))
    assert refused.value.kind == "registry.proof.not_admitted"
    assert lab.naps == []


async def test_deployed_clients_find_their_content_type(lab: Lab) -> None:
    seed = await lab.seed()
    await lab.join(seed, 1, 2)
    request = {
        "jsonrpc": "2.0",
        "method": "get_n_service_nodes",
        "params": {"active_only": True, "fields": {"public_ip": True, "storage_port": True, "height": True}},
    }
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{seed.url}/json_rpc", json=request) as response:
            assert response.headers["Content-Type"] == "application/json"
            result = (await response.json())["result"]
        assert type(result["height"]) is int
        assert all(state.keys() == {"public_ip", "storage_port"} for state in result["service_node_states"])
        assert len(result["service_node_states"]) == 2


async def test_a_seed_restarts_where_it_was(lab: Lab) -> None:
    async with SeedServer(SETTINGS, lab.directory / "s", now_ms=lab.time) as seed:
        await lab.join(seed, *range(1, 16))
        before, port, entry = seed.snapshot(), seed.port, seed.entry
    settings = replace(SETTINGS, port=port)
    client = await lab.client(entry)
    with pytest.raises(NoSeedAnswers):
        await client.fetch()
    async with SeedServer(settings, lab.directory / "s", now_ms=lab.time) as again:
        assert await client.fetch() == before
        await lab.join(again, 16)
        assert len((await client.fetch()).nodes) == 16


async def test_a_taken_port_is_told_and_leaves_nothing_open(lab: Lab) -> None:
    seed = await lab.seed()
    settings = replace(SETTINGS, port=seed.port)
    with pytest.raises(AddressTaken, match="cannot listen"):
        await lab.seed("second", settings=settings)
    await lab.seed("second")


# -- pins and keys -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TlsIdentity]:
    path = tmp_path_factory.mktemp("tls") / "tls.pem"
    return path, ensure_identity(path, time.time_ns() // 1_000_000, kind=KeyKind.EC_P256)


async def test_a_pinned_certificate(lab: Lab, identity: tuple[Path, TlsIdentity]) -> None:
    seed = await lab.seed(tls=server_context(identity[0]))
    assert seed.url.startswith("https://127.0.0.1:")
    client = await lab.client(SeedEntry(seed.url, identity[1].fingerprint, seed.seed.key))
    assert await client.fetch() == seed.snapshot()


async def test_another_certificate_gets_no_request(lab: Lab, tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard.append(await reader.read())
        except ConnectionError:
            pass
        finally:
            writer.close()

    save_identity(tmp_path / "wrong", generate_identity(time.time_ns() // 1_000_000, kind=KeyKind.EC_P256))
    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=server_context(tmp_path / "wrong"))
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = await lab.client(SeedEntry(f"https://127.0.0.1:{port}", bytes(32)))
        with pytest.raises(SeedNotPinned, match="middle"):
            await client.fetch()
    assert [data for data in heard if data] == []
    assert lab.naps == []


async def test_an_unpinned_self_signed_certificate_is_not_taken(lab: Lab, identity: tuple[Path, TlsIdentity]) -> None:
    seed = await lab.seed(tls=server_context(identity[0]))
    client = await lab.client(SeedEntry(seed.url))
    with pytest.raises(NoSeedAnswers):
        await client.fetch()


async def test_another_key_or_network_is_not_taken(lab: Lab) -> None:
    seed = await lab.seed()
    with pytest.raises(SnapshotRefused) as refused:
        await (await lab.client(SeedEntry(seed.url, key=key_of(7)))).fetch()
    assert refused.value.kind == "registry.snapshot.key"
    with pytest.raises(SeedMalformed, match="another network"):
        await (await lab.client(seed.entry, name="other")).fetch()
    assert (await (await lab.client(seed.entry, name="")).fetch()).network == "lab"


async def test_a_network_that_begins_anew_is_noticed(lab: Lab) -> None:
    async with SeedServer(SETTINGS, lab.directory / "old", now_ms=lab.time) as seed:
        client = await lab.client(SeedEntry(seed.url))
        await client.fetch()
        port = seed.port
    await lab.seed("new", settings=replace(SETTINGS, port=port))
    with pytest.raises(SeedMalformed) as wrong:
        await client.fetch()
    assert wrong.value.kind == "registry.seed.genesis"


# -- several seeds -------------------------------------------------------------------------------------------------


async def test_followers_serve_the_same_list(lab: Lab) -> None:
    leader = await lab.seed()
    await lab.join(leader, *range(1, 16))
    followers = [await lab.follower(leader, name) for name in ("f1", "f2")]
    client = await lab.client(leader.entry, *(follower.entry for follower in followers))
    assert await client.fetch() == leader.snapshot()
    assert client.disputes == ()
    await leader.close()
    assert (await client.fetch()).nodes == followers[0].snapshot().nodes
    assert reasons(client) == ["registry.seed.unreachable"]


async def test_proofs_find_the_writer(lab: Lab) -> None:
    leader = await lab.seed()
    follower = await lab.follower(leader, "f")
    client = await lab.client(follower.entry, leader.entry)
    await client.submit_proof(proof_of(1, lab.time.ms))
    await leader.until(lambda snapshot: len(snapshot.active) == 1)
    only = await lab.client(follower.entry)
    with pytest.raises(NoSeedAnswers, match="follow"):
        await only.submit_proof(proof_of(2, lab.time.ms))


async def test_late_followers_are_no_dispute(lab: Lab) -> None:
    leader = await lab.seed()
    followers = [await lab.follower(leader, name) for name in ("f1", "f2")]
    client = await lab.client(leader.entry, *(follower.entry for follower in followers))
    for number in range(1, 9):
        lab.time.ms += 1_000
        await lab.join(leader, number)
    snapshot = await client.fetch()
    assert snapshot.block_hash == leader.seed.head_hash
    assert client.disputes == ()
    assert lab.naps == []
    assert await followers[0].catch_up() == 8
    assert followers[0].snapshot() == leader.snapshot()


async def test_a_follower_restarts_from_its_file(lab: Lab) -> None:
    leader = await lab.seed()
    await lab.join(leader, 1)
    follower = await lab.follower(leader, "f")
    settings = follower.settings
    await follower.close()
    await lab.join(leader, 2)
    again = await lab.seed("f", settings=settings)
    await again.until(lambda snapshot: len(snapshot.active) == 2)
    assert again.snapshot() == leader.snapshot()


async def test_a_leader_from_an_old_backup_is_named(lab: Lab) -> None:
    async with SeedServer(SETTINGS, lab.directory / "leader", now_ms=lab.time) as leader:
        await lab.join(leader, 1)
        backup = (lab.directory / "leader" / "history").read_bytes()
        await lab.join(leader, 2)
        follower = await lab.follower(leader, "f")
        port = leader.port
    (lab.directory / "leader" / "history").write_bytes(backup)
    restored = await lab.seed("leader", settings=replace(SETTINGS, port=port))
    lab.time.ms += 1
    await lab.join(restored, 3)
    with pytest.raises(HistoryDiverged, match="backup"):
        await follower.catch_up()
    client = await lab.client(restored.entry, follower.entry)
    with pytest.raises(SeedsDisputed):
        await client.fetch()
    assert lab.naps == [1.0, 2.0, 4.0]
    second = await lab.seed("f2", settings=replace(follower.settings, leader=follower.url))
    await second.until(lambda snapshot: snapshot.block_hash == follower.seed.head_hash)
    three = await lab.client(restored.entry, follower.entry, second.entry)
    assert (await three.fetch()).block_hash == follower.seed.head_hash
    assert reasons(three) == ["its list is another one"]


async def test_a_follower_of_another_writer_takes_nothing(lab: Lab) -> None:
    leader = await lab.seed()
    settings = replace(SETTINGS, leader=leader.url, leader_key=key_of(9).hex(), follow_s=3_600.0)
    follower = await lab.seed("f", settings=settings)
    client = await lab.client(follower.entry)
    with pytest.raises(SeedRefused, match="no history yet"):
        await client.fetch()


# -- seeds of deployed networks ------------------------------------------------------------------------------------


Respond = Callable[[dict[str, Any]], dict[str, Any]]


async def plain_seed(stack: AsyncExitStack, respond: Respond) -> SeedEntry:
    """A JSON-RPC server that knows what `respond` knows."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"jsonrpc": "2.0", "id": 0, **respond(json.loads(await request.read()))})

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return SeedEntry(f"http://127.0.0.1:{runner.addresses[0][1]}")


def deployed(block: int, *numbers: int) -> Respond:
    states = [write_node(proof_of(number).node(7)) for number in numbers]

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] != "get_service_nodes":
            return {"error": {"code": -32601, "message": "Method not found"}}
        head = {"height": 9, "block_hash": f"{block:064x}", "hardfork": 19, "snode_revision": 4}
        return {"result": {"service_node_states": states, **head}}

    return respond


async def test_lists_without_signature_are_taken_where_no_key_is_named(lab: Lab) -> None:
    entries = [await plain_seed(lab.stack, deployed(block, 1, 2)) for block in (1, 1, 2)]
    client = await lab.client(*entries)
    snapshot = await client.fetch()
    assert (snapshot.height, snapshot.block_hash, snapshot.hardfork) == (9, (1).to_bytes(32, "big"), (19, 4))
    assert {node.ed25519 for node in snapshot.nodes} == {key_of(1), key_of(2)}
    assert client.disputes == (Dispute(entries[2].url.removeprefix("http://"), "its list is another one"),)


async def test_a_list_without_signature_never_stands_in_for_a_signed_one(lab: Lab) -> None:
    entry = await plain_seed(lab.stack, deployed(1, 1))
    with pytest.raises(SeedRefused):
        await (await lab.client(replace(entry, key=key_of(1)))).fetch()
    gone = SeedEntry("http://127.0.0.1:1", key=key_of(1))
    with pytest.raises(SeedRefused):
        await (await lab.client(gone, entry)).fetch()
    seed = await lab.seed()
    mixed = await lab.client(SeedEntry(seed.url), entry)
    assert await mixed.fetch() == seed.snapshot()
    assert reasons(mixed) == ["its list is not signed"]


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"result": []},
        {"result": {}},
        {"result": {"service_node_states": [{"public_ip": "x"}], "height": 5}},
        {"result": {"service_node_states": [], "height": "5"}},
        {"result": {"service_node_states": [], "height": 5, "block_hash": "zz"}},
        {"result": {"service_node_states": [], "height": 5, "block_hash": 5}},
        {"error": {"code": "x"}},
        {"error": {"code": -32601, "message": "no"}},
    ],
)
async def test_hostile_plain_seeds(lab: Lab, reply: dict[str, Any]) -> None:
    def respond(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "veery_snapshot":
            return {"error": {"code": -32601, "message": "Method not found"}}
        return reply

    client = await lab.client(await plain_seed(lab.stack, respond))
    with pytest.raises((SeedMalformed, SeedRefused)):
        await client.fetch_once()


# -- roads that fail -----------------------------------------------------------------------------------------------


async def test_dead_seeds_are_asked_four_times(lab: Lab) -> None:
    client = await lab.client(SeedEntry("http://127.0.0.1:1"), SeedEntry("https://127.0.0.1:2"))
    with pytest.raises(NoSeedAnswers, match="Check the connection"):
        await client.fetch()
    assert lab.naps == [1.0, 2.0, 4.0]


async def serve(
    stack: AsyncExitStack, talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> SeedEntry:
    """A server that speaks as `talk` does, until the test ends."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await stack.enter_async_context(await asyncio.start_server(run, "127.0.0.1", 0))
    return SeedEntry(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def test_a_seed_that_hangs_does_not_hold_up_the_others(lab: Lab) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    seed = await lab.seed()
    client = await lab.client(SeedEntry(seed.url), await serve(lab.stack, hang), timeout_s=0.3)
    assert await client.fetch() == seed.snapshot()
    assert reasons(client) == ["registry.seed.unreachable"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[[",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"[" * 1000,
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
async def test_seeds_that_do_not_speak_http(lab: Lab, answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    client = await lab.client(await serve(lab.stack, talk))
    with pytest.raises((SeedMalformed, NoSeedAnswers)):
        await client.fetch_once()


async def test_an_endless_answer_is_cut(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(1_000))
            await writer.drain()

    monkeypatch.setattr("veery.registry.seed_call.SEED_ANSWER_MAX", 100_000)
    client = await lab.client(await serve(lab.stack, talk))
    with pytest.raises(SeedMalformed, match="too long"):
        await client.fetch_once()


async def test_over_a_proxy(lab: Lab) -> None:
    from aiohttp_socks import ProxyConnector

    seed = await lab.seed()
    async with socks5() as proxy:
        connector = ProxyConnector.from_url(f"socks5://127.0.0.1:{proxy.port}")
        async with SeedClient(NetworkFile("lab", (seed.entry,)), connector=connector) as client:
            assert await client.fetch() == seed.snapshot()
        assert [(host, port) for _, host, port in proxy.asked] == [("127.0.0.1", seed.port)]
        proxy.reply = 5
        connector = ProxyConnector.from_url(f"socks5://127.0.0.1:{proxy.port}")
        async with SeedClient(NetworkFile("lab", (seed.entry,)), connector=connector) as client:
            with pytest.raises(NoSeedAnswers):
                await client.fetch_once()


# -- what a stranger can do to a listener --------------------------------------------------------------------------


def strict(**bounds: Any) -> SeedSettings:
    return replace(SETTINGS, listener=ListenerSettings(**bounds))


async def raw(seed: SeedServer, sent: bytes) -> bytes:
    """Everything that comes back until the seed closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", seed.port)
    writer.write(sent)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


HEAD = b"POST /json_rpc HTTP/1.1\r\nHost: h\r\n"


@pytest.mark.parametrize("sent", [b"", b"POST /json", HEAD, HEAD + b"Content-Length: 50\r\n\r\n{"])
async def test_slow_clients_are_cut(lab: Lab, sent: bytes) -> None:
    seed = await lab.seed(settings=strict(request_s=0.2))
    answer = await raw(seed, sent)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408")


async def test_an_idle_connection_is_cut_after_its_request(lab: Lab) -> None:
    seed = await lab.seed(settings=strict(request_s=0.2, idle_s=0.2))
    body = b'{"method":"get_info"}'
    answer = await raw(seed, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"Content-Length: 70000\r\n\r\n", 413),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"4000\r\n" + bytes(0x4000) + b"\r\n") * 5, 413),
        (b"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 404),
        (b"GET /json_rpc HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_other_requests_are_refused(lab: Lab, sent: bytes, status: int) -> None:
    seed = await lab.seed(settings=strict(request_s=1))
    assert (await raw(seed, sent)).split(b" ")[1] == b"%d" % status


async def test_too_many_requests_from_one_address(lab: Lab) -> None:
    seed = await lab.seed(settings=strict(rate=0.001, burst=3))
    statuses = []
    async with aiohttp.ClientSession() as session:
        for _ in range(5):
            async with session.post(f"{seed.url}/json_rpc", json={"method": "get_info"}) as response:
                statuses.append(response.status)
    assert statuses == [200, 200, 200, 429, 429]


async def test_too_many_connections_from_one_address(lab: Lab) -> None:
    seed = await lab.seed(settings=strict(connections_per_address=2))
    held = [await asyncio.open_connection("127.0.0.1", seed.port) for _ in range(2)]
    body = b'{"method":"get_info"}'
    for _, writer in held:
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    for reader, _ in held:
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert await raw(seed, HEAD) == b""
    for _, writer in held:
        writer.close()
