"""What can become of a copy that is to be sealed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from veery.store.tables import Tables


def nothing(tables: Tables) -> None:
    """Keep nothing beside the sealed bytes."""


@dataclass(frozen=True, slots=True)
class SealedCopy:
    """The bytes for `store`, and the label of their level. keep: called in the transaction that fixes the bytes."""

    data: bytes = field(repr=False)
    level: str
    keep: Callable[[Tables], None] = field(default=nothing, repr=False)


@dataclass(frozen=True, slots=True)
class Waits:
    """The copy has to wait for something first. reason: its kind."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """The copy is not worth sending with less protection, and is given up."""


Sealing: TypeAlias = SealedCopy | Waits | Dropped
