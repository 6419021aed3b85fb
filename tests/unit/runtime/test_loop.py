"""Running the loop, with and without uvloop."""

from __future__ import annotations

import asyncio
import importlib.util

import pytest

from veery.runtime import loop


async def loop_module() -> str:
    await asyncio.sleep(0)
    return type(asyncio.get_running_loop()).__module__


def test_uvloop_is_used_where_it_can_be() -> None:
    assert loop.run(loop_module()).startswith("uvloop")


def test_plain_asyncio_is_used_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "find_spec", lambda name: None)
    assert loop.run(loop_module()).startswith("asyncio")


def test_errors_come_out_and_tasks_are_cancelled() -> None:
    cancelled: list[bool] = []

    async def stays() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    async def fails() -> None:
        task = asyncio.create_task(stays())
        await asyncio.sleep(0)
        assert not task.done()
        raise LookupError("out")

    with pytest.raises(LookupError):
        loop.run(fails())
    assert cancelled == [True]


def test_uvloop_is_installed_here() -> None:
    assert importlib.util.find_spec("uvloop") is not None
