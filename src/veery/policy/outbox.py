"""The outbox: how one copy of a message gets onto one swarm, whatever happens in between (02.4).

    held -> queued -> sealed <-> sending -> stored on k of n -> read          any before stored -> failed(reason)

A message has a main copy (the recipient's; in note to self the own one) and often a sync copy for the own swarm, which
is held until the main copy is stored and whose failure never makes the message fail (02.4.2).

Bytes are fixed by sealing, once. Sending them again is harmless, because the hash is made from the bytes and a swarm
keeps one message for each hash (04.4.3). So whoever is in doubt sends again: after a lost answer, after a kill. A copy
is `stored` only after an answer that names the right hash and at least one member.

A copy is a value. What is to be done is read off the value (`step`, `wakeup`), never remembered beside it, so that a
process that died goes on from what is on disk: load every copy, feed `Restarted`, go on.

Three quick attempts at different members, then pauses that double from 1 s to 5 min. Only three things end them: the
message's time is over, the network refuses it for good, or the user drops it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from veery.errors import PolicyError, Retry
from veery.policy.chance import RandBelow, doubled, jittered
from veery.policy.outbox_table import (
    TRANSITIONS,
    AttemptFailed,
    AttemptStarted,
    Cancelled,
    CopyState,
    Event,
    Expired,
    FailReason,
    ReadReceipt,
    Released,
    Restarted,
    Revived,
    RoadOpened,
    Sealed,
    StoreAnswered,
)
from veery.protocol.constants import MINUTE_MS, SECOND_MS, SEND_ATTEMPTS, SEND_PAUSE_MS

_IDLE: Final = (CopyState.HELD, CopyState.QUEUED, CopyState.SEALED)
_OPEN: Final = (CopyState.QUEUED, CopyState.SEALED, CopyState.SENDING)


class OutOfOrder(PolicyError):
    """An event came in a state in which it cannot come: the shell is wrong."""

    default_kind = "policy.outbox.out_of_order"
    default_retry = Retry.NEVER


@dataclass(frozen=True, slots=True)
class OutboxRules:
    """Attempts at once and their pause, then the first and the longest pause; times in milliseconds."""

    quick_attempts: int = SEND_ATTEMPTS
    quick_pause_ms: int = SEND_PAUSE_MS
    first_ms: int = SECOND_MS
    most_ms: int = 5 * MINUTE_MS


DEFAULT: Final = OutboxRules()


@dataclass(frozen=True, slots=True)
class OutgoingCopy:
    """One copy for one swarm. Times in milliseconds of the same clock as `now_ms`.

    attempts: failed ones since it was queued, revived, or the road opened; tried: members (Ed25519 keys) that the last
    attempts went to; error: kind of the last error.
    """

    state: CopyState
    expires_ms: int
    hash: str | None = None
    attempts: int = 0
    next_attempt_ms: int = 0
    tried: tuple[bytes, ...] = ()
    stored_on: int = 0
    swarm_size: int = 0
    reason: FailReason | None = None
    error: str | None = None


class Step(Enum):
    """What the shell does with a copy now."""

    SEAL = "seal"  # make the bytes and feed `Sealed`
    SEND = "send"  # choose a member that is not in `tried`, feed `AttemptStarted`, send the store request
    EXPIRE = "expire"  # feed `Expired`


def new_copy(expires_ms: int, *, held: bool = False) -> OutgoingCopy:
    """A copy that was just written. held: a sync copy beside a main copy."""
    return OutgoingCopy(CopyState.HELD if held else CopyState.QUEUED, expires_ms)


def wakeup(copy: OutgoingCopy, now_ms: int, rules: OutboxRules = DEFAULT) -> int | None:
    """When something is to be done with a copy (`now_ms` if at once), or None as long as nothing happens."""
    match copy.state:
        case CopyState.QUEUED | CopyState.SEALED:
            # A pause is never longer than the longest, so that a clock that was set back does not stop the message.
            return max(now_ms, min(copy.next_attempt_ms, copy.expires_ms, now_ms + rules.most_ms))
        case CopyState.HELD:
            return max(now_ms, copy.expires_ms)
        case _:
            return None


def step(copy: OutgoingCopy, now_ms: int, rules: OutboxRules = DEFAULT) -> Step | None:
    """What to do with a copy now, if anything."""
    if copy.state not in (CopyState.HELD, CopyState.QUEUED, CopyState.SEALED):
        return None
    if now_ms >= copy.expires_ms:
        return Step.EXPIRE
    if copy.state is CopyState.HELD or now_ms < copy.next_attempt_ms <= now_ms + rules.most_ms:
        return None
    return Step.SEAL if copy.state is CopyState.QUEUED else Step.SEND


def next_wakeup(copies: Iterable[OutgoingCopy], now_ms: int, rules: OutboxRules = DEFAULT) -> int | None:
    """When the outbox is to be looked at next, or None while it is at rest."""
    times = [at for copy in copies if (at := wakeup(copy, now_ms, rules)) is not None]
    return min(times, default=None)


def advance(
    copy: OutgoingCopy, event: Event, now_ms: int, randbelow: RandBelow, rules: OutboxRules = DEFAULT
) -> OutgoingCopy:
    """The copy after an event. Keep it on disk before acting on it. Raises OutOfOrder if that event cannot come."""
    allowed = TRANSITIONS[copy.state].get(type(event))
    if allowed is None:
        raise OutOfOrder(f"A copy that is {copy.state.value} cannot take {type(event).__name__}")
    after = _after(copy, event, now_ms, randbelow, rules)
    if after.state not in allowed:
        raise OutOfOrder(f"{type(event).__name__} led from {copy.state.value} to {after.state.value}")
    return after


def _after(copy: OutgoingCopy, event: Event, now_ms: int, randbelow: RandBelow, rules: OutboxRules) -> OutgoingCopy:
    match event:
        case Sealed() if copy.state is CopyState.QUEUED:
            return replace(copy, state=CopyState.SEALED, hash=event.hash, attempts=0, next_attempt_ms=now_ms)
        case AttemptStarted():
            tried = (*copy.tried, event.member)[-max(1, rules.quick_attempts - 1) :]
            return replace(copy, state=CopyState.SENDING, tried=tried)
        case StoreAnswered():
            return _answered(copy, event, now_ms, randbelow, rules)
        case AttemptFailed() if copy.state in _OPEN:
            return _attempt_failed(copy, event, now_ms, randbelow, rules)
        case ReadReceipt() if copy.state in (CopyState.STORED, CopyState.SENDING) or _was_tried(copy):
            return replace(copy, state=CopyState.READ, reason=None, error=None)
        case Expired() if copy.state in _IDLE:
            return _failed(copy, FailReason.EXPIRED, copy.error)
        case Cancelled() if copy.state in (*_IDLE, CopyState.SENDING):
            return _failed(copy, FailReason.CANCELLED, copy.error)
        case _:
            return _after_other(copy, event, now_ms)


def _after_other(copy: OutgoingCopy, event: Event, now_ms: int) -> OutgoingCopy:
    match event:
        case Released() if copy.state is CopyState.HELD:
            return replace(copy, state=CopyState.QUEUED, next_attempt_ms=now_ms)
        case Restarted() if copy.state is CopyState.SENDING:
            return replace(copy, state=CopyState.SEALED, next_attempt_ms=now_ms)
        case RoadOpened() if copy.state in (CopyState.QUEUED, CopyState.SEALED):
            return replace(copy, attempts=0, next_attempt_ms=now_ms)
        case Revived() if copy.state is CopyState.FAILED:
            state = CopyState.QUEUED if copy.hash is None else CopyState.SEALED
            return replace(copy, state=state, attempts=0, next_attempt_ms=now_ms, reason=None, error=None)
        case _:
            return copy


def _answered(
    copy: OutgoingCopy, answer: StoreAnswered, now_ms: int, randbelow: RandBelow, rules: OutboxRules
) -> OutgoingCopy:
    if copy.state is CopyState.READ or copy.reason is FailReason.CANCELLED:
        return copy
    if answer.hash == copy.hash and answer.stored_on > 0:
        state = CopyState.STORED
        stored_on, swarm_size = max((answer.stored_on, answer.swarm_size), (copy.stored_on, copy.swarm_size))
        return replace(copy, state=state, stored_on=stored_on, swarm_size=swarm_size, reason=None, error=None)
    if copy.state is not CopyState.SENDING:
        return copy
    error = "network.store.nowhere" if answer.hash == copy.hash else "network.store.hash"
    return _attempt_failed(copy, AttemptFailed(error, Retry.ELSEWHERE), now_ms, randbelow, rules)


def _attempt_failed(
    copy: OutgoingCopy, failure: AttemptFailed, now_ms: int, randbelow: RandBelow, rules: OutboxRules
) -> OutgoingCopy:
    if failure.retry is Retry.NEVER:
        return _failed(copy, FailReason.REFUSED, failure.error)
    if now_ms >= copy.expires_ms:
        return _failed(copy, FailReason.EXPIRED, failure.error)
    attempts = copy.attempts + 1
    if failure.retry is Retry.LATER:  # no other member would help: no quick attempts
        attempts = max(attempts, rules.quick_attempts)
    pause = rules.quick_pause_ms
    if attempts >= rules.quick_attempts:
        pause = jittered(doubled(rules.first_ms, rules.most_ms, attempts - rules.quick_attempts + 1), randbelow)
    state = CopyState.SEALED if copy.state is CopyState.SENDING else copy.state
    return replace(copy, state=state, attempts=attempts, next_attempt_ms=now_ms + pause, error=failure.error)


def _failed(copy: OutgoingCopy, reason: FailReason, error: str | None) -> OutgoingCopy:
    return replace(copy, state=CopyState.FAILED, reason=reason, error=error)


def _was_tried(copy: OutgoingCopy) -> bool:
    # A receipt for what was never sent is a guess or a forgery.
    return bool(copy.tried) and copy.state in (CopyState.SEALED, CopyState.FAILED)


# -- a message and its copies --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way. main: drives what the user sees; sync: for the own swarm, None if there is none."""

    main: OutgoingCopy
    sync: OutgoingCopy | None = None

    @property
    def synced(self) -> bool:
        """Whether the own devices will see the message: the own swarm has it, or nothing is to be mirrored."""
        return self.sync is None or self.sync.state in (CopyState.STORED, CopyState.READ)


def new_delivery(expires_ms: int, *, sync_expires_ms: int | None = None) -> Delivery:
    """A message that was just written; with a held sync copy if it is to be mirrored."""
    sync = None if sync_expires_ms is None else new_copy(sync_expires_ms, held=True)
    return Delivery(new_copy(expires_ms), sync)


def advance_main(
    delivery: Delivery, event: Event, now_ms: int, randbelow: RandBelow, rules: OutboxRules = DEFAULT
) -> Delivery:
    """The message after an event of its main copy: once that is stored, the sync copy may go."""
    main = advance(delivery.main, event, now_ms, randbelow, rules)
    sync = delivery.sync
    if sync is not None and isinstance(event, Revived) and sync.reason is FailReason.CANCELLED:
        sync = new_copy(sync.expires_ms, held=True)  # it was dropped together with the main copy
    if sync is not None and sync.state is CopyState.HELD:
        if main.state in (CopyState.STORED, CopyState.READ):
            sync = advance(sync, Released(), now_ms, randbelow, rules)
        elif main.reason is FailReason.CANCELLED:
            sync = advance(sync, Cancelled(), now_ms, randbelow, rules)
    return Delivery(main, sync)


def advance_sync(
    delivery: Delivery, event: Event, now_ms: int, randbelow: RandBelow, rules: OutboxRules = DEFAULT
) -> Delivery:
    """The message after an event of its sync copy, which changes nothing for the main copy. Raises OutOfOrder."""
    if delivery.sync is None:
        raise OutOfOrder("This message has no copy for the own swarm")
    return replace(delivery, sync=advance(delivery.sync, event, now_ms, randbelow, rules))
