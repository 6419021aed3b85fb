"""Paths under arbitrary events: no node twice, never through the destination, as diverse as the network allows."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.policy.networks import chance, network, node
from veery.policy.blame import (
    Abandoned,
    Answered,
    DestinationError,
    GuardUnreachable,
    Outcome,
    PathError,
    RequestTimeout,
    Undecryptable,
)
from veery.policy.diversity import Diversity, honours
from veery.policy.path_actions import (
    Action,
    BuildPath,
    ClosePath,
    NodeDropped,
    PathState,
    RefreshPool,
    RememberGuards,
    Route,
)
from veery.policy.paths import PathTable
from veery.policy.pool import NodePool
from veery.protocol.swarm.nodes import ServiceNode

SHAPES = st.one_of(
    st.integers(4, 40).map(network),
    st.tuples(st.integers(4, 40), st.integers(1, 12)).map(lambda shape: network(shape[0], subnets=shape[1])),
    st.tuples(st.integers(4, 20), st.integers(1, 6)).map(lambda shape: network(shape[0], addresses=shape[1])),
)
OUTCOMES = st.sampled_from(
    [
        "answered",
        "unreachable",
        "timeout",
        "undecryptable",
        "abandoned",
        "504 Request time out",
        "502 Next node not found: middle",
        "502 Next node not found: last",
        "502 Next node not found: destination",
        "502 Next node not found: stranger",
        "503 Snode not ready: middle",
        "503 Snode not ready: destination",
        "503 Server busy",
        "421",
        "502 oxend returned unparsable data",
    ]
)


class Paths(RuleBasedStateMachine):
    """A table, and a shell that reports builds and answers in any order."""

    @initialize(nodes=SHAPES, seed=st.integers(0, 2**32))
    def start(self, nodes: list[ServiceNode], seed: int) -> None:
        self.all_nodes = nodes
        self.pool = NodePool()
        self.pool.adopt(nodes, 0)
        self.now = 0
        self.table = PathTable(self.pool, chance(seed))
        self.builds: list[BuildPath] = []
        self.routes: list[Route] = []
        self.known: dict[int, frozenset[bytes]] = {}
        self.digest(self.table.handle_timer(0))

    def digest(self, actions: Iterable[Action], involved: frozenset[bytes] = frozenset()) -> None:
        dropped = []
        for action in actions:
            match action:
                case BuildPath(_, hops, proof):
                    assert len({hop.ed25519 for hop in hops}) == 3
                    assert proof is None or proof not in hops
                    self.builds.append(action)
                case NodeDropped(key):
                    dropped.append(key)
                case RememberGuards(guards):
                    assert guards == self.table.guards or len(guards) <= 16
                case ClosePath() | RefreshPool():
                    pass
        assert set(dropped) <= involved  # nobody who is neither on the path nor the destination
        assert len(dropped) <= 3

    @rule(index=st.integers(0, 100), away=st.booleans())
    def open(self, index: int, away: bool) -> None:
        target = None if away else self.all_nodes[index % len(self.all_nodes)].ed25519
        route, actions = self.table.open(target, self.now)
        self.digest(actions)
        if route is not None:
            assert target not in {hop.ed25519 for hop in route.hops}
            assert len({hop.ed25519 for hop in route.hops}) == 3
            self.routes.append(route)

    @rule(index=st.integers(0, 100), what=OUTCOMES)
    def finish(self, index: int, what: str) -> None:
        if not self.routes:
            return
        route = self.routes.pop(index % len(self.routes))
        involved = frozenset(hop.ed25519 for hop in route.hops)
        if route.destination is not None:
            involved |= {route.destination}
        self.digest(self.table.finish(route, self.outcome(what, route), self.now).actions, involved)

    def outcome(self, what: str, route: Route) -> Outcome:
        simple: dict[str, Outcome] = {
            "answered": Answered(),
            "unreachable": GuardUnreachable(),
            "timeout": RequestTimeout(),
            "undecryptable": Undecryptable(),
            "abandoned": Abandoned(),
            "421": DestinationError(421),
            "502 oxend returned unparsable data": DestinationError(502, "oxend returned unparsable data"),
        }
        if what in simple:
            return simple[what]
        used = {hop.ed25519 for hop in route.hops} | {route.destination}
        names = {
            "middle": route.hops[1].ed25519,
            "last": route.hops[2].ed25519,
            "destination": route.destination or b"\x00" * 32,
            "stranger": next((n.ed25519 for n in self.pool.nodes if n.ed25519 not in used), node(5_000).ed25519),
        }
        text = what[4:]
        for name, key in names.items():
            text = text.replace(name, key.hex())
        return PathError(int(what[:3]), text)

    @rule(index=st.integers(0, 100), works=st.booleans(), reached=st.booleans())
    def report(self, index: int, works: bool, reached: bool) -> None:
        if not self.builds:
            return
        build = self.builds.pop(index % len(self.builds))
        if works:
            self.digest(self.table.built(build.path_id, self.now))
        else:
            outcome: Outcome = RequestTimeout() if reached else GuardUnreachable()
            involved = frozenset(hop.ed25519 for hop in build.hops)
            self.digest(self.table.build_failed(build.path_id, outcome, self.now), involved)

    @rule(ms=st.sampled_from([1, 100, 5_000, 60_000, 600_000, 7_200_000]))
    def wait(self, ms: int) -> None:
        self.now += ms
        self.digest(self.table.handle_timer(self.now))

    @rule(left_out=st.sets(st.integers(0, 39), max_size=10))
    def refresh(self, left_out: set[int]) -> None:
        listed = [n for i, n in enumerate(self.all_nodes) if i not in left_out]
        if len(listed) >= 4:
            self.pool.adopt(listed, self.now)
            self.digest(self.table.pool_changed(self.now))

    @rule()
    def change_network(self) -> None:
        self.digest(self.table.network_changed(self.now))

    @invariant()
    def new_hops_are_as_diverse_as_the_network_allows(self) -> None:
        live = [p for p in self.table.paths if p.state in (PathState.BUILDING, PathState.READY)]
        level = self.table.diversity
        roomy = len({n.subnet for n in self.pool.nodes}) >= 28  # for two paths, company, successors, those that leave
        for path in live:
            keys = frozenset(hop.ed25519 for hop in path.hops)
            if self.known.get(path.path_id) == keys:
                continue
            assert len(keys) == 3
            kept = [hop for hop in path.hops if hop.ed25519 in self.known.get(path.path_id, ())]
            # what was kept may be from a time when the network was poorer; then the path is about to be rotated
            assert honours(path.hops, level) or not honours(kept, level)
            for other in live:
                if roomy and other.path_id != path.path_id:
                    shared = keys & {hop.ed25519 for hop in other.hops}
                    assert shared <= {path.hops[0].ed25519} & {other.hops[0].ed25519}  # a rotated path keeps its guard
        self.known = {p.path_id: frozenset(hop.ed25519 for hop in p.hops) for p in self.table.paths}

    @invariant()
    def paths_stay_few_and_the_pool_workable(self) -> None:
        assert self.pool.workable
        live = [p for p in self.table.paths if p.state in (PathState.BUILDING, PathState.READY)]
        assert len(live) <= 2 * 4 + 2
        assert all(path.open_requests >= 0 for path in self.table.paths)

    def teardown(self) -> None:
        """Whatever happened: when builds succeed, every node can be reached around itself."""
        if not hasattr(self, "table"):
            return
        self.now += 600_000
        self.builds.clear()
        self.settle(self.table.network_changed(self.now))
        for path in self.table.paths:
            if path.state is PathState.BUILDING:
                self.settle(self.table.built(path.path_id, self.now))
        for target in self.pool.nodes:
            route, actions = self.table.open(target.ed25519, self.now)
            self.settle(actions)
            if route is None:
                route, _ = self.table.open(target.ed25519, self.now)
            assert route is not None
            assert target not in route.hops
            self.settle(self.table.finish(route, Answered(), self.now).actions)

    def settle(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, BuildPath):
                self.settle(self.table.built(action.path_id, self.now))


TestPaths = Paths.TestCase


@given(SHAPES, st.integers(0, 2**32))
def test_guards_survive_a_restart(nodes: list[ServiceNode], seed: int) -> None:
    pool = NodePool()
    pool.adopt(nodes, 0)
    first = PathTable(pool, chance(seed))
    for action in first.handle_timer(0):
        if isinstance(action, BuildPath):
            first.built(action.path_id, 0)
    again = PathTable(pool, chance(seed + 1), guards=first.guards)
    again.handle_timer(1)
    if first.diversity is not Diversity.SUBNETS:
        return
    assert {p.hops[0].ed25519 for p in again.paths} <= {guard.key for guard in first.guards}
