"""The path table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

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
    Verdict,
)
from veery.policy.diversity import Diversity
from veery.policy.guards import Guard
from veery.policy.path_actions import (
    TRANSITIONS,
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
)
from veery.policy.paths import PathTable
from veery.policy.pool import NodePool
from veery.protocol.constants import DAY_MS, HOUR_MS, MINUTE_MS
from veery.protocol.swarm.nodes import ServiceNode

_T = TypeVar("_T")
FAR = node(999)  # a destination outside of the pool
TIMED_OUT = PathError(504, "Request time out")


def only(kind: type[_T], actions: Iterable[Action]) -> list[_T]:
    return [action for action in actions if isinstance(action, kind)]


class Client:
    """A path table with a shell that builds every path, unless told otherwise."""

    def __init__(
        self, nodes: Sequence[ServiceNode], *, seed: int = 1, guards: Iterable[Guard] = (), now: int = 0
    ) -> None:
        self.pool = NodePool()
        self.pool.adopt(nodes, now)
        self.table = PathTable(self.pool, chance(seed), guards=guards)
        self.now = now
        self.reachable = True
        self.actions: list[Action] = []
        self.carry_out(self.table.handle_timer(now))

    def carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            self.actions.append(action)
            if isinstance(action, BuildPath) and self.reachable:
                self.carry_out(self.table.built(action.path_id, self.now))
            elif isinstance(action, BuildPath):
                self.carry_out(self.table.build_failed(action.path_id, GuardUnreachable(), self.now))

    def send(self, outcome: Outcome, destination: ServiceNode = FAR) -> tuple[Route, Verdict]:
        route = self.open(destination)
        return route, self.finish(route, outcome)

    def open(self, destination: ServiceNode = FAR) -> Route:
        route, actions = self.table.open(destination.ed25519, self.now)
        self.carry_out(actions)
        if route is None:
            route, actions = self.table.open(destination.ed25519, self.now)
        assert route is not None
        return route

    def finish(self, route: Route, outcome: Outcome) -> Verdict:
        ruling = self.table.finish(route, outcome, self.now)
        self.carry_out(ruling.actions)
        return ruling.verdict

    def later(self, ms: int) -> None:
        self.now += ms
        self.carry_out(self.table.handle_timer(self.now))

    def view(self, route: Route) -> PathView | None:
        return next((path for path in self.table.paths if path.path_id == route.path_id), None)

    def hops(self) -> list[bytes]:
        return [hop.ed25519 for path in self.table.paths for hop in path.hops]


def test_two_paths_of_three_different_nodes_are_built_at_once() -> None:
    client = Client(network(30))
    assert [path.state for path in client.table.paths] == [PathState.READY, PathState.READY]
    assert len(set(client.hops())) == 6
    builds = only(BuildPath, client.actions)
    assert all(build.proof is not None and build.proof not in build.hops for build in builds)
    assert client.table.diversity is Diversity.SUBNETS


def test_guards_are_remembered_and_used_again() -> None:
    first = Client(network(200))
    guards = only(RememberGuards, first.actions)[-1].guards
    assert {guard.key for guard in guards} == {path.hops[0].ed25519 for path in first.table.paths}
    again = Client(network(200), seed=99, guards=guards, now=9 * DAY_MS)
    assert {path.hops[0].ed25519 for path in again.table.paths} == {guard.key for guard in guards}
    much_later = Client(network(200), seed=99, guards=guards, now=10 * DAY_MS)
    assert not {path.hops[0].ed25519 for path in much_later.table.paths} & {guard.key for guard in guards}


def test_a_remembered_guard_that_left_the_pool_is_not_used() -> None:
    client = Client(network(30), guards=[Guard(FAR.ed25519, 0)])
    assert FAR.ed25519 not in client.hops()


def test_the_least_loaded_path_carries_the_request() -> None:
    client = Client(network(30))
    routes = [client.open() for _ in range(10)]
    assert sorted(path.open_requests for path in client.table.paths) == [5, 5]
    assert routes[0].path_id != routes[1].path_id
    for route in routes:
        assert client.finish(route, Answered()) is Verdict.ANSWERED
    assert [path.open_requests for path in client.table.paths] == [0, 0]


def test_ties_are_random() -> None:
    client = Client(network(30))
    chosen = set()
    for _ in range(40):
        route = client.open()
        chosen.add(route.path_id)
        client.finish(route, Answered())
    assert len(chosen) == 2


def test_a_retry_takes_another_path() -> None:
    client = Client(network(30))
    for _ in range(20):
        failed = client.open()
        again, _ = client.table.open(FAR.ed25519, client.now, avoid={failed.path_id})
        assert again is not None
        assert again.path_id != failed.path_id
        client.finish(failed, Abandoned())
        client.finish(again, Abandoned())
    both = {path.path_id for path in client.table.paths}
    assert client.table.open(FAR.ed25519, client.now, avoid=both)[0] is not None  # better than nothing


def test_the_destination_is_never_in_the_path() -> None:
    client = Client(network(30))
    for target in [hop for path in client.table.paths for hop in path.hops]:
        assert target not in client.open(target).hops


def test_a_path_is_built_around_a_destination_that_every_path_contains() -> None:
    client = Client(network(4))
    for target in client.pool.nodes:
        route = client.open(target)
        assert set(route.hops) == set(client.pool.nodes) - {target}
        client.finish(route, Answered())
    assert len(client.table.paths) <= 4


def test_without_a_ready_path_the_request_waits_for_the_one_under_way() -> None:
    pool = NodePool()
    pool.adopt(network(30), 0)
    table = PathTable(pool, chance())
    builds = only(BuildPath, table.handle_timer(0))
    assert table.open(FAR.ed25519, 0) == (None, ())
    table.built(builds[0].path_id, 5)
    route, _ = table.open(FAR.ed25519, 5)
    assert route is not None
    assert route.path_id == builds[0].path_id


# -- blame ---------------------------------------------------------------------------------------------------------


def test_a_lost_guard_ends_the_path_once_and_strikes_its_nodes_once() -> None:
    client = Client(network(30))
    routes = [client.open() for _ in range(10)]
    lost = [route for route in routes if route.path_id == routes[0].path_id]
    client.now += 1
    for route in lost:
        assert client.finish(route, GuardUnreachable()) is Verdict.ELSEWHERE
    assert client.view(lost[0]) is None
    assert [client.pool.strikes(hop.ed25519, client.now) for hop in lost[0].hops] == [1, 1, 1]
    assert ClosePath(lost[0].path_id) in client.actions
    assert len(client.table.paths) == 2
    assert lost[0].hops[0].ed25519 not in client.hops()  # avoided for a moment, though remembered


def test_nobody_is_struck_while_our_own_line_is_down() -> None:
    client = Client(network(30))
    client.now += 2 * MINUTE_MS  # no answer for a while
    client.reachable = False
    for _ in range(2):
        client.send(GuardUnreachable())
    for _ in range(200):
        client.later(max(0, client.table.get_timer() - client.now))
    assert len(client.pool) == 30
    assert not any(client.pool.strikes(n.ed25519, client.now) for n in network(30))
    client.reachable = True
    client.carry_out(client.table.network_changed(client.now))
    assert [path.state for path in client.table.paths] == [PathState.READY] * 2


def test_the_guards_of_before_are_preferred_when_the_line_comes_back() -> None:
    client = Client(network(200))
    before = {guard.key for guard in client.table.guards}
    client.now += 10 * MINUTE_MS
    client.reachable = False
    for _ in range(2):
        client.send(GuardUnreachable())
    for _ in range(20):
        client.later(max(0, client.table.get_timer() - client.now))
    client.reachable = True
    client.carry_out(client.table.network_changed(client.now))
    assert {path.hops[0].ed25519 for path in client.table.paths} == before
    assert {guard.key for guard in client.table.guards} == before


def test_connections_broken_by_a_change_of_network_are_nobodys_fault() -> None:
    client = Client(network(30))
    routes = [client.open(), client.open()]
    client.carry_out(client.table.network_changed(client.now))
    for route in routes:
        client.finish(route, GuardUnreachable())
    assert not any(client.pool.strikes(n.ed25519, client.now) for n in network(30))


def test_three_path_failures_retire_the_path_and_strike_its_nodes() -> None:
    client = Client(network(40))
    open_still = client.open()
    path_id = open_still.path_id
    hops = open_still.hops
    for count in range(3):
        route = Route(path_id, hops, FAR.ed25519, client.now)
        view = client.view(route)
        assert view is not None
        assert view.failures == count
        client.finish(route, TIMED_OUT)
        open_still_view = client.view(open_still)
        assert open_still_view is None or open_still_view.open_requests <= 1
    assert [client.pool.strikes(hop.ed25519, client.now) for hop in hops] == [1, 1, 1]
    ready = [path for path in client.table.paths if path.state is PathState.READY]
    assert len(ready) == 2
    assert not {hop.ed25519 for hop in hops} & {hop.ed25519 for path in ready for hop in path.hops}


def send_until_retired(client: Client, outcome: Outcome, most: int = 20) -> Route:
    """Send over whatever path is chosen until one path retires; the route that did it."""
    ids = {path.path_id for path in client.table.paths}
    for _ in range(most):
        route, _ = client.send(outcome)
        if client.view(route) is None:
            return route
    raise AssertionError(f"none of {ids} retired")


def test_open_requests_of_a_retired_path_finish_and_blame_no_path() -> None:
    client = Client(network(40))
    routes = [client.open() for _ in range(12)]
    mine = [route for route in routes if route.path_id == routes[0].path_id]
    for route in mine[:3]:
        client.finish(route, TIMED_OUT)
    view = client.view(mine[0])
    assert view is not None
    assert view.state is PathState.RETIRING
    assert view.open_requests == 3
    for route in mine[3:5]:
        client.finish(route, TIMED_OUT)
    client.finish(mine[5], Answered())
    assert client.view(mine[0]) is None
    assert [client.pool.strikes(hop.ed25519, client.now) for hop in mine[0].hops] == [1, 1, 1]


def test_a_hop_that_is_not_found_is_replaced_in_its_place() -> None:
    client = Client(network(40))
    route = client.open()
    guard, middle, last = route.hops
    client.finish(route, PathError(502, f"Next node not found: {middle.ed25519.hex()}"))
    assert middle.ed25519 not in client.pool
    assert NodeDropped(middle.ed25519) in client.actions
    view = client.view(route)
    assert view is not None
    assert view.hops[0] == guard
    assert view.hops[2] == last
    assert view.hops[1] != middle
    assert view.failures == 1
    assert client.pool.strikes(last.ed25519, 0) == 0


def test_a_destination_that_is_not_found_is_dropped_alone() -> None:
    client = Client(network(40))
    target = next(n for n in client.pool.nodes if n.ed25519 not in client.hops())
    route, _ = client.send(PathError(502, f"Next node not found: {target.ed25519.hex()}"), target)
    assert target.ed25519 not in client.pool
    view = client.view(route)
    assert view is not None
    assert view.failures == 0
    assert view.hops == route.hops


def test_a_relay_that_names_strangers_harms_only_its_path() -> None:
    client = Client(network(40))
    stranger = next(n for n in client.pool.nodes if n.ed25519 not in client.hops())
    send_until_retired(client, PathError(502, f"Next node not found: {stranger.ed25519.hex()}"))
    assert stranger.ed25519 in client.pool
    assert client.pool.strikes(stranger.ed25519, 0) == 0


def test_a_lying_guard_loses_its_place_before_it_has_dropped_many() -> None:
    client = Client(network(200))
    liar = client.table.paths[0].hops[0]
    for _ in range(40):
        route = client.open()
        if route.hops[0] == liar:
            client.finish(route, PathError(502, f"Next node not found: {route.hops[1].ed25519.hex()}"))
        else:
            client.finish(route, Answered())
    assert liar.ed25519 not in client.hops()
    assert 200 - len(client.pool) <= 3


def test_a_node_that_is_not_ready_is_dropped_at_the_third_time() -> None:
    client = Client(network(40))
    target = next(n for n in client.pool.nodes if n.ed25519 not in client.hops())
    for _ in range(3):
        assert target.ed25519 in client.pool
        client.now += 10
        client.send(PathError(503, f"Snode not ready: {target.ed25519.hex()}"), target)
    assert target.ed25519 not in client.pool


def test_a_busy_guard_is_dropped_with_its_path_at_the_third_time() -> None:
    client = Client(network(40))
    guard = client.table.paths[0].hops[0]
    strikes = 0
    while strikes < 3:
        client.now += 10
        route = client.open()
        if route.hops[0] == guard:
            client.finish(route, PathError(503, "Server busy, try again later"))
            strikes += 1
        else:
            client.finish(route, Answered())
    assert guard.ed25519 not in client.pool
    assert guard.ed25519 not in client.hops()
    assert guard.ed25519 not in {g.key for g in client.table.guards}
    assert only(RememberGuards, client.actions)[-1].guards == client.table.guards


def test_timeouts_blame_nobody_but_silence_ends_a_path() -> None:
    client = Client(network(40))
    retired = send_until_retired(client, RequestTimeout())
    assert not any(client.pool.strikes(hop.ed25519, client.now) for hop in retired.hops)
    assert not {hop.ed25519 for hop in retired.hops} & set(client.hops())


def test_an_answer_breaks_the_silence() -> None:
    client = Client(network(40))
    for _ in range(30):
        for path in client.table.paths:
            for outcome in (RequestTimeout(), RequestTimeout(), Undecryptable()):
                route = Route(path.path_id, path.hops, None, client.now)
                client.finish(route, outcome)
                client.finish(route, Abandoned())
    assert len(only(BuildPath, client.actions)) == 2


def test_the_clock_and_the_swarm_are_left_to_their_own_machines() -> None:
    client = Client(network(40))
    assert client.send(DestinationError(406))[1] is Verdict.RESYNC
    assert client.send(DestinationError(421))[1] is Verdict.OTHER_MEMBER
    assert client.send(DestinationError(401))[1] is Verdict.REFUSED
    assert len(client.pool) == 40
    assert len(only(BuildPath, client.actions)) == 2


def test_the_smallest_network_never_loses_its_last_nodes() -> None:
    client = Client(network(4))
    for _ in range(20):
        for target in client.pool.nodes:
            client.send(PathError(502, f"Next node not found: {target.ed25519.hex()}"), target)
            client.send(PathError(503, "Server busy, try again later"), target)
            client.now += 10
    assert len(client.pool) == 4


# -- rotation ------------------------------------------------------------------------------------------------------


def test_paths_rotate_every_ten_minutes_behind_the_same_guard() -> None:
    client = Client(network(60))
    before = {path.hops[0].ed25519: {hop.ed25519 for hop in path.hops[1:]} for path in client.table.paths}
    client.later(10 * MINUTE_MS - 1)
    assert len(only(BuildPath, client.actions)) == 2
    client.later(1)
    after = {path.hops[0].ed25519: {hop.ed25519 for hop in path.hops[1:]} for path in client.table.paths}
    assert before.keys() == after.keys()
    assert all(not before[guard] & after[guard] for guard in before)


def test_a_rotated_path_takes_over_only_when_proved() -> None:
    client = Client(network(60))
    routes = {route.path_id: route for route in (client.open(), client.open())}
    client.now += 10 * MINUTE_MS
    builds = only(BuildPath, client.table.handle_timer(client.now))
    assert len(builds) == 2
    assert client.open().path_id in routes
    client.carry_out(client.table.built(builds[0].path_id, client.now))
    states = {path.path_id: path.state for path in client.table.paths}
    old = next(path_id for path_id, r in routes.items() if r.hops[0] == builds[0].hops[0])
    assert states[old] is PathState.RETIRING  # it serves its open requests
    assert states[builds[0].path_id] is PathState.READY
    assert client.table.handle_timer(client.now) == ()  # and is not rotated again
    before = client.now + MINUTE_MS
    client.carry_out(client.table.build_failed(builds[1].path_id, RequestTimeout(), client.now))
    assert client.table.get_timer() == before
    other = next(path_id for path_id in routes if path_id != old)
    assert {path.path_id: path.state for path in client.table.paths}[other] is PathState.READY


def test_a_guard_of_ten_days_is_replaced_at_the_next_rotation() -> None:
    nodes = network(60)
    guards = [Guard(nodes[0].ed25519, 0), Guard(nodes[1].ed25519, 5 * DAY_MS)]
    client = Client(nodes, guards=guards, now=10 * DAY_MS - 5 * MINUTE_MS)
    assert {path.hops[0] for path in client.table.paths} == {nodes[0], nodes[1]}
    client.later(10 * MINUTE_MS)
    firsts = {path.hops[0] for path in client.table.paths}
    assert nodes[0] not in firsts
    assert nodes[1] in firsts
    assert nodes[0].ed25519 not in {guard.key for guard in client.table.guards}


def test_too_few_nodes_to_rotate_are_tried_again_after_a_minute() -> None:
    client = Client(network(6))
    client.later(10 * MINUTE_MS)
    assert len(only(BuildPath, client.actions)) == 2
    assert client.table.get_timer() == client.now + MINUTE_MS


def test_more_paths_than_wanted_end_at_their_rotation() -> None:
    client = Client(network(4))
    for target in client.pool.nodes:
        client.send(Answered(), target)
    assert len(client.table.paths) > 2
    client.later(10 * MINUTE_MS)
    assert len(client.table.paths) == 2


# -- pool and time -------------------------------------------------------------------------------------------------


def test_an_empty_pool_asks_the_seeds_then_builds() -> None:
    pool = NodePool()
    table = PathTable(pool, chance())
    assert table.handle_timer(0) == (RefreshPool(from_seeds=True),)
    assert table.open(None, 10) == (None, ())
    pool.adopt(network(20), 100)
    assert len(only(BuildPath, table.pool_changed(100))) == 2


def test_a_stale_pool_is_refreshed_from_nodes() -> None:
    client = Client(network(60))
    client.later(2 * HOUR_MS)
    assert only(RefreshPool, client.actions)[-1] == RefreshPool(from_seeds=False)


def test_nodes_that_left_the_pool_leave_the_paths() -> None:
    client = Client(network(40))
    first, second = client.table.paths
    gone = {first.hops[1].ed25519, second.hops[0].ed25519}
    client.pool.adopt([n for n in network(40) if n.ed25519 not in gone], 50)
    client.carry_out(client.table.pool_changed(50))
    assert not gone & set(client.hops())
    kept = next(path for path in client.table.paths if path.path_id == first.path_id)
    assert (kept.hops[0], kept.hops[2]) == (first.hops[0], first.hops[2])
    assert second.path_id not in {path.path_id for path in client.table.paths}


def test_a_node_that_moved_is_used_at_its_new_address() -> None:
    client = Client(network(40))
    hop = client.table.paths[0].hops[1]
    moved = ServiceNode(hop.legacy, hop.ed25519, hop.x25519, "77.7.7.7", 443, 1, hop.swarm_id)
    client.pool.adopt([moved if n == hop else n for n in network(40)], 50)
    client.carry_out(client.table.pool_changed(50))
    assert client.table.paths[0].hops[1] == moved


def test_paths_below_the_possible_diversity_are_rotated_when_the_network_grows() -> None:
    client = Client(network(40, addresses=1))
    assert client.table.diversity.value == "nodes"
    grown = network(40, addresses=1)[:20] + network(40)[20:]
    client.pool.adopt(grown, 50)
    client.carry_out(client.table.pool_changed(50))
    assert client.table.diversity.value == "subnets"
    client.later(50)
    for path in client.table.paths:
        assert len({hop.subnet for hop in path.hops}) == 3


def test_failed_builds_back_off_then_rest() -> None:
    client = Client(network(200))
    client.now += HOUR_MS
    client.reachable = False
    for path in client.table.paths:
        client.finish(Route(path.path_id, path.hops, None, client.now), GuardUnreachable())
    client.actions.clear()
    times = []
    for _ in range(40):
        client.later(max(0, client.table.get_timer() - client.now))
        times.append(client.now)
    gaps = [late - early for early, late in pairwise(times)]
    assert all(gap <= MINUTE_MS for gap in gaps)
    assert gaps[-1] == MINUTE_MS
    client.now += 5_000  # somebody wants to send: no resting
    count = len(only(BuildPath, client.actions))
    assert client.table.open(None, client.now)[1] != ()
    assert len(only(BuildPath, client.actions)) == count


def test_a_slow_build_gets_company_before_it_fails() -> None:
    """One node that answers nothing, as hop or as proof, holds nobody up until the proof has timed out."""
    table = PathTable(pool := NodePool(), chance(1))
    pool.adopt(network(30), 0)
    first = only(BuildPath, table.handle_timer(0))
    assert len(first) == 2
    patience = table.rules.build_patience_ms
    assert table.get_timer() == patience
    assert not only(BuildPath, table.handle_timer(patience - 1))
    second = only(BuildPath, table.handle_timer(patience))
    assert len(second) == 2
    slow = {hop.ed25519 for build in first for hop in build.hops}
    assert not slow & {hop.ed25519 for build in second for hop in build.hops}
    assert table.get_timer() == 2 * patience
    assert not only(BuildPath, table.handle_timer(2 * patience))  # never more than twice the wanted paths at once
    assert table.get_timer() > 2 * patience
    table.built(second[0].path_id, 2 * patience)
    assert table.open(FAR.ed25519, 2 * patience)[0] is not None
    table.built(first[0].path_id, 3 * patience)  # late, and still good
    assert sum(path.state is PathState.READY for path in table.paths) == 2


def test_a_proof_that_failed_is_not_repeated_with_the_same_node() -> None:
    nodes = network(8)
    table = PathTable(pool := NodePool(), chance(1))
    pool.adopt(nodes, 0)
    first = only(BuildPath, table.handle_timer(0))
    silent = [build.proof for build in first]
    now = 10_000
    again = [each for build in first for each in table.build_failed(build.path_id, RequestTimeout(), now)]
    now += 10_000
    again += table.handle_timer(now)
    proofs = [build.proof for build in only(BuildPath, again)]
    assert proofs
    assert not {proof.ed25519 for proof in proofs if proof} & {proof.ed25519 for proof in silent if proof}


def test_late_reports_of_unknown_paths_are_ignored() -> None:
    client = Client(network(30))
    assert client.table.built(77, 1) == ()
    assert client.table.build_failed(77, GuardUnreachable(), 1) == ()
    assert client.table.built(client.table.paths[0].path_id, 1) == ()


def test_the_table_of_states_is_complete() -> None:
    assert TRANSITIONS.keys() == set(PathState)
    assert PathRules().hops == 3
