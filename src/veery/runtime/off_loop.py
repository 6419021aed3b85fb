"""Work that would hold the event loop up when it is large, such as the encryption of megabytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

_ON_THE_LOOP: Final = 262_144  # bytes; up to there the way to a thread and back costs more than it spares the others


async def off_loop(size: int, work: Callable[[], T]) -> T:
    """The result of work on so many bytes: done here when it is little, else in a thread. Raises what `work` raises."""
    return work() if size <= _ON_THE_LOOP else await asyncio.to_thread(work)
