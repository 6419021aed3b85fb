"""Swarm assignment beyond the recorded cases: order does not matter, sizes hold, misuse is named."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol.constants import NO_SWARM
from veery.protocol.crypto import blake2b
from veery.protocol.swarm.assignment import assign, assignment_of, new_id


def key(number: int) -> bytes:
    return blake2b(32, number.to_bytes(4, "big"))


def test_no_nodes_make_one_empty_swarm() -> None:
    assert assign([], bytes(32)) == {0: ()}


def test_a_growing_network_keeps_its_swarms_large_enough() -> None:
    placed: dict[bytes, int] = {}
    for number in range(60):
        placed[key(number)] = NO_SWARM
        swarms = assign(placed.items(), blake2b(32, b"grow", key(number)))
        placed = assignment_of(swarms)
        assert len(placed) == number + 1
        assert len(swarms) == 1 or min(map(len, swarms.values())) >= 5
    assert len(swarms) == 8  # the last one splits off at 56 nodes in 7 swarms: 56 - 5*7 = 7 + 2*7


def test_swarms_of_a_shrinking_network_dissolve() -> None:
    placed = assignment_of(assign([(key(number), NO_SWARM) for number in range(60)], bytes(range(32))))
    for number in range(58):
        del placed[key(number)]
        placed = assignment_of(assign(placed.items(), blake2b(32, b"shrink", key(number))))
    assert len(placed) == 2
    assert len(set(placed.values())) == 1


def test_the_order_of_the_list_does_not_matter() -> None:
    nodes = [(key(number), 0 if number % 3 else NO_SWARM) for number in range(40)]
    assert assign(nodes, bytes(range(8))) == assign(nodes[::-1], bytes(range(8)) + b"more")


def test_new_ids_leave_out_no_swarm() -> None:
    assert new_id([5]) == 5 + 2**63 - 1
    assert new_id([0, 2**64 - 2]) == 2**63 - 1


def test_misuse() -> None:
    with pytest.raises(Misuse):
        assign([(key(1), 0), (key(1), 7)], bytes(32))
    with pytest.raises(Misuse):
        assign([], bytes(7))
