"""Time as a thing that is handed in.

`SystemClock` is the machine's time. `ManualClock` stands still until somebody moves it: tests and the simulator decide
when time passes. Moving it with `advance` stops at every moment that a task waits for, wakes that task and lets the
loop run before time goes on, so that a task which sleeps again is woken again within the same advance, always in the
same order. Sleepers with equal moments are woken in the order in which they began to sleep.
"""

from __future__ import annotations

import asyncio
import time
from heapq import heappop, heappush
from typing import Protocol

_SETTLE_TURNS = 20  # loop turns after each wake-up; enough for a chain of queues and tasks, not for sockets or threads


class Clock(Protocol):
    """Where a shell gets time from."""

    def now_ms(self) -> int:
        """Wall clock: Unix time in milliseconds. May jump."""

    def monotonic(self) -> float:
        """Seconds since some start. Never goes backwards."""

    async def sleep_until(self, moment: float) -> None:
        """Return once `monotonic() >= moment`. Always lets other tasks run. Can be cancelled."""


async def sleep(clock: Clock, seconds: float) -> None:
    """Sleep for so many seconds of the clock."""
    await clock.sleep_until(clock.monotonic() + seconds)


class SystemClock:
    """The time of this machine."""

    __slots__ = ()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep_until(self, moment: float) -> None:
        await asyncio.sleep(moment - time.monotonic())
        # Loops whose timers count whole milliseconds wake a little early.
        while (left := moment - time.monotonic()) > 0:  # noqa: ASYNC110 - it is time itself that is awaited
            await asyncio.sleep(left)


class ManualClock:
    """A clock that moves only when told to. Belongs to one event loop at a time.

    now_ms: wall clock at the start, Unix time in milliseconds; monotonic: seconds at the start.
    Moments are compared in whole microseconds, so that sums of decimal fractions meet.
    """

    def __init__(self, now_ms: int = 1_700_000_000_000, monotonic: float = 0.0) -> None:
        self._micros = _micros(monotonic)
        self._seconds = monotonic
        self._epoch_ms = now_ms - self._micros // 1000
        self._sleepers: list[tuple[int, int, float, asyncio.Future[None]]] = []
        self._count = 0
        self._watchers: list[tuple[int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return self._epoch_ms + self._micros // 1000

    def monotonic(self) -> float:
        return self._seconds

    async def sleep_until(self, moment: float) -> None:
        if _micros(moment) <= self._micros:
            self._seconds = max(self._seconds, moment)
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heappush(self._sleepers, (_micros(moment), self._count, moment, woken))
        self._tell_watchers()
        await woken

    # -- for those who move time -------------------------------------------------------------------------------

    @property
    def sleeping(self) -> int:
        """How many tasks wait for a moment."""
        return sum(1 for *_, woken in self._sleepers if not woken.done())

    def next_moment(self) -> float | None:
        """The earliest moment that a task waits for; None if nobody waits."""
        self._drop_cancelled()
        return self._sleepers[0][2] if self._sleepers else None

    def move(self, seconds: float) -> None:
        """Move time at once: every sleeper that became due is woken in order, but runs only when the loop does."""
        target = max(self._micros, _micros(self._seconds + seconds))
        while self._wake_one(target):
            pass
        self._move_to(target)

    async def advance(self, seconds: float) -> None:
        """Move time in steps, from sleeper to sleeper, and let the loop run after each."""
        target = max(self._micros, _micros(self._seconds + seconds))
        await _settle()
        while self._wake_one(target):
            await _settle()
        self._move_to(target)
        await _settle()

    async def until_sleeping(self, count: int = 1) -> None:
        """Return as soon as at least `count` tasks wait for a moment."""
        if self.sleeping < count:
            reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watchers.append((count, reached))
            await reached

    def set_wall(self, now_ms: int) -> None:
        """Set the wall clock alone, as an administrator or a time server does."""
        self._epoch_ms = now_ms - self._micros // 1000

    def _move_to(self, micros: int, moment: float = 0.0) -> None:
        self._micros = max(self._micros, micros)
        self._seconds = max(self._seconds, self._micros / 1_000_000, moment)

    def _drop_cancelled(self) -> None:
        while self._sleepers and self._sleepers[0][3].done():
            heappop(self._sleepers)

    def _wake_one(self, target: int) -> bool:
        self._drop_cancelled()
        if not self._sleepers or self._sleepers[0][0] > target:
            return False
        due, _, moment, woken = heappop(self._sleepers)
        self._move_to(due, moment)
        woken.set_result(None)
        return True

    def _tell_watchers(self) -> None:
        sleeping = self.sleeping
        for count, reached in self._watchers:
            if sleeping >= count and not reached.done():
                reached.set_result(None)
        self._watchers = [watcher for watcher in self._watchers if not watcher[1].done()]


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


async def _settle() -> None:
    for _ in range(_SETTLE_TURNS):
        await asyncio.sleep(0)
