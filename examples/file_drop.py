"""Saves what people send, as DIRECTORY/DATE/ACCOUNT ID/NUMBER/NAME, and answers with the names.

The number is that of the attachment here, so a program that was killed after saving, and gets the message once more,
finds the file in its place and does not write another. Names are those that the sender chose, made harmless.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

import veery
from veery.errors import Retry

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0


def place(directory: Path, event: dict[str, Any], attachment: int) -> Path:
    """The directory of one file: the day on which it came, who sent it, its number."""
    day = time.strftime("%Y-%m-%d", time.gmtime(event["received_at"] / 1_000))
    return directory / day / str(event["sender"]) / str(attachment)


def standing(folder: Path) -> str | None:
    """The name of the file that stands in a directory, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    return next((file.name for file in folder.iterdir()), None)


async def save(client: veery.Client, attachment: int, folder: Path) -> str:
    """Save one file if it is not there yet, and try until it is; gives its name. Raises VeeryError if it is gone."""
    pause = FIRST_PAUSE_S
    while True:
        if name := standing(folder):
            return name
        try:
            return (await client.attachments.save(attachment, folder)).name
        except veery.VeeryError as error:
            if error.retry is Retry.NEVER:
                raise
            print(f"{error}; trying again in {pause:.0f} s", flush=True)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


async def take(client: veery.Client, directory: Path, event: dict[str, Any]) -> None:
    """Save all files of one message, and answer."""
    if event["request"]:
        await client.requests.accept(event["conversation"])
    lines = []
    for attachment in event["attachments"]:
        try:
            name = await save(client, attachment["id"], place(directory, event, attachment["id"]))
            lines.append(f"Saved: {name}")
        except veery.VeeryError as error:
            lines.append(f"Not saved: {error}")
    answer = "\n".join(lines) or "Send me a file, and I keep it."
    await client.sending.send_text(event["conversation"], answer, quote=event["id"])


async def main(profile: str, directory: Path) -> None:
    """Run until killed."""
    async with veery.Client.open(veery.Profile.named(profile)) as client:
        print(client.account.hex, flush=True)
        async for event in await client.events.consume("file-drop"):
            if event["event"] == "message" and event["direction"] == "in":
                await take(client, directory, event)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="default", help="the profile of the bot")
    parser.add_argument("--directory", type=Path, default=Path("files"), help="where files are saved")
    options = parser.parse_args()
    asyncio.run(main(options.profile, options.directory))
