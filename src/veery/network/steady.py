"""The time by which paths and pool live: milliseconds that never go back and never stand still.

The wall clock may be set by hand or by a time server, hours in either direction. Timers that were set before would then
fire all at once, or not for a day. So the road counts from the wall clock at its start by the monotonic clock. That one
in turn stands still while the machine sleeps; `leapt` finds it and moves time forward.
"""

from __future__ import annotations

from typing import Final

from veery.runtime.clock import Clock

LEAP_MS: Final = 60_000  # smaller differences are ordinary drift


class SteadyTime:
    """Unix time in milliseconds as it was at the start, going on steadily."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._base_ms = clock.now_ms() - clock.monotonic() * 1_000
        self._skew_ms = 0  # of the wall clock when it was last looked at

    def now_ms(self) -> int:
        """The time."""
        return round(self._base_ms + self._clock.monotonic() * 1_000)

    def leapt(self) -> int:
        """How many milliseconds the wall clock leapt since the last call; 0 for less than a minute.

        After a leap ahead (the machine slept, or its clock was late) this time is moved along with it.
        """
        skew_ms = self._clock.now_ms() - self.now_ms()
        leap_ms = skew_ms - self._skew_ms
        if abs(leap_ms) <= LEAP_MS:
            return 0
        self._skew_ms = min(skew_ms, 0)
        self._base_ms += max(skew_ms, 0)
        return leap_ms

    async def sleep_until(self, moment_ms: int) -> None:
        """Return once `now_ms() >= moment_ms`. Always lets other tasks run. Can be cancelled."""
        await self._clock.sleep_until(self._clock.monotonic() + max(0, moment_ms - self.now_ms()) / 1_000)
