"""The values of the path table: its rules, the states of a path, what it asks its shell to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from veery.policy.blame import Verdict
from veery.policy.guards import Guard
from veery.protocol.constants import (
    GUARD_LIFE_MS,
    MINUTE_MS,
    ONION_HOPS,
    ONION_PATHS,
    PATH_BUILD_ATTEMPTS,
    PATH_BUILD_FIRST_MS,
    PATH_BUILD_MAX_MS,
    PATH_FAILURES,
    PATH_ROTATION_MS,
    PATH_ROTATION_RETRY_MS,
    SECOND_MS,
)
from veery.protocol.swarm.nodes import ServiceNode


@dataclass(frozen=True, slots=True)
class PathRules:
    """Numbers of 03.7.3 and 03.8, times in milliseconds.

    silences: requests in a row without any answer until a path is replaced without blame (a guard that takes
    everything and answers nothing is never named by anybody); line_proof_ms: failures to reach a guard count against
    nodes only when something answered within this time, because otherwise our own line is the likelier cause.
    """

    hops: int = ONION_HOPS
    wanted: int = ONION_PATHS
    failures: int = PATH_FAILURES
    silences: int = 3
    rotation_ms: int = PATH_ROTATION_MS
    rotation_retry_ms: int = PATH_ROTATION_RETRY_MS
    guard_life_ms: int = GUARD_LIFE_MS
    build_attempts: int = PATH_BUILD_ATTEMPTS
    build_first_ms: int = PATH_BUILD_FIRST_MS
    build_max_ms: int = PATH_BUILD_MAX_MS
    build_rest_ms: int = MINUTE_MS  # after that many failed attempts, unless somebody wants to send
    build_patience_ms: int = 3 * SECOND_MS  # then another path is built beside: one dead node must not cost 10 s
    suspect_ms: int = MINUTE_MS  # how long a node that just failed is avoided
    line_proof_ms: int = MINUTE_MS


class PathState(Enum):
    """Where a path is in its life."""

    BUILDING = "building"  # drawn; the guard is being reached and the path proved by a request through it
    READY = "ready"  # carries requests
    RETIRING = "retiring"  # carries no new requests; open ones finish
    GONE = "gone"  # over; what still comes back over it blames nobody as a path


TRANSITIONS: Final = {
    PathState.BUILDING: {"proved": PathState.READY, "not proved, or a node dropped": PathState.GONE},
    PathState.READY: {
        "rotated, failed three times, silent, or not needed": PathState.RETIRING,
        "guard lost, or nobody to replace a node": PathState.GONE,
    },
    PathState.RETIRING: {"last open request ended, or guard lost": PathState.GONE},
    PathState.GONE: {},
}


@dataclass(frozen=True, slots=True)
class Route:
    """One request's way: the hops (guard first) to a node, or to a server (destination None). Give it to `finish`."""

    path_id: int
    hops: tuple[ServiceNode, ...]
    destination: bytes | None
    opened_ms: int


@dataclass(frozen=True, slots=True)
class PathView:
    """What a user may see of a path."""

    path_id: int
    state: PathState
    hops: tuple[ServiceNode, ...]
    open_requests: int
    failures: int


@dataclass(frozen=True, slots=True)
class BuildPath:
    """Connect to the first hop and send `info` through the path to the proof node; report `built` or `build_failed`."""

    path_id: int
    hops: tuple[ServiceNode, ...]
    proof: ServiceNode | None


@dataclass(frozen=True, slots=True)
class ClosePath:
    """Nothing is open on this path any more; the connection to its guard is free unless another path uses it."""

    path_id: int


@dataclass(frozen=True, slots=True)
class NodeDropped:
    """The node left the pool: forget it in cached swarms too."""

    key: bytes


@dataclass(frozen=True, slots=True)
class RememberGuards:
    """Keep these guards on disk in place of the ones before."""

    guards: tuple[Guard, ...]


@dataclass(frozen=True, slots=True)
class RefreshPool:
    """Fetch a node list, from the seeds or from random nodes of the pool; report to the pool, then `pool_changed`."""

    from_seeds: bool


Action: TypeAlias = BuildPath | ClosePath | NodeDropped | RememberGuards | RefreshPool


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the asker does next, and what the shell has to do."""

    verdict: Verdict
    actions: tuple[Action, ...]
