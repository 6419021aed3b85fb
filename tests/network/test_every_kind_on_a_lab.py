"""Every kind of message both ways between two engines over real nodes and a real file server, at v2 and at v1."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from tests.conversations.engines import Device
from tests.conversations.kinds import PARTS, Pair, check_all, get_acquainted, timers
from tests.conversations.memory_swarm import MemorySwarm
from veery.client import profile as profiles
from veery.client.attachments import Attached
from veery.client.client import Client
from veery.lab.network import LabNetwork
from veery.protocol.account import Account
from veery.protocol.expiry_rules import DisappearingMode
from veery.runtime.clock import ManualClock, SystemClock, sleep
from veery.runtime.randomness import random_bytes
from veery.store.keys import KeyFile

pytestmark = [pytest.mark.network, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]
TIMER_S = 10  # the shortest that a person can set


class RealTime(SystemClock):
    """The machine's time, which passes by itself."""

    def move(self, seconds: float) -> None:
        """Nothing: the swarms of a lab have a clock of their own."""


@dataclass
class RealDevice(Device):
    """An engine on the network that its profile names."""

    async def open(self) -> Client:
        self.opened += 1
        self.clients.append(await Client.open(self.profile))
        return self.client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The network file of a lab of one swarm."""
    async with LabNetwork(Path(tmp_path_factory.mktemp("kinds")) / "lab", 8) as lab:
        yield lab.network_file.read_text()


async def real_device(directory: Path, name: str, network: str) -> RealDevice:
    account = Account.create(random_bytes)
    profile = await profiles.create(directory / name, account, name, network, KeyFile(directory / f"{name}.key"))
    unused = ManualClock()
    device = RealDevice(name, account, profile, MemorySwarm(unused), unused, seed=0)
    await device.open()
    return device


async def files(pair: Pair) -> None:
    """A picture and a voice message, over the file server."""
    png = io.BytesIO()
    Image.new("RGB", (320, 200), "teal").save(png, "PNG")
    voice = Attached(b"OggS" + bytes(3_000), "audio/ogg", "voice.ogg", voice=True)
    number = await pair.one.client.sending.send(
        pair.other.id, "see", files=[Attached(png.getvalue(), "image/png", "sea.png"), voice]
    )
    await pair.one.client.attachments.uploads.run_due()
    await pair.exchange()
    listed = {each["name"]: each for each in (await pair.last())["attachments"]}
    assert len(listed) == 2
    name, data = await pair.other.client.attachments.content(listed["voice.ogg"]["id"])
    assert (name, data, listed["voice.ogg"]["flags"]) == ("voice.ogg", voice.data, 1)
    (picture,) = (each for each in listed.values() if each["flags"] == 0)
    _, data = await pair.other.client.attachments.content(picture["id"])
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.size == (320, 200)
    assert (await pair.one.client.sending.get(number)).delivery.stored_on


async def disappearing(pair: Pair) -> None:
    """A message that both sides forget when its time is over."""
    await pair.one.client.timers.set(pair.other.id, DisappearingMode.AFTER_READ, TIMER_S)
    await pair.exchange()
    assert (await pair.last())["kind"] == "timer"
    await pair.say("for a moment")
    await pair.other.client.conversations.mark_read(pair.one.id)
    assert (await pair.last())["text"] == "for a moment"
    await sleep(SystemClock(), TIMER_S + 0.1)
    for device, other in ((pair.one, pair.other), (pair.other, pair.one)):
        await device.client._expiring.sweep()
        assert "for a moment" not in await device.texts(other.id)
    await pair.one.client.timers.set(pair.other.id, DisappearingMode.OFF)
    await pair.exchange()


@pytest.mark.parametrize("publishes", [(False, False), (True, True), (True, False)], ids=["v1", "v2", "v2 and v1"])
async def test_every_kind_both_ways(tmp_path: Path, network: str, publishes: tuple[bool, bool]) -> None:
    async with AsyncExitStack() as stack:
        devices = [await real_device(tmp_path, name, network) for name in ("alice", "bob")]
        for device, does in zip(devices, publishes, strict=True):
            stack.push_async_callback(device.client.close)
            if does:
                await device.client.devices.sync()
        pair = Pair(RealTime(), *devices)
        await get_acquainted(pair)
        for direction in (pair, pair.turned()):
            for part in (*(each for each in PARTS if each is not timers), files):
                await part(direction)
        await disappearing(pair if publishes[0] else pair.turned())
        await check_all(pair, publishes)
