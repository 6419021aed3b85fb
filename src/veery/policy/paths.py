"""The paths of a client: building, choosing, rotating and retiring them (03.8, 03.9).

A path is three hops, the first of which is a guard. The table keeps the wanted number of paths standing, gives each
request the least loaded one that does not contain its destination, and digests what comes back.

    open(destination) -> Route | None, actions        finish(route, outcome) -> Ruling(verdict, actions)
    built(path_id), build_failed(path_id, outcome)    pool_changed(), network_changed(), handle_timer() -> actions

Layers are made anew for every request, so a hop other than the guard can be replaced in a standing path; a request
blames the hops that it used, not those that stand there later. A lost guard connection ends the path once, however many
requests were open on it. An answer that finds its path gone may still name a node, but counts against no path.

While our own line is down every guard seems dead. Blaming them would empty the pool within a minute, so failures to
reach a guard strike nodes only while other answers come in; the guard is then only avoided for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from veery.policy.blame import Abandoned, Blame, GuardUnreachable, Outcome, RequestTimeout, judge
from veery.policy.chance import RandBelow, doubled, jittered, pick
from veery.policy.diversity import Diversity, honours
from veery.policy.guards import Guard, GuardMemory
from veery.policy.path_actions import (
    Action,
    BuildPath,
    ClosePath,
    NodeDropped,
    PathRules,
    PathState,
    PathView,
    RefreshPool,
    RememberGuards,
    Route,
    Ruling,
)
from veery.policy.path_draw import Hops, PathDraw
from veery.policy.path_kept import KeptPath, keys_of
from veery.policy.pool import NodePool

_LIVE = (PathState.BUILDING, PathState.READY)
_UNANSWERED = (GuardUnreachable, RequestTimeout, Abandoned)


class PathTable:
    """The paths of one client over one pool. `guards` are those remembered from before."""

    def __init__(
        self, pool: NodePool, randbelow: RandBelow, rules: PathRules | None = None, guards: Iterable[Guard] = ()
    ) -> None:
        self.rules = rules or PathRules()
        self._pool = pool
        self._randbelow = randbelow
        self._guards = GuardMemory(guards, self.rules.guard_life_ms)
        self._draw = PathDraw(pool, self._guards, randbelow, self.rules)
        self._paths: dict[int, KeptPath] = {}
        self._next_id = 1
        self._failed_builds = 0
        self._build_at_ms = 0
        self._last_build_ms = 0
        self._last_answer_ms: int | None = None

    # -- what is to be seen ----------------------------------------------------------------------------------------

    @property
    def diversity(self) -> Diversity:
        """The rule for nodes of one path that this network can hold."""
        return self._draw.diversity

    @property
    def paths(self) -> tuple[PathView, ...]:
        """Every path, oldest first."""
        return tuple(PathView(p.path_id, p.state, p.hops, p.open_requests, p.failures) for p in self._paths.values())

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The remembered guards."""
        return self._guards.guards

    # -- requests --------------------------------------------------------------------------------------------------

    def open(
        self, destination: bytes | None, now_ms: int, avoid: Set[int] = frozenset()
    ) -> tuple[Route | None, tuple[Action, ...]]:
        """A way for one request, or None while no path is ready: then ask again after the next `built`.

        destination: Ed25519 key of the node, None for a server; avoid: paths that this request failed on.
        """
        ready = [p for p in self._paths.values() if p.state is PathState.READY and destination not in p.keys]
        ready = [p for p in ready if p.path_id not in avoid] or ready
        if not ready:
            return None, self._make_way(destination, now_ms)
        least = min(p.open_requests for p in ready)
        path = pick([p for p in ready if p.open_requests == least], self._randbelow)
        path.open_requests += 1
        path.used_ms = now_ms
        return Route(path.path_id, path.hops, destination, now_ms), ()

    def finish(self, route: Route, outcome: Outcome, now_ms: int) -> Ruling:
        """The request of this route is over. Call it once for each route, with `Abandoned` when it was cancelled."""
        path = self._paths.get(route.path_id)
        if path is not None:
            path.open_requests -= 1
        blame = judge(outcome, keys_of(route.hops), route.destination)
        if blame.silent and route.destination is not None:
            self._draw.mute(route.destination, now_ms)  # it may be the dead one, and would fail every proof
        actions = self._apply(blame, outcome, path, route, now_ms)
        actions += self._tidy()
        return Ruling(blame.verdict, (*actions, *self._top_up(now_ms)))

    # -- events of the shell ---------------------------------------------------------------------------------------

    def built(self, path_id: int, now_ms: int) -> tuple[Action, ...]:
        """The guard was reached and the proof answered: the path takes over."""
        path = self._paths.get(path_id)
        if path is None or path.state is not PathState.BUILDING:
            return ()
        old = self._paths.get(path.replaces) if path.replaces is not None else None
        if old is not None and old.state is PathState.READY:
            old.state = PathState.RETIRING
        path.state, path.replaces = PathState.READY, None
        path.rotate_at_ms = now_ms + self.rules.rotation_ms
        self._last_answer_ms = now_ms
        self._failed_builds = 0
        guard = path.hops[0].ed25519
        self._draw.clear(guard)
        remembered = (RememberGuards(self._guards.guards),) if self._guards.remember(guard, now_ms) else ()
        return (*remembered, *self._tidy(), *self._top_up(now_ms))

    def build_failed(self, path_id: int, outcome: Outcome, now_ms: int) -> tuple[Action, ...]:
        """The guard was not reached, or the proof did not come back."""
        path = self._paths.get(path_id)
        if path is None or path.state is not PathState.BUILDING:
            return ()
        path.state = PathState.GONE
        blame = judge(outcome, path.keys, None)
        if blame.silent:
            self._draw.mute(path.proof, now_ms)
        actions = self._blame_nodes(blame, outcome, path.keys, now_ms, now_ms)
        old = self._paths.get(path.replaces) if path.replaces is not None else None
        if old is not None:
            old.rotate_at_ms = now_ms + self.rules.rotation_retry_ms
        else:
            self._draw.suspect(path.keys[:1] if blame.path_lost else path.keys, now_ms)
            self._failed_builds += 1
            self._build_at_ms = now_ms + self._build_pause()
        return (*actions, *self._tidy(), *self._top_up(now_ms))

    def pool_changed(self, now_ms: int) -> tuple[Action, ...]:
        """The pool has a new list: nodes that are gone are replaced, paths below the possible diversity rotate soon."""
        level = self.diversity
        for path in list(self._paths.values()):
            for key in path.keys:
                if key not in self._pool:
                    self._replace(path, key, now_ms)
            path.hops = tuple(self._pool.get(node.ed25519) or node for node in path.hops)  # it may have moved
            if path.state is PathState.READY and not honours(path.hops, level):
                path.rotate_at_ms = now_ms
        self._build_at_ms = min(self._build_at_ms, now_ms)
        return (*self._tidy(), *self._top_up(now_ms))

    def network_changed(self, now_ms: int) -> tuple[Action, ...]:
        """The machine has another network, or woke up: try at once, and hold nothing against the guards."""
        self._draw.clear()
        self._failed_builds = 0
        self._last_answer_ms = None
        for path in self._paths.values():
            path.excused = True  # connections that the change broke are nobody's fault
        self._build_at_ms = now_ms
        return self.handle_timer(now_ms)

    # -- time ------------------------------------------------------------------------------------------------------

    def get_timer(self) -> int:
        """When `handle_timer` is to be called next (ms)."""
        times = [self._pool.refresh_at(), *(path.rotate_at_ms for path in self._rotatable())]
        times += [path.used_ms + self.rules.build_patience_ms for path in self._quick_builds()]
        if self._lacking() > 0:
            times.append(self._build_at_ms)
        return min(times)

    def handle_timer(self, now_ms: int) -> tuple[Action, ...]:
        """Refresh, build and rotate what is due."""
        actions: list[Action] = []
        if now_ms >= self._pool.refresh_at():
            actions.append(RefreshPool(self._pool.seeds_needed))
            self._pool.refresh_started(now_ms)
        for path in self._quick_builds():
            if now_ms >= path.used_ms + self.rules.build_patience_ms:
                path.slow = True
                self._draw.suspect(path.keys[1:], now_ms)
                self._draw.mute(path.proof, now_ms)
        for path in self._rotatable():
            if now_ms >= path.rotate_at_ms:
                actions += self._rotate(path, now_ms)
        return (*actions, *self._tidy(), *self._top_up(now_ms))

    def _rotatable(self) -> list[KeptPath]:
        rotating = {path.replaces for path in self._paths.values()}
        return [p for p in self._paths.values() if p.state is PathState.READY and p.path_id not in rotating]

    def _quick_builds(self) -> list[KeptPath]:
        return [p for p in self._new_builds() if not p.slow]

    def _new_builds(self) -> list[KeptPath]:
        return [p for p in self._paths.values() if p.state is PathState.BUILDING and p.replaces is None]

    def _rotate(self, path: KeptPath, now_ms: int) -> tuple[Action, ...]:
        standing = sum(other.state is PathState.READY for other in self._paths.values())
        if standing > self.rules.wanted:
            path.state = PathState.RETIRING
            return ()
        guard = path.hops[0] if self._guards.keeps(path.hops[0].ed25519, now_ms) else None
        hops = self._draw.path(
            now_ms,
            excluded=frozenset(path.keys),
            standing=self._hops(*_LIVE, but=path),
            leaving=self._hops(PathState.RETIRING),
            guard=guard,
            share=False,
        )
        if hops is not None:
            return self._start(hops, now_ms, replaces=path.path_id)
        path.rotate_at_ms = now_ms + self.rules.rotation_retry_ms
        return ()

    # -- blame -----------------------------------------------------------------------------------------------------

    def _apply(
        self, blame: Blame, outcome: Outcome, path: KeptPath | None, route: Route, now_ms: int
    ) -> tuple[Action, ...]:
        if blame.path_lost and path is None:
            return ()  # one lost connection is one failure, however many requests were open on it
        keys = keys_of(route.hops)
        if blame.path_lost and path is not None and path.excused:
            actions: tuple[Action, ...] = ()
        else:
            actions = self._blame_nodes(blame, outcome, keys, now_ms, route.opened_ms)
        if path is None:
            return actions
        path.excused = path.excused and isinstance(outcome, _UNANSWERED)
        if blame.path_lost:
            path.state = PathState.GONE
            self._draw.suspect(keys[:1], now_ms)
        elif path.state is PathState.READY and not isinstance(outcome, Abandoned):
            actions += self._count_failure(blame, path, keys, now_ms)
        return actions

    def _blame_nodes(
        self, blame: Blame, outcome: Outcome, keys: tuple[bytes, ...], now_ms: int, opened_ms: int
    ) -> tuple[Action, ...]:
        if not isinstance(outcome, _UNANSWERED):
            self._last_answer_ms = now_ms
        actions: tuple[Action, ...] = ()
        if blame.removed is not None:
            actions += self._drop(blame.removed, now_ms)
        if blame.struck is not None:
            actions += self._strike((blame.struck,), now_ms, opened_ms)
        line_is_up = self._last_answer_ms is not None and now_ms - self._last_answer_ms <= self.rules.line_proof_ms
        if blame.path_lost and line_is_up:
            actions += self._strike(keys, now_ms, None)
        return actions

    def _count_failure(self, blame: Blame, path: KeptPath, keys: tuple[bytes, ...], now_ms: int) -> tuple[Action, ...]:
        path.silences = path.silences + 1 if blame.silent else 0
        path.failures += blame.path_failure
        failed = path.failures >= self.rules.failures
        if not failed and path.silences < self.rules.silences:
            return ()
        path.state = PathState.RETIRING
        self._draw.suspect(keys, now_ms)
        blamed = {blame.removed, blame.struck}
        return self._strike((key for key in keys if key not in blamed), now_ms, None) if failed else ()

    def _strike(self, keys: Iterable[bytes], now_ms: int, opened_ms: int | None) -> tuple[Action, ...]:
        actions: tuple[Action, ...] = ()
        for key in keys:
            if self._pool.strike(key, now_ms, opened_ms=opened_ms):
                actions += self._dropped(key, now_ms)
        return actions

    def _drop(self, key: bytes, now_ms: int) -> tuple[Action, ...]:
        if self._pool.drop(key):
            return self._dropped(key, now_ms)
        self._draw.suspect((key,), now_ms)
        return ()

    def _dropped(self, key: bytes, now_ms: int) -> tuple[Action, ...]:
        for path in list(self._paths.values()):
            if key in path.keys:
                self._replace(path, key, now_ms)
        remembered = (RememberGuards(self._guards.guards),) if self._guards.forget(key) else ()
        return (NodeDropped(key), *remembered)

    def _replace(self, path: KeptPath, key: bytes, now_ms: int) -> None:
        """Put another node into the same place; without one, or in place of the guard, the path goes."""
        if path.state not in _LIVE:
            return
        node = None
        if path.state is PathState.READY and path.keys[0] != key:
            node = self._draw.one(
                now_ms,
                beside=tuple(other for other in path.hops if other.ed25519 != key),
                excluded=frozenset({key}),
                standing=self._hops(*_LIVE, but=path),
                leaving=self._hops(PathState.RETIRING),
            )
        if node is None:
            path.state = PathState.GONE
        else:
            path.hops = tuple(node if other.ed25519 == key else other for other in path.hops)

    # -- building --------------------------------------------------------------------------------------------------

    def _hops(self, *states: PathState, but: KeptPath | None = None) -> Hops:
        return tuple(node for p in self._paths.values() if p.state in states and p is not but for node in p.hops)

    def _lacking(self) -> int:
        """How many paths to begin: slow builds do not count, but there are never more than twice the wanted ones."""
        ready = sum(p.state is PathState.READY and p.replaces is None for p in self._paths.values())
        return min(
            self.rules.wanted - ready - len(self._quick_builds()), 2 * self.rules.wanted - len(self._new_builds())
        )

    def _build_pause(self) -> int:
        if self._failed_builds >= self.rules.build_attempts:
            return self.rules.build_rest_ms
        pause = doubled(self.rules.build_first_ms, self.rules.build_max_ms, self._failed_builds)
        return jittered(pause, self._randbelow)

    def _top_up(self, now_ms: int) -> tuple[Action, ...]:
        actions: tuple[Action, ...] = ()
        while self._lacking() > 0 and now_ms >= self._build_at_ms:
            actions += self._build(None, now_ms)
        return actions

    def _build(self, destination: bytes | None, now_ms: int) -> tuple[Action, ...]:
        self._last_build_ms = now_ms
        hops = None
        if self._pool.workable:
            hops = self._draw.path(
                now_ms,
                excluded=frozenset() if destination is None else frozenset({destination}),
                standing=self._hops(*_LIVE),
                leaving=self._hops(PathState.RETIRING),
            )
        if hops is not None:
            return self._start(hops, now_ms)
        self._build_at_ms = now_ms + self.rules.build_max_ms
        return ()

    def _start(self, hops: Hops, now_ms: int, replaces: int | None = None) -> tuple[Action, ...]:
        path = KeptPath(self._next_id, hops, now_ms + self.rules.rotation_ms, replaces, used_ms=now_ms)
        self._next_id += 1
        self._paths[path.path_id] = path
        used = {key for other in self._paths.values() for key in other.keys}
        proof = self._draw.proof(hops, used, now_ms)
        path.proof = b"" if proof is None else proof.ed25519
        return (BuildPath(path.path_id, hops, proof),)

    def _make_way(self, destination: bytes | None, now_ms: int) -> tuple[Action, ...]:
        """Somebody waits: wake from resting, and build a path around the destination if every path contains it."""
        self._build_at_ms = min(self._build_at_ms, self._last_build_ms + self.rules.build_max_ms)
        under_way = [p for p in self._paths.values() if p.state is PathState.BUILDING and not p.slow]
        coming = any(destination not in p.keys for p in under_way)
        if coming or now_ms < self._build_at_ms or len(self._new_builds()) >= 2 * self.rules.wanted:
            return self._top_up(now_ms)
        ready = [path for path in self._paths.values() if path.state is PathState.READY]
        if len(ready) > max(self.rules.wanted - 1, self.rules.hops):
            min(ready, key=lambda path: (path.open_requests, path.used_ms)).state = PathState.RETIRING
        return (*self._tidy(), *self._build(destination, now_ms), *self._top_up(now_ms))

    def _tidy(self) -> tuple[Action, ...]:
        for path in self._paths.values():
            if path.state is PathState.RETIRING and path.open_requests <= 0:
                path.state = PathState.GONE
        gone = [path.path_id for path in self._paths.values() if path.state is PathState.GONE]
        for path_id in gone:
            del self._paths[path_id]
        return tuple(ClosePath(path_id) for path_id in gone)
