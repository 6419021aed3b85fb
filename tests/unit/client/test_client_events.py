"""Events: durable ones from a cursor, acknowledgements, gaps, events of the moment, and the end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.conversations.engines import Device, account_of
from tests.conversations.memory_swarm import MemoryRoad, MemorySwarm
from tests.unit.client.mail import deliver
from veery.client.client import Client
from veery.client.hub import TRANSIENT_MAX, Hub
from veery.client.profile import Profile
from veery.protocol.constants import DAY_MS
from veery.protocol.content import DataMessage
from veery.runtime.clock import ManualClock
from veery.store.keys import KeyFile

CAROL = account_of(3)
ROOT = Path(__file__).parents[3]
DYING = """
import asyncio, sys
from pathlib import Path
from tests.unit.client.test_client_events import die_while_handling
asyncio.run(die_while_handling(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
"""


async def test_a_stream_gives_what_was_and_what_comes(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="1"))
    stream = bob.client.events()
    assert (await anext(stream))["text"] == "1"
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    assert not waiting.done()
    await deliver(CAROL, bob, DataMessage(body="2"))
    async with asyncio.timeout(10):
        event = await waiting
    assert (event["text"], event["seq"], stream.cursor) == ("2", 2, 2)


async def test_a_cursor_survives_a_restart(bob: Device) -> None:
    for text in ("1", "2", "3"):
        await deliver(CAROL, bob, DataMessage(body=text))
    await bob.restart()
    stream = bob.client.events(after=1)
    assert [(await anext(stream))["text"] for _ in range(2)] == ["2", "3"]
    assert await bob.client.events.last() == 3
    assert [event["seq"] for event in await bob.client.events.page(1, 1)] == [2]


async def test_a_cancelled_reader_loses_nothing(bob: Device) -> None:
    stream = bob.client.events()
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await deliver(CAROL, bob, DataMessage(body="1"))
    assert (await anext(stream))["text"] == "1"


async def test_acknowledged_events_may_go_and_leave_a_gap(bob: Device) -> None:
    for text in ("1", "2", "3", "4"):
        await deliver(CAROL, bob, DataMessage(body=text))
    assert await bob.client.events.ack("bot", 3) == 3
    assert await bob.client.events.ack("bot", 2) == 3
    assert await bob.client.events.ack("slow", 2) == 2
    bob.clock.move(31 * DAY_MS / 1_000)
    await bob.client.housekeeping.tidy()
    assert [event["seq"] for event in await bob.client.events.page()] == [3, 4]
    stream = bob.client.events(after=1)
    assert await anext(stream) == {"event": "gap", "seq": 2}
    assert (await anext(stream))["seq"] == 3
    await bob.client.events.forget("slow")
    assert await bob.client.events.acknowledged("slow") == 0
    await bob.client.housekeeping.tidy()
    assert [event["seq"] for event in await bob.client.events.page()] == [4]


async def test_streams_end_with_the_engine(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="1"))
    stream = bob.client.events()
    assert (await anext(stream))["event"] == "message"
    waiting = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(0)
    await bob.client.close()
    async with asyncio.timeout(10):
        assert await waiting is None
    await bob.open()


async def test_a_slow_listener_keeps_the_newest_events_of_the_moment() -> None:
    hub = Hub()
    slow = hub.attach()
    for number in range(TRANSIENT_MAX + 5):
        hub.publish({"n": number})
    assert len(slow.events) == TRANSIENT_MAX
    assert slow.events[0] == {"n": 5}


async def test_a_change_between_reading_and_waiting_is_not_missed() -> None:
    hub = Hub()
    version = hub.version
    hub.wake()
    await hub.changed(version)
    waiting = asyncio.ensure_future(hub.changed(hub.version))
    await asyncio.sleep(0)
    hub.close()
    await waiting
    await hub.changed(hub.version)


class HandlerBroke(Exception):
    """What a program's own code raises."""


async def handled(device: Device, breaks_at: str) -> list[str]:
    """Let a consumer handle texts until one breaks it, or none is left; gives those that were handled."""
    done: list[str] = []
    last = await device.client.events.last()
    async for event in await device.client.events.consume("bot", from_start=True):
        if event["text"] == breaks_at:
            raise HandlerBroke(done)
        done.append(event["text"])
        if event["seq"] == last:
            return done
    return done


async def test_an_event_comes_again_after_its_handler_has_raised(bob: Device) -> None:
    for text in ("1", "2", "3"):
        await deliver(CAROL, bob, DataMessage(body=text))
    for _ in range(2):
        with pytest.raises(HandlerBroke):
            await handled(bob, breaks_at="2")
    assert await handled(bob, breaks_at="none") == ["2", "3"]  # in the same engine
    await deliver(CAROL, bob, DataMessage(body="4"))
    with pytest.raises(HandlerBroke):
        await handled(bob, breaks_at="4")
    await bob.restart()
    assert await handled(bob, breaks_at="none") == ["4"]


async def die_while_handling(profile: Path, key: Path, text: str) -> None:
    """Open a profile in this process, and be killed in the middle of the handler of one event."""
    road = MemoryRoad(MemorySwarm(ManualClock()))
    client = await Client.open(Profile(profile, KeyFile(key)), road=road)
    async for event in await client.events.consume("bot", from_start=True):
        if event["text"] == text:
            os.kill(os.getpid(), signal.SIGKILL)


async def test_an_event_comes_again_after_a_kill_in_its_handler(bob: Device) -> None:
    for text in ("1", "2", "3"):
        await deliver(CAROL, bob, DataMessage(body=text))
    await bob.client.close()
    assert isinstance(bob.profile.unlock, KeyFile)
    places = str(bob.profile.directory), str(bob.profile.unlock.path)
    try:
        for _ in range(2):
            dying = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, *places, "2", cwd=ROOT)
            async with asyncio.timeout(60):
                assert await dying.wait() == -signal.SIGKILL
    finally:
        await bob.open()
    assert await handled(bob, breaks_at="none") == ["2", "3"]
