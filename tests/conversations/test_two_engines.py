"""Conversations under bad weather: whatever is lost, repeated, reordered or killed, each message comes exactly once.

Alice has two devices, Bob one. Hypothesis chooses what they do and what the network does to them; then the weather
clears, and what everybody has is compared with what was sent.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conversations.engines import Device, make_device
from tests.conversations.memory_swarm import Fate, Killed, MemorySwarm, calm
from veery.client.client import Client
from veery.client.views import TEXT
from veery.errors import NetworkError
from veery.runtime.clock import ManualClock
from veery.store.message_values import DeliveryState, Message, SyncState

_MINUTES_TO_SETTLE: Final = 6
_ORDER: Final = {"queued": 0, "sealed": 1, "stored": 2, "read": 3}


@dataclass(frozen=True)
class Send:
    """A device writes to the other account."""

    device: int


@dataclass(frozen=True)
class Work:
    """A device sends what is due, or polls, while the process may end at one of its writes."""

    device: int
    poll: bool
    kill_at: int | None


@dataclass(frozen=True)
class Pass:
    """Time goes by."""

    seconds: int


@dataclass(frozen=True)
class Swarm:
    """Something happens to the swarm."""

    what: str
    member: int
    seed: int


Step = Send | Work | Pass | Swarm

devices = st.integers(0, 2)
steps = st.one_of(
    st.builds(Send, devices),
    st.builds(Work, devices, st.booleans(), st.none() | st.integers(1, 12)),
    st.builds(Pass, st.integers(1, 400)),
    st.builds(Swarm, st.sampled_from(("lag", "catch up", "down", "up", "lose", "add")), st.integers(0, 9), devices),
)
fates = st.lists(st.sampled_from(Fate), max_size=25)


@dataclass
class World:
    """Three devices of two accounts, and what was sent."""

    clock: ManualClock
    swarm: MemorySwarm
    devices: list[Device]
    sent: dict[tuple[str, str], list[str]] = field(default_factory=dict)  # texts by (from, to), in order

    async def send(self, device: Device) -> None:
        """Write, a while after the last message, as people do."""
        self.clock.move(0.2)
        to = self.devices[2] if device is not self.devices[2] else self.devices[0]
        texts = self.sent.setdefault((device.id, to.id), [])
        text = f"{device.name} {device.seed} {len(texts)}"
        await device.client.sending.send_text(to.id, text)
        texts.append(text)

    async def work(self, device: Device, step: Work) -> None:
        async def carry_out(client: Client) -> None:
            try:
                await (client.receiving.fetch() if step.poll else client.pump.run_due())
            except NetworkError:
                return  # the engine goes on; whether it is right to go on is what is tested

        if step.kill_at is not None:
            await device.kill_during(carry_out, step.kill_at)
            return
        try:
            await carry_out(device.client)
        except Killed:
            await device.restart()

    def change_swarm(self, step: Swarm) -> None:
        member = self.swarm.members[step.member % len(self.swarm.members)]
        others_up = sum(not each.down for each in self.swarm.members) > 1
        match step.what:
            case "lag":
                member.lagging = True
            case "catch up":
                self.swarm.catch_up(random.Random(step.seed).shuffle)
            case "down":
                member.down = others_up
            case "up":
                member.down = False
            case "lose" if len(self.swarm.members) > 2 and others_up:
                self.swarm.catch_up()
                self.swarm.lose_member(step.member)
                if all(each.down for each in self.swarm.members):
                    self.swarm.members[0].down = False
            case "add" if len(self.swarm.members) < 8:
                self.swarm.add_member()

    async def settle(self) -> None:
        """The weather clears; everybody sends and polls until nothing is left."""
        for device in self.devices:
            device.weather = calm
        for member in self.swarm.members:
            member.down = member.lagging = False
        self.swarm.catch_up()
        for _ in range(_MINUTES_TO_SETTLE):
            self.clock.move(301)
            for device in self.devices:
                while await device.client.pump.run_due() is not None:
                    self.clock.move(301)
            for device in self.devices:
                await device.client.receiving.fetch()


async def play(directory: Path, script: list[Step], weather: list[list[Fate]]) -> None:
    clock = ManualClock()
    swarm = MemorySwarm(clock)
    made = [
        await make_device(directory, swarm, clock, "alice", 1),
        await make_device(directory, swarm, clock, "alice", 1, device=1),
        await make_device(directory, swarm, clock, "bob", 2),
    ]
    world = World(clock, swarm, made)
    try:
        for device, coming in zip(made, weather, strict=True):
            device.weather = weather_of(coming)
        for step in script:
            match step:
                case Send(number):
                    await world.send(made[number])
                case Work(number):
                    await world.work(made[number], step)
                case Pass(seconds):
                    clock.move(seconds)
                case Swarm():
                    world.change_swarm(step)
        await world.settle()
        await check(world)
    finally:
        for device in made:
            await device.client.close()


def weather_of(coming: list[Fate]) -> Callable[[], Fate]:
    """What happens to one call after the other; then everything arrives."""
    left = list(reversed(coming))
    return lambda: left.pop() if left else Fate.ARRIVES


async def check(world: World) -> None:
    """Everybody has everything once and in order, and nobody claims more than is true."""
    alice, _, bob = world.devices
    from_alice, from_bob = (world.sent.get(pair, []) for pair in ((alice.id, bob.id), (bob.id, alice.id)))
    for device in world.devices:
        other = alice if device is bob else bob
        messages = await texts_only(device, other.id)
        mine, theirs = (from_bob, from_alice) if device is bob else (from_alice, from_bob)
        assert [each.body for each in messages if not each.outgoing] == theirs
        assert [each.body for each in messages if each.outgoing] == mine
        assert [each.timestamp_ms for each in messages] == sorted({each.timestamp_ms for each in messages})
        assert await device.read(lambda tables: tables.usage.get().outbox) == 0
        await check_events(device, messages, world.swarm)


async def texts_only(device: Device, other: str) -> list[Message]:
    return [message for message in await device.messages(other) if message.kind == TEXT]


async def check_events(device: Device, messages: list[Message], swarm: MemorySwarm) -> None:
    events = await device.events()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    told = [event["id"] for event in events if event["event"] == "message"]
    assert sorted(told) == sorted(message.id for message in messages)
    for message in messages:
        states = [event for event in events if event["event"] == "state" and event["id"] == message.id]
        if not message.outgoing:
            assert message.delivery.state is DeliveryState.RECEIVED
            assert not states
        elif states:  # written on this device
            assert [event["state"] for event in states] == ["queued", "sealed", "stored"]
            check_stored(states[-1], message, swarm)
        else:
            assert message.delivery.state is DeliveryState.STORED


def check_stored(event: dict[str, Any], message: Message, swarm: MemorySwarm) -> None:
    delivery = message.delivery
    assert (event["stored_on"], event["swarm_size"]) == (delivery.stored_on, delivery.swarm_size)
    assert delivery.state is DeliveryState.STORED
    assert delivery.sync is SyncState.STORED
    assert 0 < event["stored_on"] <= event["swarm_size"]
    assert len(swarm.held_by[event["hash"]]) >= event["stored_on"]
    assert message.storage_hash in swarm.held_by


@settings(max_examples=max(1, settings().max_examples // 3), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=25), st.tuples(fates, fates, fates))
def test_every_message_comes_exactly_once(script: list[Step], weather: tuple[list[Fate], ...]) -> None:
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as runner:
        runner.run(play(Path(directory), script, list(weather)))


def test_a_killed_sender_sends_the_same_bytes_again() -> None:
    """The process ends after the swarm took the message and before it was noted: one message, one hash."""
    script: list[Step] = [Send(0), Work(0, poll=False, kill_at=None), Work(0, poll=False, kill_at=None)]
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as runner:
        runner.run(play(Path(directory), script, [[Fate.KILLED_AFTER, Fate.KILLED_AFTER], [], []]))
