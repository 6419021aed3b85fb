"""What is remembered of the network."""

from __future__ import annotations

from tests.unit.store.samples import ALICE, BOB, NOW
from veery.store.network_state import CachedSwarm, ClockOffset, Guard, NodeList
from veery.store.tables import Tables

ONE, TWO = b"1" * 32, b"2" * 32


def test_the_node_list_is_replaced(tables: Tables) -> None:
    assert tables.network.node_list() is None
    tables.network.set_node_list(NodeList("[1]", 10, NOW))
    tables.network.set_node_list(NodeList("[2]", 11, NOW + 1))
    assert tables.network.node_list() == NodeList("[2]", 11, NOW + 1)


def test_guards_are_replaced_and_come_oldest_first(tables: Tables) -> None:
    tables.network.set_guards([Guard(ONE, NOW)])
    tables.network.set_guards([Guard(TWO, NOW + 1), Guard(ONE, NOW)])
    assert tables.network.guards() == (Guard(ONE, NOW), Guard(TWO, NOW + 1))
    tables.network.set_guards([])
    assert tables.network.guards() == ()


def test_strikes_are_counted_by_node_and_forgotten(tables: Tables) -> None:
    for node, at in ((ONE, 3), (TWO, 1), (ONE, 1), (ONE, 3)):
        tables.network.strike(node, NOW + at)
    assert tables.network.strikes(NOW) == {ONE: (NOW + 1, NOW + 3, NOW + 3), TWO: (NOW + 1,)}
    assert tables.network.strikes(NOW + 2) == {ONE: (NOW + 3, NOW + 3)}
    assert tables.network.trim_strikes(NOW + 2) == 2
    tables.network.forget_strikes(ONE)
    assert tables.network.strikes(0) == {}


def test_the_clock_offset_is_replaced(tables: Tables) -> None:
    assert tables.network.clock_offset() is None
    tables.network.set_clock_offset(ClockOffset(-5, NOW))
    tables.network.set_clock_offset(ClockOffset(7, NOW + 1))
    assert tables.network.clock_offset() == ClockOffset(7, NOW + 1)


def test_swarms_are_kept_for_each_account(tables: Tables) -> None:
    tables.network.set_swarm(ALICE, CachedSwarm('{"id": "0"}', NOW))
    tables.network.set_swarm(ALICE, CachedSwarm('{"id": "1"}', NOW + 1))
    tables.network.set_swarm(BOB, CachedSwarm('{"id": "2"}', NOW))
    assert tables.network.swarm(ALICE) == CachedSwarm('{"id": "1"}', NOW + 1)
    assert tables.network.trim_swarms(NOW + 1) == 1
    assert tables.network.swarm(BOB) is None
    tables.network.forget_swarm(ALICE)
    assert tables.network.swarm(ALICE) is None
