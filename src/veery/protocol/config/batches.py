"""How the pushes of one account, or of one group, go into `sequence` requests (07.9).

The stores come first and one delete of all that is obsolete last, so that nothing is deleted before its replacement is
stored. A sequence stops at its first failure and then has fewer answers than it had requests: that confirms nothing.
Configurations of groups and of the account never share a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from veery.protocol.config.object import Push
from veery.protocol.constants import BATCH_MAX


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One stored form: which push it is of, and its place among the stored forms of that push."""

    push: int
    part: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One sequence: what to store in this order, then the storage hashes to delete, in one request if any."""

    stores: tuple[Slot, ...]
    obsolete: tuple[str, ...] = ()


def plan(pushes: Sequence[Push]) -> tuple[Batch, ...]:
    """The sequences for some pushes, to be sent one after the other, each only if the one before did not fail."""
    slots = [Slot(push, part) for push, each in enumerate(pushes) for part in range(len(each.stored))]
    obsolete = tuple(sorted({name for push in pushes for name in push.obsolete}))
    runs = [tuple(slots[at : at + BATCH_MAX]) for at in range(0, len(slots), BATCH_MAX)] or [()]
    if obsolete and len(runs[-1]) == BATCH_MAX:
        runs.append(())
    return (*(Batch(run) for run in runs[:-1]), Batch(runs[-1], obsolete))


def confirmed(pushes: Sequence[Push], stored: Mapping[Slot, str]) -> dict[int, frozenset[str]]:
    """The pushes that were stored whole, and their storage hashes. stored: what nodes answered, for code 200 only."""
    found: dict[int, frozenset[str]] = {}
    for index, push in enumerate(pushes):
        names = [stored.get(Slot(index, part)) for part in range(len(push.stored))]
        if all(name is not None for name in names):
            found[index] = frozenset(name for name in names if name is not None)
    return found
