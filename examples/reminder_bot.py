"""Reminds people: `remind me in 10m to stretch` (s, m, h or d), kept in a file, so that restarts lose nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import veery

ASKED = re.compile(r"remind me in (\d{1,6})\s*([smhd])\w* to (.+)", re.IGNORECASE | re.DOTALL)
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Reminders:
    """What is to be said, to whom and when. Every change is in the file before it counts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
        self.changed = asyncio.Event()

    def add(self, message: int, conversation: str, due: float, text: str) -> None:
        """Keep a reminder. A message that is read twice makes one."""
        if all(each["message"] != message for each in self._kept):
            self._kept.append({"message": message, "conversation": conversation, "due": due, "text": text})
            self._write()

    def remove(self, reminder: dict[str, Any]) -> None:
        """Forget a reminder."""
        self._kept.remove(reminder)
        self._write()

    def next(self) -> dict[str, Any] | None:
        """The reminder that is due first."""
        return min(self._kept, key=lambda each: float(each["due"]), default=None)

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        with new.open("w") as file:
            json.dump(self._kept, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)
        self.changed.set()


async def listen(client: veery.Client, reminders: Reminders) -> None:
    """Take orders."""
    async for event in await client.events.consume("reminder-bot"):
        if event["event"] != "message" or event["direction"] != "in":
            continue
        conversation = event["conversation"]
        if event["request"]:
            await client.requests.accept(conversation)
        asked = ASKED.fullmatch(event["text"].strip())
        if asked is None:
            await client.sending.send_text(conversation, "Write: remind me in 10m to stretch", quote=event["id"])
            continue
        due = time.time() + int(asked[1]) * SECONDS[asked[2].lower()]
        reminders.add(event["id"], conversation, due, asked[3])
        await client.sending.send_text(conversation, "I will.", quote=event["id"])


async def remind(client: veery.Client, reminders: Reminders) -> None:
    """Say what is due."""
    while True:
        reminders.changed.clear()
        reminder = reminders.next()
        wait = None if reminder is None else max(0.0, float(reminder["due"]) - time.time())
        try:
            async with asyncio.timeout(wait):
                await reminders.changed.wait()
        except TimeoutError:
            assert reminder is not None
            await client.sending.send_text(reminder["conversation"], f"Time to {reminder['text']}")
            reminders.remove(reminder)


async def main(profile: str, file: Path) -> None:
    """Run until killed."""
    reminders = Reminders(file)
    async with veery.Client.open(veery.Profile.named(profile)) as client, asyncio.TaskGroup() as tasks:
        print(client.account.hex, flush=True)
        tasks.create_task(listen(client, reminders))
        tasks.create_task(remind(client, reminders))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="default", help="the profile of the bot")
    parser.add_argument("--file", type=Path, default=Path("reminders.json"), help="where reminders are kept")
    options = parser.parse_args()
    asyncio.run(main(options.profile, options.file))
