"""What an entry does to the list of nodes: a pure step from one state to the next.

Swarms follow from 05.3: after the events of an entry are applied, and only if the set of active nodes has changed, the
assignment runs with the entry's block hash. Everyone who replays the same entries gets the same swarms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from veery.errors import RegistryError, Retry
from veery.protocol.constants import NO_SWARM, PROOF_ENTRY_AGE_MS, PROOF_SLACK_MS
from veery.protocol.swarm.assignment import assign, assignment_of
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.entries import Dropped, Event, Founded, Joined, Left, Moved
from veery.registry.proofs import Proof


class HistoryBroken(RegistryError):
    """An entry does not follow from those before it, or is not signed by the writer; `kind` says which."""

    default_kind = "registry.history"
    default_retry = Retry.NEVER


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the list, and the time of the latest proof that the history holds of it."""

    node: ServiceNode
    proof_ms: int


Members = Mapping[bytes, Member]  # by legacy key


def advance(members: Members, events: Iterable[Event], network: str, time_ms: int, block_hash: bytes) -> Members:
    """The members after an entry. Raises HistoryBroken (`registry.history.event`) for an event that cannot follow."""
    after = dict(members)
    touched: set[bytes] = set()
    joined: set[bytes] = set()
    for event in events:
        key = _apply(after, event, network, time_ms)
        if key in touched:
            raise _broken("two events of one entry are about the same node")
        touched.add(key)
        if isinstance(event, Joined):
            joined.add(key)
    before = {key for key, member in members.items() if member.node.active}
    active = {key for key, member in after.items() if member.node.active} | joined
    return after if active == before else _assigned(after, active, block_hash)


def _assigned(members: Mapping[bytes, Member], active: set[bytes], block_hash: bytes) -> Members:
    swarms = assignment_of(assign(((key, members[key].node.swarm_id) for key in active), block_hash))
    return {
        key: replace(member, node=replace(member.node, swarm_id=swarms.get(key, NO_SWARM)))
        for key, member in members.items()
    }


def _apply(members: dict[bytes, Member], event: Event, network: str, time_ms: int) -> bytes:
    match event:
        case Joined(proof):
            known = members.get(proof.ed25519)
            if known is not None and known.node.active:
                raise _broken("a node joins that is active already")
            members[proof.ed25519] = _proven(proof, known, network, time_ms, NO_SWARM)
            return proof.ed25519
        case Moved(proof):
            known = members.get(proof.ed25519)
            if known is None or not known.node.active:
                raise _broken("a node moves that is not active")
            members[proof.ed25519] = _proven(proof, known, network, time_ms, known.node.swarm_id)
            return proof.ed25519
        case Dropped(key):
            known = members.get(key)
            if known is None or not known.node.active:
                raise _broken("a node is dropped that is not active")
            members[key] = replace(known, node=replace(known.node, swarm_id=NO_SWARM))
            return key
        case Left(key):
            if members.pop(key, None) is None:
                raise _broken("a node leaves that is not in the list")
            return key
        case Founded():
            raise _broken("a network begins twice")


def _proven(proof: Proof, known: Member | None, network: str, time_ms: int, swarm_id: int) -> Member:
    if proof.network != network:
        raise _broken("a proof is for another network")
    if known is not None and proof.time_ms <= known.proof_ms:
        raise _broken("a proof is not newer than the last one of its node")
    if not time_ms - PROOF_ENTRY_AGE_MS <= proof.time_ms <= time_ms + PROOF_SLACK_MS:
        raise _broken("a proof is too far from the time of its entry")
    return Member(proof.node(swarm_id), proof.time_ms)


def _broken(reason: str) -> HistoryBroken:
    return HistoryBroken(f"The history cannot be followed: {reason}", kind="registry.history.event")
