"""Which nodes are tested for being reachable, and when (05.8).

A random node every 10 s or so, from a shuffled queue that is refilled when empty; failing nodes again after a time that
grows with their failures. The outcome of first failures, retests and recoveries is to be reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from veery.policy.chance import Gauss, RandBelow
from veery.protocol.constants import (
    RETEST_MAX_S,
    RETEST_STEP_S,
    RETESTS_MAX,
    TEST_DEVIATION_S,
    TEST_MEAN_S,
)


@dataclass(slots=True)
class _Failing:
    failures: int
    due: float


class TestSchedule:
    """What to test next. Times in seconds, monotonic; nodes by their Ed25519 keys."""

    def __init__(self, gauss: Gauss, randbelow: RandBelow, now: float) -> None:
        self._gauss = gauss
        self._randbelow = randbelow
        self._nodes: frozenset[bytes] = frozenset()
        self._queue: list[bytes] = []
        self._failing: dict[bytes, _Failing] = {}
        self._next = now + self._spread()

    def set_nodes(self, nodes: Iterable[bytes]) -> None:
        """The nodes that are known now, without this one."""
        self._nodes = frozenset(nodes)
        self._queue = [node for node in self._queue if node in self._nodes]
        self._failing = {node: failing for node, failing in self._failing.items() if node in self._nodes}

    def due(self, now: float) -> list[bytes]:
        """The nodes to test at this tick: at most one at random, and at most four that failed before."""
        retests = [node for node, failing in self._failing.items() if failing.due <= now][:RETESTS_MAX]
        for node in retests:
            self._failing[node].due = now + RETEST_MAX_S  # until its result is told
        if self._next > now:
            return retests
        self._next = now + self._spread()
        drawn = self._draw()
        return retests if drawn is None else [*retests, drawn]

    def result(self, node: bytes, passed: bool, now: float) -> bool:
        """Tell the outcome of a test. Gives whether it is to be reported.

        That is the first failure, each retest, and passing after a failure; nothing of a node that left the list.
        """
        if node not in self._nodes:
            return False
        failing = self._failing.get(node)
        if passed:
            self._failing.pop(node, None)
            return failing is not None
        failures = 1 if failing is None else failing.failures + 1
        wait = min(RETEST_MAX_S, RETEST_STEP_S * failures + self._spread())
        self._failing[node] = _Failing(failures, now + wait)
        return True

    @property
    def failing(self) -> int:
        """How many nodes fail now."""
        return len(self._failing)

    def _draw(self) -> bytes | None:
        if not self._queue:
            self._queue = sorted(self._nodes - self._failing.keys())
            for place in range(len(self._queue) - 1, 0, -1):
                other = self._randbelow(place + 1)
                self._queue[place], self._queue[other] = self._queue[other], self._queue[place]
        while self._queue:
            node = self._queue.pop()
            if node not in self._failing:
                return node
        return None

    def _spread(self) -> float:
        return max(0.0, self._gauss(TEST_MEAN_S, TEST_DEVIATION_S))
