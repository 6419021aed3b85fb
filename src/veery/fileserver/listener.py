"""An HTTP listener with bounds for requests that carry files.

aiohttp's low-level server closes no slow client by itself. Here every connection has a deadline, looked at once a
second: for the head of a request, for its body, for taking the answer. Bounded are also the connections, in all and
from one address, the size of a body, and the memory of all bodies in flight. No address is written to a log.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestHandler

from veery.fileserver.errors import AddressTaken, Refused
from veery.fileserver.settings import LimitSettings
from veery.protocol.onion.servers import ServerReply, ServerRequest

log = logging.getLogger(__name__)

Answer = Callable[[ServerRequest, str], Awaitable[ServerReply]]

_SWEEP_S: Final = 1.0
_HANDSHAKE_S: Final = 10.0
_SHUTDOWN_S: Final = 5.0
_LINGER_S: Final = 1.0  # for the rest of a body that is refused, so that its sender sees the answer
_HEAD_MAX: Final = 8_190  # bytes of one line
_MIB: Final = 1024 * 1024


@dataclass(slots=True)
class _Connection:
    transport: asyncio.Transport
    address: str
    deadline_s: float


class _Server(web.Server):
    """aiohttp's server, with a deadline for each connection and bounds on their number."""

    def __init__(self, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], limits: LimitSettings):
        super().__init__(
            handle,
            access_log=None,
            keepalive_timeout=limits.head_s,
            max_line_size=_HEAD_MAX,
            max_field_size=_HEAD_MAX,
            auto_decompress=False,
            lingering_time=_LINGER_S,
        )
        self.limits = limits
        self.found: dict[RequestHandler, _Connection] = {}
        self.per_address: Counter[str] = Counter()

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        self.found[handler] = _Connection(transport, address, self._now() + self.limits.head_s)
        self.per_address[address] += 1
        if len(self.found) > self.limits.connections or self.per_address[address] > self.limits.connections_per_address:
            transport.abort()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        gone = self.found.pop(handler, None)
        if gone is not None:
            self.per_address[gone.address] -= 1
            if not self.per_address[gone.address]:
                del self.per_address[gone.address]

    def extend(self, handler: RequestHandler, seconds: float) -> None:
        """Move the deadline of a connection."""
        if handler in self.found:
            self.found[handler].deadline_s = self._now() + seconds

    def sweep(self) -> None:
        """Cut the connections whose deadline has passed."""
        now = self._now()
        for connection in [each for each in self.found.values() if each.deadline_s < now]:
            connection.transport.abort()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class HttpListener:
    """Gives whole requests to `answer` with the address they came from, and sends its replies. body_max: bytes."""

    def __init__(self, answer: Answer, *, body_max: int, limits: LimitSettings) -> None:
        self._answer = answer
        self._body_max = body_max
        self._limits = limits
        self.in_flight = 0  # bytes of the bodies that are held
        self._server: _Server | None = None
        self._socket: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return 0 if self._server is None else len(self._server.found)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Bind and accept; gives the bound port. Raises AddressTaken."""
        self._server = _Server(self._handle, self._limits)
        handshake_s = None if tls is None else _HANDSHAKE_S
        try:
            self._socket = await asyncio.get_running_loop().create_server(
                self._server, host, port, ssl=tls, ssl_handshake_timeout=handshake_s
            )
        except OSError as error:
            text = f"The file server cannot listen on {host}:{port}: {error.strerror or 'refused'}"
            raise AddressTaken(text) from error
        self._sweeper = asyncio.create_task(self._sweep(self._server), name="file listener sweep")
        return int(self._socket.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop accepting; requests that run are answered. Does nothing the second time."""
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)
        listening, self._socket = self._socket, None
        if listening is not None and self._server is not None:
            listening.close()
            self._server.pre_shutdown()
            await self._server.shutdown(_SHUTDOWN_S)
            await listening.wait_closed()

    # -- one request -------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        server = self._server
        assert server is not None
        server.extend(request.protocol, self._limits.body_s)
        try:
            with self._room() as grow:
                body = await self._read(request, grow)
                # Nothing is waited for from the other side while the request is worked on.
                server.extend(request.protocol, self._limits.body_s + self._limits.answer_s)
                reply = await self._answer(_request(request, body), request.remote or "")
        except Refused as refused:
            response = web.Response(status=refused.code)
            response.force_close()
            return response
        finally:
            server.extend(request.protocol, self._limits.answer_s)
        headers = {name: str(value) for name, value in reply.headers.items()} | {hdrs.SERVER: "veery"}
        return web.Response(status=reply.code, body=reply.body, headers=headers)

    @contextmanager
    def _room(self) -> Iterator[Callable[[int], None]]:
        """Memory for one body: what is given to `grow` counts until the end. `grow` raises Refused (503)."""
        taken = 0

        def grow(size: int) -> None:
            nonlocal taken
            if self.in_flight + size > self._limits.bodies_mib * _MIB:
                raise Refused(503, "too many bodies are in flight")
            taken += size
            self.in_flight += size

        try:
            yield grow
        finally:
            self.in_flight -= taken

    async def _read(self, request: web.BaseRequest, grow: Callable[[int], None]) -> bytes | None:
        if not request.can_read_body:
            return None
        if request.content_length is not None and request.content_length > self._body_max:
            raise Refused(413, "the body is too large")
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_s):
                async for chunk in request.content.iter_any():
                    grow(len(chunk))
                    body += chunk
                    if len(body) > self._body_max:
                        raise Refused(413, "the body is too large")
        except TimeoutError:
            raise Refused(408, "the body came too slowly") from None
        return bytes(body)

    async def _sweep(self, server: _Server) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            server.sweep()


def _request(request: web.BaseRequest, body: bytes | None) -> ServerRequest:
    return ServerRequest(request.method, request.raw_path, dict(request.headers), body)
