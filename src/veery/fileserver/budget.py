"""Bytes a minute, for all askers together and for each (09.7.6). Time is an argument.

The addresses are those of last hops, and stand in memory alone for as long as they are busy.
"""

from __future__ import annotations

from collections import OrderedDict

_MINUTE_S = 60.0


class ByteBucket:
    """`capacity` bytes at once, and as many again in each minute."""

    __slots__ = ("_at", "_capacity", "_left")

    def __init__(self, capacity: int, now_s: float) -> None:
        self._capacity = float(capacity)
        self._left = float(capacity)
        self._at = now_s

    def left(self, now_s: float) -> float:
        """What can be taken now."""
        self._left = min(self._capacity, self._left + max(0.0, now_s - self._at) * self._capacity / _MINUTE_S)
        self._at = max(self._at, now_s)
        return self._left

    def wait_s(self, size: int, now_s: float) -> float:
        """Seconds until `size` bytes can be taken; 0.0 if now."""
        return max(0.0, size - self.left(now_s)) * _MINUTE_S / self._capacity

    def take(self, size: int) -> None:
        """Take what `left` said is there."""
        self._left -= size


class ByteBudget:
    """Bytes up and down. overall, each: bytes a minute; addresses: at most so many are remembered."""

    def __init__(self, overall: int, each: int, addresses: int) -> None:
        self._each = each
        self._most = addresses
        self._overall_capacity = overall
        self._overall: ByteBucket | None = None
        self._found: OrderedDict[str, ByteBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def take(self, address: str, size: int, now_s: float) -> float:
        """Take `size` bytes for an address at `now_s` (seconds, monotonic), and give 0.0.

        If there are not so many, nothing is taken; the number is that of seconds until there can be.
        """
        if self._overall is None:
            self._overall = ByteBucket(self._overall_capacity, now_s)
        own = self._found.get(address)
        if own is None:
            own = self._found[address] = ByteBucket(self._each, now_s)
        self._found.move_to_end(address)
        if len(self._found) > self._most:
            self._found.popitem(last=False)  # the overall bound still holds for who comes back under a new address
        wait_s = max(own.wait_s(size, now_s), self._overall.wait_s(size, now_s))
        if wait_s == 0.0:
            own.take(size)
            self._overall.take(size)
        return wait_s
