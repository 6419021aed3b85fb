"""The cache of a contact's account keys: when to ask for them, and whether a message can go out with them (06.10).

    fresh    under 24 h     no request                 send
    stale    under 48 h     ask in the background      send
    expired, none           ask                        wait for the answer, then decide

An answer without a valid record (a NAK) keeps sends from asking again for an hour. Opening a conversation asks all the
same once a record was ever seen, so that one lying "none" heals. A failed request is no answer and changes nothing.

What "decide" means is `policy.downgrade`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from veery.protocol.constants import CONTACT_KEYS_FRESH_MS, CONTACT_KEYS_NAK_MS, CONTACT_KEYS_USABLE_MS
from veery.protocol.devices.keys import HybridPublic


class Freshness(Enum):
    """Of cached keys."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"
    NONE = "none"  # no record was ever fetched


class PrefetchStatus(Enum):
    """What opening a conversation finds."""

    FRESH = "fresh"
    STALE = "stale"  # 24 h or older: asks
    NAK = "nak"  # never seen, and a node said so within the hour: does not ask
    FETCHING = "fetching"  # never seen: asks


class SendStep(Enum):
    """What a send does with the cache."""

    SEND = "send"  # with the cached keys, now
    DECIDE = "decide"  # without asking: an answer of the last hour holds
    FETCH_THEN_DECIDE = "fetch_then_decide"  # queue the message, ask, then decide


@dataclass(frozen=True, slots=True)
class Prefetch:
    """status, and whether a request goes out."""

    status: PrefetchStatus

    @property
    def fetch(self) -> bool:
        """Whether to ask the contact's swarm now."""
        return self.status in (PrefetchStatus.STALE, PrefetchStatus.FETCHING)


@dataclass(frozen=True, slots=True)
class SendPlan:
    """step, and whether a request goes out: beside the message, or before it."""

    step: SendStep
    fetch: bool


@dataclass(frozen=True, slots=True)
class KeyCache:
    """The keys of one contact. fetched_ms, nak_ms: when a valid record, or none, was found; keys: None without one,
    and after a withdrawal, which is a valid record that holds none.
    """

    fetched_ms: int | None = None
    nak_ms: int | None = None
    keys: HybridPublic | None = field(default=None, repr=False)

    def freshness(self, now_ms: int) -> Freshness:
        """How old the keys are. A time in the future comes from a clock that was wrong, and counts as stale."""
        if self.fetched_ms is None:
            return Freshness.NONE
        age = now_ms - self.fetched_ms
        if 0 <= age < CONTACT_KEYS_FRESH_MS:
            return Freshness.FRESH
        return Freshness.STALE if age < CONTACT_KEYS_USABLE_MS else Freshness.EXPIRED

    def denied(self, now_ms: int) -> bool:
        """Whether a NAK of the last hour holds."""
        return self.nak_ms is not None and 0 <= now_ms - self.nak_ms < CONTACT_KEYS_NAK_MS

    def usable(self, now_ms: int) -> HybridPublic | None:
        """The keys, while they are fresh or stale."""
        return self.keys if self.freshness(now_ms) in (Freshness.FRESH, Freshness.STALE) else None

    def prefetch(self, now_ms: int) -> Prefetch:
        """What to do when the conversation is opened."""
        match self.freshness(now_ms):
            case Freshness.FRESH:
                return Prefetch(PrefetchStatus.FRESH)
            case Freshness.STALE | Freshness.EXPIRED:
                return Prefetch(PrefetchStatus.STALE)
            case Freshness.NONE:
                return Prefetch(PrefetchStatus.NAK if self.denied(now_ms) else PrefetchStatus.FETCHING)

    def send(self, now_ms: int) -> SendPlan:
        """What to do when a message is to be sent."""
        freshness, denied = self.freshness(now_ms), self.denied(now_ms)
        if freshness in (Freshness.FRESH, Freshness.STALE):
            step = SendStep.DECIDE if self.keys is None else SendStep.SEND
            return SendPlan(step, fetch=freshness is Freshness.STALE and not denied)
        if denied:
            return SendPlan(SendStep.DECIDE, fetch=False)
        return SendPlan(SendStep.FETCH_THEN_DECIDE, fetch=True)

    def found(self, keys: HybridPublic | None, now_ms: int) -> KeyCache:
        """After a valid record; None: a withdrawal."""
        return replace(self, fetched_ms=now_ms, keys=keys)

    def absent(self, now_ms: int) -> KeyCache:
        """After a complete answer without a valid record."""
        return replace(self, nak_ms=now_ms)
