"""One thread that writes for everybody, and commits for many at once.

Bringing a commit to the disk takes far longer than the writes in it, so the writer takes everything that waits, runs it
in ONE transaction, commits, and only then answers the callers: whoever got an answer has durable data. While a commit
is under way the next group gathers by itself, so the groups grow with the load.

What happens to a group when something in it fails is told in `group`.

Hand-over between the threads is by the group in both directions: calls of one loop turn go over together, and their
answers come back in one callback.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final, Self, TypeVar

from veery.errors import Retry, RuntimeFault
from veery.runtime.sqlite.connect import Connection
from veery.runtime.sqlite.faults import mapped
from veery.runtime.sqlite.group import Call, run_group

A = TypeVar("A")
T = TypeVar("T")

_WAITING_MAX: Final = 10_000  # callers
_GROUP_MAX: Final = 1_000  # callables in one transaction, so that the first does not wait for ever


class WriterClosed(RuntimeFault):
    """The writer is closed, or was not started."""

    default_kind = "runtime.writer.closed"
    default_retry = Retry.NEVER


class WriterFull(RuntimeFault):
    """Too many callers wait already."""

    default_kind = "runtime.writer.full"
    default_remedy = "Try again in a moment"


class WriterThread:
    """A thread that owns a writing connection.

    open_connection: called in the thread, so that opening and migrating do not hold up the loop. waiting_max: callers
    that may wait at one time. Belongs to the event loop in which it is started. `async with` starts and closes it.
    """

    def __init__(
        self, open_connection: Callable[[], Connection], *, waiting_max: int = _WAITING_MAX, name: str = "veery-writer"
    ) -> None:
        self._open = open_connection
        self._waiting_max = waiting_max
        self._name = name
        self._queue: SimpleQueue[list[Call] | None] = SimpleQueue()
        self._turn: list[Call] = []  # calls of this turn of the loop, not yet handed over
        self._waiting = 0
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None]
        self._accepting = False

    @property
    def waiting(self) -> int:
        """How many callers wait for their answer."""
        return self._waiting

    async def start(self) -> None:
        """Start the thread and open the connection in it. Raises what opening raises; then the thread has ended."""
        if self._thread is not None:
            raise WriterClosed("the writer was started before")
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._ended = self._loop.create_future()
        self._thread = threading.Thread(target=self._main, args=(opened, self._ended), name=self._name, daemon=True)
        self._thread.start()
        try:
            await opened
        except BaseException:
            await self.close()
            raise
        self._accepting = True

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work(connection)` in the next group; give its result once the group is durable.

        `work` runs inside a transaction, must not end it, and should be short. Raises what `work` raises (the engines'
        errors as leaves of DatabaseFault), WriterFull, WriterClosed. A caller that is cancelled before the group began
        has written nothing; later, the writes stand.
        """
        self._admit()
        answer: asyncio.Future[T] = self._loop.create_future()
        self._take(Call(work, answer))
        return await answer

    async def run_joined(self, join: Callable[[Connection, Sequence[A]], Sequence[T]], argument: A) -> T:
        """As `run`, for small writes that come in numbers: those with the same `join` are run as one.

        `join(connection, arguments)` gives a result for each argument; it may get this one alone, also a second time
        after it raised, and then everything that it did was undone.
        """
        self._admit()
        answer: asyncio.Future[T] = self._loop.create_future()
        self._take(Call.joined(join, argument, answer))
        return await answer

    async def close(self) -> None:
        """Refuse new calls, finish those that wait, close the connection and end the thread."""
        self._accepting = False
        if self._thread is None:
            return
        self._hand_over()
        self._queue.put(None)
        await asyncio.shield(self._ended)
        self._thread.join()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def _admit(self) -> None:
        if not self._accepting:
            raise WriterClosed("the writer does not run")
        if self._waiting >= self._waiting_max:
            raise WriterFull(f"{self._waiting} writes wait already")

    def _take(self, call: Call) -> None:
        if not self._turn:
            self._loop.call_soon(self._hand_over)
        self._turn.append(call)
        self._waiting += 1

    def _hand_over(self) -> None:
        if self._turn:
            turn, self._turn = self._turn, []
            self._queue.put(turn)

    def _deliver(self, calls: list[Call]) -> None:
        self._waiting -= len(calls)
        for call in calls:
            if call.answer.done():  # its caller was cancelled
                continue
            if call.error is None:
                call.answer.set_result(call.result)
            else:
                call.answer.set_exception(call.error)

    # -- in the thread -----------------------------------------------------------------------------------------

    def _main(self, opened: asyncio.Future[None], ended: asyncio.Future[None]) -> None:
        try:
            with mapped():
                connection = self._open()
        except BaseException as error:  # noqa: BLE001 - raised again where `start` waits
            self._tell(_settle, opened, error)
            self._tell(_settle, ended, None)
            return
        self._tell(_settle, opened, None)
        try:
            while (calls := self._next_group()) is not None:
                run_group(connection, calls)
                self._tell(self._deliver, calls)
        finally:
            connection.close()
            self._tell(_settle, ended, None)

    def _next_group(self) -> list[Call] | None:
        """Everything that waits, up to a bound; None when the writer is closed and nothing waits."""
        calls = self._queue.get()
        while calls is not None and len(calls) < _GROUP_MAX:
            try:
                more = self._queue.get_nowait()
            except Empty:
                break
            if more is None:
                self._queue.put(None)  # nothing comes after it: found again the next time
                break
            calls += more
        return calls

    def _tell(self, callback: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop was closed before the writer; nobody waits any more
            return


def _settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
