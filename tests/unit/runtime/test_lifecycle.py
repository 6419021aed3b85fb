"""Serving, stopping, supervised tasks and beats."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from veery.errors import RuntimeFault
from veery.runtime.clock import ManualClock
from veery.runtime.lifecycle import Background, Backoff, CloseTimeout, OnFailure, Periodic, Startable, serve


class Recorder:
    """A service that notes what happens to it."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.running = asyncio.Event()
        self.ended = asyncio.Event()
        self.closing = asyncio.Event()
        self.may_close = asyncio.Event()
        self.may_close.set()
        self.failure: Exception | None = None
        self.start_failure: Exception | None = None

    async def start(self) -> None:
        self.steps.append("start")
        if self.start_failure is not None:
            raise self.start_failure

    async def run_until_stopped(self) -> None:
        self.running.set()
        await self.ended.wait()
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        self.closing.set()
        try:
            await self.may_close.wait()
            self.steps.append("drained")
        finally:
            self.steps.append("closed")


class Lasting(Recorder, Startable):
    """The same with `async with`."""


async def test_async_with_starts_and_closes() -> None:
    service = Lasting()
    async with service as entered:
        assert entered is service
        assert service.steps == ["start"]
    assert service.steps == ["start", "drained", "closed"]


async def test_async_with_closes_after_the_error_of_its_body() -> None:
    service = Lasting()
    with pytest.raises(ValueError, match="of the body"):
        async with service:
            raise ValueError("of the body")
    assert service.steps == ["start", "drained", "closed"]


@pytest.mark.parametrize("failure", [OSError("no port"), asyncio.CancelledError()])
async def test_async_with_closes_what_did_not_start(failure: BaseException) -> None:
    class Failing(Lasting):
        async def start(self) -> None:
            self.steps.append("start")
            raise failure

    service = Failing()
    with pytest.raises(type(failure)):
        async with service:
            pytest.fail("it has not started")
    assert service.steps == ["start", "drained", "closed"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_closes(number: signal.Signals) -> None:
    service = Recorder()
    serving = asyncio.create_task(serve(service))
    await service.running.wait()
    os.kill(os.getpid(), number)
    await serving
    assert service.steps == ["start", "drained", "closed"]


async def test_handlers_are_taken_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    service = Recorder()
    service.ended.set()
    await serve(service)
    assert signal.getsignal(signal.SIGTERM) == before


async def test_a_second_signal_does_not_wait() -> None:
    service = Recorder()
    service.may_close.clear()
    serving = asyncio.create_task(serve(service))
    await service.running.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await service.closing.wait()
    assert not serving.done()
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(CloseTimeout):
        await serving
    assert service.steps == ["start", "closed"]


async def test_draining_has_a_time_limit() -> None:
    service = Recorder()
    service.may_close.clear()
    service.ended.set()
    with pytest.raises(CloseTimeout):
        await serve(service, drain_s=0)
    assert service.steps == ["start", "closed"]


async def test_a_failing_service_is_closed_and_its_error_comes_out() -> None:
    service = Recorder()
    service.failure = LookupError("broken")
    service.ended.set()
    with pytest.raises(LookupError):
        await serve(service)
    assert service.steps == ["start", "drained", "closed"]


async def test_a_failed_start_is_closed_too() -> None:
    service = Recorder()
    service.start_failure = LookupError("broken")
    with pytest.raises(LookupError):
        await serve(service)
    assert service.steps == ["start", "drained", "closed"]


async def test_a_time_out_of_the_service_itself_is_its_own() -> None:
    class Impatient(Recorder):
        async def close(self) -> None:
            raise TimeoutError("of the service")

    service = Impatient()
    service.ended.set()
    with pytest.raises(TimeoutError, match="of the service"):
        await serve(service)


def failing(times: int, then: asyncio.Event) -> tuple[Callable[[], Awaitable[None]], list[int]]:
    calls: list[int] = []

    async def work() -> None:
        calls.append(len(calls))
        if len(calls) <= times:
            raise LookupError("broken")
        await then.wait()

    return work, calls


async def test_restart_with_growing_waits(caplog: pytest.LogCaptureFixture) -> None:
    clock, never = ManualClock(), asyncio.Event()
    work, calls = failing(3, never)
    async with Background(clock, backoff=Backoff(first=1, longest=60)) as background:
        background.start("work", work)
        await clock.advance(0.9)
        assert len(calls) == 1
        await clock.advance(0.1)
        assert len(calls) == 2
        await clock.advance(2)
        assert len(calls) == 3
        await clock.advance(3.9)
        assert len(calls) == 3
        await clock.advance(0.1)
        assert len(calls) == 4
        assert len(background) == 1
    assert len(background) == 0
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 3
    assert "work failed (3 in a row" in caplog.text


async def test_a_task_that_ran_long_counts_as_healthy() -> None:
    clock = ManualClock()
    begun: list[float] = []

    async def work() -> None:
        begun.append(clock.monotonic())
        if len(begun) > 2:
            await clock.sleep_until(clock.monotonic() + 100)
        raise LookupError("broken")

    async with Background(clock, backoff=Backoff(first=1, longest=60)) as background:
        background.start("work", work)
        await clock.advance(200)
    assert begun == [0, 1, 3, 104]


async def test_stop_takes_the_service_down_with_the_error() -> None:
    clock = ManualClock()
    work, calls = failing(1, asyncio.Event())
    async with Background(clock) as background:
        background.start("vital", work, OnFailure.STOP)
        with pytest.raises(LookupError):
            await background.run_until_stopped()
    assert len(calls) == 1


async def test_forget_only_logs(caplog: pytest.LogCaptureFixture) -> None:
    work, calls = failing(1, asyncio.Event())
    async with Background(ManualClock()) as background:
        await background.start("once", work, OnFailure.FORGET)
        background.stop()
        await background.run_until_stopped()
    assert len(calls) == 1
    assert "once failed" in caplog.text


async def test_close_ends_every_task_and_refuses_new_ones() -> None:
    ended: list[str] = []

    async def stays() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("stays")

    background = Background(ManualClock())
    background.start("stays", stays)
    await asyncio.sleep(0)
    await background.close()
    await background.close()
    assert ended == ["stays"]
    with pytest.raises(RuntimeFault):
        background.start("late", stays)


async def test_a_task_may_close_its_own_service() -> None:
    background = Background(ManualClock())
    task = background.start("last", background.close)
    await task
    assert len(background) == 0


async def test_the_beat_is_kept_and_missed_beats_are_left_out() -> None:
    clock = ManualClock()
    beats: list[float] = []

    async def action() -> None:
        beats.append(clock.monotonic())
        if len(beats) == 2:
            await clock.sleep_until(clock.monotonic() + 25)

    task = asyncio.create_task(Periodic(clock, 10, action, first_s=0).run())
    await clock.advance(50)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert beats == [0, 10, 35, 40, 50]


async def test_a_failing_beat_goes_on_under_supervision() -> None:
    clock = ManualClock()
    beats: list[float] = []

    async def action() -> None:
        beats.append(clock.monotonic())
        if len(beats) == 1:
            raise LookupError("broken")

    async with Background(clock) as background:
        background.start("beat", Periodic(clock, 10, action).run)
        await clock.advance(30)
    assert beats == [10, 20, 30]


def test_an_interval_must_be_positive() -> None:
    with pytest.raises(RuntimeFault):
        Periodic(ManualClock(), 0, lambda: asyncio.sleep(0))
