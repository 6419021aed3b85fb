"""The test schedule of a node."""

from __future__ import annotations

import random
from itertools import pairwise

from tests.unit.policy.networks import chance
from veery.policy import reachability

NODES = [bytes([n]) for n in range(20)]


def schedule(nodes: list[bytes] | None = None, *, spread: float | None = None) -> reachability.TestSchedule:
    source = random.Random(4)
    gauss = source.gauss if spread is None else lambda mean, deviation: spread
    made = reachability.TestSchedule(gauss, chance(), 0.0)
    made.set_nodes(NODES if nodes is None else nodes)
    return made


def test_every_node_is_tested_once_a_round_about_every_ten_seconds() -> None:
    tests = schedule()
    times: list[float] = []
    tested: list[bytes] = []
    now = 0.0
    while len(tested) < 40:
        for key in tests.due(now):
            tests.result(key, True, now)
            tested.append(key)
            times.append(now)
        now += 0.2
    assert sorted(tested[:20]) == sorted(tested[20:]) == NODES
    assert tested[:20] != tested[20:]
    gaps = [late - early for early, late in pairwise(times)]
    assert 8 < sum(gaps) / len(gaps) < 12
    assert max(gaps) < 25


def test_a_negative_draw_is_at_once() -> None:
    tests = schedule(spread=-5.0)
    assert len(tests.due(0.0)) == 1
    assert len(tests.due(0.0)) == 1


def test_what_is_reported() -> None:
    tests = schedule()
    assert not tests.result(NODES[0], True, 0.0)
    assert tests.result(NODES[0], False, 0.0)
    assert tests.result(NODES[0], False, 30.0)
    assert tests.failing == 1
    assert tests.result(NODES[0], True, 60.0)
    assert tests.failing == 0
    assert not tests.result(b"stranger", False, 0.0)
    assert tests.failing == 0


def test_retests_come_later_each_time_up_to_two_minutes() -> None:
    tests = schedule(NODES[:1], spread=10.0)
    now, waits = 0.0, []
    tests.result(NODES[0], False, now)
    for _ in range(15):
        at = next(step for step in range(200) if tests.due(now + step))
        waits.append(at)
        now += at
        tests.result(NODES[0], False, now)
    assert waits[:4] == [20, 30, 40, 50]
    assert waits[-3:] == [120, 120, 120]


def test_failing_nodes_are_not_drawn_and_four_are_retested_in_one_tick() -> None:
    tests = schedule(NODES[:6], spread=0.0)
    for key in NODES[:6]:
        tests.result(key, False, 0.0)
    first, second = tests.due(10.0), tests.due(10.2)
    assert len(first) == 4
    assert sorted([*first, *second]) == NODES[:6]
    assert tests.due(10.4) == []  # their results are not told yet


def test_nodes_that_left_are_forgotten() -> None:
    tests = schedule(NODES[:3], spread=0.0)
    tests.result(NODES[0], False, 0.0)
    tests.set_nodes(NODES[1:2])
    assert tests.failing == 0
    assert tests.due(60.0) == [NODES[1]]
    tests.set_nodes([])
    assert tests.due(120.0) == []
