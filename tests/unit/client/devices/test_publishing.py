"""The own account record: publishing it, withdrawing it, and what others put in its place (06.9, 06.14, R5, 14.0.2)."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.conversations.engines import Device, make_device
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.own_devices import first_device, link, stored, sync, told, view
from veery.client.devices.service import NotLinked
from veery.client.devices.work import LOOK_AGAIN_MS, WATCH_MS
from veery.protocol.devices import HybridKeys, account_record
from veery.protocol.devices.account_record import AccountRecord
from veery.protocol.storage_rpc import Namespace
from veery.runtime.clock import ManualClock
from veery.secret import Secret

RANDOM = Random(5).randbytes
OUTBOX = int(Namespace.ACCOUNT_RECORD)


def published(swarm: MemorySwarm, device: Device) -> AccountRecord | None:
    raws = stored(swarm, device, Namespace.ACCOUNT_RECORD)
    return account_record.newest(raws, device.account.account_id.raw)


def intruder(device: Device, clock: ManualClock) -> bytes:
    """A record of somebody who has the recovery phrase."""
    keys = HybridKeys.of_account(Secret(RANDOM(32))).public
    later = clock.now_ms() // 1_000 + 5
    return account_record.sign(keys, account_x25519_secret=device.account.x25519_secret, random=RANDOM, signed_s=later)


def forget_outbox(swarm: MemorySwarm, device: Device) -> None:
    for member in swarm.members:
        member.stored.pop((device.account.account_id.raw, OUTBOX), None)


async def looked_twice(device: Device, clock: ManualClock) -> None:
    clock.move(WATCH_MS / 1_000)
    await sync(device)
    clock.move(LOOK_AGAIN_MS / 1_000)
    await sync(device)


async def warnings(device: Device) -> list[Any]:
    return [each for each in await device.events() if each["event"] == "device" and each.get("warning")]


async def test_a_foreign_record_warns_and_is_replaced(laptop: Device, swarm: MemorySwarm, clock: ManualClock) -> None:
    """06.18.4 R5."""
    swarm.put(laptop.account.account_id.raw, raw := intruder(laptop, clock), namespace=OUTBOX)
    clock.move(WATCH_MS / 1_000)
    await sync(laptop)
    assert await warnings(laptop) == []  # the group message of another own device may be on its way
    clock.move(LOOK_AGAIN_MS / 1_000)
    await sync(laptop)
    (warning,) = await warnings(laptop)
    assert warning["change"] == "foreign"
    assert "intercepting" in warning["text"]
    assert (await view(laptop))["publishing"]["warning"] == "foreign"
    now = published(swarm, laptop)
    assert now is not None and now.raw != raw and now.keys is not None
    assert now.keys.x25519.hex().startswith((await view(laptop))["keys"]["active"])
    await looked_twice(laptop, clock)
    assert len(await warnings(laptop)) == 1
    assert (await view(laptop))["publishing"]["warning"] is None


async def test_a_missing_record_warns_and_is_published_again(
    laptop: Device, swarm: MemorySwarm, clock: ManualClock
) -> None:
    """06.18.4 R5."""
    forget_outbox(swarm, laptop)
    await looked_twice(laptop, clock)
    assert [each["change"] for each in await warnings(laptop)] == ["missing"]
    assert published(swarm, laptop) is not None


async def test_one_member_that_has_nothing_is_no_reason_to_warn(
    laptop: Device, swarm: MemorySwarm, clock: ManualClock
) -> None:
    for member in swarm.members[:2]:
        member.stored.pop((laptop.account.account_id.raw, OUTBOX), None)
    for _ in range(8):
        await looked_twice(laptop, clock)
    assert await warnings(laptop) == []


async def test_a_record_that_is_not_signed_by_the_account_counts_as_none(
    laptop: Device, bob: Device, swarm: MemorySwarm, clock: ManualClock
) -> None:
    """06.16: a record of somebody else changes nothing."""
    before = await view(laptop)
    mine = published(swarm, laptop)
    assert mine is not None
    for data in (intruder(bob, clock), b"", b"i1e", mine.raw[:-9] + b"........e"):
        forget_outbox(swarm, laptop)
        swarm.put(laptop.account.account_id.raw, mine.raw, namespace=OUTBOX)
        swarm.members[0].stored[laptop.account.account_id.raw, OUTBOX].clear()
        if data:
            other = MemorySwarm(clock, 1)
            other.put(laptop.account.account_id.raw, data, namespace=OUTBOX)
            swarm.members[0].stored.update(other.members[0].stored)
        await looked_twice(laptop, clock)
    after = await view(laptop)
    assert await warnings(laptop) == []
    assert after["keys"] == before["keys"]
    assert after["publishing"]["warning"] is None


async def test_stopping_stores_a_withdrawal_and_nothing_comes_after_it(
    laptop: Device, swarm: MemorySwarm, clock: ManualClock
) -> None:
    """14.0.2."""
    before = published(swarm, laptop)
    await laptop.client.devices.publish(stop=True)
    await sync(laptop)
    now = published(swarm, laptop)
    assert before is not None and now is not None and now.withdrawn
    assert (now.signed_s or 0) > (before.signed_s or 0)
    clock.move(14 * 3_600)
    await sync(laptop, laptop)
    await looked_twice(laptop, clock)
    assert published(swarm, laptop) == now
    assert await warnings(laptop) == []
    await laptop.client.devices.publish()
    await sync(laptop)
    again = published(swarm, laptop)
    assert again is not None and not again.withdrawn


async def test_a_withdrawal_of_somebody_else_warns(laptop: Device, swarm: MemorySwarm, clock: ManualClock) -> None:
    raw = account_record.sign_withdrawal(
        account_x25519_secret=laptop.account.x25519_secret, random=RANDOM, signed_s=clock.now_ms() // 1_000 + 5
    )
    swarm.put(laptop.account.account_id.raw, raw, namespace=OUTBOX)
    await looked_twice(laptop, clock)
    assert [each["change"] for each in await warnings(laptop)] == ["withdrawn"]
    now = published(swarm, laptop)
    assert now is not None and not now.withdrawn


async def test_a_restored_account_publishes_only_when_the_user_says_so(
    tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    """06.14."""
    device = await make_device(tmp_path, swarm, clock, "carol", 3, 1)
    await sync(device)
    assert (await view(device))["membership"] == "no_group"
    with pytest.raises(NotLinked):
        await device.client.devices.publish()
    await device.client.devices.start_group()
    await sync(device, rounds=2)
    assert (await view(device))["membership"] == "in_group"
    assert published(swarm, device) is None
    await device.client.devices.publish()
    await sync(device)
    assert published(swarm, device) is not None
    await device.client.close()


async def test_a_linked_device_goes_on_publishing(
    laptop: Device, phone: Device, swarm: MemorySwarm, clock: ManualClock
) -> None:
    await link(laptop, phone)
    clock.move(WATCH_MS / 1_000)
    await sync(phone)
    assert (await view(phone))["publishing"]["allowed"]
    clock.move(14 * 3_600)
    await sync(phone, rounds=2)  # the laptop is away
    now = published(swarm, phone)
    assert now is not None and now.keys is not None
    assert now.keys.x25519.hex().startswith((await view(phone))["keys"]["active"])
    await sync(laptop)
    assert await warnings(laptop) == await warnings(phone) == []
    assert "foreign" not in await told(laptop)


async def test_every_published_record_is_known_by_its_echo_even_if_the_answer_is_lost(
    tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    device = await make_device(tmp_path, swarm, clock, "alice", 1)
    for writes in range(1, 12):
        await device.kill_during(lambda client: client.devices.sync(), writes)
        now = published(swarm, device)
        echoes = await device.read(lambda tables: tables.own_echoes.get(whole=True))
        assert now is None or now.echo in echoes.published
    await sync(device)
    assert published(swarm, device) is not None
    await device.client.close()


async def test_whatever_is_killed_is_repeated(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> None:
    """A kill at any write of linking and removing leaves devices that still agree in the end."""
    laptop = await first_device(tmp_path, swarm, clock)
    phone = await make_device(tmp_path, swarm, clock, "alice", 1, 1)
    await link(laptop, phone)
    for writes in range(1, 9):
        clock.move(13 * 3_600)
        for device in (laptop, phone):
            await device.kill_during(lambda client: client.devices.sync(), writes)
    await sync(laptop, phone, rounds=3)
    first, second = await view(laptop), await view(phone)
    assert first["keys"]["active"] == second["keys"]["active"]
    assert {each["id"] for each in first["devices"]} == {each["id"] for each in second["devices"]}
    assert await warnings(laptop) == await warnings(phone) == []
    for device in (laptop, phone):
        await device.client.close()


async def test_a_removed_device_has_nothing_to_give_to_contacts_and_does_not_publish(
    laptop: Device, phone: Device, swarm: MemorySwarm, clock: ManualClock
) -> None:
    await link(laptop, phone)
    clock.move(WATCH_MS / 1_000)
    await sync(phone)
    assert (await phone.read(lambda tables: tables.devices.publishing())).raw is not None
    await laptop.client.devices.remove((await view(phone))["device"])
    await sync(laptop, phone)
    now = published(swarm, laptop)
    clock.move(14 * 3_600)
    await sync(phone, rounds=2)
    known = await phone.read(lambda tables: tables.devices.publishing())
    assert known.raw is None and not known.state.allowed
    assert published(swarm, laptop) == now
    await phone.client.devices.start_group()
    await sync(phone, rounds=2)
    assert published(swarm, laptop) == now  # a group of its own publishes nothing before the user says so
