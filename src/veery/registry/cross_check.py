"""Agreement between seeds: which of their answers is taken, and what was disputed.

Answers with the same block hash agree. A seed that is merely late agrees too, if its entry is proven to be one of the
longer history. What more than half of the answering seeds agree on is taken; the others are named. Without such a
majority nothing is taken: one of several seeds is wrong, and the caller cannot know which.

Answers that prove themselves go before those that do not: an unsigned answer is only looked at when there is no signed
one, as from the seeds of deployed networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from veery.errors import RegistryError, Retry
from veery.registry.signed_snapshot import SeedAnswer
from veery.registry.snapshot import Snapshot


class SeedsDisputed(RegistryError):
    """The seeds contradict each other, and no majority agrees."""

    default_kind = "registry.disputed"
    default_retry = Retry.LATER
    default_remedy = "Try again in a minute; if it stays so, ask who runs the network which of its seeds is wrong"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one seed said. signed: None from seeds that cannot sign."""

    seed: str
    snapshot: Snapshot
    signed: SeedAnswer | None = None

    @property
    def claim(self) -> tuple[bytes, bytes]:
        """What must be equal for two answers to agree: genesis (zeros if unsigned) and block hash."""
        return (self.signed.state.genesis if self.signed else bytes(32), self.snapshot.block_hash)


@dataclass(frozen=True, slots=True)
class Dispute:
    """A seed whose answer was not taken, and why, in words without addresses of users."""

    seed: str
    reason: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """The answer that was taken, and the seeds that said something else."""

    answer: Answer
    disputes: tuple[Dispute, ...] = ()


Claim = tuple[bytes, bytes]


def agree(answers: Sequence[Answer], earlier: Mapping[Claim, Claim] | None = None) -> Agreement:
    """Find the answer of the majority.

    answers: at least one. earlier: claims that were proven to be earlier states of another claim. Raises SeedsDisputed.
    """
    signed = [answer for answer in answers if answer.signed is not None]
    voters = signed or list(answers)
    groups: dict[Claim, list[Answer]] = {}
    for answer in voters:
        groups.setdefault(_latest(answer.claim, earlier or {}), []).append(answer)
    claim, group = max(groups.items(), key=lambda item: len(item[1]))
    if 2 * len(group) <= len(voters):
        names = ", ".join(sorted(answer.seed for answer in voters))
        raise SeedsDisputed(f"The seeds disagree about the service nodes ({names})")
    # The height is each seed's own word; the middle one is at most as wrong as an honest one.
    taken = sorted((answer for answer in group if answer.claim == claim), key=lambda answer: answer.snapshot.height)
    lost = [Dispute(answer.seed, "its list is another one") for answer in voters if answer not in group]
    unsigned = [Dispute(answer.seed, "its list is not signed") for answer in answers if answer not in voters]
    return Agreement(taken[len(taken) // 2], (*lost, *unsigned))


def _latest(claim: Claim, earlier: Mapping[Claim, Claim]) -> Claim:
    seen = {claim}
    while claim in earlier and earlier[claim] not in seen:
        claim = earlier[claim]
        seen.add(claim)
    return claim
