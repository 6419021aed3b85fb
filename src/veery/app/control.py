"""The listening side of the control socket: the process that has a profile open serves others of the same user.

The socket lies in the profile's directory with mode 0600, and the peer's user id is checked besides. A caller that goes
away cancels what it asked for; what it had queued is kept, since the engine keeps it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from pathlib import Path
from typing import Any, Final

from veery.app import wire
from veery.app.methods import METHODS, STREAMS, NoSuchMethod, ParametersWrong
from veery.client.client import Client
from veery.errors import VeeryError

log = logging.getLogger(__name__)

_CALLS_MAX: Final = 64  # of one caller at the same time
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid


class ControlServer:
    """Serves the methods of one client on a Unix socket."""

    def __init__(self, client: Client, path: Path) -> None:
        self._client = client
        self._path = path
        self._server: asyncio.Server | None = None
        self._callers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. The profile's lock is held, so a socket that is there was left by a process that is gone."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)
        try:
            listener.bind(str(self._path))
        finally:
            os.umask(old)
        self._server = await asyncio.start_unix_server(self._accepted, sock=listener, limit=wire.LINE_MAX)

    async def close(self) -> None:
        """Stop listening, end callers, remove the socket."""
        if self._server is None:
            return
        self._server.close()
        self._path.unlink(missing_ok=True)
        for task in self._callers:
            task.cancel()
        await asyncio.gather(*self._callers, return_exceptions=True)
        await self._server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._callers.add(task)
            task.add_done_callback(self._callers.discard)
        try:
            if _same_user(writer):
                await _Caller(self._client, reader, writer).serve()
        finally:
            writer.close()


class _Caller:
    """One connection."""

    def __init__(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._client = client
        self._reader = reader
        self._writer = writer
        self._calls: dict[object, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Answer until the caller is gone."""
        try:
            while line := await self._reader.readline():
                self._take(line)
        except (ValueError, ConnectionError) as error:
            log.info("a caller of the control socket was dropped (%s)", type(error).__name__)
        finally:
            for task in self._calls.values():
                task.cancel()
            await asyncio.gather(*self._calls.values(), return_exceptions=True)

    def _take(self, line: bytes) -> None:
        request = wire.read(line)
        number = request.get("id")
        if request.get("cancel"):
            if (task := self._calls.get(number)) is not None:
                task.cancel()
        elif len(self._calls) < _CALLS_MAX and number not in self._calls:
            task = asyncio.create_task(self._answer(number, request))
            self._calls[number] = task
            task.add_done_callback(lambda done: self._ended(number, done))

    def _ended(self, number: object, task: asyncio.Task[None]) -> None:
        self._calls.pop(number, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("a method of the control socket failed", exc_info=task.exception())

    async def _answer(self, number: object, request: dict[str, Any]) -> None:
        method, params = str(request.get("method")), request.get("params", {})
        try:
            if not isinstance(params, dict):
                raise ParametersWrong("`params` must be an object")
            if method in STREAMS:
                async for event in STREAMS[method](self._client, params):
                    await self._send({"id": number, "event": event})
                result = None
            elif method in METHODS:
                result = await METHODS[method](self._client, params)
            else:
                raise NoSuchMethod("there is no such method")
            await self._send({"id": number, "result": result})
        except VeeryError as error:
            await self._send({"id": number, "error": wire.error_fields(error)})

    async def _send(self, value: object) -> None:
        self._writer.write(wire.write(value))
        await self._writer.drain()


def _same_user(writer: asyncio.StreamWriter) -> bool:
    peer = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1]) in (os.getuid(), 0)
