"""Two accounts over a swarm in memory, as in `tests.conversations`."""

from __future__ import annotations

from tests.conversations.conftest import alice, bob, clock, swarm

__all__ = ["alice", "bob", "clock", "swarm"]
