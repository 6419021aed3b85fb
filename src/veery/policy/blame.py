"""Who is to blame for an answer that is none, and what the asker is told (03.9, the column of the newest library).

Answers of a destination are authenticated by the layer's key. Answers of the path are clear text that any hop can
forge (03.13, trap 8): they can only harm nodes of that path and its destination, one named node at a time, and naming
anybody else counts against the path itself. They never fail a request for good.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from veery.errors import Retry

# -- what came back ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """The destination answered with status 200."""


@dataclass(frozen=True, slots=True)
class GuardUnreachable:
    """The connection to the guard was refused, could not be made, or was lost."""


@dataclass(frozen=True, slots=True)
class RequestTimeout:
    """Nothing came back in time."""


@dataclass(frozen=True, slots=True)
class PathError:
    """A clear answer other than 200 from somewhere on the path, with its text."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class DestinationError:
    """An answer that decrypted and holds another status than 200, with its body as text.

    server: whether the destination was a server and not a service node.
    """

    code: int
    body: str = ""
    server: bool = False


@dataclass(frozen=True, slots=True)
class Undecryptable:
    """A 200 whose body is empty or does not decrypt."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The asker gave up before anything could come back; nothing is known of the path."""


Outcome: TypeAlias = (
    Answered | GuardUnreachable | RequestTimeout | PathError | DestinationError | Undecryptable | Abandoned
)

# -- what follows --------------------------------------------------------------------------------------------------


class Verdict(Enum):
    """What the asker does next."""

    ANSWERED = "answered"  # the answer is for the caller
    ELSEWHERE = "elsewhere"  # the same bytes may pass over another path or at another member
    OTHER_MEMBER = "other_member"  # 421: once more, at a member that the answer names
    RESYNC = "resync"  # our time was refused: learn the network's, sign anew, try once more
    LATER = "later"  # a server cannot answer now
    REFUSED = "refused"  # the same request is refused again

    @property
    def retry(self) -> Retry:
        """The same for the error that a caller sees."""
        if self in (Verdict.ELSEWHERE, Verdict.OTHER_MEMBER):
            return Retry.ELSEWHERE
        return Retry.LATER if self in (Verdict.LATER, Verdict.RESYNC) else Retry.NEVER


@dataclass(frozen=True, slots=True)
class Blame:
    """What an outcome does to nodes (by Ed25519 key) and to the path that was used.

    removed: out of the pool at once; struck: one failure more; path_failure: one failure of the path more; path_lost:
    the path goes at once and each of its nodes is struck; silent: nobody is to blame, but nothing came back.
    """

    verdict: Verdict
    removed: bytes | None = None
    struck: bytes | None = None
    path_failure: bool = False
    path_lost: bool = False
    silent: bool = False


_NAMED: Final = re.compile(
    r"(Next node not found|Next node is currently unreachable|Snode not ready): ([0-9A-Fa-f]{64})\b"
)
_PATH_FAILURES: Final = ((504, "Request time out"), (500, "Invalid response from snode"))
_GUARD_BUSY: Final = ("Service node is not ready", "Server busy")
_UNPARSABLE: Final = "oxend returned unparsable data"
_CLOCK_NODE: Final = 406
_CLOCK_SERVER: Final = 425
_WRONG_SWARM: Final = 421
_TOO_MANY: Final = 429


def judge(outcome: Outcome, hops: tuple[bytes, ...], destination: bytes | None) -> Blame:
    """Judge what came back over a path of these hops (Ed25519 keys, guard first) from a node, or a server (None)."""
    match outcome:
        case Answered():
            return Blame(Verdict.ANSWERED)
        case GuardUnreachable():
            return Blame(Verdict.ELSEWHERE, path_lost=True)
        case RequestTimeout():
            return Blame(Verdict.ELSEWHERE, silent=True)
        case Undecryptable() | Abandoned():
            return Blame(Verdict.ELSEWHERE)
        case PathError():
            return _judge_path(outcome, hops, destination)
        case DestinationError():
            return _judge_destination(outcome, destination)


def _judge_path(error: PathError, hops: tuple[bytes, ...], destination: bytes | None) -> Blame:
    if error.code in (_CLOCK_NODE, _CLOCK_SERVER):
        return Blame(Verdict.RESYNC)
    named = _NAMED.search(error.text)
    if named and error.code == (503 if named[1] == "Snode not ready" else 502):
        return _judge_named(bytes.fromhex(named[2]), named[1] == "Snode not ready", hops, destination)
    if any(error.code == code and error.text.startswith(text) for code, text in _PATH_FAILURES):
        return Blame(Verdict.ELSEWHERE, path_failure=True)
    if error.code == 503 and error.text.startswith(_GUARD_BUSY):
        return Blame(Verdict.ELSEWHERE, struck=hops[0])
    return Blame(Verdict.ELSEWHERE)


def _judge_named(key: bytes, not_ready: bool, hops: tuple[bytes, ...], destination: bytes | None) -> Blame:
    if not_ready and (key in hops or key == destination):
        return Blame(Verdict.ELSEWHERE, struck=key)
    if not not_ready and key == destination:
        return Blame(Verdict.ELSEWHERE, removed=key)
    # Nobody looks up the guard, and nobody has a reason to name a stranger: then the naming itself is the fault.
    if not not_ready and key in hops[1:]:
        return Blame(Verdict.ELSEWHERE, removed=key, path_failure=True)
    return Blame(Verdict.ELSEWHERE, path_failure=True)


def _judge_destination(error: DestinationError, destination: bytes | None) -> Blame:
    if error.code == (_CLOCK_SERVER if error.server else _CLOCK_NODE):
        return Blame(Verdict.RESYNC)
    if error.server:
        return Blame(Verdict.LATER if error.code >= 500 or error.code in (_TOO_MANY, 408) else Verdict.REFUSED)
    if error.code == _WRONG_SWARM:
        return Blame(Verdict.OTHER_MEMBER)
    if error.code == 502 and error.body.startswith(_UNPARSABLE):
        return Blame(Verdict.ELSEWHERE, removed=destination)
    return Blame(Verdict.ELSEWHERE if error.code >= 500 or error.code == _TOO_MANY else Verdict.REFUSED)
