"""Waiting for what happens outside of the test's own loop: looked at often, with a bound on the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return as soon as `true()` holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - another process, thread or peer makes it true
            await asyncio.sleep(0.01)


async def until_awaited(true: Callable[[], Awaitable[bool]], seconds: float = 20.0, every: float = 0.05) -> None:
    """The same for a question that must be awaited."""
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110
            await asyncio.sleep(every)
