"""Drawing the nodes of paths: remembered guards first, suspects last, nothing shared that need not be (03.8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set

from veery.policy.chance import RandBelow, pick
from veery.policy.diversity import Diversity, candidates, diversity_of, draw, mark
from veery.policy.guards import GuardMemory
from veery.policy.path_actions import PathRules
from veery.policy.pool import NodePool
from veery.protocol.swarm.nodes import ServiceNode

Hops = tuple[ServiceNode, ...]


class PathDraw:
    """Draws from a pool. It remembers which nodes failed a moment ago and avoids them as long as there are others."""

    def __init__(self, pool: NodePool, guards: GuardMemory, randbelow: RandBelow, rules: PathRules) -> None:
        self._pool = pool
        self._guards = guards
        self._randbelow = randbelow
        self._rules = rules
        self._suspects: dict[bytes, int] = {}  # until when
        self._mute: dict[bytes, int] = {}  # until when

    @property
    def diversity(self) -> Diversity:
        """The rule for nodes of one path that this pool can hold."""
        return diversity_of(self._pool.nodes, self._rules.hops, self._rules.wanted)

    def suspect(self, keys: Iterable[bytes], now_ms: int) -> None:
        """Avoid these nodes for a while."""
        self._suspects = {key: until for key, until in self._suspects.items() if until > now_ms}
        self._suspects.update((key, now_ms + self._rules.suspect_ms) for key in keys)

    def mute(self, key: bytes, now_ms: int) -> None:
        """This node did not answer a request: it is none to prove a path with for a while, if there are others."""
        self._mute = {each: until for each, until in self._mute.items() if until > now_ms}
        self._mute[key] = now_ms + self._rules.suspect_ms

    def clear(self, key: bytes | None = None) -> None:
        """Nothing is held against this node any more, or against any."""
        if key is None:
            self._suspects.clear()
        else:
            self._suspects.pop(key, None)

    def path(
        self,
        now_ms: int,
        *,
        excluded: Set[bytes],
        standing: Sequence[ServiceNode],
        leaving: Sequence[ServiceNode],
        guard: ServiceNode | None = None,
        share: bool = True,
    ) -> Hops | None:
        """The hops of a new path, with this guard if one is given. None if the pool has not enough nodes.

        excluded, standing, leaving, share: see `veery.policy.diversity.candidates`.
        """
        level = self.diversity
        for choice in self._choices(level, excluded, standing, leaving, now_ms, share=share):
            for first in self._beginnings(choice, guard, now_ms):
                rest = self._fill(choice, self._rules.hops - len(first), level, first, now_ms)
                if rest is not None:
                    return (*first, *rest)
        return None

    def one(
        self,
        now_ms: int,
        *,
        beside: Hops,
        excluded: Set[bytes],
        standing: Sequence[ServiceNode],
        leaving: Sequence[ServiceNode],
    ) -> ServiceNode | None:
        """A node for a free place beside these of its path. None if there is no fitting one."""
        level = self.diversity
        for choice in self._choices(level, excluded, standing, leaving, now_ms, share=True):
            drawn = self._fill(choice, 1, level, beside, now_ms)
            if drawn is not None:
                return drawn[0]
        return None

    def proof(self, hops: Hops, used: Set[bytes], now_ms: int) -> ServiceNode | None:
        """A node to prove a path with: outside of it, answering, and outside of all paths if possible."""
        outside = [node for node in self._pool.nodes if node not in hops]
        answering = [node for node in outside if self._mute.get(node.ed25519, 0) <= now_ms] or outside
        unused = [node for node in answering if node.ed25519 not in used] or answering
        return pick(unused, self._randbelow) if unused else None

    def _fill(
        self, choice: Sequence[ServiceNode], count: int, level: Diversity, beside: Hops, now_ms: int
    ) -> Hops | None:
        # A guard knows our address: as the last hop of another path it would see where requests go as well. And a hop
        # of its subnet would keep it from being the guard of the other path.
        known = [node for key in self._guards.usable(now_ms) if (node := self._pool.get(key)) is not None]
        marks = {mark(node, level) for node in known}
        apart = [node for node in choice if mark(node, level) not in marks]
        strangers = [node for node in choice if node not in known]
        for nodes in (apart, strangers, choice):
            drawn = draw(nodes, count, level, beside, self._randbelow)
            if drawn is not None:
                return drawn
        return None

    def _choices(
        self,
        level: Diversity,
        excluded: Set[bytes],
        standing: Sequence[ServiceNode],
        leaving: Sequence[ServiceNode],
        now_ms: int,
        *,
        share: bool,
    ) -> Iterator[list[ServiceNode]]:
        suspects = {key for key, until in self._suspects.items() if until > now_ms}
        return candidates(
            self._pool.nodes,
            level,
            excluded=excluded,
            suspects=suspects,
            standing=standing,
            leaving=leaving,
            share=share,
        )

    def _beginnings(
        self, choice: Sequence[ServiceNode], guard: ServiceNode | None, now_ms: int
    ) -> Iterator[tuple[ServiceNode, ...]]:
        if guard is not None:
            yield (guard,)
            return
        known = {node.ed25519: node for node in choice}
        for key in self._guards.usable(now_ms):
            if key in known:
                yield (known[key],)
        yield ()
