"""The network's time (03.10).

Nodes refuse signatures that are more than a minute off, so everything signed carries network time: the machine's clock
plus an offset. The machine's clock itself is never touched. One node can lie about the time, so three different ones
make one measurement, their median; measurements are averaged until one differs by more than a second, because then
the machine's clock was set and the old ones mean nothing.

A refusal (406 of a node, 425 of a server) has three possible causes, told apart by `refused`: our offset was corrected
after the request was signed, our offset is wrong, or the node's own clock is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from statistics import median_low

from veery.protocol.constants import CLOCK_AVERAGED, CLOCK_BEFORE_MS, CLOCK_NODES, CLOCK_RESUME_MS, SIGNATURE_SLACK_MS


@dataclass(frozen=True, slots=True)
class TimeSample:
    """A node's time `t` and when, by the machine's clock, the request began and its answer came (all ms)."""

    source: bytes
    node_ms: int
    started_ms: int
    ended_ms: int

    @property
    def offset_ms(self) -> int:
        """Network time minus machine time, taking both ways to be equally long."""
        return self.node_ms - (self.started_ms + self.ended_ms) // 2


@dataclass(frozen=True, slots=True)
class ClockRules:
    """asked: samples that make a measurement; averaged: samples whose measurements count; the rest in milliseconds.

    step: a jump that makes older measurements void; fresh: how long a measurement excludes that our offset is wrong;
    tolerance: beyond it users are told that their clock is wrong.
    """

    asked: int = CLOCK_NODES
    averaged: int = CLOCK_AVERAGED
    before_ms: int = CLOCK_BEFORE_MS
    step_ms: int = 1_000
    fresh_ms: int = 30_000
    tolerance_ms: int = SIGNATURE_SLACK_MS // 2
    resume_ms: int = CLOCK_RESUME_MS


class Refusal(Enum):
    """What to do about a request that was refused for its time."""

    SIGN_AGAIN = "sign_again"  # the offset was corrected since: sign with it and send once more
    RESYNC = "resync"  # ask three nodes for their time, then sign again
    WAIT = "wait"  # somebody asks already; sign again when that is done
    ELSEWHERE = "elsewhere"  # our time was just confirmed: this node's own clock is wrong
    GIVE_UP = "give_up"  # refused again after all that: tell the user (ClockWrong)


@dataclass(frozen=True, slots=True)
class ClockVerdict:
    """How the machine's clock stands. offset_ms: network time minus machine time, so positive means it is slow.

    measured: whether anything is known; disputed: the nodes asked last differ by more than signatures may be off.
    """

    offset_ms: int
    wrong: bool
    measured: bool
    disputed: bool


class NetworkClock:
    """The offset of network time, from answers that come anyway (`note`) and from asking on purpose (`resynced`)."""

    def __init__(self, rules: ClockRules | None = None, *, offset_ms: int = 0) -> None:
        self.rules = rules or ClockRules()
        self._offset_ms = offset_ms
        self._measurements: list[int] = []
        self._round: dict[bytes, TimeSample] = {}
        self._spread_ms = 0
        self._resynced_ms: int | None = None
        self._resync_started_ms: int | None = None

    @property
    def offset_ms(self) -> int:
        """Network time minus machine time; 0 until measured, unless one was remembered."""
        return self._offset_ms

    def network_time(self, local_ms: int) -> int:
        """Network time at this time of the machine."""
        return local_ms + self._offset_ms

    def note(self, sample: TimeSample) -> None:
        """Take the time of any answer. Every three different nodes make a measurement."""
        if not self._plausible(sample):
            return
        self._round[sample.source] = sample
        if len(self._round) >= self.rules.asked:
            self._measure(self._round.values())

    def resynced(self, samples: Iterable[TimeSample], local_ms: int) -> bool:
        """Take the answers of nodes that were asked on purpose; the old measurements are void. False without any."""
        self._resync_started_ms = None
        usable = {sample.source: sample for sample in samples if self._plausible(sample)}
        if not usable:
            return False
        self._measurements = []
        self._measure(usable.values())
        self._resynced_ms = local_ms
        return True

    def refused(self, signed_offset_ms: int, local_ms: int, *, retried: bool) -> Refusal:
        """Decide about a request that was signed with this offset and refused for its time.

        retried: whether it was signed anew once already.
        """
        corrected = abs(self._offset_ms - signed_offset_ms) > self.rules.step_ms
        if retried:
            return Refusal.GIVE_UP
        if corrected:
            return Refusal.SIGN_AGAIN
        if self._resync_started_ms is not None and local_ms - self._resync_started_ms < self.rules.fresh_ms:
            return Refusal.WAIT
        if self._resynced_ms is not None and 0 <= local_ms - self._resynced_ms < self.rules.fresh_ms:
            return Refusal.ELSEWHERE
        self._resync_started_ms = local_ms
        return Refusal.RESYNC

    def resume_due(self, local_ms: int) -> bool:
        """Whether to ask for the time after the machine slept: not more often than every ten minutes."""
        return self._resynced_ms is None or abs(local_ms - self._resynced_ms) >= self.rules.resume_ms

    @property
    def verdict(self) -> ClockVerdict:
        """How the machine's clock stands."""
        measured = bool(self._measurements)
        return ClockVerdict(
            self._offset_ms,
            wrong=measured and abs(self._offset_ms) > self.rules.tolerance_ms,
            measured=measured,
            disputed=self._spread_ms > SIGNATURE_SLACK_MS,
        )

    def _plausible(self, sample: TimeSample) -> bool:
        return sample.node_ms >= self.rules.before_ms and sample.ended_ms >= sample.started_ms

    def _measure(self, samples: Iterable[TimeSample]) -> None:
        offsets = [sample.offset_ms for sample in samples]
        self._round = {}
        self._spread_ms = max(offsets) - min(offsets)
        measured = median_low(offsets)
        if abs(measured - self._offset_ms) > self.rules.step_ms:
            self._measurements = []
        kept = max(1, self.rules.averaged // self.rules.asked)
        self._measurements = [*self._measurements, measured][-kept:]
        self._offset_ms = round(sum(self._measurements) / len(self._measurements))
