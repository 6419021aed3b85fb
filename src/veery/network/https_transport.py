"""Nodes over HTTPS (03.3): the only road of clients to guards that every deployed node has.

Connections are kept open, since a new one costs more than a request. A connection that was idle may have been closed
by the node while the next request was on its way; such a request is sent again on another connection, so that a quiet
hour does not look like a dead guard.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Final

import aiohttp
from yarl import URL

from veery.network.proxy import Proxy, make_connector, open_session
from veery.network.transport import NO_HEADERS, AnswerTooLarge, NodeSilent, NodeUnreachable, TransportAnswer
from veery.protocol.constants import ONION_ANSWER_MAX
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.http_payload import PiecewiseBody
from veery.runtime.tls import node_context

_PER_NODE: Final = 32  # connections to one guard at a time; further requests wait
_IDLE_S: Final = 30.0


@dataclass(slots=True)
class _Attempt:
    """How far a request got, told by the library's tracing."""

    reused: bool = False
    connecting: bool = False


class HttpsTransport:
    """The `Transport` over aiohttp. proxy: every connection goes through it."""

    def __init__(self, proxy: Proxy | None = None) -> None:
        self._proxy = proxy
        self._context = node_context()
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def post(
        self,
        node: ServiceNode,
        path: str,
        body: bytes,
        *,
        timeout_s: float,
        headers: Mapping[str, str] = NO_HEADERS,
        answer_max: int = ONION_ANSWER_MAX,
    ) -> TransportAnswer:
        """See `Transport.post`."""
        url = URL(f"https://{node.ip}:{node.https_port}{path}", encoded=True)
        attempt = _Attempt()
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    attempt = _Attempt()
                    try:
                        return await self._exchange(url, body, headers, answer_max, attempt)
                    except NodeUnreachable:
                        if not attempt.reused:
                            raise
        except TimeoutError as error:
            if attempt.connecting:
                raise NodeUnreachable("The node could not be connected to in time") from error
            raise NodeSilent("The node gave no answer in time") from error

    async def _exchange(
        self, url: URL, body: bytes, headers: Mapping[str, str], answer_max: int, attempt: _Attempt
    ) -> TransportAnswer:
        session = self._open_session()
        try:
            async with session.post(
                url,
                data=PiecewiseBody(body),
                headers=headers,
                ssl=self._context,
                allow_redirects=False,
                trace_request_ctx=attempt,
            ) as response:
                found = {name.lower(): value for name, value in response.headers.items()}
                return TransportAnswer(response.status, found, await _read(response, answer_max))
        except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise NodeUnreachable("The connection to the node failed") from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._closed:
            raise NodeUnreachable("The transport is closed", kind="network.closed")
        if self._session is None:
            connector = make_connector(self._proxy, per_host=_PER_NODE, idle_s=_IDLE_S)
            self._session = open_session(connector, [_tracing()])
        return self._session

    async def close(self) -> None:
        """See `Transport.close`."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _read(response: aiohttp.ClientResponse, answer_max: int) -> bytes:
    if (response.content_length or 0) > answer_max:
        raise AnswerTooLarge(f"The node announces an answer of more than {answer_max} bytes")
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > answer_max:
            raise AnswerTooLarge(f"The node sends an answer of more than {answer_max} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _tracing() -> aiohttp.TraceConfig:
    async def reused(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.reused = True

    async def connecting(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.connecting = True

    async def connected(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.connecting = False

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(reused)
    tracing.on_connection_create_start.append(connecting)
    tracing.on_connection_create_end.append(connected)
    return tracing
