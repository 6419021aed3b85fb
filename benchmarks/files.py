"""Files: 10 MB to the file server of a lab and back over three hops, beside plain HTTPS.

Seed, nodes and file server are processes of their own; the client is a `Client` of this process whose path has three
nodes, and what it moves are the bytes of one blob (the encryption of attachments is not in it). The reference of every
figure is the same blob in the same run posted to, and got from, an aiohttp server of a process of its own over TLS on a
kept-alive connection.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import aiohttp
from _report import Figure, parser, report
from aiohttp import web

from veery.client import profile as profiles
from veery.client.client import Client
from veery.lab.network import LabNetwork
from veery.protocol.account import Account
from veery.runtime.clock import SystemClock
from veery.runtime.randomness import random_bytes
from veery.runtime.tls import ensure_identity, node_context, server_context
from veery.store.keys import KeyFile

SIZE = 10_000_000  # bytes
NODES = 5


async def _serve(directory: Path) -> None:
    """The plain server, for its own process: keeps what is posted, and gives it."""
    held: dict[str, bytes] = {}

    async def post(request: web.Request) -> web.Response:
        held["blob"] = await request.read()
        return web.Response()

    async def get(_: web.Request) -> web.Response:
        return web.Response(body=held["blob"])

    application = web.Application(client_max_size=2 * SIZE)
    application.add_routes([web.post("/file", post), web.get("/file", get)])
    runner = web.AppRunner(application)
    await runner.setup()
    ensure_identity(directory / "tls.pem", SystemClock().now_ms())
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(directory / "tls.pem"))
    await site.start()
    print(json.dumps(runner.addresses[0][1]), flush=True)
    await asyncio.Event().wait()


@asynccontextmanager
async def plain(directory: Path) -> AsyncIterator[str]:
    """The URL of a plain server."""
    command = (sys.executable, __file__, "--serve", str(directory))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"https://127.0.0.1:{json.loads(await process.stdout.readline())}/file"
    finally:
        process.terminate()
        await process.wait()


async def _timed(action: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await action()
    return time.perf_counter() - began


async def _measure(directory: Path, rounds: int) -> dict[str, list[float]]:
    seen: dict[str, list[float]] = defaultdict(list)
    key = KeyFile(directory / "key")
    async with LabNetwork(directory / "lab", NODES, processes=True) as lab:
        network = lab.network_file.read_text()
        profile = await profiles.create(directory / "profile", Account.create(random_bytes), "Bench", network, key)
        client = await Client.open(profile)
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=node_context()))
        async with plain(directory) as url, session:
            try:
                servers = client.attachments.servers
                for number in range(rounds + 1):
                    blob = random_bytes(SIZE)

                    async def post(data: bytes = blob) -> None:
                        async with session.post(url, data=data) as answer:
                            answer.raise_for_status()

                    async def get() -> bytes:
                        async with session.get(url) as answer:
                            return await answer.read()

                    began = time.perf_counter()
                    place = await servers.upload(blob, stream=False)
                    up = time.perf_counter() - began
                    began = time.perf_counter()
                    same = await servers.download(place) == blob
                    down = time.perf_counter() - began
                    plain_up, plain_down = await _timed(post), await _timed(get)
                    if not same:
                        raise SystemExit("the file came back as another one")
                    if number:  # the first round builds paths and connections
                        for name, value in (("up", up), ("down", down), ("up s", plain_up), ("down s", plain_down)):
                            seen[name].append(value)
            finally:
                await client.close()
    return seen


def _figures(seen: dict[str, list[float]]) -> list[Figure]:
    found = []
    for way in ("up", "down"):
        ours, reference = median(seen[way]), median(seen[f"{way} s"])
        found.append(Figure(f"10 MB {way} over 3 hops", ours * 1_000, "ms", reference * 1_000))
        found.append(Figure(f"10 MB {way} over 3 hops: rate", SIZE / ours / 1e6, "MB/s", SIZE / reference / 1e6))
    return found


async def main() -> None:
    """Measure and report, or, as a child, serve."""
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int)
    options.add_argument("--serve", help="be the plain server (for its own use)")
    chosen = options.parse_args()
    if chosen.serve:
        await _serve(Path(chosen.serve))
        return
    with TemporaryDirectory() as home:
        seen = await _measure(Path(home), chosen.rounds or (2 if chosen.quick else 10))
    report(_figures(seen), as_json=chosen.json)


if __name__ == "__main__":
    asyncio.run(main())
