"""Meta-requests: batch, sequence and ifelse (04.7).

A batch or sequence that does not parse in every part is refused whole. Running them, and answering with two levels of
status, is the node's part; `IfElse.holds` evaluates the conditions, `goes_on` says when a sequence stops.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from veery.protocol.storage_rpc.requests import Simple


@dataclass(frozen=True, slots=True)
class Batch:
    """1 to 20 requests that run at the same time; no meta-request among them."""

    method: ClassVar[str] = "batch"
    recursive: ClassVar[bool] = False
    requests: tuple[Simple, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """1 to 20 requests that run one after the other, until one fails; no meta-request among them."""

    method: ClassVar[str] = "sequence"
    recursive: ClassVar[bool] = False
    requests: tuple[Simple, ...]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold of a node; None is not asked. `hf` is (major, revision), `v` the server's version."""

    hf_at_least: tuple[int, int] | None = None
    hf_before: tuple[int, int] | None = None
    v_at_least: tuple[int, int, int] | None = None
    v_before: tuple[int, int, int] | None = None
    height_at_least: int | None = None
    height_before: int | None = None

    def hold(self, hf: tuple[int, int], version: tuple[int, int, int], height: int) -> bool:
        """Whether all of them hold."""
        return (
            (self.hf_at_least is None or hf >= self.hf_at_least)
            and (self.hf_before is None or hf < self.hf_before)
            and (self.v_at_least is None or version >= self.v_at_least)
            and (self.v_before is None or version < self.v_before)
            and (self.height_at_least is None or height >= self.height_at_least)
            and (self.height_before is None or height < self.height_before)
        )


@dataclass(frozen=True, slots=True)
class IfElse:
    """One of two requests, chosen by conditions on the node; either may be any request, meta-requests too."""

    method: ClassVar[str] = "ifelse"
    recursive: ClassVar[bool] = False
    conditions: Conditions
    then: Request | None = field(default=None)
    otherwise: Request | None = field(default=None)

    def branch(self, condition: bool) -> Request | None:
        """The request for an outcome, if there is one."""
        return self.then if condition else self.otherwise


Request: TypeAlias = "Simple | Batch | Sequence | IfElse"


def goes_on(code: int) -> bool:
    """Whether a sequence goes on after a result with this code."""
    return 200 <= code <= 299
