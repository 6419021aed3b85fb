"""Guards: the few nodes that learn a client's address (03.8).

Whoever is the first hop sees the address, so few nodes should ever be it. A guard is remembered across restarts with
the time of its first contact, and used again for ten days as long as it is in the pool.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from veery.protocol.constants import GUARD_LIFE_MS

GUARDS_MAX: Final = 16  # remembered at most; the newest are forgotten first


@dataclass(frozen=True, slots=True)
class Guard:
    """An Ed25519 key of 32 bytes and when the node was first contacted directly (ms)."""

    key: bytes
    first_contact_ms: int


class GuardMemory:
    """The remembered guards, oldest first."""

    def __init__(self, guards: Iterable[Guard] = (), life_ms: int = GUARD_LIFE_MS) -> None:
        self._life_ms = life_ms
        self._since: dict[bytes, int] = {}
        for guard in sorted(guards, key=lambda guard: guard.first_contact_ms):
            self._since.setdefault(guard.key, guard.first_contact_ms)

    @property
    def guards(self) -> tuple[Guard, ...]:
        """What to keep on disk."""
        return tuple(Guard(key, since) for key, since in self._since.items())

    def keeps(self, key: bytes, now_ms: int) -> bool:
        """Whether this node may stay a guard: it is remembered and its ten days are not over."""
        since = self._since.get(key)
        return since is not None and now_ms - since < self._life_ms

    def usable(self, now_ms: int) -> tuple[bytes, ...]:
        """Keys of the guards to use before any other node, oldest first."""
        return tuple(key for key in self._since if self.keeps(key, now_ms))

    def remember(self, key: bytes, now_ms: int) -> bool:
        """A node was contacted as guard. True if that must be kept on disk."""
        stale = [known for known in self._since if not self.keeps(known, now_ms)]
        for known in stale:
            del self._since[known]
        if key in self._since or len(self._since) >= GUARDS_MAX:
            return bool(stale)
        self._since[key] = now_ms
        return True

    def forget(self, key: bytes) -> bool:
        """The node is no guard any more. True if that must be kept on disk."""
        return self._since.pop(key, None) is not None
