"""The listening side of the control socket: the process that has a profile open serves others of the same user.

The socket lies in the profile's directory with mode 0600, and the peer's user id is checked besides. A caller that goes
away cancels what it asked for; what it had queued is kept, since the engine keeps it.

Closing is in good order, because others may be in the middle of something: the socket vanishes first, so that nobody
new comes; what was begun is finished; what waits for something outside is broken off; and whatever comes after that is
refused with `app.closing`, which says for sure that it was not done. Connections are accepted here and not by
`asyncio.Server`, which may lose one that comes while it closes: its caller would wait for ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from pathlib import Path
from typing import Final

from veery.app import wire
from veery.app.caller import Caller
from veery.client.client import Client
from veery.runtime.faults import files_mapped
from veery.runtime.paths import FILE_MODE

log = logging.getLogger(__name__)

CALLERS_MAX: Final = 64  # connections at the same time
DRAIN_S: Final = 10.0  # for calls that are not broken off
_BACKLOG: Final = 128
_PAUSE_S: Final = 1.0  # after a connection could not be accepted
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid


class ControlServer:
    """Serves the methods of one client on a Unix socket."""

    def __init__(self, client: Client, path: Path) -> None:
        self._client = client
        self._path = path
        self._listener: socket.socket | None = None
        self._callers: dict[asyncio.Task[None], Caller] = {}
        self._pause: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Listen. The profile's lock is held, so a socket that is there was left by a process that is gone.

        Raises the leaves of FileFault.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            with files_mapped(f"The control socket {self._path}"):
                self._path.unlink(missing_ok=True)
                with wire.socket_address(self._path) as address:
                    listener.bind(address)
                self._path.chmod(FILE_MODE)  # nobody can connect before it listens
                listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
        self._listener = listener
        self._listen(listener)

    async def close(self) -> None:
        """Stop listening, finish or break off what was asked, and end the connections."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._path.unlink(missing_ok=True)
        if self._pause is not None:
            self._pause.cancel()
        asyncio.get_running_loop().remove_reader(listener)
        listener.close()
        await asyncio.gather(*(caller.drain(DRAIN_S) for caller in self._callers.values()))
        tasks = list(self._callers)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _listen(self, listener: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            log.warning("a caller of the control socket could not be accepted (%s)", error.strerror)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            self._pause = loop.call_later(_PAUSE_S, self._listen, listener)
            return
        if len(self._callers) >= CALLERS_MAX or not same_user(connection):
            connection.close()
            return
        caller = Caller(self._client)
        task = asyncio.create_task(_served(caller, connection), name="control caller")
        self._callers[task] = caller
        task.add_done_callback(lambda done: self._callers.pop(done, None))


async def _served(caller: Caller, connection: socket.socket) -> None:
    try:
        reader, writer = await asyncio.open_unix_connection(sock=connection, limit=wire.REQUEST_MAX)
    except BaseException:
        connection.close()
        raise
    try:
        await caller.serve(reader, writer)
    finally:
        writer.close()


def same_user(connection: socket.socket) -> bool:
    """Whether the process at the other end belongs to the user of this one."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1]) == os.geteuid()
