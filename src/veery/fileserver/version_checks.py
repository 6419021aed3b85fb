"""Counting who asks for the newest version: distinct keys that lead back to nobody, by day (09.7.3).

Anybody can make as many keys as they like, so a day counts at most so many, and old days are forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from veery.fileserver.metadata import Metadata
from veery.runtime.clock import Clock

_DAY_MS: Final = 24 * 3_600 * 1_000


class VersionChecks:
    """days: that are remembered besides today; most: checks that are counted in one day."""

    def __init__(self, metadata: Metadata, clock: Clock, *, days: int, most: int) -> None:
        self._metadata = metadata
        self._clock = clock
        self._days = days
        self._most = most
        self._today = -1
        self._counted = 0  # of today

    async def count(self, key: bytes, platform: str, channel: str) -> None:
        """Count a check, if it is the first of its kind today and the day is not full. Raises RuntimeFault leaves."""
        day = self._day()
        if day != self._today:
            self._today, self._counted = day, await self._metadata.checks_of(day)
        if self._counted >= self._most:
            return
        self._counted += await self._metadata.count_check(day, key, platform, channel)

    async def forget(self) -> None:
        """Forget the days that are too long ago. Raises RuntimeFault leaves."""
        before = self._day() - self._days
        await self._metadata.forget_checks(before)

    async def totals(self) -> Mapping[tuple[str, str], int]:
        """How many asked in the remembered days, by platform and channel. Raises RuntimeFault leaves."""
        since = self._day() - self._days
        return await self._metadata.checks(since)

    def _day(self) -> int:
        return self._clock.now_ms() // _DAY_MS
