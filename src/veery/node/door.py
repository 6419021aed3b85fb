"""The node's HTTPS door: an asyncio protocol over httptools with every bound that a stranger can lean on.

One connection handles one request at a time; further pipelined requests wait, and beyond a few the socket is not read.
Each phase of a connection has a deadline, checked by one sweep a second over all connections, so that a client which
sends half a header, half a body, or never reads its answer is closed. Bounded are: connections in all and per source
address, the head, the body, the memory that all bodies in flight take together, and that of all answers which their
clients have not read yet. An answer is written in pieces, as the client reads them, and the next request of a
connection is taken up when the answer before is out.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from enum import Enum
from math import inf
from typing import cast

import httptools

from veery.errors import NodeError
from veery.node.acceptor import Acceptor
from veery.node.door_limits import DoorLimits
from veery.node.http import HeadWriter, HttpAnswer, HttpRequest, text, unparsable

log = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], Awaitable[HttpAnswer]]
_PIECE = 65_536  # bytes of an answer that are written at once

EarlyCheck = Callable[[str, str], HttpAnswer | None]  # (path, peer) once the head is there, before the body is read


class Phase(Enum):
    """What a connection waits for; each has its own deadline."""

    IDLE = "for the first byte of a request"
    HEAD = "for the rest of the head"
    BODY = "for the rest of the body"
    HANDLING = "for the handler; no deadline here, handlers have their own"
    WRITING = "for the peer to read what was written"


class HttpDoor:
    """Accepts connections and gives whole requests to `handler`. `early` may answer when only the head is there."""

    def __init__(
        self,
        handler: Handler,
        *,
        limits: DoorLimits | None = None,
        early: EarlyCheck | None = None,
        server: str = "Veery",
    ) -> None:
        self.handler = handler
        self.early = early
        self.limits = limits or DoorLimits()
        self.head_writer = HeadWriter(server)
        self.connections: set[Connection] = set()
        self.per_address: Counter[str] = Counter()
        self.buffered = 0
        self.unread = 0
        self.closing = False
        self._acceptors: list[Acceptor] = []
        self._sweeper: asyncio.Task[None] | None = None

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None, *, reuse_port: bool = False) -> int:
        """Bind and accept; gives the bound port. Raises NodeError when it cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            listening = socket.create_server((host, port), backlog=1024, reuse_port=reuse_port)
        except OSError as error:
            raise NodeError(
                f"the port {port} cannot be opened",
                kind="node.bind",
                remedy="Choose another port, or stop the program that holds this one",
            ) from error
        bound = int(listening.getsockname()[1])
        self._acceptors.append(
            Acceptor(listening, tls, lambda: Connection(self, loop), self.admits, handshake_s=self.limits.handshake_s)
        )
        if self._sweeper is None:
            self._sweeper = loop.create_task(self._sweep(), name="door sweep")
        return bound

    async def close(self) -> None:
        """Stop accepting, let requests in flight be answered for `drain_s`, then cut what is left."""
        self.closing = True
        for acceptor in self._acceptors:
            acceptor.stop()
        for connection in list(self.connections):
            connection.close_when_idle()
        waiting = [connection.gone for connection in self.connections]
        if waiting:
            await asyncio.wait(waiting, timeout=self.limits.drain_s)
        for connection in list(self.connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for acceptor in self._acceptors:
            await acceptor.close()
        self._acceptors.clear()

    def admits(self, address: str) -> bool:
        """Whether one more connection from this address fits; those in their TLS handshake count."""
        shaking = sum(map(len, self._acceptors))
        of_address = self.per_address[address] + sum(acceptor.shaking[address] for acceptor in self._acceptors)
        return (
            not self.closing
            and len(self.connections) + shaking < self.limits.connections
            and of_address < self.limits.connections_per_address
        )

    def owe(self, size: int) -> None:
        """Count bytes of an answer that wait for their client; when all are too many, the longest wait ends."""
        self.unread += size
        while self.unread > self.limits.answers_max:
            slowest = min((each for each in self.connections if each.unread), key=lambda each: each.unread_since)
            slowest.abort()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            now = loop.time()
            for connection in [each for each in self.connections if each.deadline < now]:
                connection.expire()


class Connection(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, door: HttpDoor, loop: asyncio.AbstractEventLoop) -> None:
        self.door = door
        self.loop = loop
        self.gone: asyncio.Future[None] = loop.create_future()
        self.deadline = inf
        self.phase = Phase.IDLE
        self.peer = ""
        self.unread = 0  # bytes of the answer that are not written yet
        self.unread_since = 0.0
        self._unwritten = memoryview(b"")
        self._paused = False
        self._last = False
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[HttpRequest, bool]] = deque()
        self._task: asyncio.Task[HttpAnswer] | None = None
        self._closing = False
        self._reading = True
        self._size = 0
        self._begin()

    # -- transport ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.peer = (transport.get_extra_info("peername") or ("",))[0]
        if self.door.closing:
            self._transport.abort()
            return
        self.door.connections.add(self)
        self.door.per_address[self.peer] += 1
        self._enter(Phase.IDLE, self.door.limits.head_s)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.door.connections:
            self.door.connections.discard(self)
            self.door.per_address[self.peer] -= 1
            if not self.door.per_address[self.peer]:
                del self.door.per_address[self.peer]
        if self._task is not None:
            self._task.cancel()
        self._release(sum(len(request.body) for request, _ in self._waiting) + self._size)
        self._waiting.clear()
        self._size = 0
        self._drop_unwritten()
        self._closing = True
        if not self.gone.done():
            self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # nothing here upgrades: the request is answered as an ordinary one
            self.close_when_idle()
        except httptools.HttpParserError as error:
            self._refuse(unparsable(str(error).lower()))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._unwritten:
            self._write_on()

    # -- parser ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_size = 0
        self._body: list[bytes] = []
        self._size = 0

    def on_message_begin(self) -> None:
        self._begin()
        if self._task is None and not self._unwritten:
            self._enter(Phase.HEAD, self.door.limits.head_s)

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        self._count_head(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        if self._closing:
            return
        declared = self._headers.get("content-length", "0")
        early = self.door.early(self._path(), self.peer) if self.door.early is not None else None
        if not declared.isdecimal():
            self._refuse(text(400, "invalid Content-Length", close=True))
        elif int(declared) > self.door.limits.body_max:
            self._refuse(text(413, "Request body too large", close=True))
        elif early is not None:
            self._refuse(early)
        else:
            if self._task is None and not self._unwritten:
                if self._headers.get("expect", "").lower() == "100-continue":
                    self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self._enter(Phase.BODY, self.door.limits.body_s)

    def on_body(self, body: bytes) -> None:
        if self._closing:
            return
        self._body.append(body)
        self._size += len(body)
        self.door.buffered += len(body)
        if self._size > self.door.limits.body_max:
            self._refuse(text(413, "Request body too large", close=True))
        elif self.door.buffered > self.door.limits.bodies_max:
            self._refuse(text(503, "Server busy, try again later", close=True))

    def on_message_complete(self) -> None:
        if self._closing:
            return
        method = self._parser.get_method().decode("latin-1")
        request = HttpRequest(method, self._path(), self._headers, b"".join(self._body), self.peer)
        self._begin()
        self._waiting.append((request, self._parser.should_keep_alive()))
        if self._task is None and not self._unwritten:
            self._next()
        elif len(self._waiting) >= self.door.limits.pipelined and self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    def _path(self) -> str:
        return self._url.decode("latin-1").partition("?")[0]

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self.door.limits.head_max and not self._closing:
            self._refuse(text(431, close=True))

    # -- answering ---------------------------------------------------------------------------------------------

    def _next(self) -> None:
        request, keep = self._waiting.popleft()
        self._enter(Phase.HANDLING, inf)
        self._task = self.loop.create_task(self._handle(request))
        self._task.add_done_callback(lambda task: self._answered(task, request, keep=keep))
        if not self._reading and self._transport is not None and len(self._waiting) < self.door.limits.pipelined:
            self._reading = True
            self._transport.resume_reading()

    async def _handle(self, request: HttpRequest) -> HttpAnswer:
        return await self.door.handler(request)

    def _answered(self, task: asyncio.Task[HttpAnswer], request: HttpRequest, *, keep: bool) -> None:
        self._task = None
        self._release(len(request.body))
        if task.cancelled():
            self.abort()
            return
        error = task.exception()
        if error is not None:
            log.error("a request failed inside the node (%s)", type(error).__name__, exc_info=error)
        answer = text(500, "request failed") if error is not None else task.result()
        close = answer.close or not keep or self._closing or self.door.closing
        self._send(answer, close=close, head_only=request.method == "HEAD")

    def _settle(self) -> None:
        """Take the next waiting request, or wait for one."""
        if self._waiting:
            self._next()
        else:
            self._enter(Phase.IDLE, self.door.limits.idle_s)

    def _refuse(self, answer: HttpAnswer) -> None:
        """Answer and close; what else comes on this connection is not read."""
        self._closing = True
        self._release(self._size)
        self._size = 0
        if self._task is None and not self._unwritten:
            self._send(answer, close=True)

    def _send(self, answer: HttpAnswer, *, close: bool, head_only: bool = False) -> None:
        limits = self.door.limits
        data = self.door.head_writer.head(answer, time.time(), close=close)
        body = b"" if head_only else answer.body
        size = len(data) + len(body)
        self._last = close
        self._closing = self._closing or close
        self._enter(Phase.WRITING, limits.write_s + size / limits.write_bytes_s)
        if size > _PIECE:  # a copy of a large body, behind its head, would cost more than a write
            self._write(data)
            data = body
        else:
            data += body
        self._unwritten = memoryview(data)
        if size > _PIECE or self._paused:
            self.unread, self.unread_since = len(data), self.loop.time()
            self.door.owe(len(data))
        self._write_on()

    def _write_on(self) -> None:
        """Write what the peer takes of the answer; when all is out, go on or end."""
        while self._unwritten and not self._paused:
            piece, self._unwritten = self._unwritten[:_PIECE], self._unwritten[_PIECE:]
            self._write(bytes(piece))
        if self._unwritten:
            return
        self._drop_unwritten()
        if not (self._last or self._closing):
            self._settle()
        elif self._transport is not None:
            self._transport.close()

    def _drop_unwritten(self) -> None:
        self._unwritten = memoryview(b"")
        self.door.unread -= self.unread
        self.unread = 0

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _release(self, size: int) -> None:
        self.door.buffered -= size

    # -- deadlines ---------------------------------------------------------------------------------------------

    def _enter(self, phase: Phase, seconds: float) -> None:
        self.phase = phase
        self.deadline = self.loop.time() + seconds

    def expire(self) -> None:
        """The deadline of the phase has passed: say so where the peer may still listen, and end."""
        if self.phase in (Phase.HEAD, Phase.BODY) and not self._closing:
            self._refuse(text(408, close=True))
        else:
            self.abort()

    def close_when_idle(self) -> None:
        """Close now when no request is being handled or answered, else after its answer."""
        self._closing = True
        if self._task is None and not self._unwritten and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._drop_unwritten()
        if self._transport is not None:
            self._transport.abort()
