"""Works that end before their error is raised."""

from __future__ import annotations

import asyncio

import pytest

from veery.runtime.together import all_done


async def test_all_end_before_the_first_error_is_raised() -> None:
    ended: list[str] = []
    failed = asyncio.Event()

    async def fails(text: str) -> None:
        failed.set()
        raise ValueError(text)

    async def works() -> None:
        await failed.wait()
        ended.append("done")

    with pytest.raises(ValueError, match="first"):
        await all_done(works(), fails("first"), fails("second"))
    assert ended == ["done"]
    await all_done()
