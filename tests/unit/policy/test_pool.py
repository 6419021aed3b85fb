"""The node pool."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.policy.networks import chance, network, node
from veery.policy.pool import NodePool, PoolRefused, PoolRules
from veery.protocol.constants import HOUR_MS, NO_SWARM


def filled(count: int, now_ms: int = 0) -> NodePool:
    pool = NodePool()
    pool.adopt(network(count), now_ms)
    return pool


def test_entries_that_cannot_be_reached_are_members_but_not_usable() -> None:
    pool = NodePool()
    silent = replace(node(99, swarm_id=12), ip="0.0.0.0", https_port=0)
    left = node(98, swarm_id=NO_SWARM)
    unfunded = replace(node(97), funded=False)
    pool.adopt([*network(5), silent, left, unfunded], 0)
    assert set(pool.nodes) == set(network(5))
    assert pool.swarm_ids == {7, 12}
    assert silent.ed25519 not in pool
    assert pool.get(node(1).ed25519) == node(1)


def test_a_list_without_swarms_holds_active_nodes() -> None:
    pool = NodePool()
    pool.adopt([replace(n, swarm_id=NO_SWARM) for n in network(5)], 0)
    assert len(pool) == 5
    assert pool.swarm_ids == frozenset()


@pytest.mark.parametrize(("count", "kind"), [(3, "policy.pool.too_few"), (0, "policy.pool.too_few")])
def test_too_short_lists_are_refused_and_change_nothing(count: int, kind: str) -> None:
    pool = filled(6)
    with pytest.raises(PoolRefused) as refused:
        pool.adopt(network(count), 1)
    assert refused.value.kind == kind
    assert len(pool) == 6


def test_a_key_twice_is_refused() -> None:
    with pytest.raises(PoolRefused) as refused:
        NodePool().adopt([*network(5), replace(node(1), ip="1.2.3.4")], 0)
    assert refused.value.kind == "policy.pool.duplicate"


def test_small_is_said_and_works() -> None:
    assert filled(4).small
    assert filled(4).workable
    assert not NodePool().workable
    assert not filled(12).small


def test_three_strikes_drop_a_node() -> None:
    pool = filled(20)
    key = node(3).ed25519
    assert not pool.strike(key, 1)
    assert not pool.strike(key, 2)
    assert pool.strikes(key, 2) == 2
    assert pool.strike(key, 3)
    assert key not in pool
    assert not pool.strike(key, 4)
    assert len(pool) == 19


def test_strikes_are_forgotten_after_two_days() -> None:
    pool = filled(20)
    key = node(3).ed25519
    pool.strike(key, 0)
    pool.strike(key, HOUR_MS)
    assert pool.strikes(key, 48 * HOUR_MS - 1) == 2
    assert pool.strikes(key, 48 * HOUR_MS) == 1
    assert not pool.strike(key, 48 * HOUR_MS)
    assert pool.strike(key, 48 * HOUR_MS + 1)


def test_requests_under_way_together_are_one_failure() -> None:
    pool = filled(20)
    key = node(3).ed25519
    for _ in range(9):
        assert not pool.strike(key, 500, opened_ms=100)
        assert not pool.strike(key, 600, opened_ms=100)
    assert pool.strikes(key, 600) == 1
    assert not pool.strike(key, 800, opened_ms=700)
    assert pool.strike(key, 900, opened_ms=850)


def test_a_new_list_resets_the_counters() -> None:
    pool = filled(20)
    key = node(3).ed25519
    for at in range(3):
        pool.strike(key, at)
    assert key not in pool
    pool.strike(node(4).ed25519, 3)
    pool.adopt(network(20), 10)
    assert key in pool
    assert pool.strikes(node(4).ed25519, 10) == 0


def test_the_last_four_are_never_dropped() -> None:
    pool = filled(5)
    assert pool.drop(node(1).ed25519)
    assert not pool.drop(node(2).ed25519)
    for at in range(10):
        assert not pool.strike(node(3).ed25519, at)
    assert len(pool) == 4
    assert pool.workable


def test_refresh_times() -> None:
    pool = NodePool()
    assert pool.refresh_at() == 0
    assert NodePool().seeds_needed
    pool.adopt(network(20), 1_000)
    assert pool.refresh_at() == 1_000 + 2 * HOUR_MS
    assert not pool.seeds_needed
    for number in range(1, 10):
        pool.drop(node(number).ed25519)
    assert len(pool) == 11
    assert pool.refresh_at() == 0  # below the minimum of a network that had it


def test_a_list_from_disk_is_as_old_as_it_is() -> None:
    pool = NodePool()
    pool.adopt(network(20), 5 * HOUR_MS, fetched_ms=1 * HOUR_MS)
    assert pool.refresh_at() == 3 * HOUR_MS
    pool.adopt(network(20), 5 * HOUR_MS, fetched_ms=9 * HOUR_MS)  # a clock that was ahead once
    assert pool.refresh_at() == 7 * HOUR_MS


def test_refreshes_keep_their_pause_and_end_at_the_seeds() -> None:
    pool = NodePool(PoolRules(pause_ms=2_000, pause_max_ms=60_000, attempts=4))
    pool.adopt(network(20), 0)
    now = 2 * HOUR_MS
    pauses, sources = [], []
    for _ in range(7):
        pool.refresh_started(now)
        pool.refresh_failed(now)
        pauses.append(pool.refresh_at() - now)
        now = pool.refresh_at()
        sources.append(pool.seeds_needed)
    assert pauses == [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
    assert sources == [False, False, False, True, True, True, True]
    pool.adopt(network(20), now)
    assert not pool.seeds_needed


def test_one_refresh_at_a_time() -> None:
    pool = NodePool()
    pool.refresh_started(10_000)
    assert pool.refresh_at() == 70_000  # it never reported back
    pool.refresh_failed(11_000)
    assert pool.refresh_at() == 13_000


def test_a_small_network_looks_again_soon_after_a_loss() -> None:
    pool = filled(6)
    assert pool.refresh_at() == 2 * HOUR_MS
    pool.drop(node(1).ed25519)
    assert pool.refresh_at() == 60_000


def test_agreement_takes_what_two_of_three_name_alike() -> None:
    pool = filled(20)
    nodes = network(20)
    forged = replace(node(1), x25519=b"\x66" * 32)
    invented = node(200)
    moved = replace(node(2), ip="9.9.9.9")
    answers = [nodes, [*nodes[2:], forged, moved], [*nodes[1:], invented]]
    agreed = pool.agree(answers)
    assert node(2) in agreed
    assert moved not in agreed
    assert forged not in agreed
    assert node(1) not in agreed  # one said so, one forged it, one left it out
    assert invented not in agreed
    assert len(agreed) == 19


def test_versions_do_not_break_agreement() -> None:
    pool = filled(20)
    newer = [replace(n, version=(2, 12, 0), requested_unlock_height=5) for n in network(20)]
    assert len(pool.agree([network(20), newer])) == 20


def test_an_answer_counts_once_and_not_at_all_if_it_names_a_node_twice() -> None:
    pool = filled(4)
    with pytest.raises(PoolRefused):
        pool.agree([[*network(5), *network(5)], [*network(5), node(1)]])
    with pytest.raises(PoolRefused):
        pool.agree([network(5)])


def test_a_network_that_was_large_is_not_believed_to_be_small() -> None:
    large, small = filled(20), filled(6)
    lists = [network(6)] * 3
    with pytest.raises(PoolRefused):
        large.agree(lists)
    assert len(small.agree(lists)) == 6


def test_three_different_nodes_are_asked() -> None:
    pool = filled(20)
    for seed in range(10):
        assert len(set(pool.asked(chance(seed)))) == 3
