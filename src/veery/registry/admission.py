"""What the writer of the history decides: who joins, who has moved, who is too silent.

Proofs come in, events go out; time is an argument. A node is active from its first proof on. After `lifetime_ms`
without a proof it is decommissioned (its swarm goes on without it), after `forget_ms` it is gone from the list; a new
proof brings it back in either case. Events that are ready wait for `batch_ms`, so that nodes which start together make
one entry and one change of swarms.

Silence is held against a node only while others are heard. When *nobody* was heard for a whole lifetime, it is the seed
that was cut off, asleep or stopped: then everyone gets a new lifetime from the moment when the first proof comes again.
Likewise after a start.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from veery.errors import Retry
from veery.protocol.constants import PROOF_EVERY_MS, PROOF_FORGET_MS, PROOF_LIFETIME_MS, PROOF_SLACK_MS
from veery.protocol.swarm.nodes import is_private_ipv4
from veery.registry.entries import Dropped, Event, Joined, Left, Moved
from veery.registry.membership import Member, Members
from veery.registry.proofs import Proof, ProofRefused, ProofStale, open_proof


class NotAdmitted(ProofRefused):
    """The proof is sound, but its node may not be in this network."""

    default_kind = "registry.proof.not_admitted"


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """Who may join, and for how long a proof counts. Times in ms.

    allow: Ed25519 keys that may join, None for everybody. private_addresses: take addresses that mean something on one
    machine or site alone; without it a stranger could send clients to their own printers.
    """

    network: str
    allow: Set[bytes] | None
    private_addresses: bool = False
    nodes_max: int = 4_096
    slack_ms: int = PROOF_SLACK_MS
    every_ms: int = PROOF_EVERY_MS
    lifetime_ms: int = PROOF_LIFETIME_MS
    forget_ms: int = PROOF_FORGET_MS
    batch_ms: int = 2_000


class Admission:
    """The latest proof of each node, and the events that follow from them."""

    def __init__(self, rules: AdmissionRules, members: Members, now_ms: int) -> None:
        self.rules = rules
        self._members = members
        self._proofs: dict[bytes, Proof] = {}
        self._heard: dict[bytes, int] = {}
        self._addresses: dict[tuple[str, int], bytes] = {}  # who last told an address
        self._grace_ms = now_ms  # silence before this moment is not held against anybody
        self._latest_ms = now_ms  # when the latest proof of anybody came
        self._waiting_ms: int | None = None  # since when events are ready

    def receive_proof(self, data: bytes, now_ms: int) -> Proof:
        """Take a proof. Raises ProofRefused, ProofStale, NotAdmitted; then nothing has changed."""
        proof = open_proof(data)
        self._check(proof, now_ms)
        if now_ms - self._latest_ms > self.rules.lifetime_ms:
            self._grace_ms = now_ms
        self._latest_ms = now_ms
        self._proofs[proof.ed25519] = proof
        self._heard[proof.ed25519] = now_ms
        self._addresses[proof.ip, proof.https_port] = proof.ed25519
        if self._waiting_ms is None and self._event_of_proof(proof.ed25519) is not None:
            self._waiting_ms = now_ms
        return proof

    @property
    def waiting(self) -> bool:
        """Whether an event is ready and waits for others to join its entry."""
        return self._waiting_ms is not None

    def adopt(self, members: Members) -> None:
        """Take the members after a new entry."""
        self._members = members
        self._waiting_ms = None
        for key in [key for key in self._proofs if key not in members]:
            del self._proofs[key], self._heard[key]
        self._addresses = {place: key for place, key in self._addresses.items() if key in members}

    def get_timer(self) -> int | None:
        """When `events` has something to give, ms; None while nothing is known to come.

        A proof can bring the moment nearer: ask again after `receive_proof` while `waiting`, and now and then.
        """
        due = [] if self._waiting_ms is None else [self._waiting_ms + self.rules.batch_ms]
        cut_off_ms = self._latest_ms + self.rules.lifetime_ms  # from here on, silence is nobody's fault
        silent = (self._silent_at(key, member) for key, member in self._members.items())
        return min([*due, *(moment for moment in silent if moment <= cut_off_ms)], default=None)

    def events(self, now_ms: int) -> list[Event]:
        """What has happened by now, in the order of kinds and keys; empty while it is too early."""
        silent = self._silent(now_ms)
        due = self._waiting_ms is not None and now_ms - self._waiting_ms >= self.rules.batch_ms
        if not silent and not due:
            return []
        usable = [key for key in sorted(self._proofs) if self._is_usable(key, now_ms)]
        ready = [event for event in map(self._event_of_proof, usable) if event is not None]
        if not ready:
            self._waiting_ms = None
        return [*ready, *silent]

    def _check(self, proof: Proof, now_ms: int) -> None:
        rules = self.rules
        if proof.network != rules.network:
            raise NotAdmitted("The proof is for another network", remedy="Check the network file of the node")
        if rules.allow is not None and proof.ed25519 not in rules.allow:
            raise NotAdmitted(
                "This node is not on the list of those that may join",
                remedy="Add its Ed25519 key to `allow` in the settings of the first seed, or set `open` in a lab",
            )
        proof.check_fresh(now_ms, rules.slack_ms)
        if proof.time_ms <= self._last_proof_ms(proof.ed25519):
            raise ProofStale("The proof is not newer than the last one of this node")
        if not rules.private_addresses and is_private_ipv4(proof.ip):
            raise NotAdmitted(
                "The address in the proof means nothing outside of one machine or site",
                remedy="Tell the node its public address, or set `private_addresses = true` at the seed of a lab",
            )
        self._check_room(proof, now_ms)

    def _check_room(self, proof: Proof, now_ms: int) -> None:
        holder = self._addresses.get((proof.ip, proof.https_port), proof.ed25519)
        if holder != proof.ed25519 and self._is_heard(holder, now_ms):
            raise NotAdmitted(
                "Another node tells the same address and port",
                retry=Retry.LATER,
                remedy="If it is gone, wait until its proof has lapsed",
            )
        known = self._members.keys() | self._proofs.keys()
        if proof.ed25519 not in known and len(known) >= self.rules.nodes_max:
            raise NotAdmitted("The network is full", remedy="Raise `nodes_max` in the settings of the first seed")

    def _is_usable(self, key: bytes, now_ms: int) -> bool:
        """Whether a proof that waits may still go into an entry; not so when it or a clock is far off by now."""
        return self._is_heard(key, now_ms) and self._proofs[key].time_ms <= now_ms + PROOF_SLACK_MS

    def _is_heard(self, key: bytes, now_ms: int) -> bool:
        return now_ms - self._heard.get(key, self._grace_ms) <= self.rules.lifetime_ms

    def _last_proof_ms(self, key: bytes) -> int:
        member, proof = self._members.get(key), self._proofs.get(key)
        return max(member.proof_ms if member else 0, proof.time_ms if proof else 0)

    def _event_of_proof(self, key: bytes) -> Event | None:
        proof, member = self._proofs[key], self._members.get(key)
        if member is not None and proof.time_ms <= member.proof_ms:
            return None
        if member is None or not member.node.active:
            return Joined(proof)
        return None if proof.node(member.node.swarm_id) == member.node else Moved(proof)

    def _silent_at(self, key: bytes, member: Member) -> int:
        span = self.rules.lifetime_ms if member.node.active else self.rules.forget_ms
        return max(self._heard.get(key, 0), self._grace_ms) + span + 1

    def _silent(self, now_ms: int) -> list[Event]:
        if now_ms - self._latest_ms > self.rules.lifetime_ms:
            return []
        return [
            Dropped(key) if member.node.active else Left(key)
            for key, member in sorted(self._members.items())
            if self._silent_at(key, member) <= now_ms
        ]
