"""A gate that many pass at the same time, and that one can close for a while to be alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._inside = 0
        self._closings = 0
        self._changed = asyncio.Condition()
        self._alone = asyncio.Lock()

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Be one of those inside; waits while the gate is closed."""
        if self._closings:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._closings)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if self._closings:
                await self._wake()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Be alone: waits until all who are inside have left, and keeps the others out."""
        self._closings += 1
        try:
            async with self._alone:
                async with self._changed:
                    await self._changed.wait_for(lambda: not self._inside)
                yield
        finally:
            self._closings -= 1
            await self._wake()

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()
