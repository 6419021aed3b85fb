"""Chance as an argument: what the policies make of a source of random numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

RandBelow = Callable[[int], int]  # gives an integer from 0 to n - 1; `secrets.randbelow` outside of tests
Gauss = Callable[[float, float], float]  # draws from the normal distribution of a mean and a standard deviation

_T = TypeVar("_T")


def pick(choices: Sequence[_T], randbelow: RandBelow) -> _T:
    """One of the choices, all alike. There must be one."""
    return choices[randbelow(len(choices))]


def sample(choices: Sequence[_T], count: int, randbelow: RandBelow) -> list[_T]:
    """Up to `count` different places of the sequence, in random order."""
    rest = list(choices)
    taken: list[_T] = []
    while rest and len(taken) < count:
        index = randbelow(len(rest))
        rest[index], rest[-1] = rest[-1], rest[index]
        taken.append(rest.pop())
    return taken


def doubled(first: int, most: int, failures: int) -> int:
    """The pause after so many failures in a row (at least 1): `first`, twice that, and so on up to `most`."""
    return min(most, first << min(max(failures, 1) - 1, 40))


def jittered(pause: int, randbelow: RandBelow) -> int:
    """Between half of a pause and all of it, so that many who failed together do not come back together."""
    half = pause // 2
    return half + randbelow(pause - half + 1)
