"""Answers every message with its own text, and accepts whoever writes.

An answer quotes the message, so that a program that was killed between sending and its next event, and answers twice,
is at least seen to answer the same.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import veery


async def answer(client: veery.Client, event: dict[str, Any]) -> None:
    """Answer one incoming message."""
    if event["request"]:
        await client.requests.accept(event["conversation"])
    if event["text"]:
        await client.sending.send_text(event["conversation"], event["text"], quote=event["id"])


async def main(profile: str) -> None:
    """Run until killed."""
    async with veery.Client.open(veery.Profile.named(profile)) as client:
        print(client.account.hex, flush=True)
        async for event in await client.events.consume("echo-bot"):
            if event["event"] == "message" and event["direction"] == "in":
                await answer(client, event)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="default", help="the profile of the bot")
    asyncio.run(main(parser.parse_args().profile))
