"""What members of a swarm owe each other when the swarm changes, or when one missed something (05.4, 05.5).

Three small machines, driven by a shell that sends and stores:

- `changes` compares two lists and says with whom to shake hands, and what to push to another swarm;
- `Handshakes` sends `sn.data_ready` to each new member until it answers `OK`, every 10 s;
- `Dump` pushes stored messages in batches, at most five unconfirmed, pausing 15 s after a failure and going on from the
  first unconfirmed message, so that its cursor can be kept on disk.

Requests that a member missed are repeated by `repair_after`: 15 s after the miss, then every 60 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from veery.protocol.constants import (
    DUMP_PAUSE_MS,
    DUMP_UNCONFIRMED_MAX,
    HANDSHAKE_PAUSE_MS,
    NO_SWARM,
    REPAIR_FIRST_MS,
    REPAIR_LIFE_MS,
    REPAIR_NEXT_MS,
)
from veery.protocol.swarm.nodes import ServiceNode

Swarms: TypeAlias = Mapping[int, Sequence[ServiceNode]]  # active members by swarm id


# -- what a new list asks for ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShakeHands:
    """Tell a member that we are here; `want_dump`: ask it for all its messages."""

    peer: bytes  # Ed25519 key
    want_dump: bool


@dataclass(frozen=True, slots=True)
class PushMapped:
    """Push those of our messages that now map to `swarm` to one of its members; own copies stay till they expire."""

    peer: bytes
    swarm: int


Change: TypeAlias = ShakeHands | PushMapped


def changes(before: Swarms, after: Swarms, own: bytes) -> list[Change]:
    """What the node with Ed25519 key `own` does about a new list (the table of 05.4).

    A node that moved leaves its old swarm to the members that stayed there. If none stayed, it hands everything over as
    if the swarm had been dissolved: the book has no rule for that, and without one the messages would be lost.
    """
    old, new = _swarm_of(before, own), _swarm_of(after, own)
    if new == NO_SWARM:
        return []
    found: list[Change] = []
    if old == NO_SWARM or (old != new and _stayed(before[old], after.get(old, ()))):
        found += [ShakeHands(node.ed25519, want_dump=True) for node in _others(after[new], own)]
    elif old == new:
        known = {node.legacy for node in before[old]}
        joined = [node for node in _others(after[new], own) if node.legacy not in known]
        found += [ShakeHands(node.ed25519, want_dump=False) for node in joined]
        fresh = [swarm for swarm in after if swarm not in before]
        found += [PushMapped(node.ed25519, swarm) for swarm in sorted(fresh) for node in after[swarm]]
    else:  # nobody keeps our old swarm: everything goes to where it maps now
        found += [ShakeHands(node.ed25519, want_dump=True) for node in _others(after[new], own)]
        found += [PushMapped(node.ed25519, swarm) for swarm in sorted(after) for node in _others(after[swarm], own)]
    return found


def _swarm_of(swarms: Swarms, own: bytes) -> int:
    return next((swarm for swarm, nodes in swarms.items() if any(node.ed25519 == own for node in nodes)), NO_SWARM)


def _stayed(before: Sequence[ServiceNode], after: Sequence[ServiceNode]) -> bool:
    return not {node.legacy for node in before}.isdisjoint(node.legacy for node in after)


def _others(nodes: Sequence[ServiceNode], own: bytes) -> list[ServiceNode]:
    return [node for node in nodes if node.ed25519 != own]


# -- handshakes ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Handshake:
    want_dump: bool
    due_ms: int


class Handshakes:
    """Handshakes that were not answered with `OK` yet."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, _Handshake] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, peer: bytes, *, want_dump: bool, now_ms: int) -> None:
        """Shake hands with a peer, at once. Asking for a dump is never forgotten by a later handshake."""
        known = self._waiting.get(peer)
        self._waiting[peer] = _Handshake(want_dump or (known is not None and known.want_dump), now_ms)

    def due(self, now_ms: int) -> list[tuple[bytes, bool]]:
        """Peers to send to now, with whether a dump is wanted; each is due again 10 s later."""
        found = [(peer, shake.want_dump) for peer, shake in self._waiting.items() if shake.due_ms <= now_ms]
        for peer, _ in found:
            self._waiting[peer].due_ms = now_ms + HANDSHAKE_PAUSE_MS
        return found

    def hasten(self, peer: bytes, now_ms: int) -> None:
        """The peer has shown that it sees us: what waits for it is due at once."""
        if peer in self._waiting:
            self._waiting[peer].due_ms = now_ms

    def answered(self, peer: bytes) -> None:
        """The peer said `OK`."""
        self._waiting.pop(peer, None)

    def keep_only(self, members: frozenset[bytes]) -> None:
        """Give up handshakes with peers that are not members any more."""
        for peer in [peer for peer in self._waiting if peer not in members]:
            del self._waiting[peer]

    def get_timer(self) -> int | None:
        """When the next is due, ms."""
        return min((shake.due_ms for shake in self._waiting.values()), default=None)


# -- dumps -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Dump:
    """One transfer of stored messages to one peer, by insertion numbers: those in (cursor, up_to] that are asked for.

    The shell reads on from `reads_from`, tells each batch it sent by its last number, and what became of it. `cursor`
    is what the peer has confirmed without gaps.
    """

    cursor: int
    up_to: int
    _sent: list[int] = field(default_factory=list)  # last numbers of unconfirmed batches, in order
    _confirmed: set[int] = field(default_factory=set)
    _resume_ms: int = 0
    _window: int = 0  # counts failures, so that confirmations of before are told apart

    @property
    def reads_from(self) -> int:
        """The insertion number behind which the next batch begins."""
        return self._sent[-1] if self._sent else self.cursor

    @property
    def done(self) -> bool:
        """Whether everything was confirmed."""
        return self.cursor >= self.up_to

    def may_send(self, now_ms: int) -> bool:
        """Whether a further batch may go out now."""
        return len(self._sent) < DUMP_UNCONFIRMED_MAX and now_ms >= self._resume_ms and self.reads_from < self.up_to

    def sent(self, last: int) -> int:
        """A batch went out whose last message has this number. Gives the window to tell with `confirmed`."""
        self._sent.append(last)
        return self._window

    def confirmed(self, last: int, window: int | None = None) -> None:
        """The peer has a batch. Confirmations may come in any order; those of an abandoned window count for nothing.

        Without the window, a late confirmation is taken for a newer batch that happens to end at the same message.
        """
        if last not in self._sent or window not in (None, self._window):
            return
        self._confirmed.add(last)
        while self._sent and self._sent[0] in self._confirmed:
            self.cursor = self._sent.pop(0)
            self._confirmed.discard(self.cursor)

    def skipped_to(self, last: int) -> None:
        """There was nothing for the peer up to this number."""
        if not self._sent:
            self.cursor = max(self.cursor, last)
        else:
            self._sent.append(last)
            self.confirmed(last)

    def failed(self, now_ms: int) -> None:
        """A batch failed: pause, then go on from the first unconfirmed message."""
        self._sent.clear()
        self._confirmed.clear()
        self._window += 1
        self._resume_ms = now_ms + DUMP_PAUSE_MS

    def get_timer(self) -> int:
        """When it may go on after a pause, ms."""
        return self._resume_ms


# -- repairs ---------------------------------------------------------------------------------------------------


def repair_after(attempts: int, now_ms: int) -> int:
    """When a request that a member missed is sent again, after so many repetitions, ms."""
    return now_ms + (REPAIR_FIRST_MS if attempts == 0 else REPAIR_NEXT_MS)


def repair_given_up(missed_ms: int, now_ms: int) -> bool:
    """Whether a missed request is too old to be repeated."""
    return now_ms - missed_ms > REPAIR_LIFE_MS
