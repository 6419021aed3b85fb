"""The system's randomness and the predictable one."""

from __future__ import annotations

import pytest

from veery.runtime.randomness import Randomness, gauss, insecure_randomness, randbelow, random_bytes


def test_the_system_source() -> None:
    assert len(random_bytes(32)) == 32
    assert random_bytes(32) != random_bytes(32)
    assert {randbelow(3) for _ in range(200)} == {0, 1, 2}
    with pytest.raises(ValueError):
        randbelow(0)
    drawn = [gauss(10, 2) for _ in range(2_000)]
    assert 9.5 < sum(drawn) / len(drawn) < 10.5
    assert Randomness().random_bytes is random_bytes


def test_the_predictable_source_repeats() -> None:
    def draw(seed: int) -> tuple[bytes, int, float]:
        source = insecure_randomness(seed)
        return source.random_bytes(8), source.randbelow(1000), source.gauss(0, 1)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
