"""A session with the engine of a profile: in this process, or in the one that has the profile open already.

`open_session` tries the control socket first, so that a running engine needs no passphrase again; then it opens the
profile itself and serves the socket for others. When another process is just opening or closing the profile, it tries
again for a while, so that ordinary use at the same time never ends in an error of a lock.

When the process with the engine ends during a session, the session goes on: it finds the next engine, or opens its own.
Calls that were refused for sure, or that may be repeated, are made again; a stream of events goes on after the last
event that it gave. Only when the other process dies in the middle of a change is it unknown whether that was made, and
SessionLost says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from veery.app.connection import Connection
from veery.app.control import ControlServer
from veery.app.methods import CURSOR, METHODS, REPEATABLE, STREAMS, NoSuchMethod
from veery.app.wire import SessionClosing, SessionLost
from veery.client.client import Client
from veery.client.profile import SOCKET_NAME, Profile
from veery.errors import StoreBusy
from veery.network.proxy import Proxy
from veery.runtime.clock import Clock, SystemClock, sleep
from veery.store.keys import Unlock

__all__ = ["OwnSession", "RemoteSession", "Session", "SessionClosing", "SessionLost", "open_session"]

WAIT_S: Final = 30.0  # for another process to finish opening or closing the profile
_PAUSE_S: Final = 0.05

OpenClient = Callable[[Profile], Awaitable[Client]]


class Session(Protocol):
    """How commands speak to an engine."""

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a method. Raises what the engine raises, and SessionLost."""
        ...

    def stream(self, method: str, **params: Any) -> AsyncGenerator[Any, None]:
        """The events of a stream. Raises as `call`."""
        ...


class _Door(Protocol):
    async def call(self, method: str, params: dict[str, Any]) -> Any: ...

    def stream(self, method: str, params: dict[str, Any]) -> AsyncGenerator[Any, None]: ...

    async def close(self) -> None: ...


class _OwnDoor:
    """The engine is in this process, and serves others. When it locks, it ends as if this process had ended."""

    def __init__(self, client: Client, server: ControlServer) -> None:
        self.client = client
        self._server = server
        self._locking = asyncio.create_task(self._close_when_locked(), name="locking")

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        if method not in METHODS:
            raise NoSuchMethod("there is no such method")
        with self.client.locking.used():
            return await METHODS[method](self.client, params)

    def stream(self, method: str, params: dict[str, Any]) -> AsyncGenerator[Any, None]:
        if method not in STREAMS:
            raise NoSuchMethod("there is no such stream")
        return STREAMS[method](self.client, params)

    async def close(self) -> None:
        self._locking.cancel()
        await asyncio.gather(self._locking, return_exceptions=True)
        await self._close()

    async def _close_when_locked(self) -> None:
        await self.client.locking.locked.wait()
        await self._close()

    async def _close(self) -> None:
        try:
            await self._server.close()
        finally:
            await self.client.close()


class OwnSession:
    """The engine is in this process."""

    def __init__(self, door: _OwnDoor) -> None:
        self._door = door

    @property
    def client(self) -> Client:
        """The engine."""
        return self._door.client

    async def call(self, method: str, **params: Any) -> Any:
        """See `Session`."""
        return await self._door.call(method, params)

    def stream(self, method: str, **params: Any) -> AsyncGenerator[Any, None]:
        """See `Session`."""
        return self._door.stream(method, params)


class RemoteSession:
    """The engine was in another process when the session began. reopen: finds an engine when that one has ended."""

    def __init__(self, door: _Door, reopen: Callable[[], Awaitable[_Door]]) -> None:
        self._door = door
        self._reopen = reopen
        self._reopening = asyncio.Lock()

    async def call(self, method: str, **params: Any) -> Any:
        """See `Session`."""
        if method == "send" and params.pop("wait", False):
            # In two steps: when the engine ends while this waits, only the waiting may be repeated.
            sent = await self.call("send", **params)
            return await self.call("wait_stored", id=sent["id"])
        while True:
            door = self._door
            try:
                return await door.call(method, params)
            except SessionClosing:
                await self._go_on(door)
            except SessionLost:
                if method not in REPEATABLE:
                    raise
                await self._go_on(door)

    async def stream(self, method: str, **params: Any) -> AsyncGenerator[Any, None]:
        """See `Session`."""
        while True:
            door = self._door
            try:
                async with aclosing(door.stream(method, params)) as events:
                    async for event in events:
                        yield event
                        if method in CURSOR and "seq" in event:
                            params["after"] = event["seq"]
                return
            except SessionLost:
                if method not in CURSOR:
                    raise
                await self._go_on(door)

    async def close(self) -> None:
        """End the session."""
        await self._door.close()

    async def _go_on(self, lost: _Door) -> None:
        """Find an engine in place of one that has ended, once for all who miss it."""
        async with self._reopening:
            if self._door is lost:
                await lost.close()
                self._door = await self._reopen()


@asynccontextmanager
async def open_session(
    directory: Path,
    unlock: Callable[[], Unlock],
    *,
    proxy: Proxy | None = None,
    wait_s: float = WAIT_S,
    open_client: OpenClient | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Session]:
    """A session with the engine of the profile in `directory`.

    unlock: asked only when the profile is opened here. proxy: for an engine of our own; a running one keeps its own.
    open_client: in place of `Client.open`, for tests. Raises WrongKey, StoreBusy (the profile was held for `wait_s`
    seconds by a process that does not serve) and other StoreErrors, NetworkFileWrong.
    """

    async def client_of(profile: Profile) -> Client:
        return await Client.open(profile, proxy=proxy)

    opening = _Opening(directory, unlock, open_client or client_of, clock or SystemClock(), wait_s)
    door = await opening.door()
    session = OwnSession(door) if isinstance(door, _OwnDoor) else RemoteSession(door, opening.door)
    try:
        yield session
    finally:
        await (session.close() if isinstance(session, RemoteSession) else door.close())


class _Opening:
    """Finds the engine of a profile, or opens it."""

    def __init__(
        self, directory: Path, unlock: Callable[[], Unlock], open_client: OpenClient, clock: Clock, wait_s: float
    ) -> None:
        self._socket = directory / SOCKET_NAME
        self._directory = directory
        self._unlock = unlock
        self._open_client = open_client
        self._clock = clock
        self._wait_s = wait_s
        self._key: Unlock | None = None

    async def door(self) -> _Door:
        """The way to an engine. Raises as `open_session`."""
        until = self._clock.monotonic() + self._wait_s
        while True:
            connection = await Connection.open(self._socket)
            if connection is not None:
                return connection
            self._key = self._key or self._unlock()
            try:
                return await self._own(Profile(self._directory, self._key))
            except StoreBusy as error:
                if self._clock.monotonic() >= until:
                    raise _busy(error, self._wait_s) from error
            await sleep(self._clock, _PAUSE_S)

    async def _own(self, profile: Profile) -> _OwnDoor:
        client = await self._open_client(profile)
        try:
            server = ControlServer(client, self._socket)
            await server.start()
        except BaseException:
            await client.close()
            raise
        client.start()
        return _OwnDoor(client, server)


def _busy(error: StoreBusy, wait_s: float) -> StoreBusy:
    return StoreBusy(
        f"{error.message}, and does not answer on its control socket since {wait_s:g} s",
        remedy="End that process, or wait until it has ended, and run the command again",
    )
