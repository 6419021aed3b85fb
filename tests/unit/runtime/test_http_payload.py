"""Bodies in pieces arrive whole, with their length, as often as they are sent."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession, web

from veery.runtime.http_listener import HttpListener, ListenerBounds
from veery.runtime.http_payload import PiecewiseBody

BOUNDS = ListenerBounds(
    connections=8, connections_per_address=8, first_s=60.0, after_s=60.0, keepalive_s=60.0, close_s=5.0
)


@pytest.mark.parametrize("size", [0, 1, 131_072, 131_073, 3_000_000])
async def test_the_body_arrives_whole_each_time(size: int) -> None:
    text = (bytes(range(251)) * (size // 251 + 1))[:size]
    seen: list[tuple[int | None, bytes]] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        pieces = [piece async for piece in request.content.iter_any()]
        seen.append((request.content_length, b"".join(pieces)))
        return web.Response()

    listener = HttpListener("test", answer, BOUNDS)
    port = await listener.start("127.0.0.1", 0)
    body = PiecewiseBody(text)
    try:
        async with ClientSession() as session:
            for _ in range(2):
                async with session.post(f"http://127.0.0.1:{port}/", data=body) as response:
                    assert response.status == 200
    finally:
        await listener.close()
    assert seen == [(size, text)] * 2
