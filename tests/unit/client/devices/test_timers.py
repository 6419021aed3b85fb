"""Rotation, deletion and jumps of the clock: real stores, and a clock that tests move (06.9, 06.18.4 R6, R7, R10)."""

from __future__ import annotations

import asyncio

from tests.conversations.engines import Device, store_of
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.own_devices import link, stored, sync, view
from tests.unit.store.raw_pages import decrypted
from veery.policy.device_group import DeviceGroup
from veery.protocol.constants import (
    ACCOUNT_KEY_RETENTION_S,
    DEVICE_KEY_GRACE_S,
    DEVICE_KEY_LIFE_S,
    ROTATION_FIRST_S,
    ROTATION_SPREAD_S,
)
from veery.protocol.devices import account_record
from veery.protocol.storage_rpc import Namespace
from veery.runtime.clock import ManualClock

HOUR, DAY = 3_600, 24 * 3_600


async def group(device: Device) -> DeviceGroup:
    found = await device.read(lambda tables: tables.devices.group())
    assert found is not None
    return found


async def live(clock: ManualClock, *devices: Device, seconds: int, step: int = 6 * HOUR) -> None:
    """Let time go by while the devices are online."""
    for _ in range(seconds // step):
        clock.move(step)
        await sync(*devices)


async def test_account_keys_rotate_after_eleven_to_thirteen_hours(
    laptop: Device, clock: ManualClock, swarm: MemorySwarm
) -> None:
    before = (await view(laptop))["keys"]["active"]
    clock.move(ROTATION_FIRST_S - 60)
    await sync(laptop)
    assert (await view(laptop))["keys"]["active"] == before
    clock.move(ROTATION_SPREAD_S + 120)
    await sync(laptop)
    await sync(laptop)
    after = (await view(laptop))["keys"]["active"]
    assert after != before
    (raw,) = stored(swarm, laptop, Namespace.ACCOUNT_RECORD)
    keys = account_record.open(raw, laptop.account.account_id.raw).keys
    assert keys is not None and keys.x25519.hex().startswith(after)


async def test_linked_devices_end_with_one_key_whoever_rotates(
    laptop: Device, phone: Device, clock: ManualClock
) -> None:
    await link(laptop, phone)
    for _ in range(4):
        clock.move(13 * HOUR)
        await sync(phone, laptop, rounds=2)
        await sync(phone)
        assert (await view(laptop))["keys"]["active"] == (await view(phone))["keys"]["active"]


async def test_the_background_work_rotates_by_itself(laptop: Device, clock: ManualClock) -> None:
    before = (await view(laptop))["keys"]["active"]
    due_ms = await laptop.client.devices._work.next_ms()
    assert due_ms is not None
    assert due_ms <= clock.now_ms() + 13 * HOUR * 1_000
    clock.move(14 * HOUR)
    await laptop.client.devices.run_due()
    assert (await view(laptop))["keys"]["active"] != before


async def test_device_keys_rotate_every_week_and_the_old_one_goes(laptop: Device, clock: ManualClock) -> None:
    """06.18.4 R6."""
    first = (await group(laptop)).device_keys.current.seed.reveal()
    await live(clock, laptop, seconds=DEVICE_KEY_LIFE_S + DAY)
    state = await group(laptop)
    assert state.device_keys.current.seed.reveal() != first
    assert len(state.device_keys) == 2
    assert state.pushed_seqno == state.own.seqno == 2
    await live(clock, laptop, seconds=DEVICE_KEY_GRACE_S + DAY)
    assert len((await group(laptop)).device_keys) == 1


async def test_retired_seeds_are_in_no_page_of_the_raw_file(laptop: Device, clock: ManualClock) -> None:
    """06.18.4 R7: what was deleted is not in the database, not in free pages and not in its log."""
    seeds: set[bytes] = set()
    for _ in range((ACCOUNT_KEY_RETENTION_S + 6 * DAY) // (12 * HOUR)):
        state = await group(laptop)
        seeds |= {key.seed.reveal() for key in (*state.account_keys, *state.device_keys)}
        clock.move(12 * HOUR)
        await sync(laptop, laptop)
    state = await group(laptop)
    kept = {key.seed.reveal() for key in (*state.account_keys, *state.device_keys)}
    assert len(seeds - kept) >= 5
    plain = decrypted(laptop.profile.directory, laptop.profile.unlock)
    assert all(seed in plain for seed in kept)
    assert not any(seed in plain for seed in seeds - kept)


async def test_an_erasing_that_was_killed_is_repeated(laptop: Device, clock: ManualClock) -> None:
    old = (await group(laptop)).account_keys.active
    assert old is not None
    for _ in range(3):
        clock.move(13 * HOUR)
        await sync(laptop, laptop)
    store = store_of(laptop.client)

    async def killed(*, thorough: bool = False) -> None:
        raise KeyboardInterrupt

    store.purge = killed  # type: ignore[method-assign, assignment]
    clock.move(ACCOUNT_KEY_RETENTION_S)
    try:
        for _ in range(3):
            await sync(laptop)
            clock.move(DAY / 2)
    except KeyboardInterrupt:
        pass
    assert await laptop.read(lambda tables: tables.devices.erase_owed())
    await laptop.restart()
    await laptop.client.devices.run_due()
    assert not await laptop.read(lambda tables: tables.devices.erase_owed())
    assert old.seed.reveal() not in decrypted(laptop.profile.directory, laptop.profile.unlock)


async def test_a_jump_of_the_clock_deletes_no_key_until_the_network_confirms_it(
    laptop: Device, clock: ManualClock
) -> None:
    """06.18.4 R10."""
    for _ in range(3):
        clock.move(13 * HOUR)
        await sync(laptop, laptop)
    before = [key.seed.reveal() for key in (await group(laptop)).account_keys]
    assert len(before) >= 4
    laptop.road.offset_ms = 400 * DAY * 1_000  # the machine believes to be in the next year; the swarm does not
    await laptop.client.devices.run_due()
    state = await group(laptop)
    assert [key.seed.reveal() for key in state.account_keys] == before
    laptop.road.offset_ms = 0
    clock.move(30 * DAY)  # and now so much time has really gone by
    await laptop.client.devices.run_due()
    assert not set(before) & {key.seed.reveal() for key in (await group(laptop)).account_keys} - {before[0]}


async def test_a_jump_back_deletes_nothing(laptop: Device, clock: ManualClock) -> None:
    """06.18.4 R10."""
    before = [key.seed.reveal() for key in (await group(laptop)).account_keys]
    laptop.road.offset_ms = -400 * DAY * 1_000
    await laptop.client.devices.run_due()
    laptop.road.offset_ms = 0
    await laptop.client.devices.run_due()
    assert [key.seed.reveal() for key in (await group(laptop)).account_keys] == before


async def test_a_long_absence_is_made_up_for(laptop: Device, phone: Device, clock: ManualClock) -> None:
    await link(laptop, phone)
    for _ in range(20):
        clock.move(12 * HOUR)
        await sync(laptop, laptop)
    await sync(phone, laptop, rounds=2)
    await sync(phone)
    assert (await view(laptop))["keys"]["active"] == (await view(phone))["keys"]["active"]


async def test_a_clock_that_is_not_confirmed_is_asked_about_once_in_a_while(laptop: Device, clock: ManualClock) -> None:
    running = asyncio.create_task(laptop.client.devices.run())
    await clock.until_sleeping()
    laptop.road.offset_ms = 400 * DAY * 1_000
    asked = len(laptop.road.calls)
    await clock.advance(HOUR)
    assert sum(call == ("info",) for call in laptop.road.calls[asked:]) <= 3 * 70
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_device_that_owes_nothing_writes_nothing(laptop: Device) -> None:
    """Whatever an engine writes wakes everybody who waits for changes, and so may keep it busy for ever."""
    await laptop.client.devices.sync()
    await laptop.client.devices.sync()
    hub = laptop.client._core.hub
    version = hub.version
    await laptop.client.devices.run_due()
    await laptop.client.devices.run_due()
    assert hub.version == version
