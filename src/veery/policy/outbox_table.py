"""The states of an outgoing copy, what can happen to it, and where that leads: the table behind `outbox`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from veery.errors import Retry


class CopyState(Enum):
    """How far a copy has come."""

    HELD = "held"  # waits until the main copy is stored
    QUEUED = "queued"  # written, not encrypted
    SEALED = "sealed"  # its bytes are fixed; the next attempt has a time
    SENDING = "sending"  # an attempt is under way
    STORED = "stored"  # at least one member of the swarm confirmed it
    READ = "read"  # the recipient said so
    FAILED = "failed"  # given up, for a reason; can be revived


class FailReason(Enum):
    """Why a copy was given up."""

    EXPIRED = "expired"  # its time to live ran out before any member took it
    REFUSED = "refused"  # the network refuses these bytes whenever they come
    CANCELLED = "cancelled"  # the user dropped it


# -- events --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Released:
    """The main copy is stored: a held copy may go."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The bytes are fixed and on disk; their storage hash."""

    hash: str


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A store request goes to this member."""

    member: bytes


@dataclass(frozen=True, slots=True)
class StoreAnswered:
    """The swarm answered: on how many of its members the copy is, and under which hash."""

    stored_on: int
    swarm_size: int
    hash: str


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """Sealing or storing did not work this time: kind of the error, and whether trying again can help."""

    error: str
    retry: Retry


@dataclass(frozen=True, slots=True)
class ReadReceipt:
    """The recipient has read it."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The time to live is over."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The user drops it."""


@dataclass(frozen=True, slots=True)
class Revived:
    """The user wants another try."""


@dataclass(frozen=True, slots=True)
class Restarted:
    """The process died and came back: no attempt is under way any more."""


@dataclass(frozen=True, slots=True)
class RoadOpened:
    """There is a path again after there was none: pauses are pointless."""


Event: TypeAlias = (
    Released
    | Sealed
    | AttemptStarted
    | StoreAnswered
    | AttemptFailed
    | ReadReceipt
    | Expired
    | Cancelled
    | Revived
    | Restarted
    | RoadOpened
)

Targets: TypeAlias = Mapping[type[Event], tuple[CopyState, ...]]

_S = CopyState


def _stay(state: CopyState, *events: type[Event]) -> dict[type[Event], tuple[CopyState, ...]]:
    return dict.fromkeys(events, (state,))


# Where each event may lead; the first is the usual one. What is not listed cannot come.
TRANSITIONS: Final[Mapping[CopyState, Targets]] = {
    _S.HELD: {
        Released: (_S.QUEUED,),
        Expired: (_S.FAILED,),
        Cancelled: (_S.FAILED,),
        **_stay(_S.HELD, ReadReceipt, Revived, Restarted, RoadOpened),
    },
    _S.QUEUED: {
        Sealed: (_S.SEALED,),
        AttemptFailed: (_S.QUEUED, _S.FAILED),
        Expired: (_S.FAILED,),
        Cancelled: (_S.FAILED,),
        **_stay(_S.QUEUED, Released, ReadReceipt, Revived, Restarted, RoadOpened),
    },
    _S.SEALED: {
        AttemptStarted: (_S.SENDING,),
        StoreAnswered: (_S.STORED, _S.SEALED),  # to an attempt that was given up
        AttemptFailed: (_S.SEALED, _S.FAILED),
        ReadReceipt: (_S.READ, _S.SEALED),  # the answer was lost, but the copy arrived
        Expired: (_S.FAILED,),
        Cancelled: (_S.FAILED,),
        **_stay(_S.SEALED, Released, Sealed, Revived, Restarted, RoadOpened),
    },
    _S.SENDING: {
        StoreAnswered: (_S.STORED, _S.SEALED, _S.FAILED),
        AttemptFailed: (_S.SEALED, _S.FAILED),
        ReadReceipt: (_S.READ,),
        Cancelled: (_S.FAILED,),
        Restarted: (_S.SEALED,),
        **_stay(_S.SENDING, Released, Sealed, Expired, Revived, RoadOpened),  # the attempt under way decides
    },
    _S.STORED: {
        ReadReceipt: (_S.READ,),
        **_stay(_S.STORED, Released, Sealed, StoreAnswered, AttemptFailed, Expired, Cancelled),
        **_stay(_S.STORED, Revived, Restarted, RoadOpened),
    },
    _S.READ: {
        **_stay(_S.READ, Released, Sealed, StoreAnswered, AttemptFailed, ReadReceipt, Expired, Cancelled),
        **_stay(_S.READ, Revived, Restarted, RoadOpened),
    },
    _S.FAILED: {
        Revived: (_S.SEALED, _S.QUEUED),
        StoreAnswered: (_S.STORED, _S.FAILED),  # late, but it is there; what the user dropped stays dropped
        ReadReceipt: (_S.READ, _S.FAILED),
        **_stay(_S.FAILED, Released, Sealed, AttemptFailed, Expired, Cancelled, Restarted, RoadOpened),
    },
}
