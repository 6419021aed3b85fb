"""Works that run at the same time and end before whoever began them goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def all_done(*works: Coroutine[object, object, object]) -> None:
    """Run all to their ends, then raise the first error: nothing goes on behind the back of who cleans up."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
