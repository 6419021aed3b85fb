"""Chance as an argument."""

from __future__ import annotations

from tests.unit.policy.networks import chance
from veery.policy.chance import doubled, jittered, pick, sample


def test_sample_takes_different_places() -> None:
    for seed in range(20):
        taken = sample("abcdef", 4, chance(seed))
        assert len(set(taken)) == 4
        assert set(taken) <= set("abcdef")
    assert sorted(sample([1, 2], 5, chance())) == [1, 2]
    assert sample([], 3, chance()) == []


def test_every_choice_can_be_picked() -> None:
    randbelow = chance()
    assert {pick("abc", randbelow) for _ in range(100)} == set("abc")


def test_pauses_double_up_to_the_most() -> None:
    assert [doubled(200, 5_000, n) for n in range(1, 8)] == [200, 400, 800, 1_600, 3_200, 5_000, 5_000]
    assert doubled(1_000, 300_000, 10_000) == 300_000
    assert doubled(1_000, 300_000, 0) == 1_000


def test_jitter_stays_between_half_and_whole() -> None:
    randbelow = chance()
    drawn = {jittered(9, randbelow) for _ in range(300)}
    assert drawn == set(range(4, 10))
    assert jittered(0, randbelow) == 0
