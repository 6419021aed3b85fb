"""An engine that does everything at once until it is killed: it sends, receives, uploads, downloads, trims, backs up.

    python -m tests.faults.client_victim PROFILE PEER START

A line on stdout for everything that was acknowledged: `text N` and `file N` (a send has returned), `got N` (an event
was acknowledged), `have ID` (the file of an attachment was read), `trimmed`, `backup N` (a backup was made). The
profile opens with the key file PROFILE.key.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.unit.store.samples import PASSPHRASE
from veery.client.attachments import Attached, AttachmentGone
from veery.client.client import Client
from veery.client.profile import Profile
from veery.errors import NetworkError, NotFound
from veery.store.keys import KeyFile

CONSUMER = "victim"
LARGE = 3_000  # bytes: files above it are trimmed


def profile_of(directory: Path) -> Profile:
    return Profile(directory, KeyFile(directory.with_name(f"{directory.name}.key")))


def file_of(number: int) -> bytes:
    """The content of a file, small or large."""
    return b"file %d " % number * (50 if number % 2 else 5_000)


def backup_of(directory: Path, number: int) -> Path:
    return directory.with_name(f"{directory.name}.backup-{number}")


def tell(what: str, number: int) -> None:
    os.write(sys.stdout.fileno(), b"%s %d\n" % (what.encode(), number))


async def send_texts(client: Client, peer: str, number: int) -> None:
    while True:
        message = await client.sending.send(peer, f"text {number}")
        tell("text", number)
        await client.sending.wait_stored(message)
        number += 1


async def send_files(client: Client, peer: str, number: int) -> None:
    while True:
        file = Attached(file_of(number), "text/plain", f"{number}.txt")
        message = await client.sending.send(peer, f"file {number}", files=[file])
        tell("file", number)
        await client.sending.wait_stored(message)
        number += 1


async def receive(client: Client, got: asyncio.Event) -> None:
    async for event in await client.events.consume(CONSUMER, from_start=True):
        await client.events.ack(CONSUMER, event["seq"])
        if event["event"] == "message" and event["direction"] == "in":
            tell("got", int(event["text"].split()[1]))
            if event["attachments"]:
                got.set()


async def download_and_trim(client: Client, got: asyncio.Event) -> None:
    while True:
        await got.wait()
        got.clear()
        for each in await client.attachments.list():
            try:
                await client.attachments.content(each["id"])
            except (NetworkError, NotFound, AttachmentGone):
                continue  # it may be on its way, or trimmed in this moment
            tell("have", each["id"])
        await client.storage.trim()
        tell("trimmed", 0)


async def back_up(client: Client, directory: Path, number: int) -> None:
    while True:
        await client.backup.create(backup_of(directory, number), PASSPHRASE)
        tell("backup", number)
        number += 1


async def main(directory: Path, peer: str, start: int) -> None:
    got = asyncio.Event()
    got.set()
    async with Client.open(profile_of(directory)) as client, asyncio.TaskGroup() as group:
        if not await client.storage.rules():
            await client.storage.set_rule(None, None, LARGE)
        group.create_task(send_texts(client, peer, start))
        group.create_task(send_files(client, peer, start))
        group.create_task(receive(client, got))
        group.create_task(download_and_trim(client, got))
        group.create_task(back_up(client, directory, start))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
