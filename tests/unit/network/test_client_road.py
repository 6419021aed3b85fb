"""The road as a whole over nodes in memory: opening, members, calls, servers, status, closing."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from dataclasses import replace
from typing import Any

import pytest

from tests.network.memory_nodes import STORAGE_PATH, MemoryNetwork, MemoryNode
from tests.unit.network.roads import MemorySeeds, opened
from veery.errors import Misuse, NetworkError, Retry
from veery.network.faults import NoAnswer, NoSwarm, ServerRefused, SwarmMoved
from veery.network.memory import RememberedNodes, VolatileMemory
from veery.network.path_keeper import NoPath
from veery.network.pool_keeper import NoNodeList
from veery.network.road import Road
from veery.network.signed_calls import call_signed
from veery.network.time_keeper import TimeCorrected
from veery.network.transport import ProxyFailed
from veery.policy.guards import Guard
from veery.protocol.constants import POOL_STALE_MS
from veery.protocol.crypto import ed25519_from_seed, x25519_public
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest
from veery.protocol.storage_rpc.hashing import message_hash
from veery.protocol.storage_rpc.parse import parse_request
from veery.protocol.storage_rpc.read_answers import read_retrieve
from veery.protocol.storage_rpc.requests import ActiveNodesBin, GetSwarm, Info, Retrieve, Store
from veery.protocol.swarm import active_nodes
from veery.registry.seed_client import NoSeedAnswers
from veery.secret import Secret

ACCOUNT = b"\x05" + bytes(range(32))


def store(now_ms: int, data: bytes = b"hello", account: bytes = ACCOUNT) -> Store:
    return Store(account, 0, data, now_ms, now_ms + 60_000)


# -- opening -------------------------------------------------------------------------------------------------------


async def test_first_start_asks_the_seeds_once() -> None:
    async with opened() as made:
        road: Road = made.road
        assert len(made.ready) == 2
        assert made.seeds.asked == 1
        status = road.status()
        assert (status.network, status.pool, status.height, status.diversity) == ("test", 24, 100, "subnets")
        assert [path.state for path in status.paths] == ["ready", "ready"]


async def test_next_start_asks_no_seed() -> None:
    memory = VolatileMemory()
    async with opened(memory=memory) as made:
        guards = {path.hops[0].ed25519 for path in made.ready}
    async with opened(memory=memory) as made:
        assert made.seeds.asked == 0
        assert {path.hops[0].ed25519 for path in made.ready} == guards
        assert made.road.status().height == 100


async def test_old_list_is_refreshed_from_nodes() -> None:
    network = MemoryNetwork()
    memory = VolatileMemory()
    await memory.save_nodes(RememberedNodes(network.list[:15], 7, network.clock.now_ms() - POOL_STALE_MS - 1))
    async with opened(network, memory=memory) as made:
        assert made.seeds.asked == 0
        assert made.road.status().pool == 24
        kept = await memory.nodes()
        assert kept is not None and len(kept.nodes) == 24
        assert made.network.methods().count("active_nodes_bin") == 3
        assert made.network.touched == {path.hops[0].ed25519 for path in made.ready}  # never asked directly


async def test_remembered_list_that_cannot_be_used_is_passed_over() -> None:
    network = MemoryNetwork()
    memory = VolatileMemory()
    await memory.save_nodes(RememberedNodes(network.list[:2], 7, network.clock.now_ms()))
    async with opened(network, memory=memory) as made:
        assert made.seeds.asked == 1
        assert len(made.ready) == 2


async def test_opening_without_a_network_does_not_wait_and_tells_why() -> None:
    def offline(seeds: MemorySeeds) -> None:
        seeds.fault = NoSeedAnswers("No seed of the network answers")

    async with opened(prepare=offline) as made:
        assert made.road.status().pool == 0
        with pytest.raises(NoNodeList, match="No seed") as caught:
            await made.run(made.road.members(ACCOUNT))
        assert caught.value.retry is Retry.LATER
        await made.settle(300)
        with pytest.raises(NoNodeList):
            await made.run(made.road.call(ACCOUNT, [Info()]))
        made.seeds.fault = None
        await made.settle(3)
        before = made.clock.monotonic()
        assert await made.run(made.road.members(ACCOUNT))
        assert made.clock.monotonic() - before < 1  # who waits need not wait for the next regular try


async def test_proxy_that_is_down_is_named() -> None:
    network = MemoryNetwork()
    network.proxy_down = ProxyFailed("The proxy cannot be reached")

    def seeds_too(seeds: MemorySeeds) -> None:
        seeds.fault = network.proxy_down

    async with opened(network, prepare=seeds_too) as made:
        with pytest.raises(ProxyFailed):
            await made.run(made.road.call(ACCOUNT, [Info()]))


# -- lists from nodes ----------------------------------------------------------------------------------------------


async def test_list_is_refreshed_when_stale() -> None:
    async with opened() as made:
        made.network.answered.clear()
        await made.settle(POOL_STALE_MS / 1_000 + 5)
        assert made.seeds.asked == 1
        assert made.network.methods().count("active_nodes_bin") == 3


async def test_nodes_that_do_not_know_the_records_are_asked_for_the_chains_list() -> None:
    network = MemoryNetwork()
    for node in network.nodes.values():
        node.knows_active_nodes_bin = False
    async with opened(network) as made:
        await made.settle(POOL_STALE_MS / 1_000 + 5)
        assert made.network.methods().count("oxend_request") == 3
        assert made.seeds.asked == 1
        assert made.road.status().pool == 24


async def test_both_kinds_of_lists_agree() -> None:
    network = MemoryNetwork()
    for node in list(network.nodes.values())[::2]:
        node.knows_active_nodes_bin = False
    async with opened(network) as made:
        for _ in range(3):
            await made.settle(POOL_STALE_MS / 1_000 + 5)
            assert made.road.status().pool == 24
        assert made.seeds.asked == 1


def lies(key: bytes) -> bytes:
    """A list of nodes that only one liar knows."""
    other = MemoryNetwork(20)
    chance = random.Random(key)

    return active_nodes.encode(
        [replace(node, ed25519=ed25519_from_seed(chance.randbytes(32))[0]) for node in other.list]
    )


async def test_one_liar_changes_nothing() -> None:
    network = MemoryNetwork()
    async with opened(network) as made:
        liar = list(network.nodes.values())[5]
        liar.storage = lambda node, body: (200, lies(node.key)) if b"active_nodes_bin" in body else None
        for _ in range(12):
            await made.settle(POOL_STALE_MS / 1_000 + 5)
            assert {node.ed25519 for node in made.road._pool.nodes} == set(network.nodes)


@pytest.mark.parametrize(
    "answer", [(200, b"x" * 50), (200, b""), (200, "no base64!"), (200, [1]), (500, "request failed"), (200, {"a": 1})]
)
async def test_lists_that_cannot_be_read_send_the_client_to_the_seeds(answer: tuple[int, object]) -> None:
    network = MemoryNetwork()
    async with opened(network) as made:
        for node in network.nodes.values():
            node.storage = lambda peer, body: answer if b"active_nodes_bin" in body else None
        await made.settle(POOL_STALE_MS / 1_000 + 300)
        assert made.seeds.asked == 2
        assert made.road.status().pool == 24


# -- members -------------------------------------------------------------------------------------------------------


async def test_members_follow_from_a_list_that_tells_swarms() -> None:
    async with opened() as made:
        members = await made.run(made.road.members(ACCOUNT))
        assert {node.ed25519 for node in members} == {node.key for node in made.network.members(ACCOUNT)}
        assert "get_swarm" not in made.network.methods()


def without_swarms(seeds: MemorySeeds) -> None:
    seeds.nodes = tuple(replace(node, swarm_id=2**64 - 1) for node in seeds.network.list)


async def test_members_are_asked_for_when_the_list_tells_no_swarms() -> None:
    async with opened(prepare=without_swarms) as made:
        members = await made.run(made.road.members(ACCOUNT))
        assert {node.ed25519 for node in members} == {node.key for node in made.network.members(ACCOUNT)}
        await made.run(made.road.members(ACCOUNT))
        assert made.network.methods().count("get_swarm") == 1
        await made.run(made.road.members(ACCOUNT, refresh=True))
        assert made.network.methods().count("get_swarm") == 2


async def test_named_members_that_nobody_knows_are_not_believed() -> None:
    strangers = MemoryNetwork(40, swarms=1)
    async with opened(prepare=without_swarms) as made:
        liars = list(made.network.nodes.values())
        invented = [node for node in strangers.nodes.values() if node.key not in made.network.nodes]
        body = strangers.swarm_body(ACCOUNT)
        body["snodes"] = [
            entry
            for entry in body["snodes"]
            if bytes.fromhex(entry["pubkey_ed25519"]) not in {node.key for node in liars}
        ]
        assert len(body["snodes"]) == len(invented) == 16
        for node in liars:
            node.storage = lambda peer, request: (200, body) if b"get_swarm" in request else None
        with pytest.raises(NoSwarm):
            await made.run(made.road.members(ACCOUNT))
        liars[0].storage = None


async def test_refreshing_members_fetches_a_new_list_when_it_tells_swarms() -> None:
    async with opened() as made:
        await made.settle(10)
        made.network.answered.clear()
        await made.run(made.road.members(ACCOUNT, refresh=True))
        assert made.network.methods().count("active_nodes_bin") == 3
        await made.run(made.road.members(ACCOUNT, refresh=True))
        assert made.network.methods().count("active_nodes_bin") == 3  # not twice within two seconds


# -- calls ---------------------------------------------------------------------------------------------------------


async def test_message_is_stored_and_fetched() -> None:
    async with opened() as made:
        (stored,) = await made.run(made.road.call(ACCOUNT, [store(made.road.now_ms())]))
        assert stored.status == 200 and not isinstance(stored.body, str)
        assert stored.body["hash"] == message_hash(ACCOUNT, 0, b"hello")
        for member in made.network.members(ACCOUNT):
            (fetched,) = await made.run(made.road.call(ACCOUNT, [Retrieve(ACCOUNT)], member=member.key))
            assert fetched.member.ed25519 == member.key
            (message,) = read_retrieve(fetched.body).messages
            assert message.data == b"hello"


async def test_only_guards_are_ever_contacted_directly() -> None:
    async with opened() as made:
        for number in range(30):
            account = b"\x05" + number.to_bytes(32, "big")
            await made.run(made.road.call(account, [store(made.road.now_ms(), b"x", account)]))
        guards = {path.hops[0].ed25519 for path in made.ready}
        assert made.network.touched == guards
        direct = [contact for contact in made.network.contacts if contact.path == STORAGE_PATH]
        assert all(json.loads(contact.body)["method"] == "info" for contact in direct)


async def test_several_requests_are_one_batch() -> None:
    async with opened() as made:
        made.network.answered.clear()
        answers = await made.run(
            made.road.call(ACCOUNT, [store(made.road.now_ms()), Retrieve(ACCOUNT), Info(), ActiveNodesBin()])
        )
        assert [answer.status for answer in answers] == [200] * 4
        assert made.network.methods() == ["batch"]
        assert isinstance(answers[3].body, str)


async def test_sequence_stops_at_a_failure() -> None:
    async with opened() as made:
        made.network.answered.clear()
        late = store(made.road.now_ms() - 3_600_000)
        answers = await made.run(made.road.call(ACCOUNT, [Info(), late, Info()], ordered=True))
        assert [answer.status for answer in answers] == [200, 406]
        assert made.network.methods() == ["sequence"]


@pytest.mark.parametrize("count", [0, 21])
async def test_number_of_requests_is_bounded(count: int) -> None:
    async with opened() as made:
        with pytest.raises(Misuse):
            await made.road.call(ACCOUNT, [Info()] * count)


async def test_many_calls_at_once() -> None:
    async with opened() as made:
        accounts = [b"\x05" + number.to_bytes(32, "big") for number in range(50)]
        now_ms = made.road.now_ms()
        calls = [made.road.call(account, [store(now_ms, b"many", account)]) for account in accounts]
        answers = await made.run(asyncio.gather(*calls))
        assert [answer[0].status for answer in answers] == [200] * 50
        assert all(path.in_flight == 0 for path in made.road.status().paths)


async def test_member_that_nobody_knows() -> None:
    async with opened() as made:
        with pytest.raises(NoSwarm) as caught:
            await made.run(made.road.call(ACCOUNT, [Info()], member=bytes(32)))
        assert caught.value.retry is Retry.ELSEWHERE


async def test_chosen_member_is_the_only_one_asked() -> None:
    async with opened() as made:
        member = made.network.members(ACCOUNT)[0]
        member.storage = lambda node, body: (500, "request failed")
        made.network.answered.clear()
        with pytest.raises(NetworkError) as caught:
            await made.run(made.road.call(ACCOUNT, [Retrieve(ACCOUNT)], member=member.key))
        assert caught.value.retry is Retry.ELSEWHERE
        assert {key for key, _ in made.network.answered} == {member.key}


# -- what members say ----------------------------------------------------------------------------------------------


async def test_results_that_are_not_signed_by_their_members_count_as_failures() -> None:
    async with opened() as made:
        honest = made.network.members(ACCOUNT)[1]
        asked = made.network.members(ACCOUNT)[0]

        def forging(node: MemoryNode, body: bytes) -> tuple[int, Any]:
            code, answer = made.network.answer(node, parse_request(body))
            answer["swarm"][honest.key.hex()]["signature"] = bytes(64)
            answer["swarm"][bytes(32).hex()] = dict(answer["swarm"][asked.key.hex()])
            return code, answer

        asked.storage = forging
        (answer,) = await made.run(made.road.call(ACCOUNT, [store(made.road.now_ms())], member=asked.key))
        assert not isinstance(answer.body, str)
        swarm: Any = answer.body["swarm"]
        failure = {"failed": True, "bad_peer_response": True}
        assert swarm[honest.key.hex()] == failure
        assert swarm[bytes(32).hex()] == failure
        assert "signature" in swarm[asked.key.hex()]


async def test_messages_that_their_hash_does_not_name_are_left_away() -> None:
    async with opened() as made:
        asked = made.network.members(ACCOUNT)[0]
        good = {"hash": message_hash(ACCOUNT, 5, b"a"), "timestamp": 1, "expiration": 2, "data": "YQ=="}
        bad = {"hash": message_hash(ACCOUNT, 5, b"b"), "timestamp": 1, "expiration": 2, "data": "YQ=="}
        asked.storage = lambda node, body: (200, {"messages": [bad, good, bad], "more": False, "t": 1, "hf": [19, 4]})
        (answer,) = await made.run(made.road.call(ACCOUNT, [Retrieve(ACCOUNT, 5)], member=asked.key))
        assert not isinstance(answer.body, str)
        assert answer.body["messages"] == [good]


@pytest.mark.parametrize("body", ["text", [1, 2], {"messages": 7}, {"messages": [{}]}, {}, None, 5])
async def test_answer_in_the_wrong_form_is_asked_for_elsewhere(body: object) -> None:
    async with opened() as made:
        members = made.network.members(ACCOUNT)
        for member in members[1:]:
            member.storage = lambda node, request: (200, body)
        for _ in range(5):
            try:
                (answer,) = await made.run(made.road.call(ACCOUNT, [Retrieve(ACCOUNT)]))
            except NoAnswer as error:
                assert "cannot be read" in error.message
            else:
                assert answer.member.ed25519 == members[0].key


# -- time ----------------------------------------------------------------------------------------------------------


async def test_time_is_learnt_from_answers() -> None:
    network = MemoryNetwork()
    for node in network.nodes.values():
        node.clock_error_ms = 45_000
    async with opened(network) as made:
        assert made.road.status().clock_offset_ms is None
        await made.run(made.road.call(ACCOUNT, [Info()]))
        await made.run(made.road.call(ACCOUNT, [Info()]))
        assert made.road.status().clock_offset_ms == 45_000
        assert made.road.now_ms() == made.clock.now_ms() + 45_000


async def test_wrong_clock_is_corrected_and_the_call_signed_anew() -> None:
    network = MemoryNetwork()
    for node in network.nodes.values():
        node.clock_error_ms = 3_600_000
    memory = VolatileMemory()
    async with opened(network, memory=memory) as made:
        with pytest.raises(TimeCorrected) as caught:
            await made.run(made.road.call(ACCOUNT, [store(made.road.now_ms())]))
        assert caught.value.retry is Retry.LATER
        (answer,) = await made.run(made.road.call(ACCOUNT, [store(made.road.now_ms())]))
        assert answer.status == 200
        assert await memory.clock_offset_ms() == 3_600_000
    async with opened(network, memory=memory) as made:
        assert made.road.now_ms() == made.clock.now_ms() + 3_600_000


async def test_signing_anew_by_itself() -> None:
    network = MemoryNetwork()
    for node in network.nodes.values():
        node.clock_error_ms = -3_600_000
    async with opened(network) as made:
        (answer,) = await made.run(call_signed(made.road, ACCOUNT, lambda now_ms: [store(now_ms)]))
        assert answer.status == 200


async def test_node_with_a_wrong_clock_is_passed_over() -> None:
    async with opened() as made:
        members = made.network.members(ACCOUNT)
        for member in members[:-1]:
            member.clock_error_ms = 7 * 3_600_000
        others = [node for node in made.network.nodes.values() if node not in members]
        assert len(others) >= 3
        made.network.answered.clear()
        for _ in range(3):
            try:
                await made.run(made.road.call(ACCOUNT, [store(made.road.now_ms())]))
            except NetworkError as error:
                assert error.kind in ("network.refused.node", "network.clock.corrected")


async def test_many_refused_calls_ask_for_the_time_once() -> None:
    network = MemoryNetwork()
    for node in network.nodes.values():
        node.clock_error_ms = 3_600_000
    async with opened(network) as made:
        network.answered.clear()
        stale = store(made.road.now_ms())
        results = await made.run(
            asyncio.gather(*(made.road.call(ACCOUNT, [stale]) for _ in range(10)), return_exceptions=True)
        )
        assert all(isinstance(result, TimeCorrected) for result in results)
        assert network.methods().count("info") == 3


# -- servers -------------------------------------------------------------------------------------------------------

KEY = Secret(bytes(range(32)))
SERVER = ServerDestination(x25519_public(KEY.reveal()), "files.example", protocol="http", port=80)
URL = "http://files.example/oxen/v4/lsrpc"


async def test_server_answers() -> None:
    async with opened() as made:
        made.network.servers[URL] = (KEY, SERVER.x25519, lambda request: ServerReply(200, {}, request.body or b""))
        reply = await made.run(made.road.request(SERVER, ServerRequest("POST", "/file", {}, b"content")))
        assert (reply.code, reply.body) == (200, b"content")


async def test_final_code_of_a_server_comes_back() -> None:
    async with opened() as made:
        asked: list[str] = []
        made.network.servers[URL] = (KEY, SERVER.x25519, lambda r: asked.append(r.path) or ServerReply(404))  # type: ignore[func-returns-value]
        assert (await made.run(made.road.request(SERVER, ServerRequest("GET", "/file/1")))).code == 404
        assert len(asked) == 1


async def test_busy_server_is_asked_three_times() -> None:
    async with opened() as made:
        codes = [503, 429, 200]
        made.network.servers[URL] = (KEY, SERVER.x25519, lambda r: ServerReply(codes.pop(0)))
        assert (await made.run(made.road.request(SERVER, ServerRequest("GET", "/")))).code == 200
        made.network.servers[URL] = (KEY, SERVER.x25519, lambda r: ServerReply(503))
        with pytest.raises(ServerRefused) as caught:
            await made.run(made.road.request(SERVER, ServerRequest("GET", "/")))
        assert (caught.value.code, caught.value.retry) == (503, Retry.LATER)


async def test_server_that_cannot_be_reached() -> None:
    async with opened() as made:
        with pytest.raises(NoAnswer) as caught:
            await made.run(made.road.request(SERVER, ServerRequest("GET", "/")))
        assert caught.value.kind == "network.no_answer.server"
        assert made.strikes() == {}


async def test_server_that_refuses_our_time() -> None:
    network = MemoryNetwork()
    for node in network.nodes.values():
        node.clock_error_ms = 3_600_000
    async with opened(network) as made:
        made.network.servers[URL] = (KEY, SERVER.x25519, lambda r: ServerReply(425))
        with pytest.raises(TimeCorrected):
            await made.run(made.road.request(SERVER, ServerRequest("GET", "/")))


# -- the rest ------------------------------------------------------------------------------------------------------


async def test_new_paths() -> None:
    async with opened() as made:
        before = {path.hops for path in made.road.status().paths}
        await made.run(made.road.new_paths())
        await made.settle(5)
        after = {path.hops for path in made.road.status().paths}
        assert len(after) == 2 and not before & after
        assert {hops[0] for hops in before} == {hops[0] for hops in after}


async def test_changed_network_connection() -> None:
    async with opened() as made:
        made.road.network_changed()
        await made.settle(1)
        assert len(made.ready) == 2
        assert (await made.run(made.road.call(ACCOUNT, [Info()])))[0].status == 200


async def test_closed_road() -> None:
    async with opened() as made:
        waiting = asyncio.create_task(made.road.call(ACCOUNT, [Info()]))
        await made.settle()
        await waiting
        await made.road.close()
        await made.road.close()
        assert made.network.closed and made.seeds.closed
        with pytest.raises(NoPath) as caught:
            await made.road.call(ACCOUNT, [Info()])
        assert caught.value.kind == "network.closed"


async def test_nothing_of_accounts_keys_or_addresses_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    network = MemoryNetwork()
    async with opened(network) as made:
        for node in list(network.nodes.values())[::3]:
            node.refuses = (503, f"Snode not ready: {node.key.hex()}")
        for node in list(network.nodes.values())[1::3]:
            node.storage = lambda peer, body: (421, network.swarm_body(ACCOUNT))
        for number in range(8):
            account = b"\x05" + bytes([number]) * 32
            try:
                await made.run(made.road.call(account, [store(made.road.now_ms(), b"secret", account)]))
            except NetworkError as error:
                logging.getLogger("test").info("%s", error)
        text = caplog.text
    assert "failed" in text  # something was logged at all
    for number in range(8):
        assert (bytes([number]) * 8).hex() not in text
    for node in network.nodes.values():
        assert node.key.hex()[:12] not in text
        assert node.node.ip not in text


async def test_remembered_guard_that_left_the_network_is_forgotten_silently() -> None:
    memory = VolatileMemory()
    await memory.save_guards([Guard(bytes(32), 1)])
    async with opened(memory=memory) as made:
        assert len(made.ready) == 2


async def test_swarm_that_moved_is_told_to_who_chose_the_member() -> None:
    async with opened() as made:
        other = next(node for node in made.network.nodes.values() if node not in made.network.members(ACCOUNT))
        with pytest.raises(SwarmMoved) as caught:
            await made.run(made.road.call(ACCOUNT, [Retrieve(ACCOUNT)], member=other.key))
        assert (caught.value.code, caught.value.retry) == (421, Retry.ELSEWHERE)


async def test_questions_about_nobody_are_answered_by_members_too() -> None:
    async with opened() as made:
        (answer,) = await made.run(made.road.call(ACCOUNT, [GetSwarm(ACCOUNT)]))
        assert answer.status == 200
