"""Waking those who wait for changes of the store, and handing round events that live only for a moment.

Durable events stand in the store; the hub only says that there is something new. Waiting is by a counter: whoever
remembers the counter before reading cannot miss a change that came between reading and waiting. Transient events
(typing, calls) go to the inboxes that are attached when they happen; a full inbox forgets its oldest.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakSet

TRANSIENT_MAX: Final = 1_000  # transient events that wait for one slow listener


class LiveInbox:
    """Transient events of one listener."""

    def __init__(self) -> None:
        self.events: deque[Mapping[str, Any]] = deque(maxlen=TRANSIENT_MAX)


class Hub:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._version = 0
        self._closed = False
        self._waiting: set[asyncio.Future[None]] = set()
        self._inboxes: WeakSet[LiveInbox] = WeakSet()

    @property
    def version(self) -> int:
        """Counts changes."""
        return self._version

    @property
    def closed(self) -> bool:
        """Whether nothing will change any more."""
        return self._closed

    def attach(self) -> LiveInbox:
        """An inbox for transient events from now on, until nobody holds it any more."""
        inbox = LiveInbox()
        self._inboxes.add(inbox)
        return inbox

    def publish(self, event: Mapping[str, Any]) -> None:
        """Hand a transient event to every inbox."""
        for inbox in self._inboxes:
            inbox.events.append(event)
        self.wake()

    def wake(self) -> None:
        """Tell that something has changed."""
        self._version += 1
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Wake everybody for the last time."""
        self._closed = True
        self.wake()

    async def changed(self, version: int) -> None:
        """Return as soon as the counter is no longer `version`, or the hub is closed. Can be cancelled."""
        while self._version == version and not self._closed:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)
