"""Locking after a time without use: the engine ends, and with it the keys in memory.

Use is what somebody asks of the engine; what it does by itself (polling, sending, telling events) is none. When nobody
has asked for anything for the chosen time, `locked` is set, and whoever has opened the engine closes it: the store is
closed, its key is gone with the engine, and the next command needs the passphrase. Messages that come meanwhile wait on
the swarm. With a key file or the keyring a lock protects nothing, since both open the profile without being asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from veery.client.core import Core
from veery.errors import ClientError
from veery.protocol import given

MINUTES_MAX: Final = 7 * 24 * 60
_SETTING: Final = "lock_after_minutes"
_MINUTE_S: Final = 60.0


class LockTimeWrong(ClientError):
    """A time after which no engine can lock."""

    default_kind = "client.lock_time"
    default_remedy = f"Choose from 1 to {MINUTES_MAX} minutes, or off"


class Locking:
    """The lock of one engine. locked: set once the time without use is over."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.locked = asyncio.Event()
        self._last_use = core.clock.monotonic()
        self._using = 0
        self._changed = asyncio.Event()

    async def after(self) -> int | None:
        """After how many minutes without use the engine locks; None: never."""
        held = await self._core.read(lambda tables: tables.accounts.setting(_SETTING))
        return int(held) if held else None

    async def set_after(self, minutes: int | None) -> None:
        """Lock after so many minutes without use, or never. Raises LockTimeWrong."""
        if minutes is not None and not 1 <= given.whole(minutes, "a time in minutes") <= MINUTES_MAX:
            raise LockTimeWrong(f"an engine cannot lock after {minutes} minutes")
        value = None if minutes is None else str(minutes)
        await self._core.write(lambda tables: tables.accounts.set_setting(_SETTING, value))
        self._changed.set()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Somebody uses the engine: from now until the end of the body."""
        self._using += 1
        try:
            yield
        finally:
            self._using -= 1
            self._last_use = self._core.clock.monotonic()

    async def run(self) -> None:
        """Wait until the time without use is over, then set `locked` and return. Goes on until then or cancelled."""
        clock = self._core.clock
        while True:
            self._changed.clear()
            minutes = await self.after()
            if minutes is None:
                await self._changed.wait()
                continue
            end = (clock.monotonic() if self._using else self._last_use) + minutes * _MINUTE_S
            if clock.monotonic() >= end:
                self.locked.set()
                return
            await self._core.wait_until(end, self._changed.wait())
