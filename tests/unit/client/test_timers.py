"""Messages that disappear: exact on every device, whatever its clock says, across restarts and without a road."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conversations.engines import Device, account_of, exchange, make_device
from tests.conversations.memory_swarm import Fate, MemorySwarm
from tests.unit.client.mail import deliver
from veery.client.faults import TimerRefused
from veery.protocol.constants import DAY_MS, SECOND_MS
from veery.protocol.content import DataMessage, ExpirationType
from veery.protocol.expiry_rules import DisappearingMode
from veery.runtime.clock import ManualClock
from veery.store.message_values import Message

CAROL = account_of(3)
FIVE_MINUTES_S = 300
HOUR_S = 3_600


class World:
    """Alice, whose clock is five minutes slow, with two devices, and Bob, whose clock is five minutes fast."""

    def __init__(self, clock: ManualClock, swarm: MemorySwarm, devices: list[Device]) -> None:
        self.clock = clock
        self.swarm = swarm
        self.alice, self.phone, self.bob = devices

    def pass_by(self, seconds: float) -> None:
        """Time goes by for everybody."""
        self.clock.move(seconds)
        for device in (self.alice, self.phone, self.bob):
            device.clock.move(seconds)

    async def become_friends(self) -> None:
        await self.alice.client.sending.send_text(self.bob.id, "hello")
        await self.exchange()
        await self.bob.client.sending.send_text(self.alice.id, "hello back")
        await self.exchange()

    async def exchange(self) -> None:
        await exchange(self.alice, self.bob, self.phone)

    async def sweep(self) -> None:
        for device in (self.alice, self.phone, self.bob):
            await device.client._expiring.sweep()

    async def have(self, text: str) -> list[str]:
        """The devices on which a text is shown."""
        found = []
        for device in (self.alice, self.phone, self.bob):
            other = self.alice.id if device is self.bob else self.bob.id
            if text in await device.texts(other):
                found.append(f"{device.name}{device.seed}")
        return found

    def expiries(self, device: Device, storage_hash: str | None) -> set[int]:
        """When the members let a copy expire."""
        stored = [each.stored.get((device.account.account_id.raw, 0), {}) for each in self.swarm.members]
        return {messages[storage_hash].expiration for messages in stored if storage_hash in messages}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = ManualClock()
    swarm = MemorySwarm(clock)
    slow, slow_phone, fast = (ManualClock(clock.now_ms() + off * SECOND_MS) for off in (-300, 0, 300))
    devices = [
        await make_device(tmp_path, swarm, slow, "alice", 1),
        await make_device(tmp_path, swarm, slow_phone, "alice", 1, device=1),
        await make_device(tmp_path, swarm, fast, "bob", 2),
    ]
    yield World(clock, swarm, devices)
    for device in devices:
        await device.client.close()


async def message(device: Device, other: str, text: str) -> Message:
    (found,) = [each for each in await device.messages(other) if each.body == text]
    return found


async def test_after_sending_everybody_forgets_at_the_same_moment(world: World) -> None:
    await world.become_friends()
    await world.alice.client.timers.set(world.bob.id, DisappearingMode.AFTER_SEND, HOUR_S)
    world.pass_by(1)
    sent_ms = world.clock.now_ms()
    await world.alice.client.sending.send_text(world.bob.id, "soon gone")
    await world.exchange()
    assert len(await world.have("soon gone")) == 3
    own = await message(world.alice, world.bob.id, "soon gone")
    for device, other in ((world.alice, world.bob.id), (world.phone, world.bob.id), (world.bob, world.alice.id)):
        held = await message(device, other, "soon gone")
        offset_ms = device.clock.now_ms() - world.clock.now_ms()
        assert held.expiration.expires_ms == sent_ms + HOUR_S * SECOND_MS + offset_ms
        assert world.expiries(device, held.storage_hash) == {sent_ms + HOUR_S * SECOND_MS}
    assert own.storage_hash is not None
    world.pass_by(HOUR_S - 1)
    await world.sweep()
    assert len(await world.have("soon gone")) == 3
    await world.bob.restart()
    world.pass_by(1)
    await world.sweep()
    assert await world.have("soon gone") == []
    assert "hello" in await world.bob.texts(world.alice.id)


async def test_after_reading_the_readers_devices_and_swarm_agree(world: World) -> None:
    await world.become_friends()
    await world.bob.client.timers.set(world.alice.id, DisappearingMode.AFTER_READ, HOUR_S)
    sent_ms = world.clock.now_ms()
    await world.bob.client.sending.send_text(world.alice.id, "read me")
    await world.exchange()
    here = await message(world.alice, world.bob.id, "read me")
    assert here.expiration.expires_ms is None
    assert world.expiries(world.alice, here.storage_hash) == {sent_ms + 14 * DAY_MS}
    world.pass_by(10 * HOUR_S)
    await world.sweep()
    assert len(await world.have("read me")) == 2  # for its sender it counted as read
    read_ms = world.clock.now_ms()
    await world.alice.client.conversations.mark_read(world.bob.id)
    assert world.expiries(world.alice, here.storage_hash) == {read_ms + HOUR_S * SECOND_MS}
    await world.phone.client.conversations.mark_read(world.bob.id)  # a moment later: the earlier reading counts
    for device in (world.alice, world.phone):
        held = await message(device, world.bob.id, "read me")
        offset_ms = device.clock.now_ms() - world.clock.now_ms()
        assert held.expiration.expires_ms == read_ms + HOUR_S * SECOND_MS + offset_ms
    await world.alice.restart()
    world.pass_by(HOUR_S)
    await world.sweep()
    assert await world.have("read me") == []


@pytest.mark.parametrize("killed", [False, True])
async def test_what_the_swarm_could_not_be_told_is_told_later(world: World, killed: bool) -> None:
    await world.become_friends()
    await world.bob.client.timers.set(world.alice.id, DisappearingMode.AFTER_READ, HOUR_S)
    await world.bob.client.sending.send_text(world.alice.id, "read me")
    await world.exchange()
    here = await message(world.alice, world.bob.id, "read me")
    read_ms = world.clock.now_ms()
    if killed:
        await world.alice.kill_during(lambda client: client.conversations.mark_read(world.bob.id), 2)
    else:
        world.alice.weather = lambda: Fate.LOST
        await world.alice.client.conversations.mark_read(world.bob.id)
        await world.alice.restart()
        world.alice.weather = lambda: Fate.ARRIVES
    world.pass_by(60)
    await world.alice.client.housekeeping.tidy()
    assert world.expiries(world.alice, here.storage_hash) == {read_ms + HOUR_S * SECOND_MS}
    assert await world.alice.read(lambda tables: tables.shortenings.pending(10)) == ()
    held = await message(world.alice, world.bob.id, "read me")
    assert held.expiration.expires_ms == read_ms + HOUR_S * SECOND_MS - FIVE_MINUTES_S * SECOND_MS


async def test_a_copy_that_outlived_its_message_is_deleted(world: World) -> None:
    await world.become_friends()
    await world.bob.client.timers.set(world.alice.id, DisappearingMode.AFTER_READ, HOUR_S)
    await world.bob.client.sending.send_text(world.alice.id, "read me")
    await world.exchange()
    here = await message(world.alice, world.bob.id, "read me")
    world.alice.weather = lambda: Fate.LOST
    await world.alice.client.conversations.mark_read(world.bob.id)
    world.pass_by(2 * HOUR_S)
    await world.sweep()
    world.alice.weather = lambda: Fate.ARRIVES
    await world.alice.client.housekeeping.tidy()
    assert world.expiries(world.alice, here.storage_hash) == set()
    assert await world.alice.read(lambda tables: tables.shortenings.pending(10)) == ()


async def test_a_restored_device_shows_nothing_that_has_disappeared(world: World, tmp_path: Path) -> None:
    """A member may still hold what has expired; and a message that came late may be over when it comes."""
    await world.become_friends()
    await world.alice.client.timers.set(world.bob.id, DisappearingMode.AFTER_SEND, HOUR_S)
    await world.alice.client.sending.send_text(world.bob.id, "soon gone")
    await world.exchange()
    world.pass_by(HOUR_S + 1)
    restored = await make_device(tmp_path, world.swarm, world.bob.clock, "restored", 2)
    await exchange(restored)
    assert "hello" in await restored.texts(world.alice.id)
    assert "soon gone" not in await restored.texts(world.alice.id)
    assert "soon gone" not in [each.get("text") for each in await restored.events()]
    await restored.client.close()


async def test_the_setting_of_one_side_is_not_that_of_the_other(world: World) -> None:
    await world.become_friends()
    await world.alice.client.timers.set(world.bob.id, DisappearingMode.AFTER_READ)
    await world.exchange()
    conversation = await world.bob.client.conversations.get(world.alice.id)
    assert conversation.expiration_timer_s == 0
    assert (await world.phone.client.conversations.get(world.bob.id)).expiration_timer_s == 43_200
    await world.bob.client.timers.follow(world.alice.id)
    conversation = await world.bob.client.conversations.get(world.alice.id)
    assert (conversation.expiration_type, conversation.expiration_timer_s) == (1, 43_200)
    await world.exchange()
    for device, other in ((world.alice, world.bob.id), (world.bob, world.alice.id), (world.phone, world.bob.id)):
        notices = [each for each in await device.messages(other) if each.kind == "timer"]
        assert [each.expiration.timer_s for each in notices] == [43_200]
        assert notices[0].author == world.bob.account.account_id
    await world.alice.client.timers.set(world.bob.id, DisappearingMode.OFF)
    await world.exchange()
    assert (await world.phone.client.conversations.get(world.bob.id)).expiration_type == 0
    await world.alice.client.sending.send_text(world.bob.id, "to stay")
    await world.exchange()
    assert (await message(world.bob, world.alice.id, "to stay")).expiration.timer_s == 0
    assert (await message(world.phone, world.bob.id, "to stay")).expiration.timer_s == 0


async def test_earlier_messages_stay_as_they_are(world: World) -> None:
    await world.become_friends()
    await world.alice.client.timers.set(world.bob.id, DisappearingMode.AFTER_SEND, HOUR_S)
    await world.alice.client.timers.set(world.bob.id, DisappearingMode.AFTER_SEND, 2 * HOUR_S)
    await world.exchange()
    world.pass_by(30 * HOUR_S)
    await world.sweep()
    assert await world.have("hello") == ["alice10", "alice11", "bob20"]
    assert [each for each in await world.bob.messages(world.alice.id) if each.kind == "timer"] == []


async def test_notes_to_self_disappear_after_sending_alone(world: World) -> None:
    alice = world.alice
    with pytest.raises(TimerRefused):
        await alice.client.timers.set(alice.id, DisappearingMode.AFTER_READ)
    await alice.client.timers.set(alice.id, DisappearingMode.AFTER_SEND, HOUR_S)
    await alice.client.sending.send_text(alice.id, "note")
    await world.exchange()
    assert "note" in await world.phone.texts(alice.id)
    assert (await world.phone.client.conversations.get(alice.id)).expiration_timer_s == HOUR_S
    world.pass_by(HOUR_S)
    await world.sweep()
    assert await alice.texts(alice.id) == await world.phone.texts(alice.id) == []


@pytest.mark.parametrize("timer_s", [0, 9, 1_209_601])
async def test_times_that_no_swarm_keeps_are_refused(world: World, timer_s: int) -> None:
    await world.become_friends()
    with pytest.raises(TimerRefused) as refused:
        await world.alice.client.timers.set(world.bob.id, DisappearingMode.AFTER_READ, timer_s)
    assert refused.value.kind == "client.timer.time"


async def test_requests_do_not_disappear(world: World) -> None:
    """In neither direction, 02.8.1."""
    await world.alice.client.sending.send_text(world.bob.id, "may I?")
    await world.exchange()
    for device, other in ((world.alice, world.bob.id), (world.bob, world.alice.id)):
        with pytest.raises(TimerRefused) as refused:
            await device.client.timers.set(other, DisappearingMode.AFTER_SEND)
        assert refused.value.kind == "client.timer.request"
        with pytest.raises(TimerRefused):
            await device.client.timers.follow(other)


async def test_any_timer_of_others_is_taken(world: World) -> None:
    """What is read on another device while this one was off: the swarm's copy tells since when, 02.8.1."""
    bob = world.bob
    await deliver(
        CAROL,
        bob,
        DataMessage(body="seven"),
        world.clock.now_ms(),
        expiration_type=ExpirationType.DELETE_AFTER_READ,
        expiration_timer=7,
    )
    held = await message(bob, CAROL.account_id.hex, "seven")
    assert held.expiration.timer_s == 7
    await bob.client.conversations.mark_read(CAROL.account_id.hex)
    world.pass_by(7)
    await world.sweep()
    assert await bob.texts(CAROL.account_id.hex) == []
