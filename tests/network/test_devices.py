"""Two devices of one account over a network of real nodes: link, list, remove; by the engine's door and by commands."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import Home, Ran, Terminal
from veery.app.session import OwnSession, Session, open_session
from veery.client import profile as profiles
from veery.client.devices.own_swarm import time_confirmed
from veery.lab.network import LabNetwork
from veery.protocol.account import Account
from veery.runtime.randomness import random_bytes
from veery.store.keys import KeyFile

pytestmark = pytest.mark.network


async def state_after(session: Session, membership: str) -> Any:
    """What is known of the devices once this one stands so."""
    async with asyncio.timeout(60):
        while (state := await session.call("devices"))["membership"] != membership:
            await session.call("fetch")
    return state


async def published(session: Session) -> Any:
    async with asyncio.timeout(60):
        async for event in _changes(session):
            if event["publishing"]["published"]:
                return event
    raise AssertionError("the stream ended")


async def _changes(session: Session) -> Any:
    while True:
        yield await session.call("devices", fetch=True)
        await session.call("fetch")


async def test_a_second_device_is_linked_and_removed_again(tmp_path: Path) -> None:
    account = Account.create(random_bytes)
    async with LabNetwork(tmp_path / "lab", 8) as lab, AsyncExitStack() as stack:
        network = lab.network_file.read_text()

        async def opened(name: str) -> Session:
            return await stack.enter_async_context(
                open_session(tmp_path / name, lambda: KeyFile(tmp_path / f"{name}.key"))
            )

        await profiles.create(tmp_path / "one", account, "A", network, KeyFile(tmp_path / "one.key"), device_name="one")
        one = await opened("one")
        assert isinstance(one, OwnSession)
        assert (await published(one))["membership"] == "in_group"
        assert await time_confirmed(one.client._core)
        words = account.words()
        await profiles.restore(tmp_path / "two", words, "A", network, KeyFile(tmp_path / "two.key"), device_name="two")
        two = await opened("two")
        seen = await state_after(two, "groups_visible")
        asked = (await two.call("device_link", group=seen["groups"][0]["id"]))["own_request"]
        async with asyncio.timeout(60):
            while not (requests := (await one.call("devices"))["requests"]):
                await one.call("fetch")
        assert requests[0]["emoji"] == asked["emoji"]
        assert len(asked["emoji"].split()) == 7
        await two.call("device_confirm")
        approved = await one.call("device_approve", id=requests[0]["id"][:8])
        assert approved["told"]
        joined = await state_after(two, "in_group")
        listed = await one.call("devices")
        assert (
            {each["name"] for each in joined["devices"]}
            == {each["name"] for each in listed["devices"]}
            == {"one", "two"}
        )
        assert joined["keys"]["active"] == listed["keys"]["active"]
        removed = await one.call("device_remove", id=requests[0]["id"])
        assert removed["told"]
        assert removed["keys"]["active"] != listed["keys"]["active"]
        assert [each["name"] for each in removed["devices"]] == ["one"]
        left = await state_after(two, "removed")
        assert left["keys"]["active"] == listed["keys"]["active"]
        told = [each["change"] for each in await two.call("events", after=0) if each["event"] == "device"]
        assert told == ["joined", "removed_here"]


async def listed(home: Home, membership: str) -> Any:
    """What `device list` tells once the device stands so: a busy machine may not reach the network at once."""
    async with asyncio.timeout(90):
        while True:
            done = await asyncio.to_thread(home.veery, "device", "list", "--json")
            assert done.code == 0, done.err
            if done.record["membership"] == membership:
                return done.record


async def test_the_same_by_commands(tmp_path: Path) -> None:
    home, other = Home(tmp_path / "a"), Home(tmp_path / "b")

    async with LabNetwork(tmp_path / "lab", 8) as lab:

        async def run(home: Home, *line: str, code: int = 0, typed: str = "") -> Ran:
            home.path.mkdir(exist_ok=True)
            done = await asyncio.to_thread(home.veery, *line, typed=typed)
            assert done.code == code, (line, done.out, done.err)
            return done

        network = ("--network", str(lab.network_file), "--no-passphrase")
        words = (await run(home, "account", "create", *network, "--json")).record["words"]
        first = await listed(home, "in_group")
        restored = await run(other, "account", "restore", *network, typed=words)
        assert "veery device link" in restored.err
        seen = await listed(other, "groups_visible")
        assert seen["groups"][0]["emoji"] == first["group"]["emoji"]
        refused = await run(other, "device", "link", "--json", code=1)
        assert refused.error["kind"] == "cli.no_terminal"
        (asked,) = (await run(other, "device", "link", "--group", first["group"]["id"], "--json")).records
        shown = (await run(home, "device", "list")).out
        assert asked["emoji"] in shown
        request = (await run(home, "device", "list", "--json")).record["requests"][0]
        assert (await run(home, "device", "approve", request["id"][:8], code=1)).err
        assert (await run(home, "device", "approve", request["id"][:8], "--yes", "--json")).record["told"]
        confirmed = (await run(other, "device", "confirm", "--json")).record
        assert confirmed["membership"] == "in_group"
        assert [each["id"] for each in confirmed["devices"] if not each["own"]] == [first["device"]]
        joined = await run(home, "receive")
        assert "was linked to your account" in joined.out
        renamed = (await run(other, "device", "rename", "the other", "--json")).record
        assert renamed["told"]
        removed = await run(home, "device", "remove", request["id"][:8], "--yes")
        assert "the other" in removed.err
        assert "recovery password" in removed.err
        await listed(other, "removed")
        assert (await run(other, "device", "approve", "abcd", "--yes", code=1)).err


async def test_a_restored_device_asks_its_user_at_a_terminal(tmp_path: Path) -> None:
    """It shows the group with its four emoji, asks, shows seven emoji, asks again, and waits."""
    home, other = Home(tmp_path / "a"), Home(tmp_path / "b")
    for each in (home, other):
        each.path.mkdir()

    async with LabNetwork(tmp_path / "lab", 8) as lab:
        network = ("--network", str(lab.network_file), "--no-passphrase")
        create = ("account", "create", *network, "--json")
        words = str((await asyncio.to_thread(home.veery, *create)).record["words"])
        first = await listed(home, "in_group")
        terminal = Terminal(other, "account", "restore", *network)

        def restore() -> None:
            terminal.read_until("then Enter:\r\n")
            terminal.type(words)
            terminal.read_until("let this one in? [y/N] ")
            assert first["group"]["emoji"] in terminal.shown
            terminal.type("y")
            terminal.read_until("in the same order? [y/N] ")

        try:
            await asyncio.to_thread(restore)
            (request,) = (await listed(home, "in_group"))["requests"]
            assert request["emoji"] in terminal.shown
            terminal.type("y")
            approve = ("device", "approve", request["id"][:8], "--yes", "--json")
            approved = (await asyncio.to_thread(home.veery, *approve)).record
            assert approved["told"]
            assert await asyncio.to_thread(terminal.finish) == 0
            assert "This device is linked to your others" in terminal.shown
            linked = await listed(other, "in_group")
            assert len(linked["devices"]) == 2
            assert linked["keys"]["active"] == approved["keys"]["active"]
        finally:
            terminal._process.kill()
