"""A session with the engine of a profile: in this process, or in the one that has the profile open already.

`open_session` tries the control socket first, so that a running engine needs no passphrase again; then it opens the
profile itself and serves the socket for others. When another process is just opening or closing the profile, it tries
again for a while, so that ordinary use at the same time never ends in an error of a lock.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from veery.app import wire
from veery.app.control import ControlServer
from veery.app.methods import METHODS, STREAMS
from veery.client.client import Client
from veery.client.profile import SOCKET_NAME, Profile
from veery.errors import StoreBusy
from veery.network.proxy import Proxy
from veery.store.keys import Unlock

WAIT_S: Final = 30.0  # for another process to finish opening or closing the profile
_PAUSE_S: Final = 0.05


class SessionLost(StoreBusy):
    """The process that had the profile open is gone. What it had written is kept."""

    default_kind = "app.session_lost"
    default_remedy = "Run the command again"


class Session(Protocol):
    """How commands speak to an engine."""

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a method. Raises what the engine raises."""
        ...

    def stream(self, method: str, **params: Any) -> AsyncIterator[Any]:
        """The events of a stream."""
        ...


class OwnSession:
    """The engine is in this process."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, method: str, **params: Any) -> Any:
        """See `Session`."""
        return await METHODS[method](self.client, params)

    def stream(self, method: str, **params: Any) -> AsyncIterator[Any]:
        """See `Session`."""
        return STREAMS[method](self.client, params)


class RemoteSession:
    """The engine is in another process, behind its control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = 0
        self._turn = asyncio.Lock()  # one call at a time: a command has no more

    async def call(self, method: str, **params: Any) -> Any:
        """See `Session`."""
        async with self._turn:
            self._send(method, params)
            return (await self._answer()).get("result")

    async def stream(self, method: str, **params: Any) -> AsyncIterator[Any]:
        """See `Session`."""
        async with self._turn:
            self._send(method, params)
            while "event" in (answer := await self._answer()):
                yield answer["event"]

    def _send(self, method: str, params: dict[str, Any]) -> None:
        self._numbers += 1
        self._writer.write(wire.write({"id": self._numbers, "method": method, "params": params}))

    async def _answer(self) -> dict[str, Any]:
        try:
            await self._writer.drain()
            while True:
                answer = wire.read(await self._reader.readline())
                if answer.get("id") == self._numbers:
                    break
        except (OSError, ValueError) as error:
            raise SessionLost("the Veery process that had this profile open is gone") from error
        if "error" in answer:
            raise wire.error_from(answer["error"])
        return answer


@asynccontextmanager
async def open_session(
    directory: Path, unlock: Callable[[], Unlock], *, proxy: Proxy | None = None, wait_s: float = WAIT_S
) -> AsyncIterator[Session]:
    """A session with the engine of the profile in `directory`.

    unlock: asked only when the profile is opened here. proxy: for an engine of our own; a running one keeps its own.
    Raises WrongKey, StoreBusy and other StoreErrors, NetworkFileWrong.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    key: Unlock | None = None
    while True:
        streams = await _connected(directory / SOCKET_NAME)
        if streams is not None:
            async with _closing(streams[1]):
                yield RemoteSession(*streams)
            return
        key = key or unlock()
        try:
            client = await Client.open(Profile(directory, key), proxy=proxy)
        except StoreBusy:
            if loop.time() >= until:
                raise
            await asyncio.sleep(_PAUSE_S)
            continue
        async with client:
            server = ControlServer(client, directory / SOCKET_NAME)
            await server.start()
            try:
                client.start()
                yield OwnSession(client)
            finally:
                await server.close()
        return


async def _connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    try:
        return await asyncio.open_unix_connection(path, limit=wire.LINE_MAX)
    except OSError:
        return None


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(OSError):  # the other side may have gone first
            await writer.wait_closed()
