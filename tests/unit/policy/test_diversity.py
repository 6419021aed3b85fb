"""Diversity of paths."""

from __future__ import annotations

import pytest

from tests.unit.policy.networks import chance, network, node
from veery.policy.diversity import Diversity, candidates, diversity_of, draw, honours, mark
from veery.protocol.swarm.nodes import ServiceNode


@pytest.mark.parametrize(
    ("nodes", "level"),
    [
        (network(6), Diversity.SUBNETS),
        (network(5), Diversity.ADDRESSES),
        (network(40, subnets=6), Diversity.SUBNETS),
        (network(40, subnets=5), Diversity.ADDRESSES),
        (network(40, subnets=1), Diversity.ADDRESSES),
        (network(16, addresses=4), Diversity.ADDRESSES),
        (network(16, addresses=3), Diversity.NODES),
        (network(16, addresses=1), Diversity.NODES),
        ([], Diversity.NODES),
    ],
)
def test_the_pool_decides(nodes: list[ServiceNode], level: Diversity) -> None:
    assert diversity_of(nodes, 3, 2) is level


def test_marks() -> None:
    one = node(1, ip="10.1.2.3")
    assert mark(one, Diversity.SUBNETS) == "10.1.2"
    assert mark(one, Diversity.ADDRESSES) == "10.1.2.3"
    assert mark(one, Diversity.NODES) == one.ed25519
    near = node(2, ip="10.1.2.4")
    assert not honours((one, near), Diversity.SUBNETS)
    assert honours((one, near), Diversity.ADDRESSES)


def test_draws_differ_from_each_other_and_from_those_beside() -> None:
    nodes = network(9, subnets=3)
    for seed in range(30):
        drawn = draw(nodes, 2, Diversity.SUBNETS, (nodes[0],), chance(seed))
        assert drawn is not None
        assert honours((nodes[0], *drawn), Diversity.SUBNETS)
    assert draw(nodes, 3, Diversity.SUBNETS, (nodes[0],), chance()) is None
    assert draw(nodes, 0, Diversity.SUBNETS, (), chance()) == ()


def test_a_node_is_never_drawn_beside_itself_at_another_address() -> None:
    moved = node(1, ip="77.1.1.1")
    assert draw([moved], 1, Diversity.SUBNETS, (node(1),), chance()) is None


def test_big_subnets_keep_their_weight() -> None:
    nodes = [node(i, ip=f"10.0.0.{i}") for i in range(1, 10)] + [node(20, ip="10.9.0.1")]
    randbelow = chance(5)
    alone = sum(draw(nodes, 1, Diversity.SUBNETS, (), randbelow) == (nodes[-1],) for _ in range(1_000))
    assert 60 < alone < 140


def test_candidates_weaken_in_steps() -> None:
    nodes = [node(1, ip="10.0.0.1"), node(2, ip="10.0.0.2"), node(3), node(4), node(5)]
    steps = candidates(
        nodes,
        Diversity.SUBNETS,
        excluded={nodes[4].ed25519},
        suspects={nodes[3].ed25519},
        standing=[nodes[0]],
        leaving=[],
        share=True,
    )
    assert [[nodes.index(n) + 1 for n in step] for step in steps] == [
        [3],
        [2, 3],
        [3, 4],
        [2, 3, 4],
        [1, 2, 3],
        [1, 2, 3, 4],
    ]


def test_nodes_that_leave_are_avoided_first_but_not_after() -> None:
    nodes = network(3)
    steps = list(
        candidates(
            nodes, Diversity.NODES, excluded=set(), suspects=set(), standing=[nodes[0]], leaving=[nodes[1]], share=False
        )
    )
    assert steps[0] == [nodes[2]]
    assert steps[1] == [nodes[1], nodes[2]]
    assert all(nodes[0] not in step for step in steps)
