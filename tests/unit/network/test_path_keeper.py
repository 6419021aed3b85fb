"""Paths over nodes in memory: building and proving, lending, blame, rotation, waiting, time."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.network.memory_nodes import STORAGE_PATH, MemoryNetwork
from tests.unit.network.keeping import INFO, Refused, keeping
from veery.errors import Retry
from veery.network.path_keeper import NoPath
from veery.network.transport import ProxyFailed
from veery.policy.blame import Answered, GuardUnreachable, Verdict
from veery.policy.guards import Guard
from veery.protocol.constants import PATH_ROTATION_MS, PATH_WAIT_S

# -- building ------------------------------------------------------------------------------------------------------


async def test_two_paths_are_built_and_proved() -> None:
    async with keeping() as made:
        assert len(made.ready) == 2
        assert made.proofs == 2
        hops = [node.ed25519 for path in made.ready for node in path.hops]
        assert len(set(hops)) == 6


async def test_only_guards_are_contacted_directly() -> None:
    async with keeping() as made:
        guards = {path.hops[0].ed25519 for path in made.ready}
        assert made.network.touched == guards


async def test_guards_are_tested_by_info_without_an_account() -> None:
    async with keeping() as made:
        direct = [contact for contact in made.network.contacts if contact.path == STORAGE_PATH]
        assert [json.loads(contact.body) for contact in direct] == [{"method": "info", "params": {}}] * 2
        assert set(made.network.methods()) == {"info"}


async def test_guards_are_remembered() -> None:
    async with keeping() as made:
        kept = {guard.key for guard in await made.memory.guards()}
        assert kept == {path.hops[0].ed25519 for path in made.ready}


async def test_remembered_guards_are_used_again() -> None:
    network = MemoryNetwork()
    chosen = [node.key for node in list(network.nodes.values())[7:9]]
    guards = tuple(Guard(key, network.clock.now_ms() - 1) for key in chosen)
    async with keeping(network, guards=guards) as made:
        assert made.network.touched == set(chosen)


async def test_guard_that_is_down_is_passed_over() -> None:
    network = MemoryNetwork()
    nodes = list(network.nodes.values())
    nodes[0].down = True
    guards = (Guard(nodes[0].key, 1_699_999_999_999),)
    async with keeping(network, guards=guards) as made:
        await made.settle(10)
        assert len(made.ready) == 2
        assert all(path.hops[0].ed25519 != nodes[0].key for path in made.ready)


async def test_path_with_a_hop_that_loses_everything_is_not_used() -> None:
    network = MemoryNetwork(24)
    for node in list(network.nodes.values())[:8]:
        node.loses = True
    async with keeping(network) as made:
        for _ in range(100):
            await made.settle(10)
            for path in made.ready:
                assert not any(network.nodes[node.ed25519].loses for node in path.hops[1:])
            if len(made.ready) == 2:
                break
        assert len(made.ready) == 2


async def test_proof_that_the_other_end_refuses_is_a_proof() -> None:
    network = MemoryNetwork()
    for node in network.nodes.values():
        node.storage = lambda peer, body: None if peer.key in network.touched else (503, "busy")
    async with keeping(network) as made:
        assert len(made.ready) == 2


# -- lending -------------------------------------------------------------------------------------------------------


async def test_request_over_a_path_without_its_destination() -> None:
    async with keeping() as made:
        for node in made.network.list:
            asked = await made.keeper.ask_node(node, INFO, timeout_s=10)
            assert asked.verdict is Verdict.ANSWERED
            assert asked.outcome == Answered()
            assert asked.reply is not None
        assert all(path.open_requests == 0 for path in made.table.paths)


async def test_requests_in_flight_are_counted_per_path() -> None:
    async with keeping() as made:
        target = next(node for node in made.network.nodes.values() if not _used(made, node.key))
        target.gate = asyncio.Event()
        tasks = [asyncio.create_task(made.keeper.ask_node(target.node, INFO, timeout_s=10)) for _ in range(10)]
        await made.settle()
        assert [path.open_requests for path in made.ready] == [5, 5]
        target.gate.set()
        assert len(await asyncio.gather(*tasks)) == 10
        assert [path.open_requests for path in made.ready] == [0, 0]


async def test_cancelled_request_gives_its_path_back_and_blames_nobody() -> None:
    async with keeping() as made:
        target = next(node for node in made.network.nodes.values() if not _used(made, node.key))
        target.gate = asyncio.Event()
        for _ in range(5):
            task = asyncio.create_task(made.keeper.ask_node(target.node, INFO, timeout_s=10))
            await made.settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert [(path.open_requests, path.failures) for path in made.ready] == [(0, 0), (0, 0)]


async def test_lost_guard_ends_the_path_and_another_is_built() -> None:
    async with keeping() as made:
        lost = made.ready[0].hops[0]
        made.network.nodes[lost.ed25519].down = True
        target = next(node for node in made.network.nodes.values() if not _used(made, node.key))
        outcomes = [(await made.keeper.ask_node(target.node, INFO, timeout_s=10)).outcome for _ in range(4)]
        assert outcomes.count(GuardUnreachable()) <= 1
        await made.settle(10)
        assert len(made.ready) == 2
        assert all(lost not in path.hops[:1] for path in made.ready)


async def test_path_of_a_fault_is_avoided() -> None:
    async with keeping() as made:
        target = next(node for node in made.network.nodes.values() if not _used(made, node.key))
        first = await made.keeper.ask_node(target.node, INFO, timeout_s=10)
        for _ in range(5):
            other = await made.keeper.ask_node(target.node, INFO, timeout_s=10, avoid={first.path_id})
            assert other.path_id != first.path_id


async def test_dropped_nodes_are_told() -> None:
    async with keeping() as made:
        target = next(node for node in made.network.nodes.values() if not _used(made, node.key))
        for path in made.ready:
            made.network.nodes[path.hops[2].ed25519].unknown.add(target.key)
        asked = await made.keeper.ask_node(target.node, INFO, timeout_s=10)
        assert asked.verdict is Verdict.ELSEWHERE
        assert made.dropped == [target.key]
        assert target.key not in made.pool


# -- waiting -------------------------------------------------------------------------------------------------------


async def test_request_waits_for_the_first_path() -> None:
    async with keeping(filled=False) as made:
        target = made.network.list[0]
        task = asyncio.create_task(made.keeper.ask_node(target, INFO, timeout_s=10))
        await made.settle()
        assert not task.done()
        made.fill()
        made.keeper.pool_changed()
        await made.settle()
        assert (await task).verdict is Verdict.ANSWERED


async def test_waiting_has_an_end() -> None:
    async with keeping(filled=False) as made:
        task = asyncio.create_task(made.keeper.ask_node(made.network.list[0], INFO, timeout_s=10))
        await made.settle(PATH_WAIT_S + 1)
        with pytest.raises(NoPath) as caught:
            await task
        assert caught.value.kind == "network.no_path"
        assert caught.value.retry is Retry.LATER


async def test_waiting_in_vain_ends_at_once_with_the_reason() -> None:
    async with keeping(filled=False) as made:
        task = asyncio.create_task(made.keeper.ask_node(made.network.list[0], INFO, timeout_s=10))
        await made.settle()
        made.keeper.in_vain(Refused("no nodes"))
        with pytest.raises(Refused):
            await task


async def test_proxy_that_is_down_is_told_and_blames_no_node() -> None:
    network = MemoryNetwork()
    network.proxy_down = ProxyFailed("The proxy cannot be reached")
    async with keeping(network) as made:
        with pytest.raises(ProxyFailed):
            task = asyncio.create_task(made.keeper.ask_node(network.list[0], INFO, timeout_s=10))
            await made.settle(10)
            await task
        assert made.dropped == [] and len(made.pool) == 24
        network.proxy_down = None
        await made.settle(10)
        assert len(made.ready) == 2


async def test_closed_keeper_serves_nobody() -> None:
    async with keeping(filled=False) as made:
        waiting = asyncio.create_task(made.keeper.ask_node(made.network.list[0], INFO, timeout_s=10))
        await made.settle()
        made.keeper.close()
        for refused in (waiting, made.keeper.ask_node(made.network.list[0], INFO, timeout_s=10)):
            with pytest.raises(NoPath) as caught:
                await refused
            assert caught.value.kind == "network.closed"


async def test_closing_while_a_request_runs() -> None:
    """Giving a path back must not start tasks any more, nor hide the cancellation."""
    async with keeping() as made:
        target = next(node for node in made.network.nodes.values() if not _used(made, node.key))
        target.gate = asyncio.Event()
        task = asyncio.create_task(made.keeper.ask_node(target.node, INFO, timeout_s=10))
        await made.settle()
        made.keeper.close()
        await made.background.close()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# -- time ----------------------------------------------------------------------------------------------------------


async def test_paths_rotate_and_keep_their_guards() -> None:
    async with keeping() as made:
        before = {path.path_id: path.hops for path in made.ready}
        contacts = len(made.network.contacts)
        await made.settle(PATH_ROTATION_MS / 1_000 + 1)
        after = {path.path_id: path.hops for path in made.ready}
        assert len(after) == 2 and not before.keys() & after.keys()
        assert {hops[0] for hops in before.values()} == {hops[0] for hops in after.values()}
        assert {node for hops in before.values() for node in hops[1:]} != {n for h in after.values() for n in h[1:]}
        direct = [contact.path for contact in made.network.contacts[contacts:]]
        assert STORAGE_PATH not in direct  # the guard is known already


async def test_replaced_path_finishes_its_requests() -> None:
    async with keeping() as made:
        target = next(node for node in made.network.nodes.values() if not _used(made, node.key))
        target.gate = asyncio.Event()
        task = asyncio.create_task(made.keeper.ask_node(target.node, INFO, timeout_s=10_000))
        await made.settle(PATH_ROTATION_MS / 1_000 + 1)
        assert len(made.table.paths) == 3
        target.gate.set()
        assert (await task).verdict is Verdict.ANSWERED
        assert len(made.table.paths) == 2


async def test_new_paths_on_demand() -> None:
    async with keeping() as made:
        target = next(node for node in made.network.nodes.values() if not _used(made, node.key))
        target.gate = asyncio.Event()
        under_way = asyncio.create_task(made.keeper.ask_node(target.node, INFO, timeout_s=10))
        await made.settle()
        before = [path.hops for path in made.ready]
        renewing = asyncio.create_task(made.keeper.renew())
        await made.settle()
        await renewing
        after = [path.hops for path in made.ready]
        assert {hops[0] for hops in before} == {hops[0] for hops in after}
        assert not set(before) & set(after)
        target.gate.set()
        assert (await under_way).verdict is Verdict.ANSWERED
        assert len(made.table.paths) == 2


async def test_node_dropped_over_an_old_path_leaves_the_new_ones() -> None:
    async with keeping() as made:
        target = next(node for node in made.network.nodes.values() if not _used(made, node.key))
        target.gate = asyncio.Event()
        under_way = asyncio.create_task(made.keeper.ask_node(target.node, INFO, timeout_s=10))
        await made.settle()
        target.storage = lambda peer, body: (502, "oxend returned unparsable data")
        for _ in range(20):  # until a new path holds the node that is about to be dropped
            renewing = asyncio.create_task(made.keeper.renew())
            await made.settle()
            await renewing
            if _used(made, target.key):
                break
        assert _used(made, target.key)
        target.gate.set()
        await under_way
        assert made.dropped == [target.key]
        assert not _used(made, target.key)


async def test_new_paths_that_cannot_be_built() -> None:
    async with keeping() as made:
        for node in made.network.nodes.values():
            node.down = True
        renewing = asyncio.create_task(made.keeper.renew())
        await made.settle(PATH_WAIT_S + 1)
        with pytest.raises(NoPath):
            await renewing


async def test_age_of_paths() -> None:
    async with keeping() as made:
        await made.settle(5)
        assert [made.keeper.age_s(path.path_id) for path in made.ready] == [5.0, 5.0]
        assert made.keeper.age_s(99) == 0.0


async def test_sleep_of_the_machine_is_noticed() -> None:
    async with keeping() as made:
        made.clock.set_wall(made.clock.now_ms() + 8 * 3_600_000)
        await made.settle(20)
        assert made.leaps == 1
        assert made.time.now_ms() == made.clock.now_ms()
        assert len(made.ready) == 2
        assert made.refreshes == [False]  # the list is hours old now


async def test_clock_set_back_stops_nothing() -> None:
    async with keeping() as made:
        before = {path.path_id for path in made.ready}
        made.clock.set_wall(made.clock.now_ms() - 24 * 3_600_000)
        await made.settle(PATH_ROTATION_MS / 1_000 + 20)
        assert made.leaps == 1
        assert not before & {path.path_id for path in made.ready}


def _used(made: object, key: bytes) -> bool:
    return any(node.ed25519 == key for path in made.table.paths for node in path.hops)  # type: ignore[attr-defined]
