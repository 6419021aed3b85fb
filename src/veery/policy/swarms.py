"""Which nodes hold an account, as a client remembers it (04.2.1, 03.9, 05.10).

With swarm ids in the node list the client computes members itself; otherwise it asks any node (`get_swarm`) and keeps
the answer. A 421 is one node's word: it is believed only for an account that the request was about, only as far as it
names nodes of the pool, and followed once, at another member than the one that answered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Final

from veery.policy.chance import RandBelow, pick
from veery.protocol.constants import SWARM_CACHED_MIN
from veery.protocol.swarm.nodes import ServiceNode

Mapping = Callable[[bytes], Sequence[ServiceNode]]  # the members of an account's swarm by the node list (05.1)

SWARMS_MAX: Final = 4_096  # accounts whose answers are kept; the longest unused goes first


class RedirectKind(Enum):
    """What to do about a 421."""

    RETRY = "retry"  # once more, at the member named
    REFRESH = "refresh"  # our node list is too old: refresh the pool, then look up the swarm again
    GIVE_UP = "give_up"  # followed once already, or about an account that was not asked for


@dataclass(frozen=True, slots=True)
class Redirect:
    """The decision about a 421, with the member for RETRY."""

    kind: RedirectKind
    member: ServiceNode | None = None


@dataclass(frozen=True, slots=True)
class _Learned:
    members: tuple[ServiceNode, ...]
    told: int  # how many there were before any was dropped


class SwarmCache:
    """Members by account (33 bytes). `mapping` computes them from a node list with swarm ids, if there is one."""

    def __init__(self, mapping: Mapping | None = None) -> None:
        self._mapping = mapping
        self._learned: OrderedDict[bytes, _Learned] = OrderedDict()
        self._dropped: set[bytes] = set()

    def members(self, account: bytes) -> tuple[ServiceNode, ...] | None:
        """The members that can be reached, or None: then ask a node with `get_swarm` and `learn` its answer."""
        learned = self._learned.get(account)
        if learned is not None:
            self._learned.move_to_end(account)
            if len(learned.members) >= min(SWARM_CACHED_MIN, learned.told):
                return learned.members
            del self._learned[account]
        mapped = self._mapping(account) if self._mapping is not None else ()
        usable = tuple(node for node in mapped if node.contactable and node.ed25519 not in self._dropped)
        return usable or None

    def learn(self, account: bytes, members: Sequence[ServiceNode]) -> None:
        """Keep the answer of a node about an account that it was asked for."""
        usable = tuple({node.ed25519: node for node in members if node.contactable}.values())
        if not usable:
            self._learned.pop(account, None)
            return
        self._learned[account] = _Learned(usable, len(usable))
        self._learned.move_to_end(account)
        while len(self._learned) > SWARMS_MAX:
            self._learned.popitem(last=False)

    def wrong_swarm(
        self,
        account: bytes,
        named: Sequence[bytes],
        *,
        asked: Collection[bytes],
        answered_by: bytes,
        known: Callable[[bytes], ServiceNode | None],
        retried: bool,
        randbelow: RandBelow,
    ) -> Redirect:
        """Decide about a 421 for an account.

        named: Ed25519 keys in `snodes` of the answer (empty if it had none); asked: the accounts of the request;
        known: looks a key up in the pool; retried: whether a 421 was followed for this request already.
        """
        if account not in asked:
            return Redirect(RedirectKind.GIVE_UP)
        self._learned.pop(account, None)
        members = [node for key in dict.fromkeys(named) if (node := known(key)) is not None]
        if members:
            self.learn(account, members)
        if retried:
            return Redirect(RedirectKind.GIVE_UP)
        others = [node for node in members if node.ed25519 != answered_by and node.contactable]
        return Redirect(RedirectKind.RETRY, pick(others, randbelow)) if others else Redirect(RedirectKind.REFRESH)

    def for_store(self, account: bytes, tried: Set[bytes], randbelow: RandBelow) -> ServiceNode | None:
        """A random member to store at, one that was not tried if there is one. None while the swarm is unknown."""
        members = self.members(account)
        if members is None:
            return None
        return pick([node for node in members if node.ed25519 not in tried] or members, randbelow)

    def forget_node(self, key: bytes) -> None:
        """A node was dropped from the pool: it is nobody's member until the next list."""
        self._dropped.add(key)
        for account, learned in list(self._learned.items()):
            left = tuple(node for node in learned.members if node.ed25519 != key)
            if len(left) != len(learned.members):
                self._learned[account] = _Learned(left, learned.told)

    def new_list(self, mapping: Mapping | None) -> None:
        """There is a new node list: what was learned and dropped under the old one is void."""
        self._mapping = mapping
        self._learned.clear()
        self._dropped.clear()
