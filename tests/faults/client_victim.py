"""An engine at work of one kind until it is killed, and the look at what the last kill has left, before it begins.

Runs in a process of its own (`zygote`). It tells a line for everything that was acknowledged: `text N`, `file N`,
`said N` (a send has returned), `got N` (an event was acknowledged), `have ID` (a file was read), `trimmed`, `backup N`
(a backup was made), `deleted N` (a note), `purged`, `nick N`, `pushed N`, `named N` (a group). The profile opens with
the key file PROFILE.key.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.recovery import check_engine, check_store
from tests.faults.steps import Steps
from tests.unit.store.samples import PASSPHRASE
from veery.client.attachments import Attached, AttachmentGone
from veery.client.client import Client
from veery.client.profile import Profile
from veery.errors import NetworkError, NotFound, StoreError
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


@dataclass(frozen=True)
class Work:
    """What an engine works with."""

    client: Client
    directory: Path
    peer: str
    group: str
    start: int
    told: int

    def tell(self, what: str, number: int = 0) -> None:
        os.write(self.told, b"%s %d\n" % (what.encode(), number))

    async def send(self) -> None:
        for number in self.numbers():
            message = await self.client.sending.send(self.peer, f"text {number}")
            self.tell("text", number)
            await self.client.sending.wait_stored(message)

    async def upload(self) -> None:
        for number in self.numbers():
            file = Attached(file_of(number), "text/plain", f"{number}.txt")
            message = await self.client.sending.send(self.peer, f"file {number}", files=[file])
            self.tell("file", number)
            await self.client.sending.wait_stored(message)

    async def receive(self) -> None:
        async for event in await self.client.events.consume(CONSUMER, from_start=True):
            await self.client.events.ack(CONSUMER, event["seq"])
            if event["event"] == "message" and event["direction"] == "in":
                word, number = event["text"].split()
                self.tell("got" if word in ("text", "file") else "heard", int(number))

    async def download(self) -> None:
        while True:
            for each in await self.client.attachments.list(self.peer):
                # It may be on its way, or trimmed in this moment.
                with suppress(NetworkError, NotFound, AttachmentGone):
                    await self.client.attachments.content(each["id"])
                    self.tell("have", each["id"])
            await asyncio.sleep(0)

    async def trim(self) -> None:
        while True:
            await self.client.storage.trim()
            self.tell("trimmed")

    async def back_up(self) -> None:
        for number in self.numbers():
            await self.client.backup.create(backup_of(self.directory, number), PASSPHRASE)
            self.tell("backup", number)

    async def purge(self) -> None:
        own = self.client.account.hex
        for number in self.numbers():
            message = await self.client.sending.send(own, f"note {number}")
            await self.client.conversations.delete_message(message)
            self.tell("deleted", number)
            with suppress(StoreError):  # the others of this process write all the time
                await self.client.storage.purge()
                self.tell("purged")

    async def configure(self) -> None:
        for number in self.numbers():
            await self.client.conversations.set_nickname(self.peer, f"nick {number}")
            self.tell("nick", number)
            if await self.client.sync.flush():
                self.tell("pushed", number)

    async def group_change(self) -> None:
        for number in self.numbers():
            await self.client.sending.send(self.group, f"said {number}")
            self.tell("said", number)
            if (await self.client.groups.show(self.group))["admin"]:
                with suppress(NetworkError):
                    await self.client.groups.rename(self.group, f"name {number}")
                    self.tell("named", number)
            else:
                await self.client.groups.fetch(self.group)

    def numbers(self) -> range:
        return range(self.start, self.start + 1_000)


# What an engine does beside what every engine does all the time: fetch, bring the outbox to the swarms, keep house.
KINDS: dict[str, tuple[Callable[[Work], Awaitable[None]], ...]] = {
    "send": (Work.send,),
    "receive": (Work.receive,),
    "upload": (Work.upload,),
    "download": (Work.download,),
    "trim": (Work.download, Work.trim),
    "back up": (Work.back_up, Work.upload),
    "purge": (Work.purge,),
    "configure": (Work.configure,),
    "group": (Work.group_change,),
    "everything": (Work.send, Work.upload, Work.receive, Work.download, Work.trim, Work.back_up),
}


async def work(told: int, steps: Steps, kind: str, directory: Path, **rest: Any) -> None:
    check_store(directory, profile_of(directory).unlock)
    steps.arm(directory)
    client = await Client.open(profile_of(directory))
    await check_engine(client, directory)
    client.start()
    do = Work(client, directory, told=told, **rest)
    do.tell("open")
    await asyncio.gather(*(each(do) for each in KINDS[kind]))


def main(told: int, steps: Steps, kind: str, directory: str, **rest: Any) -> None:
    asyncio.run(work(told, steps, kind, Path(directory), **rest))
