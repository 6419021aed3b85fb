"""What a node does when swarms change: the table of 05.4, and its small machines."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.unit.policy.networks import node
from veery.policy.replication import (
    Change,
    Dump,
    Handshakes,
    PushMapped,
    ShakeHands,
    changes,
    repair_after,
    repair_given_up,
)
from veery.protocol.constants import DAY_MS
from veery.protocol.swarm.nodes import ServiceNode

A, B, C, D, E, F = (node(number) for number in range(1, 7))
OWN = A.ed25519


def shake(*peers: ServiceNode, dump: bool) -> list[Change]:
    return [ShakeHands(peer.ed25519, dump) for peer in peers]


def push(swarm: int, *peers: ServiceNode) -> list[Change]:
    return [PushMapped(peer.ed25519, swarm) for peer in peers]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({1: [A, B]}, {1: [A, B]}, []),
        ({}, {1: [A, B, C]}, shake(B, C, dump=True)),  # started, or joined
        ({1: [B]}, {1: [B, A]}, shake(B, dump=True)),
        ({1: [A, B]}, {1: [A, B, C]}, shake(C, dump=False)),  # a new member
        ({1: [A, B]}, {1: [A]}, []),
        ({1: [A, B]}, {1: [A, B], 9: [C, D]}, push(9, C, D)),  # a new swarm elsewhere
        ({1: [A, B, C]}, {1: [A, B], 9: [C]}, push(9, C)),
        ({1: [A], 2: [B, C]}, {1: [A, B], 9: [C]}, [*shake(B, dump=False), *push(9, C)]),
        ({1: [A, B], 2: [C]}, {2: [C, A, B]}, [*shake(C, B, dump=True), *push(2, C, B)]),  # ours was dissolved
        ({1: [A, B], 2: [C]}, {1: [B], 2: [C, A]}, shake(C, dump=True)),  # moved
        ({1: [A, B], 2: [C]}, {2: [C], 1: [B]}, []),  # became inactive
        ({1: [A], 2: [C]}, {1: [D], 2: [C, A]}, [*shake(C, dump=True), *push(1, D), *push(2, C)]),  # nobody stayed
    ],
)
def test_row(
    before: dict[int, Sequence[ServiceNode]], after: dict[int, Sequence[ServiceNode]], expected: list[Change]
) -> None:
    assert changes(before, after, OWN) == expected


def test_nodes_are_the_same_if_their_legacy_keys_are() -> None:
    moved = ServiceNode(B.legacy, b"N" * 32, b"X" * 32, "9.9.9.9", 1, 1, 1)
    assert changes({1: [A, B]}, {1: [A, moved]}, OWN) == []


def test_handshakes_are_repeated_every_ten_seconds_until_answered() -> None:
    handshakes = Handshakes()
    handshakes.begin(b"b", want_dump=False, now_ms=0)
    handshakes.begin(b"c", want_dump=True, now_ms=0)
    assert handshakes.due(0) == [(b"b", False), (b"c", True)]
    assert handshakes.due(9_999) == []
    handshakes.answered(b"b")
    assert handshakes.get_timer() == 10_000
    assert handshakes.due(10_000) == [(b"c", True)]
    handshakes.hasten(b"c", 10_001)
    handshakes.hasten(b"stranger", 10_001)
    assert handshakes.due(10_001) == [(b"c", True)]
    handshakes.keep_only(frozenset({b"b"}))
    assert len(handshakes) == 0
    assert handshakes.get_timer() is None


def test_a_wanted_dump_is_not_forgotten() -> None:
    handshakes = Handshakes()
    handshakes.begin(b"b", want_dump=True, now_ms=0)
    handshakes.begin(b"b", want_dump=False, now_ms=5)
    assert handshakes.due(5) == [(b"b", True)]


def test_a_dump_has_at_most_five_batches_under_way() -> None:
    dump = Dump(0, 100)
    for last in range(10, 60, 10):
        assert dump.may_send(0)
        dump.sent(last)
    assert not dump.may_send(0)
    assert dump.reads_from == 50
    dump.confirmed(10)
    assert dump.may_send(0)
    assert dump.cursor == 10


def test_the_cursor_moves_without_gaps() -> None:
    dump = Dump(0, 30)
    for last in (10, 20, 30):
        dump.sent(last)
    dump.confirmed(30)
    dump.confirmed(20)
    assert (dump.cursor, dump.done) == (0, False)
    dump.confirmed(10)
    assert (dump.cursor, dump.done) == (30, True)
    assert Dump(0, 0).done


def test_stretches_without_messages_are_skipped() -> None:
    dump = Dump(0, 40)
    dump.skipped_to(10)
    assert dump.cursor == 10
    dump.sent(20)
    dump.skipped_to(40)
    assert dump.cursor == 10
    dump.confirmed(20)
    assert dump.done


def test_a_failure_pauses_and_goes_on_from_the_first_unconfirmed_message() -> None:
    dump = Dump(0, 100)
    for last in (10, 20, 30):
        dump.sent(last)
    dump.confirmed(10)
    dump.confirmed(30)
    dump.failed(1_000)
    assert dump.reads_from == dump.cursor == 10
    assert not dump.may_send(15_999)
    assert dump.get_timer() == 16_000
    assert dump.may_send(16_000)
    dump.sent(20)
    dump.sent(30)  # it may begin elsewhere now: what was confirmed before does not count
    dump.confirmed(20)
    assert dump.cursor == 20


def test_confirmations_of_an_abandoned_window_count_for_nothing() -> None:
    dump = Dump(0, 100)
    dump.sent(10)
    old = dump.sent(20)
    dump.failed(0)
    dump.confirmed(20, old)
    new = dump.sent(20)  # one batch from the beginning this time
    dump.confirmed(20, old)
    assert dump.cursor == 0
    dump.confirmed(20, new)
    assert dump.cursor == 20


def test_repairs_come_after_fifteen_seconds_then_every_minute_for_thirty_days() -> None:
    assert [repair_after(attempts, 0) for attempts in range(4)] == [15_000, 60_000, 60_000, 60_000]
    assert not repair_given_up(0, 30 * DAY_MS)
    assert repair_given_up(0, 30 * DAY_MS + 1)
