"""Which messages came late: seen for the first time although newer ones were fetched before.

A member may lag behind the others or keep a message back; then it comes from another one, in a later poll. Such a
message belongs further up in its conversation, where nobody looks any more, so a client marks it. What was compared is
the time of storing that the swarm tells, and only against polls that were finished before: within one poll order means
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from veery.protocol.constants import MINUTE_MS, STORE_FUTURE_SLACK_MS

LATE_AFTER_MS: Final = MINUTE_MS


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far a namespace was read, in ms of network time: `newest_ms` by finished polls, `coming_ms` by this one."""

    newest_ms: int | None = None
    coming_ms: int | None = None

    def is_late(self, timestamp_ms: int, after_ms: int = LATE_AFTER_MS) -> bool:
        """Whether a message that was not seen before is older than the horizon by more than the bound."""
        return self.newest_ms is not None and timestamp_ms < self.newest_ms - after_ms

    def with_message(self, timestamp_ms: int, network_ms: int) -> Horizon:
        """The horizon after fetching a message. A time further ahead than a swarm would take counts as now."""
        seen = timestamp_ms if timestamp_ms <= network_ms + STORE_FUTURE_SLACK_MS else network_ms
        return replace(self, coming_ms=seen if self.coming_ms is None else max(self.coming_ms, seen))

    def settled(self) -> Horizon:
        """The horizon when the poll is finished."""
        known = [each for each in (self.newest_ms, self.coming_ms) if each is not None]
        return Horizon(max(known, default=None))
