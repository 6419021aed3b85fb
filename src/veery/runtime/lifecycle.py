"""Starting, supervising and stopping services.

A service is started, runs until it is told to stop or one of its tasks fails for good, and is closed. `serve` ties
that to signals: the first SIGTERM or SIGINT stops the service in good order, within a time; the second one gives up
waiting. `Background` keeps the tasks of a service: what happens when one fails is chosen per task.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, Self

from veery.errors import RuntimeFault
from veery.runtime.clock import Clock, sleep

log = logging.getLogger(__name__)

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_COLLECT_AFTER: Final = 10_000  # new objects that can be part of cycles; few of a service's are
DRAIN_S: Final = 30.0  # seconds for open work after the first signal


class Service(Protocol):
    """Something that is started, runs and is closed, once."""

    async def start(self) -> None:
        """Take resources and begin. When it raises, nothing stays open."""

    async def run_until_stopped(self) -> None:
        """Return when the service has been asked to stop from inside; raise what made it fail."""

    async def close(self) -> None:
        """Finish open work, then give everything back; when cancelled, give it back at once.

        Also called when `start` failed or was cancelled.
        """


class Startable(ABC):
    """`async with` for what has `start` and `close`: it is closed also when `start` fails or is cancelled."""

    @abstractmethod
    async def start(self) -> None:
        """Take resources and begin."""

    @abstractmethod
    async def close(self) -> None:
        """Give back what was taken, also after a `start` that did not come to its end."""

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


class CloseTimeout(RuntimeFault):
    """A service did not finish its open work in time; the rest was abandoned."""

    default_kind = "runtime.close_timeout"


async def serve(
    service: Service, *, drain_s: float = DRAIN_S, signals: Sequence[signal.Signals] = STOP_SIGNALS
) -> None:
    """Start `service`, run it until a signal or its own end, and close it.

    Raises what the service failed with, or CloseTimeout when closing took longer than `drain_s` seconds or a second
    signal came.
    """
    stop, hurry = asyncio.Event(), asyncio.Event()

    def asked() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, asked)
    try:
        await _first_of(_started_until_stopped(service), stop.wait())
    finally:
        try:
            await _closed_in_time(service, drain_s, hurry)
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


async def _started_until_stopped(service: Service) -> None:
    await service.start()
    _settle()
    await service.run_until_stopped()


def _settle() -> None:
    """Let the collector skip what was made on the way here: it lives as long as the process, and is the most of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


async def _closed_in_time(service: Service, drain_s: float, hurry: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(drain_s) as limit:
            hurried = await _first_of(service.close(), hurry.wait()) == 1
    except TimeoutError:
        if not limit.expired():  # the service's own
            raise
        hurried = True
    if hurried:
        raise CloseTimeout("The service was stopped before its open work was done")


async def _first_of(*works: Awaitable[object]) -> int:
    """Run all at the same time until one ends, cancel the others and wait for them; give the index of the first.

    Raises what the first one raised.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = next(index for index, task in enumerate(tasks) if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    tasks[ended].result()
    return ended


class OnFailure(Enum):
    """What happens when a background task raises."""

    RESTART = "restart"  # it is started again, later after each failure
    STOP = "stop"  # the whole service is told to stop, and reports the error
    FORGET = "forget"  # it is logged, nothing more


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times between restarts, in seconds: `first`, doubled after each failure up to `longest`.

    A task that ran for `longest` seconds counts as healthy again.
    """

    first: float = 1.0
    longest: float = 60.0

    def after(self, failures: int) -> float:
        """The wait after so many failures in a row (from 1)."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 32))


class Background:
    """The tasks of one service. `async with` closes them at the end.

    Every failure is logged. None is lost: a failure of a STOP task ends `run_until_stopped` with its error.
    """

    def __init__(self, clock: Clock, *, backoff: Backoff | None = None) -> None:
        self._clock = clock
        self._backoff = Backoff() if backoff is None else backoff
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._failure: Exception | None = None
        self._closed = False

    def start(
        self, name: str, work: Callable[[], Awaitable[None]], on_failure: OnFailure = OnFailure.RESTART
    ) -> asyncio.Task[None]:
        """Run `work()` as a task; it ends when the work returns. Raises RuntimeFault after `close`."""
        if self._closed:
            raise RuntimeFault(f"The task {name} cannot start: the service is closed", kind="runtime.closed")
        task = asyncio.create_task(self._supervised(name, work, on_failure), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def __len__(self) -> int:
        return len(self._tasks)

    def stop(self) -> None:
        """Ask the service to stop: `run_until_stopped` returns."""
        self._stopped.set()

    async def run_until_stopped(self) -> None:
        """Return after `stop`; raise the error of the first STOP task that failed."""
        await self._stopped.wait()
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Cancel every task and wait until all have ended. Nothing can be started afterwards."""
        self._closed = True
        self.stop()
        own = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def _supervised(self, name: str, work: Callable[[], Awaitable[None]], on_failure: OnFailure) -> None:
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                return await work()
            except Exception as error:
                if self._clock.monotonic() - began >= self._backoff.longest:
                    failures = 0
                failures += 1
                log.exception("Task %s failed (%d in a row; then: %s)", name, failures, on_failure.value)
                if on_failure is OnFailure.STOP:
                    self._failure = self._failure or error
                    self.stop()
                if on_failure is not OnFailure.RESTART:
                    return None
            await sleep(self._clock, self._backoff.after(failures))


class Periodic:
    """Calls `action` every `interval_s` seconds of the clock, first after `first_s` (one interval by default).

    The beat is kept: an action that takes long does not shift the later ones, and beats that were missed are left out.
    An error of the action is raised out of `run`; under `Background` with RESTART the beat goes on after the wait.
    """

    def __init__(
        self, clock: Clock, interval_s: float, action: Callable[[], Awaitable[None]], *, first_s: float | None = None
    ) -> None:
        if interval_s <= 0:
            raise RuntimeFault("The interval of a periodic task must be above 0", kind="runtime.interval")
        self._clock = clock
        self._interval_s = interval_s
        self._action = action
        self._next = clock.monotonic() + (interval_s if first_s is None else first_s)

    async def run(self) -> None:
        """Go on until cancelled or the action raises."""
        while True:
            await self._clock.sleep_until(self._next)
            now = self._clock.monotonic()
            missed = max(0, int((now - self._next) / self._interval_s))
            self._next += (missed + 1) * self._interval_s
            await self._action()
