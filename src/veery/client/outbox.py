"""What waits to be sent, as a person sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from veery.client.core import Core
from veery.store.sql import INTEGER_MAX

_LISTED_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class WaitingCopy:
    """A copy on its way. role: recipient, sync or control; next_attempt_ms: local time; last_error: its kind."""

    message: int | None
    role: str
    sealed: bool
    attempts: int
    next_attempt_ms: int
    last_error: str | None


class OutboxService:
    """Looks into the outbox."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def waiting(self) -> tuple[WaitingCopy, ...]:
        """The copies that are not stored yet and not given up, the next one first; at most a thousand."""
        rows = await self._core.read(lambda tables: tables.outbox.due(INTEGER_MAX, _LISTED_MAX))
        return tuple(
            WaitingCopy(
                row.message, row.role.value, row.sealed is not None, row.attempts, row.next_attempt_ms, row.last_error
            )
            for row in rows
        )
