"""mt19937_64 against its published values, and the rule of drawing below n."""

from __future__ import annotations

from veery.protocol.swarm.mersenne import Mt19937_64


def test_the_ten_thousandth_number_of_the_default_seed() -> None:
    random = Mt19937_64(5489)
    numbers = [random.draw() for _ in range(10_000)]
    assert numbers[-1] == 9981545732273789042


def test_the_first_number_of_the_default_seed() -> None:
    assert Mt19937_64(5489).draw() == 14514284786278117030


def test_seeds_are_taken_modulo_two_to_the_64() -> None:
    assert Mt19937_64(2**64 + 7).draw() == Mt19937_64(7).draw()


def test_uniform_divides_the_draw() -> None:
    for n in (1, 2, 3, 7, 1000, 2**40 + 1):
        drawn, again = Mt19937_64(99), Mt19937_64(99)
        limit = (2**64 - 1) - (2**64 - 1) % n
        value = next(x for x in iter(drawn.draw, None) if x < limit)
        assert again.uniform(n) == value // (limit // n) < n


def test_uniform_reaches_every_number() -> None:
    random = Mt19937_64(1)
    assert {random.uniform(5) for _ in range(200)} == set(range(5))
