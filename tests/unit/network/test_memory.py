"""What the road remembers, and the time it lives by."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from tests.network.memory_nodes import MemoryNetwork
from tests.unit.network.roads import opened
from veery.errors import StoreError
from veery.network.memory import RememberedNodes, VolatileMemory, nodes_from_json, nodes_to_json
from veery.network.node_lists import NodeLists
from veery.network.steady import SteadyTime
from veery.policy.pool import NodePool
from veery.protocol.onion import NodeReply
from veery.protocol.onion.replies import ReplyMalformed
from veery.protocol.storage_rpc.encoding import base64_text
from veery.protocol.swarm import active_nodes
from veery.protocol.swarm.nodes import NodeMalformed
from veery.runtime.clock import ManualClock

# -- memory --------------------------------------------------------------------------------------------------------


def test_node_list_as_text_and_back() -> None:
    nodes = MemoryNetwork(5).list
    assert nodes_from_json(nodes_to_json(nodes)) == nodes
    assert nodes_from_json(nodes_to_json(())) == ()


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]", '[{"pubkey_ed25519":"x"}]', "[" * 100_000])
def test_kept_text_that_is_no_list(text: str) -> None:
    with pytest.raises(NodeMalformed):
        nodes_from_json(text)


async def test_road_goes_on_when_nothing_can_be_remembered(caplog: pytest.LogCaptureFixture) -> None:
    class Full(VolatileMemory):
        async def save_nodes(self, remembered: RememberedNodes) -> None:
            raise StoreError("the disk is full")

        async def save_guards(self, guards: object) -> None:
            raise StoreError("the disk is full")

    with caplog.at_level(logging.ERROR):
        async with opened(memory=Full()) as made:
            assert len(made.ready) == 2
            members = await made.run(made.road.members(bytes(33), refresh=True))
            assert members
    assert "cannot remember the node list" in caplog.text
    assert "cannot remember its guards" in caplog.text


# -- lists of nodes ------------------------------------------------------------------------------------------------


def records(data: bytes) -> NodeReply:
    return NodeReply(200, base64_text(data))


def test_record_that_cannot_be_used_does_not_spoil_the_list() -> None:
    """Anybody may register a node; a key that does not convert must not blind clients."""
    network = MemoryNetwork(6)
    good = active_nodes.encode(network.list)
    bad_key = bytes(31) + b"\x01" + good[32:51]
    bad_address = bytes(range(32)) + good[32:40] + b"\xff\xff\xff\xff" + good[44:51]
    found = NodeLists(NodePool()).from_records(records(bad_key + good + bad_address))
    assert found is not None
    assert [node.ed25519 for node in found] == [node.ed25519 for node in network.list]


def test_keys_that_a_record_does_not_tell_are_those_that_are_known() -> None:
    network = MemoryNetwork(6)
    listed = [
        replace(node, legacy=b"L" * 31 + bytes([n]), x25519=b"X" * 31 + bytes([n]))
        for n, node in enumerate(network.list)
    ]
    pool = NodePool()
    pool.adopt(listed, 1)
    assert NodeLists(pool).from_records(records(active_nodes.encode(network.list))) == tuple(listed)


def test_lists_with_a_key_twice_are_refused() -> None:
    data = active_nodes.encode(MemoryNetwork(6).list)
    with pytest.raises(NodeMalformed):
        NodeLists(NodePool()).from_records(records(data + data[:51]))
    with pytest.raises(NodeMalformed):
        NodeLists(NodePool()).from_records(records(data[:-1]))
    with pytest.raises(ReplyMalformed):
        NodeLists(NodePool()).from_records(NodeReply(200, {"a": 1}))
    assert NodeLists(NodePool()).from_records(NodeReply(500, "request failed")) is None
    assert NodeLists(NodePool()).from_records(None) is None


# -- steady time ---------------------------------------------------------------------------------------------------


def test_time_goes_on_steadily_whatever_the_wall_clock_does() -> None:
    clock = ManualClock(now_ms=1_000_000)
    time = SteadyTime(clock)
    clock.move(10)
    assert (time.now_ms(), time.leapt()) == (1_010_000, 0)
    clock.set_wall(500_000)
    assert time.leapt() == -510_000
    assert time.leapt() == 0
    clock.move(10)
    assert (time.now_ms(), time.leapt()) == (1_020_000, 0)


def test_sleep_of_the_machine_moves_time_ahead() -> None:
    clock = ManualClock(now_ms=1_000_000)
    time = SteadyTime(clock)
    clock.set_wall(9_000_000)
    assert time.leapt() == 8_000_000
    assert (time.now_ms(), time.leapt()) == (9_000_000, 0)
    clock.set_wall(9_050_000)
    assert (time.leapt(), time.now_ms()) == (0, 9_000_000)  # less than a minute is drift


def test_clock_set_back_and_right_again() -> None:
    clock = ManualClock(now_ms=1_000_000)
    time = SteadyTime(clock)
    clock.set_wall(100_000)
    assert time.leapt() == -900_000
    clock.set_wall(1_000_000)
    assert time.leapt() == 900_000
    assert time.now_ms() == 1_000_000
