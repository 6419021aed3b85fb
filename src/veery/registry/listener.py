"""The listener of a seed: POST to one path, bytes in, JSON out, within the bounds of `runtime.http_listener`.

The whole first request has one deadline, from the moment of connecting; every later one has what is left of `idle_s`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from aiohttp import web

from veery.errors import RuntimeFault
from veery.policy.rate import BucketRules, Buckets
from veery.registry.seed_settings import ListenerSettings
from veery.runtime.http_listener import (
    BodyTooLarge,
    BodyTooSlow,
    CannotListen,
    HttpListener,
    ListenerBounds,
    read_body,
    refusal,
)

Answer = Callable[[bytes], bytes]  # body of a request -> body of the answer; runs on the loop, without waiting

_CLOSE_S: Final = 2.0
_ADDRESSES: Final = 8_192  # whose rate is kept


class AddressTaken(RuntimeFault):
    """The listener cannot bind."""

    default_kind = "registry.seed.bind"
    default_remedy = CannotListen.default_remedy


class JsonListener:
    """Listens for POST requests to one path and gives their bodies to `answer`. body_max: bytes."""

    def __init__(self, answer: Answer, *, path: str, body_max: int, settings: ListenerSettings) -> None:
        self._answer, self._path, self._body_max, self._settings = answer, path, body_max, settings
        self._buckets = Buckets(BucketRules(settings.burst, settings.rate), _ADDRESSES)
        bounds = ListenerBounds(
            connections=settings.connections,
            connections_per_address=settings.connections_per_address,
            first_s=settings.request_s,
            after_s=settings.idle_s,
            keepalive_s=settings.idle_s,
            close_s=_CLOSE_S,
        )
        self._http = HttpListener("seed", self._handle, bounds, admit=self._admit)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Bind and accept; gives the bound port. Raises AddressTaken."""
        try:
            return await self._http.start(host, port, tls)
        except CannotListen as error:
            raise AddressTaken(error.message) from error

    async def close(self) -> None:
        """Stop; requests that run are answered. Does nothing the second time."""
        await self._http.close()

    def _admit(self, address: str) -> bool:
        return self._buckets.take(address, asyncio.get_running_loop().time())

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != self._path:
            return refusal(404, "Not found")
        if request.method != "POST":
            return refusal(405, "POST only", {"Allow": "POST"})
        try:
            body = await read_body(request, self._body_max, self._settings.request_s)
        except BodyTooSlow as slow:
            return refusal(408, slow.message)
        except BodyTooLarge as large:
            return refusal(413, large.message)
        # Deployed clients want this Content-Type exactly, without a charset (03.7.1).
        return web.Response(body=self._answer(body), content_type="application/json")
