"""The calling side of the control socket: many calls and streams over one connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from veery.app import wire
from veery.app.methods import HELLO
from veery.app.wire import SessionClosing, SessionLost

_GONE: Final = "the Veery process that had this profile open is gone"


class _Waiting:
    """What came for one request and was not taken yet."""

    def __init__(self) -> None:
        self.answers: deque[dict[str, Any]] = deque()
        self.came = asyncio.Event()

    def put(self, answer: dict[str, Any]) -> None:
        self.answers.append(answer)
        self.came.set()


class Connection:
    """A connection to the process that has a profile open. Make one with `open`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = 0
        self._waiting: dict[int, _Waiting] = {}
        self._lost = False
        self._begun: int | None = None  # the last request that the engine took before it ended, if it said so
        self._reading = asyncio.create_task(self._read(), name="control connection")

    @classmethod
    async def open(cls, path: Path) -> Self | None:
        """Connect; None when nobody listens there, or is about to end."""
        try:
            with wire.socket_address(path) as address:
                reader, writer = await asyncio.open_unix_connection(address, limit=wire.LINE_MAX)
        except OSError:
            return None
        connection = cls(reader, writer)
        try:
            await connection.call(HELLO, {})
        except SessionLost:
            await connection.close()
            return None
        except BaseException:
            await connection.close()
            raise
        return connection

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """The result of a method. Raises what the engine raises, SessionClosing (it was not done), SessionLost.

        Cancelled, it is cancelled at the other end as well.
        """
        number, waiting = self._ask(method, params, {})
        try:
            return (await self._next(number, waiting)).get("result")
        finally:
            self._leave(number)

    async def stream(self, method: str, params: dict[str, Any]) -> AsyncGenerator[Any, None]:
        """The events of a stream; closing it ends it at the other end. Raises as `call`."""
        window = wire.WINDOW
        number, waiting = self._ask(method, params, {"window": window})
        taken = 0
        try:
            while "event" in (answer := await self._next(number, waiting)):
                yield answer["event"]
                taken += 1
                if 2 * taken >= window:
                    self._write({"id": number, "more": taken})
                    taken = 0
        finally:
            self._leave(number)

    async def close(self) -> None:
        """End the connection."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.close()
        with suppress(OSError):  # the other side may have gone first
            await self._writer.wait_closed()

    def _ask(self, method: str, params: dict[str, Any], more: dict[str, Any]) -> tuple[int, _Waiting]:
        if self._lost:
            raise SessionClosing(_GONE)
        self._numbers += 1
        waiting = self._waiting[self._numbers] = _Waiting()
        self._write({"id": self._numbers, "method": method, "params": params, **more})
        return self._numbers, waiting

    async def _next(self, number: int, waiting: _Waiting) -> dict[str, Any]:
        while not waiting.answers:
            if self._lost:
                raise self._lost_call(number)
            waiting.came.clear()
            await waiting.came.wait()
        answer = waiting.answers.popleft()
        if "event" not in answer:
            self._waiting.pop(number, None)
        if "error" in answer:
            raise wire.error_from(answer["error"])
        return answer

    def _leave(self, number: int) -> None:
        if self._waiting.pop(number, None) is not None:
            self._write({"id": number, "cancel": True})

    def _write(self, value: object) -> None:
        if not self._lost:
            self._writer.write(wire.write(value))

    def _lost_call(self, number: int) -> SessionLost:
        """What to say of a call without an answer: whether it was made is unknown, unless the engine said so."""
        not_begun = self._begun is not None and number > self._begun
        return SessionClosing(_GONE) if not_begun else SessionLost(_GONE)

    async def _read(self) -> None:
        try:
            with suppress(OSError, ValueError):  # either is the end, which is told to whoever waits
                while line := await self._reader.readline():
                    self._sort(wire.read(line))
        finally:
            self._lost = True
            for waiting in self._waiting.values():
                waiting.came.set()

    def _sort(self, answer: dict[str, Any]) -> None:
        number = answer.get("id")
        if type(answer.get("closing")) is int:
            self._begun = answer["closing"]
        waiting = self._waiting.get(number) if type(number) is int else None
        if waiting is not None:
            waiting.put(answer)
