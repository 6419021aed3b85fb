"""mt19937_64, the generator that swarm assignment draws from (05.3).

It is fixed by the protocol and used for nothing secret: its numbers follow from a public block hash.
"""

from __future__ import annotations

from typing import Final

_WORD: Final = 2**64 - 1
_STATE: Final = 312
_SHIFT: Final = 156
_MATRIX: Final = 0xB5026F5AA96619E9
_UPPER: Final = 0xFFFFFFFF80000000
_LOWER: Final = 0x7FFFFFFF
_INIT: Final = 6364136223846793005


class Mt19937_64:  # noqa: N801  # the generator's own name
    """64-bit Mersenne Twister of a seed (taken modulo 2^64)."""

    __slots__ = ("_at", "_state")

    def __init__(self, seed: int) -> None:
        state = [seed & _WORD]
        for index in range(1, _STATE):
            last = state[-1]
            state.append((_INIT * (last ^ last >> 62) + index) & _WORD)
        self._state = state
        self._at = _STATE

    def draw(self) -> int:
        """The next number, 0 to 2^64-1."""
        if self._at == _STATE:
            self._twist()
        value = self._state[self._at]
        self._at += 1
        value ^= value >> 29 & 0x5555555555555555
        value ^= value << 17 & 0x71D67FFFEDA60000
        value ^= value << 37 & 0xFFF7EEE000000000
        return value ^ value >> 43

    def uniform(self, n: int) -> int:
        """A number below n (at least 1), by the rule of 05.3: draws at or above the last whole multiple are dropped."""
        limit = _WORD - _WORD % n
        drawn = self.draw()
        while drawn >= limit:
            drawn = self.draw()
        return drawn // (limit // n)

    def _twist(self) -> None:
        state = self._state
        for index in range(_STATE):
            mixed = (state[index] & _UPPER) | (state[(index + 1) % _STATE] & _LOWER)
            turned = mixed >> 1 ^ (_MATRIX if mixed & 1 else 0)
            state[index] = state[(index + _SHIFT) % _STATE] ^ turned
        self._at = 0
