"""How much one retrieve takes, and how a client shares one answer out."""

from __future__ import annotations

import pytest

from tests.unit.protocol.storage_rpc.people import ALICE
from veery.protocol.storage_rpc import Retrieve, RetrieveWindow, poll_fractions
from veery.protocol.storage_rpc.retrieve_window import counted_size, poll_priority, size_limit


def taken(sizes: list[int], max_size: int | None = None, max_count: int | None = None) -> tuple[int, bool]:
    window = RetrieveWindow(Retrieve(ALICE, max_size=max_size, max_count=max_count))
    for size in sizes:
        if not window.take(size):
            break
    return window.taken, window.more


@pytest.mark.parametrize(
    ("max_size", "max_count", "limit"),
    [
        (None, None, 1_560_000),
        (0, 0, 1_560_000),
        (None, 5, 7_800_000),
        (0, 5, 7_800_000),
        (-1, None, 7_800_000),
        (-8, None, 975_000),
        (-7, 5, 1_114_285),
        (-(2**63), None, 0),
        (1000, None, 1000),
        (1000, 5, 1000),
        (2**63 - 1, None, 7_800_000),
    ],
)
def test_size_limits(max_size: int | None, max_count: int | None, limit: int) -> None:
    assert size_limit(max_size, max_count) == limit


def test_counted_sizes() -> None:
    assert [counted_size(size) for size in (0, 1, 2, 3, 76_800)] == [143, 144, 145, 147, 102_543]


def test_the_first_message_is_always_taken() -> None:
    assert taken([76_800], max_size=1) == (1, False)
    assert taken([76_800, 0], max_size=1) == (1, True)
    assert taken([], max_size=1) == (0, False)


def test_messages_are_taken_while_the_sum_stays_within() -> None:
    assert taken([0, 0, 0], max_size=3 * 143) == (3, False)
    assert taken([0, 0, 0], max_size=3 * 143 - 1) == (2, True)
    assert taken([0, 100, 0], max_size=2 * 143) == (1, True)
    assert taken([0] * 60_000, max_size=-1) == (7_800_000 // 143, True)


def test_counts() -> None:
    assert taken([0, 0, 0], max_count=2) == (2, True)
    assert taken([0, 0], max_count=2) == (2, False)
    assert taken([0, 0], max_count=-7) == (1, True)
    assert taken([0] * 5, max_count=0) == (5, False)


def test_a_refused_window_stays_closed() -> None:
    window = RetrieveWindow(Retrieve(ALICE, max_size=200))
    assert window.take(0)
    assert not window.take(10_000)
    assert not window.take(0)
    assert (window.taken, window.more) == (1, True)


@pytest.mark.parametrize(
    ("namespaces", "fractions"),
    [
        ([0, 2, 3, 4, 5], {0: -2, 2: -8, 3: -8, 4: -8, 5: -8}),
        ([0], {0: -1}),
        ([21], {21: -1}),
        ([-11, 11, 13, 14, 12], {11: -2, -11: -8, 13: -8, 14: -8, 12: -8}),
        ([2, 3], {2: -2, 3: -2}),
        ([0, 11], {0: -2, 11: -2}),
        ([0, 11, 2], {0: -3, 11: -3, 2: -3}),
        ([], {}),
    ],
)
def test_fractions_of_a_poll(namespaces: list[int], fractions: dict[int, int]) -> None:
    assert poll_fractions(namespaces) == fractions
    shares = sum(7_800_000 // -fraction for fraction in fractions.values())
    assert shares <= 7_800_000


def test_priorities() -> None:
    assert [poll_priority(namespace) for namespace in (0, 11, 2, -11, 21)] == [10, 10, 1, 1, 1]
