"""A request straight to a server, without onion layers: for files that are longer than what onion requests carry.

A proxy of the user's hides the asker's address; without one the server, and whoever looks at the line, sees it. What is
carried is encrypted and authenticated by whoever calls. Nothing is followed, unpacked or kept, and everything bounded.
"""

from __future__ import annotations

import asyncio
import io
from typing import Final

import aiohttp

from veery.network.faults import NoAnswer
from veery.network.proxy import Proxy, make_connector, open_session
from veery.protocol.attachments import FileServer
from veery.protocol.attachments.servers import DEFAULT_PORTS
from veery.protocol.onion import ServerReply, ServerRequest

_PIECE: Final = 65_536  # bytes


async def ask_directly(
    server: FileServer, request: ServerRequest, *, proxy: Proxy | None, answer_max: int, timeout_s: float
) -> ServerReply:
    """The answer of a server, of at most `answer_max` bytes. Can be cancelled.

    Raises NoAnswer (it cannot be reached, takes too long, or says too much), ProxyFailed.
    """
    port = DEFAULT_PORTS[server.scheme] if server.port is None else server.port
    url = f"{server.scheme}://{server.host}:{port}{request.endpoint}"
    try:
        async with asyncio.timeout(timeout_s), open_session(make_connector(proxy)) as session:
            return await _ask(session, url, request, answer_max)
    except (aiohttp.ClientError, OSError, ValueError) as error:  # a TimeoutError is an OSError
        raise NoAnswer("The server cannot be reached", kind="network.no_answer.server", remedy="") from error


async def _ask(session: aiohttp.ClientSession, url: str, request: ServerRequest, answer_max: int) -> ServerReply:
    headers = {name: str(value) for name, value in request.headers.items()}
    given = None if request.body is None else io.BytesIO(request.body)  # goes out in pieces
    async with session.request(request.method, url, data=given, headers=headers, allow_redirects=False) as response:
        body = bytearray()
        async for piece in response.content.iter_chunked(_PIECE):
            body += piece
            if len(body) > answer_max:
                raise NoAnswer("The server says more than was asked for", kind="network.no_answer.server", remedy="")
        return ServerReply(
            response.status, {name.lower(): value for name, value in response.headers.items()}, bytes(body)
        )
