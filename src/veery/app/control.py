"""The listening side of the control socket: the process that has a profile open serves others of the same user.

The socket lies in the profile's directory with mode 0600, and the peer's user id is checked besides. A caller that goes
away cancels what it asked for; what it had queued is kept, since the engine keeps it.

Closing is in good order, because others may be in the middle of something: the socket vanishes first, so that nobody
new comes; what was begun is finished; what waits for something outside is broken off; and whatever comes after
that is refused with `app.closing`, which says for sure that it was not done.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

from veery.app import wire
from veery.app.methods import HELLO, LASTING, METHODS, REPEATABLE, STREAMS, NoSuchMethod, ParametersWrong
from veery.client.client import Client
from veery.errors import VeeryError
from veery.runtime.faults import files_mapped
from veery.runtime.paths import FILE_MODE

log = logging.getLogger(__name__)

CALLERS_MAX: Final = 64  # connections at the same time
CALLS_MAX: Final = 64  # of one caller at the same time
DRAIN_S: Final = 10.0  # for calls that are not broken off
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid


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


class ControlServer:
    """Serves the methods of one client on a Unix socket."""

    def __init__(self, client: Client, path: Path) -> None:
        self._client = client
        self._path = path
        self._server: asyncio.Server | None = None
        self._callers: dict[asyncio.Task[None], _Caller] = {}

    async def start(self) -> None:
        """Listen. The profile's lock is held, so a socket that is there was left by a process that is gone.

        Raises the leaves of FileFault.
        """
        with files_mapped(f"The control socket {self._path}"):
            self._path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            try:
                with wire.socket_address(self._path) as address:
                    listener.bind(address)
                self._path.chmod(FILE_MODE)  # nobody can connect before it listens
                self._server = await asyncio.start_unix_server(self._accepted, sock=listener, limit=wire.REQUEST_MAX)
            except BaseException:
                listener.close()
                raise

    async def close(self) -> None:
        """Stop listening, finish or break off what was asked, and end the connections."""
        if self._server is None:
            return
        self._path.unlink(missing_ok=True)
        self._server.close()
        callers = list(self._callers.values())
        await asyncio.gather(*(caller.drain(DRAIN_S) for caller in callers))
        tasks = list(self._callers)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        caller = _Caller(self._client, reader, writer)
        try:
            if task is not None and len(self._callers) < CALLERS_MAX and same_user(writer):
                self._callers[task] = caller
                await caller.serve()
        finally:
            if task is not None:
                self._callers.pop(task, None)
            writer.close()


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


class _Caller:
    """One connection."""

    def __init__(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._client = client
        self._reader = reader
        self._writer = writer
        self._calls: dict[int, _Call] = {}
        self._highest = 0  # number of a request
        self._greeted = False
        self._closing = False

    async def serve(self) -> None:
        """Answer until the caller is gone, or says something that is no request."""
        try:
            while line := await self._reader.readline():
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
        if self._greeted and not self._writer.is_closing():
            self._writer.write(wire.write({"id": 0, "closing": self._highest}))

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
        self._writer.write(line)
        await self._writer.drain()

    def _tell_error(self, number: int, error: VeeryError) -> None:
        if not self._writer.is_closing():
            self._writer.write(wire.write({"id": number, "error": wire.error_fields(error)}))


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count is no number")
    return value


def same_user(writer: asyncio.StreamWriter) -> bool:
    """Whether the process at the other end belongs to the user of this one."""
    peer = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1]) == os.geteuid()
