"""When something that failed is tried again: a pause for each failure in a row, on the clock that does not jump."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from veery.client.core import Core
from veery.runtime.clock import Clock

_IDLE_S: Final = 3_600.0  # between two looks when nothing changes and nothing has failed


@dataclass(slots=True)
class _Failed:
    count: int
    due: float


class Retrying:
    """Failures in a row, by id. pauses: seconds after the first, the second, … failure; then the last one again."""

    def __init__(self, clock: Clock, pauses: Sequence[float]) -> None:
        self._clock = clock
        self._pauses = pauses
        self._failed: dict[int, _Failed] = {}

    def is_due(self, id_: int) -> bool:
        """Whether it may be tried now."""
        failed = self._failed.get(id_)
        return failed is None or failed.due <= self._clock.monotonic()

    def failed(self, id_: int) -> int:
        """It has failed again; gives how often in a row."""
        count = self._failed[id_].count + 1 if id_ in self._failed else 1
        pause = self._pauses[min(count, len(self._pauses)) - 1]
        self._failed[id_] = _Failed(count, self._clock.monotonic() + pause)
        return count

    def done(self, id_: int) -> None:
        """It has succeeded, or is given up."""
        self._failed.pop(id_, None)

    def next(self, ids: Iterable[int]) -> float | None:
        """The moment (monotonic, seconds) at which one of those is due that have failed; None if none has."""
        return min((self._failed[id_].due for id_ in ids if id_ in self._failed), default=None)


async def keep_trying(core: Core, run_due: Callable[[], Awaitable[float | None]]) -> None:
    """Do what is due at every change of the store and when something that failed is due again, until closed.

    run_due: gives the moment (monotonic, seconds) of the next attempt, None if nothing waits for one.
    """
    hub, clock = core.hub, core.clock
    while not hub.closed:
        version = hub.version
        moment = await run_due()
        await core.wait_until(clock.monotonic() + _IDLE_S if moment is None else moment, hub.changed(version))
