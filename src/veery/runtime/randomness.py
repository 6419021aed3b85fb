"""Randomness as a thing that is handed in: the pure floors take these callables as arguments."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass

_SYSTEM = secrets.SystemRandom()


def random_bytes(count: int) -> bytes:
    """Give `count` random bytes of the operating system."""
    return secrets.token_bytes(count)


def randbelow(bound: int) -> int:
    """A uniform integer from 0 up to, not including, `bound`. Raises ValueError if `bound` is below 1."""
    return secrets.randbelow(bound)


def gauss(mean: float, deviation: float) -> float:
    """A normally distributed number, drawn from the operating system's randomness."""
    return _SYSTEM.gauss(mean, deviation)


@dataclass(frozen=True, slots=True)
class Randomness:
    """The three sources together, for what needs more than one. The defaults are those of the operating system."""

    random_bytes: Callable[[int], bytes] = random_bytes
    randbelow: Callable[[int], int] = randbelow
    gauss: Callable[[float, float], float] = gauss


def insecure_randomness(seed: int) -> Randomness:
    """Predictable randomness for simulations and tests: the same seed gives the same run. Never for keys."""
    source = random.Random(seed)  # noqa: S311 - predictable on purpose
    return Randomness(source.randbytes, source.randrange, source.gauss)
