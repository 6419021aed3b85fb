"""Waiting for a change that somebody else makes: until it is there, until it cannot come, or until the time is over."""

from __future__ import annotations

import asyncio

from veery.errors import NetworkError
from veery.network.steady import SteadyTime


class Waiters:
    """Those who wait. fault: why the last change did not come; kept until one comes."""

    def __init__(self, time: SteadyTime) -> None:
        self.fault: NetworkError | None = None
        self._time = time
        self._waiting: set[asyncio.Future[NetworkError | None]] = set()

    def changed(self) -> None:
        """Let everybody look again."""
        self.fault = None
        self._wake()

    def in_vain(self, fault: NetworkError) -> None:
        """Let everybody fail with this."""
        self.fault = fault
        self._wake()

    async def wait(self, until_ms: int) -> bool:
        """Wait until `changed`. False when the time is over; raises what `in_vain` was told meanwhile."""
        woken: asyncio.Future[NetworkError | None] = asyncio.get_running_loop().create_future()
        alarm = asyncio.ensure_future(self._time.sleep_until(until_ms))
        self._waiting.add(woken)
        try:
            await asyncio.wait((woken, alarm), return_when=asyncio.FIRST_COMPLETED)
            if not woken.done():
                return False
            fault = woken.result()
            if fault is not None:
                raise fault
            return True
        finally:
            self._waiting.discard(woken)
            alarm.cancel()
            await asyncio.gather(alarm, return_exceptions=True)

    def _wake(self) -> None:
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(self.fault)
