"""Counting who asks for the newest version: distinct keys that lead back to nobody, by day (09.7.3).

Anybody can make as many keys as they like, so a day counts at most so many, and old days are forgotten.
"""

from __future__ import annotations

from typing import Final

from veery.fileserver import table
from veery.fileserver.database import Database
from veery.runtime.clock import Clock

_DAY_MS: Final = 24 * 3_600 * 1_000


class VersionChecks:
    """days: that are remembered besides today; most: checks that are counted in one day."""

    def __init__(self, database: Database, clock: Clock, *, days: int, most: int) -> None:
        self._database = database
        self._clock = clock
        self._days = days
        self._most = most
        self._today = -1
        self._counted = 0  # of today

    async def count(self, key: bytes, platform: str, channel: str) -> None:
        """Count a check, if it is the first of its kind today and the day is not full. Raises RuntimeFault leaves."""
        day = self._day()
        if day != self._today:
            self._today, self._counted = day, self._database.read(lambda db: table.checks_of(db, day))
        if self._counted >= self._most:
            return
        self._counted += await self._database.write(lambda db: table.count_check(db, day, key, platform, channel))

    async def forget(self) -> None:
        """Forget the days that are too long ago. Raises RuntimeFault leaves."""
        before = self._day() - self._days
        await self._database.write(lambda db: table.forget_checks(db, before))

    def totals(self) -> dict[tuple[str, str], int]:
        """How many asked in the remembered days, by platform and channel."""
        since = self._day() - self._days
        return self._database.read(lambda db: table.checks(db, since))

    def _day(self) -> int:
        return self._clock.now_ms() // _DAY_MS
