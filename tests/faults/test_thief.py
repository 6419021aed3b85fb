"""The thief: everything that swarms ever held, the recovery words, and one device; and what that opens of a year.

Each device keeps its state in a store of its own, as clients do, and the thief copies the files while the store is open
and knows the passphrase: all that is in them counts, free pages and the log of the database as well.

The bounds are those of R6 (06.18.4): 37 days for devices that are away from time to time, and for one that is always
online 7 days of its key, 72 hours of the one before, 16 days of account seeds and half a day in which each is used. The
same thief opens every message of those that went out as v1.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.thief_world import STEP, Person, PersonDevice, Thief, World
from tests.unit.policy.device_world import DAY, START_MS
from tests.unit.store.raw_pages import decrypted
from tests.unit.store.samples import PASSPHRASE
from veery.policy import device_group_kept
from veery.store.database import NewProfile, Store

USUAL = 27 * DAY
WORST = 37 * DAY
YEAR = 365
THEFTS = (45, 200, YEAR)  # days


@dataclass
class Disk:
    """The store of one device. ever: all seeds that it ever held."""

    device: PersonDevice
    directory: Path
    store: Store
    ever: set[bytes] = field(default_factory=set)

    async def keep(self) -> None:
        """What a client does after each change: save, and erase for good what is gone."""
        await self.save()
        owed = await self.store.read(lambda tables: tables.devices.erase_owed())
        if owed:
            await self.store.purge()
            await self.store.run(lambda tables: tables.devices.erased(owed))

    async def save(self) -> None:
        """Save alone."""
        state = self.device.state
        self.ever |= self.device.seeds()
        await self.store.run(lambda tables: tables.devices.save(state))

    async def stolen(self, place: Path) -> bytes:
        """Copy the files of the open store; gives the state in the copy, after a search of every page of it."""
        shutil.copytree(self.directory, place)
        pages = decrypted(place, PASSPHRASE)
        held = self.device.seeds()
        assert all(seed in pages for seed in held)
        assert self.ever - held
        assert not any(seed in pages for seed in self.ever - held)
        async with await Store.open(place, PASSPHRASE) as store:
            state = await store.read(lambda tables: tables.devices.group())
        assert state is not None
        return device_group_kept.encode(state)


@asynccontextmanager
async def disks_of(world: World, directory: Path) -> AsyncIterator[dict[str, Disk]]:
    """A store for each device."""
    async with AsyncExitStack() as stack:
        found = {}
        for device in (device for person in world.people for device in person.devices):
            place = directory / device.name
            profile = NewProfile(device.account, "somebody", START_MS // 1_000, "[network]\nname = 'test'\n")
            store = await stack.enter_async_context(await Store.create(place, PASSPHRASE, profile, START_MS))
            found[device.name] = Disk(device, place, store)
            await found[device.name].keep()
        yield found


async def live(world: World, disks: dict[str, Disk], days: int) -> None:
    """Days pass."""
    for _ in range(days * DAY // STEP):
        for device in world.step():
            await disks[device.name].keep()


async def check_theft(world: World, disks: dict[str, Disk], directory: Path) -> None:
    """Any one device is stolen now."""
    for person in world.people:
        thief = thief_of(person)
        assert thief.opens_v1() == [logged.stored_ms for logged in person.log]
        assert not thief.opens_v2([])
        for device in person.devices:
            kept = await disks[device.name].stolen(directory / f"stolen {device.name} {world.now_ms}")
            opened = thief.opens_v2(thief.account_keys(kept))
            assert 15 * DAY < world.now_ms - min(opened) <= (USUAL if device is person.devices[0] else WORST)
            assert max(opened) == world.now_ms  # the thief is in: what comes now is open


def thief_of(person: Person) -> Thief:
    return Thief(person.account.words(), [item.data for item in person.swarm.log], person.log)


@pytest.mark.timeout(900)
async def test_seven_weeks_are_closed_to_the_thief_but_for_the_last_ones(tmp_path: Path) -> None:
    world = World(seed=2)
    async with disks_of(world, tmp_path) as disks:
        await live(world, disks, 49)
        await check_theft(world, disks, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
async def test_a_year_is_closed_to_the_thief_but_for_the_last_weeks(tmp_path: Path) -> None:
    world, day = World(seed=1), 0
    async with disks_of(world, tmp_path) as disks:
        for theft in THEFTS:
            await live(world, disks, theft - day)
            day = theft
            await check_theft(world, disks, tmp_path)


def test_a_thief_who_also_has_a_deleted_device_key_opens_everything() -> None:
    """The log holds what the theft is measured by: only deleting closes it."""
    world = World(seed=3)
    early = world.people[0].devices[0].kept()
    for _ in range(40 * DAY // STEP):
        world.step()
    thief = thief_of(world.people[0])
    assert min(thief.opens_v2(thief.account_keys(early))) == START_MS + STEP


async def test_seeds_that_were_not_purged_are_found_in_the_log(tmp_path: Path) -> None:
    """What the search of the pages would find, if a client forgot to erase."""
    world = World(seed=4)
    async with disks_of(world, tmp_path) as disks:
        disk = disks[world.people[0].devices[0].name]
        for _ in range(20 * DAY // STEP):
            world.step()
            await disk.save()
        pages = decrypted(disk.directory, PASSPHRASE)
        assert any(seed in pages for seed in disk.ever - disk.device.seeds())
