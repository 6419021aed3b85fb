"""The node pool: the service nodes that a client knows, and which of them it still trusts to work (03.7, 03.9).

A pool is filled by `adopt` with a list that the caller trusts: a signed file, seed servers, or the agreement of several
nodes (`agree`). Nodes collect strikes; three within 48 hours drop a node until the next list. A relay can forge
complaints about others (03.13, trap 8), so the pool never shrinks below what one path and one destination need:
a strike that would do that is kept, the node too, and a refresh is asked for.

The numbers of 03.7.3 are meant for a network of thousands. A private network below the usual minimum works as long as
four nodes have an address; `small` says so. What counts as too few follows from the last trusted list: a network that
had twelve nodes or more and now seems to have six is under attack or cut off, a network that always had six is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from veery.errors import PolicyError, Retry
from veery.policy.chance import RandBelow, doubled, sample
from veery.protocol.constants import (
    MINUTE_MS,
    NO_SWARM,
    NODE_STRIKES,
    ONION_HOPS,
    POOL_AGREEMENT,
    POOL_ASKED,
    POOL_ATTEMPTS,
    POOL_MIN,
    POOL_PAUSE_MS,
    POOL_STALE_MS,
    STRIKE_LIFE_MS,
)
from veery.protocol.swarm.nodes import ServiceNode


class PoolRefused(PolicyError):
    """A node list cannot be used: too short, contradictory, or not agreed upon. The pool is as it was."""

    default_kind = "policy.pool.refused"
    default_retry = Retry.ELSEWHERE
    default_remedy = "Other nodes or the seeds may give a better list"


@dataclass(frozen=True, slots=True)
class PoolRules:
    """Sizes in nodes, times in milliseconds (03.7.3)."""

    minimum: int = POOL_MIN
    smallest: int = ONION_HOPS + 1  # a path and its destination
    asked: int = POOL_ASKED
    agreement: int = POOL_AGREEMENT
    strikes: int = NODE_STRIKES
    strike_life_ms: int = STRIKE_LIFE_MS
    stale_after_ms: int = POOL_STALE_MS
    pause_ms: int = POOL_PAUSE_MS
    pause_max_ms: int = MINUTE_MS  # the pause doubles up to this while refreshes fail
    attempts: int = POOL_ATTEMPTS


class NodePool:
    """Known nodes by Ed25519 key. `nodes` are those with an address; drawing and dropping happens among them."""

    def __init__(self, rules: PoolRules | None = None) -> None:
        self.rules = rules or PoolRules()
        self._usable: dict[bytes, ServiceNode] = {}
        self._swarm_ids: frozenset[int] = frozenset()
        self._strikes: dict[bytes, list[int]] = {}
        self._trusted = 0  # usable nodes of the last list
        self._fetched_ms: int | None = None
        self._tried_ms: int | None = None
        self._refreshing = False
        self._failures = 0
        self._dropped = False  # since the last list

    # -- what is known ---------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> tuple[ServiceNode, ...]:
        """The usable nodes, in the order of the list."""
        return tuple(self._usable.values())

    @property
    def swarm_ids(self) -> frozenset[int]:
        """Every swarm of the last list, also of entries without an address: they count for the mapping (05.10)."""
        return self._swarm_ids

    @property
    def small(self) -> bool:
        """Whether the network is below the usual minimum: it works, with less to hide in."""
        return len(self._usable) < self.rules.minimum

    @property
    def workable(self) -> bool:
        """Whether there are enough nodes for one path and one destination."""
        return len(self._usable) >= self.rules.smallest

    def get(self, key: bytes) -> ServiceNode | None:
        """The usable node with this Ed25519 key."""
        return self._usable.get(key)

    def __contains__(self, key: object) -> bool:
        return key in self._usable

    def __len__(self) -> int:
        return len(self._usable)

    # -- new lists -------------------------------------------------------------------------------------------------

    def adopt(self, listed: Iterable[ServiceNode], now_ms: int, *, fetched_ms: int | None = None) -> None:
        """Take a trusted list in place of the old. All counters start anew (03.9).

        fetched_ms: when the list was made, for one that was kept on disk. Raises PoolRefused for a list with a key
        twice, or with fewer usable nodes than a path and its destination need.
        """
        nodes = tuple(listed)
        if _names_twice(nodes):
            raise PoolRefused("The node list names a node twice", kind="policy.pool.duplicate")
        usable = {node.ed25519: node for node in _usable(nodes)}
        if len(usable) < self.rules.smallest:
            raise PoolRefused(
                f"The node list has {len(usable)} usable nodes, at least {self.rules.smallest} are needed",
                kind="policy.pool.too_few",
            )
        self._usable = usable
        self._swarm_ids = frozenset(node.swarm_id for node in nodes) - {NO_SWARM}
        self._strikes = {}
        self._trusted = len(usable)
        self._fetched_ms = now_ms if fetched_ms is None else min(fetched_ms, now_ms)
        self._refreshing = False
        self._failures = 0
        self._dropped = False

    def agree(self, answers: Iterable[Sequence[ServiceNode]]) -> tuple[ServiceNode, ...]:
        """The nodes that at least two of the answers name alike, in all that matters for reaching them.

        An answer that names a node twice is no answer. Raises PoolRefused when fewer nodes are left than the network
        must have (see `floor`); nothing is adopted either way.
        """
        votes: Counter[tuple[object, ...]] = Counter()
        first: dict[tuple[object, ...], ServiceNode] = {}
        for answer in answers:
            if _names_twice(answer):
                continue
            ballots = {_ballot(node): node for node in answer}
            votes.update(ballots.keys())
            for ballot, node in ballots.items():
                first.setdefault(ballot, node)
        agreed = tuple(node for ballot, node in first.items() if votes[ballot] >= self.rules.agreement)
        usable = len(_usable(agreed))
        if usable < self.floor or _names_twice(agreed):
            raise PoolRefused(f"Only {usable} nodes were named alike, of {self.floor} that are needed")
        return agreed

    @property
    def floor(self) -> int:
        """How many usable nodes a list must have: the usual minimum if the network was ever that large, else four."""
        return self.rules.minimum if self._trusted >= self.rules.minimum else self.rules.smallest

    def asked(self, randbelow: RandBelow) -> tuple[ServiceNode, ...]:
        """Different random nodes to ask for their lists (or for the time)."""
        return tuple(sample(self.nodes, self.rules.asked, randbelow))

    # -- when to refresh -------------------------------------------------------------------------------------------

    def refresh_at(self) -> int:
        """When the next refresh is due (ms): at once when never filled or below the floor, else when the list is stale.

        Never within the pause after the last try; the pause doubles while refreshes fail. A small network that lost
        a node is looked at again soon, because there every node counts.
        """
        if self._fetched_ms is None or len(self._usable) < self.floor:
            due = 0
        elif self._dropped and self.small:
            due = self._fetched_ms + self.rules.pause_max_ms
        else:
            due = self._fetched_ms + self.rules.stale_after_ms
        if self._tried_ms is None:
            return due
        if self._refreshing:  # a shell that never reports back must not stop refreshes for good
            return self._tried_ms + self.rules.pause_max_ms
        pause = doubled(self.rules.pause_ms, self.rules.pause_max_ms, self._failures)
        return max(due, self._tried_ms + pause)

    def refresh_started(self, now_ms: int) -> None:
        """A refresh is under way: `adopt` or `refresh_failed` must follow."""
        self._tried_ms = now_ms
        self._refreshing = True

    def refresh_failed(self, now_ms: int) -> None:
        """The refresh gave no usable list."""
        self._tried_ms = now_ms
        self._refreshing = False
        self._failures += 1

    @property
    def seeds_needed(self) -> bool:
        """Whether the next refresh must come from the seeds: too few nodes to ask, or they failed too often."""
        return not self.workable or self._failures >= self.rules.attempts

    # -- strikes ---------------------------------------------------------------------------------------------------

    def strikes(self, key: bytes, now_ms: int) -> int:
        """Strikes of a node that are not forgotten yet."""
        return sum(now_ms - at < self.rules.strike_life_ms for at in self._strikes.get(key, ()))

    def strike(self, key: bytes, now_ms: int, *, opened_ms: int | None = None) -> bool:
        """Count a failure of a node. True if that dropped it.

        opened_ms: when the failed request was opened. Requests that were under way together are one failure, so that
        a short fault under load does not drop a node.
        """
        known = self._strikes.get(key, [])
        if key not in self._usable or (opened_ms is not None and known and known[-1] > opened_ms):
            return False
        recent = [at for at in known if now_ms - at < self.rules.strike_life_ms]
        self._strikes[key] = [*recent, now_ms][-self.rules.strikes :]
        return len(recent) + 1 >= self.rules.strikes and self.drop(key)

    def drop(self, key: bytes) -> bool:
        """Take a node out until the next list. False if it is unknown, or one of the last that are needed."""
        if key not in self._usable:
            return False
        self._dropped = True
        if len(self._usable) <= self.rules.smallest:
            return False
        del self._usable[key]
        self._strikes.pop(key, None)
        return True


def _usable(nodes: Sequence[ServiceNode]) -> list[ServiceNode]:
    # A list that tells no swarms at all holds active nodes only, because that was asked for (03.7.1).
    tells_swarms = any(node.swarm_id != NO_SWARM for node in nodes)
    return [node for node in nodes if node.contactable and node.funded and (node.active or not tells_swarms)]


def _names_twice(nodes: Sequence[ServiceNode]) -> bool:
    named = [node.ed25519 for node in nodes if node.ed25519]
    return len(set(named)) != len(named)


def _ballot(node: ServiceNode) -> tuple[object, ...]:
    # Everything that decides where bytes go and who can read them; versions may differ from one minute to the next.
    return (node.legacy, node.ed25519, node.x25519, node.ip, node.https_port, node.queue_port, node.swarm_id)
