"""Long absences: a device away for weeks, one that lost its store, and an old one that comes back with what it held."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.engines import NETWORK, Device, account_of, make_device
from tests.conversations.memory_swarm import Fate, MemorySwarm, calm
from tests.conversations.syncing import pushes, sync
from veery.client.profile import restore
from veery.errors import NetworkError
from veery.protocol.constants import DAY_MS, SECOND_MS
from veery.runtime.clock import ManualClock
from veery.store.keys import KeyFile

DAY_S = DAY_MS / SECOND_MS
BOB = account_of(2).account_id.hex
CAROL = account_of(3).account_id.hex
DAVE = account_of(4).account_id.hex


@pytest.fixture
async def other(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    """Alice's other device."""
    device = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    yield device
    await device.client.close()


async def told(device: Device, change: str) -> list[dict[str, Any]]:
    return [each for each in await device.events() if each["event"] == "sync" and each["change"] == change]


async def standing(device: Device, document: str) -> dict[str, Any]:
    (found,) = [each for each in (await device.client.sync.status())["documents"] if each["document"] == document]
    return dict(found)


async def nicknames(device: Device) -> dict[str, str]:
    return await device.read(lambda tables: {each.id: each.nickname for each in tables.conversations.all()})


def expire(swarm: MemorySwarm) -> None:
    """Members drop what nobody has let live on."""
    now_ms = swarm.clock.now_ms()
    for member in swarm.members:
        for held in member.stored.values():
            for name in [name for name, each in held.items() if each.expiration <= now_ms]:
                del held[name]


async def offline(device: Device) -> None:
    """Bring the documents to what was changed, without a network."""
    device.weather = lambda: Fate.LOST
    with pytest.raises(NetworkError):
        await device.client.sync.push()


async def test_a_device_that_was_away_for_twenty_days_agrees(alice: Device, other: Device, swarm: MemorySwarm) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await sync(alice, other)
    for day in range(20):
        alice.clock.move(DAY_S)
        expire(swarm)
        await alice.client.receiving.fetch()
        await alice.client.conversations.set_nickname(BOB, f"day {day}")
        await alice.client.sync.push()
        assert await alice.client.sync.renew() == ()
    await other.restart()
    await sync(other, alice)
    assert await nicknames(other) == {BOB: "day 19"}
    (event,) = await told(other, "away")
    assert event["days"] == 20
    away = (await other.client.sync.status())["away"]
    assert away["until"] - away["since"] == 20 * DAY_MS
    assert (await alice.client.sync.status())["away"] is None
    assert not await told(other, "forgotten")


async def test_what_nobody_has_renewed_is_said_to_be_forgotten_and_comes_back(
    alice: Device, other: Device, swarm: MemorySwarm
) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await sync(alice, other)
    alice.clock.move(40 * DAY_S)
    expire(swarm)
    assert not any(held for member in swarm.members for held in member.stored.values())
    await alice.restart()
    await alice.client.receiving.fetch()
    assert set(await alice.client.sync.renew()) >= {"profile", "contacts"}
    (event,) = await told(alice, "forgotten")
    assert set(event["documents"]) >= {"profile", "contacts"}
    assert (await standing(alice, "contacts"))["forgotten"] == alice.clock.now_ms()
    assert (await standing(alice, "contacts"))["waiting"] == []
    await sync(alice, other)
    assert await nicknames(other) == {BOB: ""}
    assert not (await standing(alice, "contacts"))["pending"]


async def test_a_device_that_lost_its_store_takes_all_before_it_gives_anything(
    tmp_path: Path, swarm: MemorySwarm, clock: ManualClock, alice: Device
) -> None:
    lost = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    await alice.client.sending.send_text(BOB, "hello")
    await alice.client.conversations.set_nickname(BOB, "Bobby")
    await sync(alice, lost)
    await lost.client.close()
    shutil.rmtree(lost.profile.directory)
    account = account_of(1)
    key = KeyFile(tmp_path / "again.key")
    profile = await restore(tmp_path / "again", account.words(), "typed anew", NETWORK, key, clock=clock)
    again = Device("again", account, profile, swarm, clock, seed=88)
    await again.open()
    clock.move(DAY_S)
    await again.client.sending.send_text(CAROL, "hello")
    status = await again.client.sync.status()
    assert status["restored"]
    await again.client.sync.push()
    assert pushes(again) == 0
    await again.client.receiving.fetch()
    assert not (await again.client.sync.status())["restored"]
    await sync(again, alice)
    for device in (again, alice):
        assert await nicknames(device) == {BOB: "Bobby", CAROL: ""}
        assert (await device.client.profile.get()).name == "alice"
    (event,) = await told(again, "restored")
    assert "contacts" not in event["missing"]
    await again.client.close()


async def test_stale_values_of_an_old_device_do_not_win(alice: Device, other: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await alice.client.conversations.set_nickname(BOB, "old name")
    await sync(alice, other)
    for number in range(9):
        alice.clock.move(DAY_S)
        await alice.client.receiving.fetch()
        await alice.client.conversations.set_nickname(BOB, f"new name {number}")
        await alice.client.sync.push()
    other.clock.move(60 * DAY_S)
    await other.restart()
    await sync(other, alice)
    assert await nicknames(other) == await nicknames(alice) == {BOB: "new name 8"}
    assert pushes(other) == 0
    assert not await told(other, "changes_lost")


async def test_changes_that_an_old_device_made_offline_are_kept_within_the_lag(alice: Device, other: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await alice.client.sending.send_text(CAROL, "hello")
    await sync(alice, other)
    await other.client.conversations.set_nickname(CAROL, "named offline")
    await offline(other)
    for number in range(3):
        alice.clock.move(7 * DAY_S)
        await alice.client.receiving.fetch()
        await alice.client.conversations.set_nickname(BOB, f"named {number}")
        await alice.client.sync.push()
        await alice.client.sync.renew()
    other.weather = calm
    await other.restart()
    await sync(other, alice)
    assert await nicknames(other) == await nicknames(alice) == {BOB: "named 2", CAROL: "named offline"}
    assert not await told(other, "changes_lost")


async def test_older_changes_are_given_up_and_named(alice: Device, other: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await sync(alice, other)
    await other.client.conversations.set_nickname(BOB, "named offline")
    await other.client.sending.send_text(DAVE, "met offline")
    await offline(other)
    for number in range(8):
        alice.clock.move(DAY_S)
        await alice.client.receiving.fetch()
        await alice.client.conversations.set_nickname(BOB, f"named {number}")
        await alice.client.sync.push()
    other.weather = calm
    await other.restart()
    await sync(other, alice)
    assert await nicknames(other) == await nicknames(alice) == {BOB: "named 7", DAVE: ""}
    (event,) = await told(other, "changes_lost")
    assert event["document"] == "contacts"
    given_up = {(each["subject"], each["field"]) for each in (await standing(other, "contacts"))["given_up"]}
    assert (BOB, "nickname") in given_up
