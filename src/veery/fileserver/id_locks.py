"""One at a time for each id: an upload and the sweep must not meet at one file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Lock:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0  # that hold it or wait for it


class IdLocks:
    """A lock for each id that is in use."""

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @asynccontextmanager
    async def hold(self, ids: Iterable[str]) -> AsyncIterator[None]:
        """Hold the locks of all `ids`. They are taken in one order, so that two holders cannot wait for each other."""
        async with AsyncExitStack() as held:
            for each in sorted(set(ids)):
                await held.enter_async_context(self._one(each))
            yield

    @asynccontextmanager
    async def _one(self, id_: str) -> AsyncIterator[None]:
        found = self._locks.setdefault(id_, _Lock())
        found.users += 1
        try:
            async with found.lock:
                yield
        finally:
            found.users -= 1
            if not found.users:
                del self._locks[id_]
