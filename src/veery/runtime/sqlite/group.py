"""Many callables in one transaction.

Each runs in a savepoint: one that raises is undone alone, and its caller gets the error. If SQLite itself ends the
transaction (the disk is full), everything of it up to there is undone and gets that error, and the rest runs in a new
transaction; if the commit fails, all that ran gets the error.

Calls that stand side by side and were made with the same `join` are run as one, in one savepoint: for many small writes
of a kind, one statement costs far less than one each, and every statement is a hand-over of the interpreter's lock
between this thread and the loop. If a joined run raises, its calls are run one by one, so that each has its own fate.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

from veery.errors import RuntimeFault
from veery.runtime.sqlite.connect import Connection
from veery.runtime.sqlite.faults import DatabaseFault, database_fault, driver_errors

Join: TypeAlias = "Callable[[Connection, Sequence[Any]], Sequence[Any]]"  # one result for each argument, in order

_JOINED_MAX: Final = 32  # calls that are run as one


class Call:
    """One callable, the future of who waits for it, and what came of it. Joined calls have `join` and its argument."""

    __slots__ = ("answer", "argument", "error", "join", "result", "work")

    def __init__(
        self,
        work: Callable[[Connection], Any],
        answer: asyncio.Future[Any],
        join: Join | None = None,
        argument: Any = None,
    ) -> None:
        self.work = work
        self.answer = answer
        self.join = join
        self.argument = argument
        self.result: Any = None
        self.error: BaseException | None = None

    @classmethod
    def joined(cls, join: Join, argument: Any, answer: asyncio.Future[Any]) -> Call:
        """A call that may be run together with others of the same `join`."""
        return cls(lambda connection: join(connection, (argument,))[0], answer, join, argument)


def run_group(connection: Connection, calls: Iterable[Call]) -> None:
    """Run `calls`, and leave in each its result or its error. What has a result is committed."""
    waiting = deque(call for call in calls if not call.answer.cancelled())
    while waiting:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except driver_errors() as error:
            _fail(waiting, error)
            return
        _run_transaction(connection, waiting)


def _run_transaction(connection: Connection, waiting: deque[Call]) -> None:
    ran: list[Call] = []
    lost: tuple[type[Exception], ...] = (*driver_errors(), RuntimeFault)
    try:
        while waiting:
            calls = _next(waiting)
            ran += calls
            if len(calls) == 1 or not _run_joined(connection, calls):
                for call in calls:
                    _run_one(connection, call)
        connection.execute("COMMIT")
    except lost as error:
        with suppress(*driver_errors()):  # the first error is the one to tell
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        _fail(ran, error)


def _next(waiting: deque[Call]) -> list[Call]:
    """The next call, and those behind it that can be run with it."""
    calls = [waiting.popleft()]
    join = calls[0].join
    while join is not None and waiting and waiting[0].join is join and len(calls) < _JOINED_MAX:
        calls.append(waiting.popleft())
    return calls


def _run_joined(connection: Connection, calls: list[Call]) -> bool:
    """Run calls as one; False when nothing of them was done. Raises as `_run_one`."""
    join = calls[0].join
    assert join is not None
    connection.execute("SAVEPOINT one")
    try:
        results = join(connection, [call.argument for call in calls])
    except Exception:
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return False
    connection.execute("RELEASE one")
    for call, result in zip(calls, results, strict=True):
        call.result = result
    return True


def _run_one(connection: Connection, call: Call) -> None:
    """Raises, an engine's error or RuntimeFault, only when the transaction is lost."""
    connection.execute("SAVEPOINT one")
    try:
        call.result = call.work(connection)
    except BaseException as error:
        # Raised again where the caller waits.
        call.error = _for_caller(error)
        if connection.in_transaction:
            connection.execute("ROLLBACK TO one")
        elif isinstance(error, (*driver_errors(), RuntimeFault)):
            raise
    if not connection.in_transaction:
        raise DatabaseFault("a write ended the transaction that it shares", kind="runtime.database.usage")
    connection.execute("RELEASE one")


def _for_caller(error: BaseException) -> BaseException:
    if isinstance(error, driver_errors()):
        return _caused(database_fault(error), error)
    if isinstance(error, StopIteration):  # a future cannot hold it
        return _caused(DatabaseFault("the write asked for a row that is not there"), error)
    return error


def _fail(calls: Iterable[Call], error: BaseException) -> None:
    for call in calls:
        call.result = None
        if call.error is None:  # each its own: a raised error collects the trace of where it was raised
            fault = error if isinstance(error, RuntimeFault) else database_fault(error)
            own = type(fault)(fault.message, kind=fault.kind, remedy=fault.remedy, retry=fault.retry)
            call.error = _caused(own, error)


def _caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error
