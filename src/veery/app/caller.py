"""One connection of the control socket: its requests, a task each, and what it is told when the engine ends."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Any, Final

from veery.app import wire
from veery.app.methods import HELLO, LASTING, METHODS, REPEATABLE, STREAMS, NoSuchMethod, ParametersWrong
from veery.client.client import Client
from veery.errors import VeeryError

log = logging.getLogger(__name__)

CALLS_MAX: Final = 64  # of one caller at the same time


class TooManyCalls(VeeryError):
    """A caller asks for more at the same time than is served."""

    default_kind = "app.too_many"
    default_remedy = "Wait for earlier answers first"


class AnswerTooLong(VeeryError):
    """An answer does not fit into a line."""

    default_kind = "app.too_long"
    default_remedy = "Ask for fewer at a time"


class EngineFault(VeeryError):
    """A fault of Veery itself."""

    default_kind = "app.fault"
    default_remedy = "See the log of the running Veery, and report what it says"


class _Call:
    """One request under way. allowed: events that a stream may still send; None: as many as it has."""

    def __init__(self, method: str, window: int | None) -> None:
        self.method = method
        self.task: asyncio.Task[None]
        self._allowed = window
        self._more = asyncio.Event()

    def allow(self, count: int) -> None:
        if self._allowed is not None:
            self._allowed += count
            self._more.set()

    async def admitted(self) -> None:
        """Wait until one more event may be sent."""
        if self._allowed is None:
            return
        while self._allowed <= 0:
            self._more.clear()
            await self._more.wait()
        self._allowed -= 1


class Caller:
    """One connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._writer: asyncio.StreamWriter | None = None
        self._calls: dict[int, _Call] = {}
        self._highest = 0  # number of a request
        self._greeted = False
        self._closing = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the caller is gone, or says something that is no request."""
        self._writer = writer
        try:
            while line := await reader.readline():
                self._take(wire.read(line))
        except (ValueError, ConnectionError) as error:
            log.info("a caller of the control socket was dropped (%s)", type(error).__name__)
        finally:
            await self._break_off(list(self._calls.values()))

    async def drain(self, seconds: float) -> None:
        """Take nothing more; break off what waits for something, and finish the rest."""
        self._closing = True
        calls = list(self._calls.values())
        finishing = [call.task for call in calls if call.method not in LASTING]
        await self._break_off([call for call in calls if call.method in LASTING])
        if finishing:
            await asyncio.wait(finishing, timeout=seconds)
        if self._greeted:
            self._write(wire.write({"id": 0, "closing": self._highest}))

    async def _break_off(self, calls: list[_Call]) -> None:
        for call in calls:
            call.task.cancel()
        await asyncio.gather(*(call.task for call in calls), return_exceptions=True)

    def _take(self, request: dict[str, Any]) -> None:
        number = request.get("id")
        if type(number) is not int:
            raise ValueError("a request without its number")
        call = self._calls.get(number)
        if request.get("cancel"):
            if call is not None:
                call.task.cancel()
        elif "more" in request:
            if call is not None:
                call.allow(_count(request["more"]))
        elif call is not None:
            raise ValueError("a number is used twice")
        else:
            self._highest = max(self._highest, number)
            self._greeted = self._greeted or request.get("method") == HELLO
            self._begin(number, request)

    def _begin(self, number: int, request: dict[str, Any]) -> None:
        if self._closing:
            self._tell_error(number, wire.SessionClosing("the engine is about to end"))
        elif len(self._calls) >= CALLS_MAX:
            self._tell_error(number, TooManyCalls(f"more than {CALLS_MAX} calls at the same time"))
        else:
            window = None if request.get("window") is None else _count(request["window"])
            call = _Call(str(request.get("method")), window)
            self._calls[number] = call
            call.task = asyncio.create_task(self._answer(number, call, request.get("params", {})))
            call.task.add_done_callback(lambda done: self._ended(number, call, done))

    def _ended(self, number: int, call: _Call, task: asyncio.Task[None]) -> None:
        self._calls.pop(number, None)
        if task.cancelled():
            if self._closing:
                kind = wire.SessionClosing if call.method in REPEATABLE else wire.SessionLost
                self._tell_error(number, kind("the engine is about to end"))
        elif (error := task.exception()) is not None and not isinstance(error, ConnectionError):
            log.error("a method of the control socket failed", exc_info=error)
            self._tell_error(number, EngineFault("this should not have happened"))

    async def _answer(self, number: int, call: _Call, params: Any) -> None:
        try:
            if not isinstance(params, dict):
                raise ParametersWrong("`params` must be an object")
            result: Any = None
            if call.method in STREAMS:
                await self._stream(number, call, params)
            elif call.method in METHODS:
                with self._client.locking.used():
                    result = await METHODS[call.method](self._client, params)
            else:
                raise NoSuchMethod("there is no such method")
            await self._send({"id": number, "result": result})
        except VeeryError as error:
            await self._send({"id": number, "error": wire.error_fields(error)})

    async def _stream(self, number: int, call: _Call, params: dict[str, Any]) -> None:
        async with aclosing(STREAMS[call.method](self._client, params)) as events:
            async for event in events:
                await call.admitted()
                await self._send({"id": number, "event": event})

    async def _send(self, value: object) -> None:
        line = wire.write(value)
        if len(line) > wire.LINE_MAX:
            raise AnswerTooLong("the answer is too long for one line")
        self._write(line)
        if self._writer is not None:
            await self._writer.drain()

    def _tell_error(self, number: int, error: VeeryError) -> None:
        self._write(wire.write({"id": number, "error": wire.error_fields(error)}))

    def _write(self, line: bytes) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(line)


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count is no number")
    return value
