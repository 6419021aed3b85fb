"""How nodes come into swarms (05.3): a pure function of the active nodes and the hash of the block that changed them.

The run works on an ordered map swarm id -> keys of its members. The lists begin in key order and grow at their ends,
and every choice is a draw from one generator seeded by the block, so that everyone with the same nodes and hash gets
the same swarms. Swarms of equal size are in id order where sizes are sorted; the deployed daemon agrees exactly up to
16 swarms, beyond which its library's sort decides ties in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from veery.errors import Misuse
from veery.protocol.constants import (
    NO_SWARM,
    SWARM_DISSOLVE_PERCENTILE,
    SWARM_EXCESS_BASE,
    SWARM_FILL_PERCENTILE,
    SWARM_ID_MAX,
    SWARM_MARGIN,
    SWARM_MIN,
    SWARM_NEW,
    SWARM_STEAL_PERCENTILE,
)
from veery.protocol.swarm.mersenne import Mt19937_64


def new_id(ids: Iterable[int]) -> int:
    """The id of a new swarm: the middle of the first largest gap, on a ring of 2^64-1 places."""
    known = sorted(ids)
    if not known:
        return 0
    gaps = [(after - before, before) for before, after in pairwise(known)]
    gaps.append((SWARM_ID_MAX - known[-1] + known[0] + 1, known[-1]))
    gap, start = max(gaps, key=lambda entry: entry[0])
    return (start + gap // 2) % (SWARM_ID_MAX + 1)


def assign(nodes: Iterable[tuple[bytes, int]], block_hash: bytes) -> dict[int, tuple[bytes, ...]]:
    """Give every active node a swarm.

    nodes: (legacy key, swarm id or NO_SWARM) of each active node, in any order, removals and new ones applied.
    block_hash: of the block in which the set changed, at least 8 bytes. Gives swarm id -> members; without nodes the
    swarm 0, empty.
    Raises Misuse for a key that comes twice or a short hash.
    """
    if len(block_hash) < 8:
        raise Misuse("a block hash has at least 8 bytes")
    swarms: dict[int, list[bytes]] = {}
    last: bytes | None = None
    for key, swarm_id in sorted(nodes):
        if key == last:
            raise Misuse("a node stands twice in the list")
        last = key
        swarms.setdefault(swarm_id, []).append(key)
    unassigned = swarms.pop(NO_SWARM, [])
    run = _Run(swarms, Mt19937_64(int.from_bytes(block_hash[:8], "little")))
    run.all_steps(unassigned)
    return {swarm_id: tuple(run.swarms[swarm_id]) for swarm_id in sorted(run.swarms)}


def assignment_of(swarms: Mapping[int, Sequence[bytes]]) -> dict[bytes, int]:
    """The same the other way: legacy key -> swarm id."""
    return {key: swarm_id for swarm_id, members in swarms.items() for key in members}


class _Run:
    """One run of the rule over a map that it changes."""

    def __init__(self, swarms: dict[int, list[bytes]], random: Mt19937_64) -> None:
        self.swarms = swarms
        self.random = random

    def all_steps(self, unassigned: Sequence[bytes]) -> None:
        if not self.swarms:
            self.swarms[new_id(())] = []
        self.place(unassigned, SWARM_FILL_PERCENTILE)
        self.steal()
        self.split_off()
        self.dissolve()

    def by_size(self) -> list[int]:
        return sorted(sorted(self.swarms), key=lambda swarm_id: len(self.swarms[swarm_id]))

    def place(self, keys: Sequence[bytes], percent: int) -> None:
        for key in keys:
            ordered = self.by_size()
            limit = len(self.swarms[ordered[_percentile(len(ordered), percent)]])
            candidates = [swarm_id for swarm_id in ordered if len(self.swarms[swarm_id]) <= limit]
            self.swarms[candidates[self.random.uniform(len(candidates))]].append(key)
            self.split_off()

    def steal(self) -> None:
        ordered = self.by_size()
        if not ordered:
            return
        high = len(self.swarms[ordered[_percentile(len(ordered), SWARM_STEAL_PERCENTILE)]])
        threshold = max(SWARM_MIN, high - 1)
        for swarm_id in ordered:
            while (lacking := SWARM_MIN - len(self.swarms[swarm_id])) > 0:
                donors = self.larger_than(threshold)
                if sum(len(self.swarms[donor]) - SWARM_EXCESS_BASE for donor in donors) < lacking:
                    return
                self.swarms[swarm_id].append(self.take_from(donors))

    def split_off(self) -> None:
        if any(len(members) < SWARM_MIN for members in self.swarms.values()):
            return
        while self.excess() >= SWARM_NEW + SWARM_MARGIN * len(self.swarms):
            moved = [self.take_from(self.larger_than(SWARM_EXCESS_BASE)) for _ in range(SWARM_NEW)]
            self.swarms[new_id(self.swarms)] = moved

    def dissolve(self) -> None:
        while len(self.swarms) > 1:
            starving = next((at for at in sorted(self.swarms) if len(self.swarms[at]) < SWARM_MIN), None)
            if starving is None:
                return
            self.place(self.swarms.pop(starving), SWARM_DISSOLVE_PERCENTILE)

    def excess(self) -> int:
        return sum(max(0, len(members) - SWARM_EXCESS_BASE) for members in self.swarms.values())

    def larger_than(self, size: int) -> list[int]:
        return [swarm_id for swarm_id in sorted(self.swarms) if len(self.swarms[swarm_id]) > size]

    def take_from(self, donors: Sequence[int]) -> bytes:
        """Draw one node of the pool, which is all nodes of the donors, in map order and then list order."""
        drawn = self.random.uniform(sum(len(self.swarms[donor]) for donor in donors))
        for donor in donors:
            if drawn < len(self.swarms[donor]):
                return self.swarms[donor].pop(drawn)
            drawn -= len(self.swarms[donor])
        raise AssertionError("a draw lies within its pool")


def _percentile(count: int, percent: int) -> int:
    return percent * (count - 1) // 100
