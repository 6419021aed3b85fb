"""What the path table keeps of one path."""

from __future__ import annotations

from dataclasses import dataclass

from veery.policy.path_actions import PathState
from veery.policy.path_draw import Hops


@dataclass(slots=True)
class KeptPath:
    """A path and what is counted of it. used_ms: when it was begun, then when it last took a request."""

    path_id: int
    hops: Hops
    rotate_at_ms: int
    replaces: int | None = None  # the path that this one takes over from
    state: PathState = PathState.BUILDING
    open_requests: int = 0
    failures: int = 0
    silences: int = 0
    used_ms: int = 0
    proof: bytes = b""  # Ed25519 key of the node that it is proved with
    slow: bool = False  # not proved in the time that most paths need: another one is built beside it
    excused: bool = False  # the machine changed its network since the last answer

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Ed25519 keys of its hops, guard first."""
        return keys_of(self.hops)


def keys_of(hops: Hops) -> tuple[bytes, ...]:
    """Ed25519 keys of hops."""
    return tuple(node.ed25519 for node in hops)
