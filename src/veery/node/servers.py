"""From a last hop to a server behind the network: one POST, its answer passed back (03.4.3).

A relay must not be a way into its operator's network: unless private servers are allowed, every address that a host
name resolves to is checked, and the connection goes to a checked address. Redirects are not followed.
"""

from __future__ import annotations

import socket
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from veery.protocol.constants import ONION_SERVER_TIMEOUT_S, QUEUE_FRAME_OVERHEAD, QUEUE_MESSAGE_MAX
from veery.protocol.onion.hosts import is_public_address
from veery.protocol.onion.node_to_node import HopReply
from veery.protocol.onion.refusals import ServerTimedOut, ServerUnreachable
from veery.protocol.onion.routes import ToServer
from veery.runtime.http_payload import PiecewiseBody

_ANSWER_MAX: Final = QUEUE_MESSAGE_MAX - QUEUE_FRAME_OVERHEAD  # a longer one would end the connection to the hop before


class PublicResolver(AbstractResolver):
    """Resolves names, leaving out addresses that are not public unicast."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of a host. Raises OSError when there is none."""
        found = await self._inner.resolve(host, port, family)
        public = [each for each in found if is_public_address(each["host"])]
        if not public:
            raise OSError("the host has no public address")
        return public

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()


class ServerPoster:
    """POSTs routes to servers. version: of this node, for the User-Agent."""

    def __init__(self, version: tuple[int, int, int], *, allow_private: bool = False) -> None:
        resolver: AbstractResolver = aiohttp.ThreadedResolver() if allow_private else PublicResolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, limit=256, limit_per_host=64),
            timeout=aiohttp.ClientTimeout(total=ONION_SERVER_TIMEOUT_S),
            headers={
                "Content-Type": "application/octet-stream",
                "Accept-Encoding": "identity",  # the answer goes on without its headers
                "User-Agent": f"Oxen Storage Server/{'.'.join(map(str, version))}",
            },
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def post(self, route: ToServer) -> HopReply:
        """POST the payload; gives status and body. Raises ServerUnreachable, ServerTimedOut."""
        try:
            async with self._session.post(
                route.url, data=PiecewiseBody(route.payload), allow_redirects=False
            ) as answer:
                if 300 <= answer.status < 400:
                    raise ServerUnreachable("the server redirects")
                return HopReply(answer.status, await _bounded(answer))
        except TimeoutError:
            raise ServerTimedOut("the server did not answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise ServerUnreachable("the server could not be reached") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    piece: Any
    async for piece in answer.content.iter_chunked(65_536):
        size += len(piece)
        if size > _ANSWER_MAX:
            raise ServerUnreachable("the server's answer is too large")
        pieces.append(piece)
    return b"".join(pieces)
