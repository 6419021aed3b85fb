"""The listener of a file server, for requests that carry files, within the bounds of `runtime.http_listener`.

Each part of a request has a deadline of its own: its head, its body, the taking of its answer. Bounded is also the
memory of all bodies in flight. No address is written to a log.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import hdrs, web

from veery.fileserver.errors import AddressTaken, Refused
from veery.fileserver.settings import LimitSettings
from veery.protocol.onion.servers import ServerReply, ServerRequest
from veery.runtime.http_listener import (
    BodyTooLarge,
    BodyTooSlow,
    CannotListen,
    Grow,
    HttpListener,
    ListenerBounds,
    read_body,
    refusal,
)

Answer = Callable[[ServerRequest, str], Awaitable[ServerReply]]

_CLOSE_S: Final = 5.0
_MIB: Final = 1024 * 1024


class FileListener:
    """Gives whole requests to `answer` with the address they came from, and sends its replies. body_max: bytes."""

    def __init__(self, answer: Answer, *, body_max: int, limits: LimitSettings) -> None:
        self._answer, self._body_max, self._limits = answer, body_max, limits
        self.in_flight = 0  # bytes of the bodies that are held
        bounds = ListenerBounds(
            connections=limits.connections,
            connections_per_address=limits.connections_per_address,
            first_s=limits.head_s,
            after_s=limits.answer_s,
            keepalive_s=limits.head_s,
            close_s=_CLOSE_S,
        )
        self._http = HttpListener("file server", self._handle, bounds)

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return self._http.connections

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Bind and accept; gives the bound port. Raises AddressTaken."""
        try:
            return await self._http.start(host, port, tls)
        except CannotListen as error:
            raise AddressTaken(error.message) from error

    async def close(self) -> None:
        """Stop accepting; requests that run are answered. Does nothing the second time."""
        await self._http.close()

    # -- one request -------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        limits = self._limits
        self._http.extend(request, limits.body_s)
        try:
            with self._room() as grow:
                body = await self._read(request, grow)
                # Nothing is waited for from the other side while the request is worked on.
                self._http.extend(request, limits.body_s + limits.answer_s)
                reply = await self._answer(_request(request, body), request.remote or "")
        except Refused as refused:
            return refusal(refused.code)
        headers = {name: str(value) for name, value in reply.headers.items()} | {hdrs.SERVER: "veery"}
        return web.Response(status=reply.code, body=reply.body, headers=headers)

    @contextmanager
    def _room(self) -> Iterator[Grow]:
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

    async def _read(self, request: web.BaseRequest, grow: Grow) -> bytes | None:
        if not request.can_read_body:
            return None
        try:
            return await read_body(request, self._body_max, self._limits.body_s, grow)
        except BodyTooLarge:
            raise Refused(413, "the body is too large") from None
        except BodyTooSlow:
            raise Refused(408, "the body came too slowly") from None


def _request(request: web.BaseRequest, body: bytes | None) -> ServerRequest:
    return ServerRequest(request.method, request.raw_path, dict(request.headers), body)
