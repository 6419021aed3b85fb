"""The examples as they stand, each a process of its own, on a lab network; and killed, for nothing may be lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from veery.client.attachments import prepare
from veery.client.client import Client
from veery.client.profile import create
from veery.lab.network import LabNetwork
from veery.protocol.account import Account
from veery.runtime.randomness import random_bytes
from veery.store.keys import KeyFile

pytestmark = pytest.mark.network

EXAMPLES = Path(__file__).parents[2] / "examples"


class World:
    """A lab, a person on it, and the profile of a bot."""

    def __init__(self, place: Path, person: Client, bot: str, stack: AsyncExitStack) -> None:
        self.place = place
        self.person = person
        self.bot = bot
        self._stack = stack

    async def run(self, example: str, *arguments: str) -> asyncio.subprocess.Process:
        """Start an example and wait until it has said who it is."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / example),
            "--profile",
            "bot",
            *arguments,
            env={"VEERY_HOME": str(self.place), "PATH": os.environ["PATH"]},
            stdout=asyncio.subprocess.PIPE,
        )
        self._stack.push_async_callback(ended, process)
        assert process.stdout is not None
        assert (await process.stdout.readline()).decode().strip() == self.bot
        return process

    async def tell(self, text: str) -> None:
        await self.person.sending.wait_stored(await self.person.sending.send_text(self.bot, text))

    async def hears(self, text: str, after: int = 0) -> dict[str, Any]:
        """Wait for an answer of the bot."""
        async with asyncio.timeout(60):
            async for event in self.person.events(after):
                if event["event"] == "message" and event["direction"] == "in" and event["text"] == text:
                    return event
        raise AssertionError("the stream ended")


async def ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()


@asynccontextmanager
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(LabNetwork(tmp_path / "lab", 8))
        network = lab.network_file.read_text()
        me = await create(tmp_path / "me", Account.create(random_bytes), "Ann", network, KeyFile(tmp_path / "me.key"))
        bot = Account.create(random_bytes)
        place = tmp_path / "data" / "profiles" / "bot"
        await create(place, bot, "Bot", network, KeyFile(place / "key"))
        person = await stack.enter_async_context(Client.open(me))
        yield World(tmp_path, person, bot.account_id.hex, stack)


async def test_the_echo_bot_answers_also_what_came_while_it_was_dead(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        process = await here.run("echo_bot.py")
        await here.tell("hello")
        assert (await here.hears("hello"))["conversation"] == here.bot
        await ended(process)
        await here.tell("are you there?")
        await here.run("echo_bot.py")
        await here.hears("are you there?")


async def test_the_reminder_bot_keeps_its_word_over_a_kill(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        file = str(tmp_path / "reminders.json")
        process = await here.run("reminder_bot.py", "--file", file)
        await here.tell("what can you do?")
        await here.hears("Write: remind me in 10m to stretch")
        await here.tell("remind me in 1s to stretch")
        await here.hears("I will.")
        await here.hears("Time to stretch")
        await here.tell("Remind me in 2 s to breathe")
        seen = (await here.hears("I will."))["seq"]
        await ended(process)
        await here.run("reminder_bot.py", "--file", file)
        await here.hears("Time to breathe", seen)


async def test_the_file_drop_keeps_what_is_sent_and_nothing_twice(tmp_path: Path) -> None:
    (tmp_path / "plan.txt").write_text("north, then east")
    (tmp_path / "late.txt").write_text("south")
    drop = tmp_path / "drop"

    def saved() -> dict[str, str]:
        return {file.name: file.read_text() for file in drop.rglob("*") if file.is_file()}

    async with world(tmp_path) as here:
        process = await here.run("file_drop.py", "--directory", str(drop))
        await here.tell("what can you do?")
        await here.hears("Send me a file, and I keep it.")
        sending = here.person.sending
        files = [prepare(tmp_path / "plan.txt"), prepare(tmp_path / "plan.txt")]
        await sending.wait_stored(await sending.send(here.bot, "two", files=files))
        seen = (await here.hears("Saved: plan.txt\nSaved: plan.txt"))["seq"]
        found = sorted(drop.rglob("plan.txt"))
        assert [file.read_text() for file in found] == ["north, then east"] * 2
        day, sender, *_ = found[0].relative_to(drop).parts
        assert (sender, len(day)) == (here.person.account.hex, 10)
        await ended(process)
        await sending.wait_stored(await sending.send(here.bot, files=[prepare(tmp_path / "late.txt")]))
        await here.run("file_drop.py", "--directory", str(drop))
        await here.hears("Saved: late.txt", seen)
        assert saved() == {"plan.txt": "north, then east", "late.txt": "south"}
        assert len([each for each in drop.rglob("*") if each.is_file()]) == 3


async def test_the_bridge_delivers_both_ways_and_again_until_it_is_taken(tmp_path: Path) -> None:
    got: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
    answers = iter((500, 200, 200))

    async def hook(request: web.Request) -> web.Response:
        await got.put((request.headers["Veery-Event"], await request.json()))
        return web.Response(status=next(answers))

    application = web.Application()
    application.router.add_post("/", hook)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        async with world(tmp_path) as here, aiohttp.ClientSession() as session:
            await here.run("webhook_bridge.py", f"http://127.0.0.1:{runner.addresses[0][1]}/", "--port", str(port))
            await here.tell("to the web")
            async with asyncio.timeout(60):
                first, again = await got.get(), await got.get()
            assert first == again
            assert first[1]["text"] == "to the web"
            url = f"http://127.0.0.1:{port}/send"
            async with session.post(url, json={"to": here.person.account.hex, "text": "from the web"}) as answer:
                assert answer.status == 200
            await here.hears("from the web")
            for wrong, code in (({"to": "nobody", "text": "x"}, 422), ({"text": "x"}, 400), ([], 400)):
                async with session.post(url, json=wrong) as answer:
                    assert answer.status == code
    finally:
        await runner.cleanup()


async def test_what_a_handler_did_not_end_comes_again_after_an_error_of_its_own(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    (tmp_path / "plan.txt").write_text("north, then east")
    drop.write_text("a file where a directory should be")
    async with world(tmp_path) as here:
        process = await here.run("file_drop.py", "--directory", str(drop))
        await here.person.sending.wait_stored(
            await here.person.sending.send(here.bot, files=[prepare(tmp_path / "plan.txt")])
        )
        async with asyncio.timeout(60):
            assert await process.wait() == 1  # the handler has raised, and the program ended with it
        drop.unlink()
        await here.run("file_drop.py", "--directory", str(drop))
        await here.hears("Saved: plan.txt")
        assert [file.read_text() for file in drop.rglob("plan.txt")] == ["north, then east"]


async def test_what_a_handler_did_not_end_comes_again_after_a_kill(tmp_path: Path) -> None:
    got: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    running: list[asyncio.subprocess.Process] = []

    async def hook(request: web.Request) -> web.Response:
        await got.put((request.headers["Veery-Event"], (await request.json())["text"]))
        if running:
            await ended(running.pop())  # the program waits for this answer in its handler
        return web.Response()

    application = web.Application()
    application.router.add_post("/", hook)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    bridge = ("webhook_bridge.py", f"http://127.0.0.1:{runner.addresses[0][1]}/", "--port", port)
    try:
        async with world(tmp_path) as here, asyncio.timeout(120):
            running.append(await here.run(*bridge))
            process = running[0]
            await here.tell("one")
            first = await got.get()
            await ended(process)
            await here.tell("two")
            await here.run(*bridge)
            again, second = await got.get(), await got.get()
            assert (again, second[1]) == (first, "two")
    finally:
        await runner.cleanup()
