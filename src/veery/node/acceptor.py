"""Accepting connections so that those which have not shaken hands yet are counted like all others.

asyncio's own server tells of a connection only after its TLS handshake. Until then nobody can refuse it, and a stranger
who connects and says nothing takes a file descriptor for as long as a handshake may last: without a bound, all of them.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

_AT_ONCE: Final = 256  # connections taken in one turn of the loop
_PAUSE_S: Final = 1.0  # when the process has no file descriptor left
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """One listening socket. make: the protocol of a connection; admits: whether an address may have one more."""

    def __init__(
        self,
        listening: socket.socket,
        tls: ssl.SSLContext | None,
        make: Callable[[], asyncio.BaseProtocol],
        admits: Callable[[str], bool],
        *,
        handshake_s: float,
    ) -> None:
        self.shaking: Counter[str] = Counter()  # connections in their handshake, by address
        self._listening = listening
        self._tls = tls
        self._make = make
        self._admits = admits
        self._handshake_s = handshake_s
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        listening.setblocking(False)
        self._listen()

    def __len__(self) -> int:
        return len(self._tasks)

    def stop(self) -> None:
        """Accept no more; handshakes that have begun go on."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()

    async def close(self) -> None:
        """Stop, and end handshakes that have begun."""
        self.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                taken, address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                log.error("no more connections can be accepted: the process has no room for them")
                self._loop.remove_reader(self._listening.fileno())
                self._loop.call_later(_PAUSE_S, self._listen)
                return
            if self._admits(address[0]):
                self._begin(taken, address[0])
            else:
                taken.close()

    def _begin(self, taken: socket.socket, peer: str) -> None:
        taken.setblocking(False)
        self.shaking[peer] += 1
        task = self._loop.create_task(self._shake(taken))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._shaken(done, peer))

    async def _shake(self, taken: socket.socket) -> None:
        limit = self._handshake_s if self._tls is not None else None
        await self._loop.connect_accepted_socket(self._make, taken, ssl=self._tls, ssl_handshake_timeout=limit)

    def _shaken(self, task: asyncio.Task[None], peer: str) -> None:
        self._tasks.discard(task)
        self.shaking[peer] -= 1
        if not self.shaking[peer]:
            del self.shaking[peer]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, OSError):  # handshakes fail every day, as OSErrors
            log.error("a connection could not be taken (%s)", type(error).__name__, exc_info=error)
