"""An HTTP listener with bounds: one handler, bytes in, JSON out.

aiohttp's low-level server closes no slow client by itself. Here every connection has a deadline (to finish the request
that it began, or to begin the next one), looked at once a second; bounded are the number of connections, in all and
from one address, the size of a body, the time in which it must arrive, and the requests a second from one address.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from veery.errors import RuntimeFault
from veery.registry.seed_settings import ListenerSettings

log = logging.getLogger(__name__)

Answer = Callable[[bytes], bytes]  # body of a request -> body of the answer; runs on the loop, without waiting

_SWEEP_S: Final = 1.0
_HANDSHAKE_S: Final = 10.0
_SHUTDOWN_S: Final = 2.0
_LINGER_S: Final = 1.0  # for the rest of a body that is refused, so that its sender sees the answer
_BUCKETS_MAX: Final = 8_192
_HEAD_MAX: Final = 8_190


class AddressTaken(RuntimeFault):
    """The listener cannot bind."""

    default_kind = "registry.seed.bind"
    default_remedy = "Choose another `host` or `port`, or stop what listens there"


class Buckets:
    """Token buckets by address: `burst` requests at once, `rate` a second. Remembers the latest few thousand."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._found: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, now_s: float) -> bool:
        """Whether one more request of an address fits."""
        left, then = self._found.get(address, (float(self._burst), now_s))
        left = min(float(self._burst), left + max(0.0, now_s - then) * self._rate)
        allowed = left >= 1
        self._found[address] = (left - 1 if allowed else left, now_s)
        self._found.move_to_end(address)
        if len(self._found) > _BUCKETS_MAX:
            self._found.popitem(last=False)
        return allowed


@dataclass(slots=True)
class _Connection:
    transport: asyncio.Transport
    address: str
    deadline_s: float


class _Server(web.Server):
    """aiohttp's server, with a deadline for each connection and bounds on their number."""

    def __init__(self, listener: JsonListener) -> None:
        super().__init__(
            listener.handle,
            access_log=None,
            keepalive_timeout=listener.settings.idle_s,
            max_line_size=_HEAD_MAX,
            max_field_size=_HEAD_MAX,
            auto_decompress=False,
            lingering_time=_LINGER_S,
        )
        self.settings = listener.settings
        self.found: dict[RequestHandler, _Connection] = {}
        self.per_address: Counter[str] = Counter()

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        self.found[handler] = _Connection(transport, address, self._now() + self.settings.request_s)
        self.per_address[address] += 1
        limits = self.settings
        if len(self.found) > limits.connections or self.per_address[address] > limits.connections_per_address:
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


class JsonListener:
    """Listens for POST requests to one path and gives their bodies to `answer`."""

    def __init__(self, answer: Answer, *, path: str, body_max: int, settings: ListenerSettings) -> None:
        self.settings = settings
        self._answer, self._path, self._body_max = answer, path, body_max
        self._buckets = Buckets(settings.rate, settings.burst)
        self._server: _Server | None = None
        self._socket: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Bind and accept; gives the bound port. Raises AddressTaken."""
        self._server = _Server(self)
        handshake_s = None if tls is None else _HANDSHAKE_S
        try:
            self._socket = await asyncio.get_running_loop().create_server(
                self._server, host, port, ssl=tls, ssl_handshake_timeout=handshake_s
            )
        except OSError as error:
            raise AddressTaken(f"The seed cannot listen on {host}:{port}: {error.strerror or 'refused'}") from error
        self._sweeper = asyncio.create_task(self._sweep(self._server), name="seed listener sweep")
        return int(self._socket.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop; requests that run are answered. Does nothing the second time."""
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

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        server = self._server
        assert server is not None
        try:
            return await self._respond(request)
        finally:
            server.extend(request.protocol, self.settings.idle_s)

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        if not self._buckets.take(request.remote or "", asyncio.get_running_loop().time()):
            return _text(429, "Too many requests")
        if request.path != self._path:
            return _text(404, "Not found")
        if request.method != "POST":
            return _text(405, "POST only", {"Allow": "POST"})
        try:
            async with asyncio.timeout(self.settings.request_s):
                body = await self._read(request)
        except TimeoutError:
            return _text(408, "The request came too slowly")
        if body is None:
            return _text(413, "The request is too large")
        # Deployed clients want this Content-Type exactly, without a charset (03.7.1).
        return web.Response(body=self._answer(body), content_type="application/json")

    async def _read(self, request: web.BaseRequest) -> bytes | None:
        if request.content_length is not None and request.content_length > self._body_max:
            return None
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > self._body_max:
                return None
        return bytes(body)

    async def _sweep(self, server: _Server) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            server.sweep()


def _text(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    response = web.Response(status=status, text=text, headers=headers)
    response.force_close()
    return response
