"""A bridge to other programs: each incoming message is posted to a URL, and each request to this program is sent.

The URL gets one JSON object a message, again and again until it answers with a 2xx code; the header `Veery-Event` is
the number of the event, the same at every attempt, so that the other side can tell what it has had. To send, post
`{"to": "05…", "text": "hello"}` to `http://127.0.0.1:PORT/send`; the answer has the message's `id`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

import aiohttp
from aiohttp import web

import veery

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0


async def deliver(session: aiohttp.ClientSession, url: str, event: dict[str, Any]) -> None:
    """Post one event until it is taken."""
    pause = FIRST_PAUSE_S
    while True:
        try:
            async with session.post(url, json=event, headers={"Veery-Event": str(event["seq"])}) as answer:
                if answer.ok:
                    return
                print(f"the URL answers {answer.status}; trying again in {pause:.0f} s", flush=True)
        except (aiohttp.ClientError, TimeoutError):
            print(f"the URL does not answer; trying again in {pause:.0f} s", flush=True)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def server(client: veery.Client) -> web.Application:
    """What takes requests to send."""

    async def send(request: web.Request) -> web.Response:
        try:
            asked = await request.json()
            message = await client.sending.send_text(asked["to"], asked["text"])
        except (json.JSONDecodeError, KeyError, TypeError):
            return web.json_response({"error": "give a JSON object with `to` and `text`"}, status=400)
        except veery.VeeryError as error:
            return web.json_response({"error": str(error)}, status=422)
        return web.json_response({"id": message})

    application = web.Application(client_max_size=64 * 1024)
    application.router.add_post("/send", send)
    return application


async def main(profile: str, url: str, port: int) -> None:
    """Run until killed."""
    async with (
        veery.Client.open(veery.Profile.named(profile)) as client,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
    ):
        runner = web.AppRunner(server(client))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        print(client.account.hex, flush=True)
        async for event in await client.events.consume("webhook-bridge"):
            if event["event"] == "message" and event["direction"] == "in":
                await deliver(session, url, event)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="where messages are posted to")
    parser.add_argument("--profile", default="default", help="the profile of the bridge")
    parser.add_argument("--port", type=int, default=8090, help="where it takes messages to send (default: 8090)")
    options = parser.parse_args()
    asyncio.run(main(options.profile, options.url, options.port))
