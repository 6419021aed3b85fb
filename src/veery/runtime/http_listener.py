"""A bounded HTTP listener: what every aiohttp listener of Veery has around its handler.

aiohttp's low-level server closes no slow client by itself, and takes as many connections as there are. Here each
connection has a deadline, looked at once a second, and what passes it is cut:

* `first_s` after it was made, unless a handler moves the deadline with `extend`;
* `after_s` after each answer was handed over: for the other side to take it, and to bring the next request.

Bounded are also the connections, in all and from one address, the size of a line of a head, and, by `admit`, how often
one address may ask. A handler reads its body with `read_body`, which bounds size, time and memory. The listener itself
writes no address to a log.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from veery.errors import RuntimeFault

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Admit = Callable[[str], bool]  # address that asks -> whether its request is looked at at all
Grow = Callable[[int], None]  # bytes that a body takes more; raises what ends the request

_SWEEP_S: Final = 1.0
_HANDSHAKE_S: Final = 10.0
_LINGER_S: Final = 1.0  # for the rest of a body that is refused, so that its sender sees the answer
_HEAD_MAX: Final = 8_190  # bytes of one line


class CannotListen(RuntimeFault):
    """The address and port cannot be bound."""

    default_kind = "runtime.bind"
    default_remedy = "Choose another `host` or `port`, or stop what listens there"


class BodyTooLarge(RuntimeFault):
    """A body has more bytes than its reader takes; answered with 413."""

    default_kind = "runtime.body.large"


class BodyTooSlow(RuntimeFault):
    """A body did not arrive in its time; answered with 408."""

    default_kind = "runtime.body.slow"


@dataclass(frozen=True, slots=True)
class ListenerBounds:
    """What strangers can take of a listener. Times in seconds; see the head of the module for first_s and after_s.

    keepalive_s: an idle connection is closed after so long, if not cut before; close_s: for answers that are on their
    way when the listener closes.
    """

    connections: int
    connections_per_address: int
    first_s: float
    after_s: float
    keepalive_s: float
    close_s: float


@dataclass(slots=True)
class _Connection:
    transport: asyncio.Transport
    address: str
    deadline_s: float


class _Server(web.Server):
    """aiohttp's server, with a deadline for each connection and bounds on their number."""

    def __init__(self, handle: Handle, bounds: ListenerBounds) -> None:
        super().__init__(
            handle,
            access_log=None,
            keepalive_timeout=bounds.keepalive_s,
            max_line_size=_HEAD_MAX,
            max_field_size=_HEAD_MAX,
            auto_decompress=False,
            lingering_time=_LINGER_S,
        )
        self.bounds = bounds
        self.found: dict[RequestHandler, _Connection] = {}
        self.per_address: Counter[str] = Counter()

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        self.found[handler] = _Connection(transport, address, _now() + self.bounds.first_s)
        self.per_address[address] += 1
        if len(self.found) > self.bounds.connections or self.per_address[address] > self.bounds.connections_per_address:
            transport.abort()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        gone = self.found.pop(handler, None)
        if gone is not None:
            self.per_address[gone.address] -= 1
            if not self.per_address[gone.address]:
                del self.per_address[gone.address]

    def extend(self, handler: RequestHandler, seconds: float) -> None:
        """Move the deadline of a connection, if it is still there."""
        if handler in self.found:
            self.found[handler].deadline_s = _now() + seconds

    async def sweep(self) -> None:
        """Cut the connections whose deadline has passed, for ever."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = _now()
            for connection in [each for each in self.found.values() if each.deadline_s < now]:
                connection.transport.abort()


class HttpListener:
    """Gives every request of an admitted address to `handle`; the others are answered with 429."""

    def __init__(self, who: str, handle: Handle, bounds: ListenerBounds, *, admit: Admit | None = None) -> None:
        """who: what listens, for messages: "seed"."""
        self._who, self._handle, self._bounds, self._admit = who, handle, bounds, admit
        self._server: _Server | None = None
        self._socket: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return 0 if self._server is None else len(self._server.found)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Bind and accept; gives the bound port. Raises CannotListen, and then nothing is left open."""
        server = _Server(self._one, self._bounds)
        handshake_s = None if tls is None else _HANDSHAKE_S
        try:
            self._socket = await asyncio.get_running_loop().create_server(
                server, host, port, ssl=tls, ssl_handshake_timeout=handshake_s
            )
        except OSError as error:
            text = f"The {self._who} cannot listen on {host}:{port}: {error.strerror or 'refused'}"
            raise CannotListen(text) from error
        self._server = server
        self._sweeper = asyncio.create_task(server.sweep(), name=f"{self._who} listener sweep")
        return int(self._socket.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop accepting; requests that run are answered, for `close_s` at most. Does nothing the second time."""
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)
        listening, self._socket = self._socket, None
        if listening is not None and self._server is not None:
            listening.close()
            self._server.pre_shutdown()
            await self._server.shutdown(self._bounds.close_s)
            await listening.wait_closed()

    def extend(self, request: web.BaseRequest, seconds: float) -> None:
        """Move the deadline of the connection of a request that is being handled, from now."""
        if self._server is not None:
            self._server.extend(request.protocol, seconds)

    async def _one(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            if self._admit is not None and not self._admit(request.remote or ""):
                return refusal(429, "Too many requests")
            return await self._handle(request)
        finally:
            self.extend(request, self._bounds.after_s)


async def read_body(request: web.BaseRequest, most: int, seconds: float, grow: Grow | None = None) -> bytes:
    """The body of a request, of at most `most` bytes and in `seconds`; grow: told of each piece before it is kept.

    Raises BodyTooLarge, as soon as it is known; BodyTooSlow; and what `grow` raises.
    """
    if request.content_length is not None and request.content_length > most:
        raise BodyTooLarge("The request is too large")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.content.iter_any():
                if grow is not None:
                    grow(len(piece))
                body += piece
                if len(body) > most:
                    raise BodyTooLarge("The request is too large")
    except TimeoutError:
        raise BodyTooSlow("The request came too slowly") from None
    return bytes(body)


def refusal(status: int, text: str | None = None, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer after which the connection is closed."""
    response = web.Response(status=status, text=text, headers=headers)
    response.force_close()
    return response


def _now() -> float:
    return asyncio.get_running_loop().time()
