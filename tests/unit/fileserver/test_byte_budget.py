"""Bytes a minute (09.7.6)."""

from __future__ import annotations

from veery.fileserver.budget import ByteBudget


def test_an_address_has_its_bytes_and_gets_them_back_in_a_minute() -> None:
    budget = ByteBudget(overall=1_000, each=100, addresses=10)
    assert budget.take("a", 60, 0.0) == 0.0
    assert budget.take("a", 41, 0.0) > 0.0
    assert budget.take("a", 40, 0.0) == 0.0
    assert budget.take("a", 51, 30.0) > 0.0
    assert budget.take("a", 50, 30.0) == 0.0
    assert budget.take("a", 100, 1_000.0) == 0.0
    assert budget.take("a", 1, 1_000.0) > 0.0


def test_what_is_refused_costs_nothing() -> None:
    budget = ByteBudget(overall=100, each=100, addresses=10)
    assert budget.take("a", 101, 0.0) > 0.0
    assert budget.take("a", 100, 0.0) == 0.0


def test_all_together_have_less_than_each_times_their_number() -> None:
    budget = ByteBudget(overall=150, each=100, addresses=10)
    assert budget.take("a", 100, 0.0) == 0.0
    assert budget.take("b", 100, 0.0) > 0.0
    assert budget.take("b", 50, 0.0) == 0.0
    assert budget.take("c", 1, 0.0) > 0.0
    assert budget.take("c", 75, 30.0) == 0.0


def test_only_so_many_addresses_are_remembered() -> None:
    budget = ByteBudget(overall=10_000, each=100, addresses=3)
    for number in range(50):
        assert budget.take(f"address {number}", 100, 0.0) == 0.0
    assert len(budget) == 3
    assert budget.take("address 49", 1, 0.0) > 0.0


def test_a_clock_that_stands_still_or_steps_back_gives_nothing() -> None:
    budget = ByteBudget(overall=100, each=100, addresses=3)
    assert budget.take("a", 100, 50.0) == 0.0
    assert budget.take("a", 1, 20.0) > 0.0
    assert budget.take("a", 1, 50.0) > 0.0


def test_who_is_refused_is_told_how_long_to_wait() -> None:
    budget = ByteBudget(overall=600, each=60, addresses=10)
    assert budget.take("a", 60, 0.0) == 0.0
    assert budget.take("a", 30, 0.0) == 30.0
    assert budget.take("a", 30, 10.0) == 20.0
    assert budget.take("a", 30, 30.0) == 0.0
    for number in range(9):
        assert budget.take(f"address {number}", 60, 30.0) == 0.0
    assert budget.take("b", 60, 30.0) == 3.0
