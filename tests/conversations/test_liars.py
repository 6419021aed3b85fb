"""The liars: nodes that hide, replay, swap or alter a contact's record, or stay silent (14.1).

The contact was seen to publish. From then on nothing that its swarm says lets a message to it out as v1, at any time,
and what the user is shown is what 14.1 says.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conversations.engines import Device, make_device
from tests.conversations.lying_swarm import Contact, Lie, LyingRoad
from tests.conversations.memory_swarm import MemorySwarm
from veery.client.levels.notices import WAITING
from veery.policy.downgrade import Mark
from veery.protocol import message_v2
from veery.protocol.constants import V2_PREFIX
from veery.protocol.content import DataMessage, decode
from veery.runtime.clock import ManualClock
from veery.store.message_values import DeliveryState

HOUR, DAY = 3_600, 86_400
LIES: Final = [lie for lie in Lie if lie is not Lie.HONEST]


class World:
    """Alice, whose contact's swarm lies, and the time."""

    def __init__(self, alice: Device, clock: ManualClock, contact: Contact) -> None:
        self.alice, self.clock, self.contact = alice, clock, contact
        self.sent: list[int] = []

    @classmethod
    async def make(cls, directory: Path) -> World:
        clock = ManualClock()
        contact = Contact.with_a_past(2, clock.now_ms())
        alice = await make_device(directory, MemorySwarm(clock), clock, "alice", 1)
        alice.road_type = type("Road", (LyingRoad,), {"contact": contact})
        await alice.restart()
        return cls(alice, clock, contact)

    @property
    def road(self) -> LyingRoad:
        road = self.alice.road
        assert isinstance(road, LyingRoad)
        return road

    @property
    def bob(self) -> str:
        return self.contact.account.account_id.hex

    def lies(self, *said: Lie) -> None:
        """What the members say from now on: each its own, in turn."""
        members = [member.key for member in self.alice.swarm.members]
        by_key = {key: said[place % len(said)] for place, key in enumerate(members)}
        self.road.lie = by_key.__getitem__

    async def send(self, text: str) -> int:
        """Write to Bob, and bring out what may go."""
        message = await self.alice.client.sending.send_text(self.bob, text)
        self.sent.append(message)
        await self.run()
        return message

    async def run(self) -> None:
        """Do what is due now, and what is tried again within the next quarter of an hour."""
        for _ in range(4):
            await self.alice.client.pump.run_due()
            self.clock.move(5 * 60)
        await self.alice.client.pump.run_due()

    async def wait(self, seconds: float) -> None:
        """Time passes, and the engine does what is due."""
        self.clock.move(seconds)
        await self.run()

    async def mark(self, message: int) -> str | None:
        return await self.alice.read(lambda tables: tables.held.mark(message))

    async def protocol(self, message: int) -> str | None:
        found = await self.alice.read(lambda tables: tables.messages.get(message))
        assert found is not None
        return found.level

    async def state(self, message: int) -> tuple[DeliveryState, str | None]:
        found = await self.alice.read(lambda tables: tables.messages.get(message))
        assert found is not None
        return found.delivery.state, found.delivery.reason

    async def warnings(self) -> list[str]:
        return [event["warning"] for event in await self.alice.events() if event["event"] == "security"]

    async def notices(self) -> list[str]:
        return [event["protocol"] for event in await self.alice.events() if event["event"] == "level"]

    def check(self) -> list[str]:
        """Nothing but v2 under keys of Bob's own was ever stored, or tried; gives what he reads."""
        texts = []
        for store in self.road.stored():
            assert store.data.startswith(V2_PREFIX)
            if store.account == self.contact.account.account_id.raw:
                opened = message_v2.open(store.data, self.contact.account, self.contact.keys[::-1])
                assert opened.pfs
                kind = decode(opened.content).kind
                texts.append((kind.body or "") if isinstance(kind, DataMessage) else "")
        return list(dict.fromkeys(texts))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World.make(tmp_path)
    yield made
    await made.alice.client.close()


async def remembered(world: World) -> None:
    """Bob's record was seen, and a message went out under it."""
    world.lies(Lie.HONEST)
    first = await world.send("first")
    assert world.check() == ["first"]
    assert await world.protocol(first) == "v2"
    assert await world.mark(first) is None


@pytest.mark.parametrize("lie", LIES)
async def test_whatever_all_members_say(world: World, lie: Lie) -> None:
    """The last keys for seven days, then messages wait; when the truth is told again, all goes out."""
    await remembered(world)
    world.lies(lie)
    await world.wait(3 * DAY)
    unconfirmed = await world.send("after three days")
    assert world.check() == ["first", "after three days"]
    assert await world.mark(unconfirmed) == Mark.UNCONFIRMED.value
    await world.wait(5 * DAY)
    held = await world.send("after eight days")
    assert world.check() == ["first", "after three days"]
    assert await world.state(held) == (DeliveryState.QUEUED, WAITING)
    assert (await world.warnings()).count("waiting") == 1
    assert ("timeless" in await world.warnings()) == (lie is Lie.TIMELESS)
    assert not await world.notices()
    await world.wait(2 * DAY)
    assert world.check() == ["first", "after three days"]
    world.contact.publish(world.clock.now_ms())
    world.lies(Lie.HONEST)
    await world.wait(2 * HOUR)
    assert world.check() == ["first", "after three days", "after eight days"]
    assert await world.protocol(held) == "v2"
    assert await world.mark(held) is None


@pytest.mark.parametrize("lie", LIES)
async def test_one_honest_member_among_three_is_enough(world: World, lie: Lie) -> None:
    await remembered(world)
    world.contact.publish(world.clock.now_ms())
    world.alice.swarm.members[3:] = []
    world.lies(lie, Lie.HONEST, lie)
    await world.wait(3 * DAY)
    message = await world.send("three days later")
    assert world.check() == ["first", "three days later"]
    assert await world.mark(message) is None


async def test_the_user_may_send_what_waits_with_long_term_keys_this_once(world: World) -> None:
    await remembered(world)
    world.lies(Lie.EMPTY)
    await world.wait(9 * DAY)
    held, other = await world.send("held"), await world.send("other")
    copy = await world.alice.read(
        lambda tables: next(copy for copy in tables.held.all() if tables.outbox.need(copy).message == held)
    )
    now_ms = world.clock.now_ms()
    await world.alice.client._core.write(lambda tables: tables.held.choose(copy, now_ms))
    await world.run()
    assert await world.protocol(held) == "v2-fallback"
    assert await world.mark(held) == Mark.CHOSEN.value
    assert await world.notices() == ["v2-fallback"]
    assert await world.state(other) == (DeliveryState.QUEUED, WAITING)


STEPS = st.lists(
    st.tuples(st.lists(st.sampled_from(Lie), min_size=5, max_size=5), st.integers(0, 5 * 24), st.booleans()),
    min_size=1,
    max_size=5,
)


async def play(directory: Path, steps: list[tuple[list[Lie], int, bool]]) -> None:
    world = await World.make(directory)
    try:
        await remembered(world)
        for lies, hours, renewed in steps:
            world.lies(*lies)
            if renewed:
                world.contact.publish(world.clock.now_ms())
            await world.wait(hours * HOUR)
            await world.send("more")
            world.check()
    finally:
        await world.alice.client.close()


@settings(max_examples=20)
@given(STEPS)
def test_no_sequence_of_answers_lets_v1_out(steps: list[tuple[list[Lie], int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as runner:
        runner.run(play(Path(directory), steps))
