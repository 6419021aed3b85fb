"""Many callables in one transaction.

Each runs in a savepoint: one that raises is undone alone, and its caller gets the error. If SQLite itself ends the
transaction (the disk is full), everything of it up to there is undone and gets that error, and the rest runs in a new
transaction; if the commit fails, all that ran gets the error.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from veery.errors import RuntimeFault
from veery.runtime.sqlite.connect import Connection
from veery.runtime.sqlite.faults import DatabaseFault, database_fault, driver_errors


class Call:
    """One callable, the future of who waits for it, and what came of it."""

    __slots__ = ("answer", "error", "result", "work")

    def __init__(self, work: Callable[[Connection], Any], answer: asyncio.Future[Any]) -> None:
        self.work = work
        self.answer = answer
        self.result: Any = None
        self.error: BaseException | None = None


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
            call = waiting.popleft()
            ran.append(call)
            _run_one(connection, call)
        connection.execute("COMMIT")
    except lost as error:
        with suppress(*driver_errors()):  # the first error is the one to tell
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        _fail(ran, error)


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
