"""Account -> swarm: ties, ends of the ring, arcs, and what is refused."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol.constants import NO_SWARM, SWARM_RING
from veery.protocol.swarm.mapping import AccountMalformed, Arc, Ring, account_from_hex, space, swarm_of


def account_at(place: int, prefix: int = 5) -> bytes:
    return bytes((prefix,)) + place.to_bytes(8, "big") + bytes(24)


def test_no_swarm_is_never_a_candidate() -> None:
    assert swarm_of(account_at(NO_SWARM), [NO_SWARM]) is None
    assert swarm_of(account_at(NO_SWARM), [NO_SWARM, 5]) == 5
    assert swarm_of(account_at(1), []) is None


def test_ties_go_left_also_across_zero() -> None:
    assert Ring.of([100, 200]).nearest(150) == 100
    assert Ring.of([100, 200]).nearest(151) == 200
    low, high = 10, SWARM_RING - 10
    assert Ring.of([low, high]).nearest(0) == high
    assert Ring.of([low, high]).nearest(1) == low


def test_an_exact_id_wins_over_everything() -> None:
    assert Ring.of([7, 8, 9]).nearest(8) == 8


def test_the_prefix_does_not_count_and_may_be_absent() -> None:
    account = account_at(77)
    assert space(account) == space(account_at(77, prefix=3)) == space(account[1:]) == 77


def test_arcs_end_in_the_middle() -> None:
    ring = Ring.of([100, 200, 301])
    assert ring.arc(200) == Arc(151, 250)
    assert ring.arc(301).first == 251
    assert Ring.of([9]).arc(9) == Arc(0, SWARM_RING - 1)
    with pytest.raises(Misuse):
        ring.arc(201)


@pytest.mark.parametrize("size", [0, 31, 34, 66])
def test_other_lengths_are_misuse(size: int) -> None:
    with pytest.raises(Misuse):
        space(bytes(size))


@pytest.mark.parametrize("text", ["", "05", "05" + "zz" * 32, "05" * 34, "0x" + "00" * 32, "05" + " 1" * 32, "٣" * 66])
def test_text_that_is_no_account(text: str) -> None:
    with pytest.raises(AccountMalformed):
        account_from_hex(text)
