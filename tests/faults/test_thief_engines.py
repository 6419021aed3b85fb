"""The thief again, against real engines: what clients themselves keep, send, rotate and erase in some weeks.

One account has two devices, the other one. Whatever a client ever stored in a swarm is logged. Time is a number.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conversations.engines import Device, make_device
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.own_devices import first_device, link, sync
from tests.faults.thief_world import Logged, Thief
from tests.unit.store.raw_pages import decrypted
from veery.policy import device_group_kept
from veery.policy.device_group import DeviceGroup
from veery.protocol.constants import V2_PREFIX
from veery.protocol.storage_rpc import Namespace, Store
from veery.runtime.clock import ManualClock
from veery.store import database
from veery.store.devices import secrets_of
from veery.store.keys import KeyFile

HOUR, DAY_MS = 3_600, 86_400_000
STEP_H = 10
DAYS = 33
BOUND_MS = 28 * DAY_MS  # as for devices that are always online; they look every ten hours only


class World:
    """Engines, and what they have stored so far."""

    def __init__(self, clock: ManualClock, devices: list[Device]) -> None:
        self.clock, self.devices = clock, devices
        self.log: dict[tuple[bytes, int], list[Logged]] = {}
        self.ever: dict[str, set[bytes]] = {}
        self.taken = [0] * len(devices)

    async def step(self, number: int) -> None:
        """Ten hours pass; everybody looks, and both people write."""
        self.clock.move(STEP_H * HOUR)
        await sync(*self.devices)
        first, _, other = self.devices
        for sender, to in ((first, other), (other, first)):
            await sender.client.sending.send_text(to.id, f"number {number}")
        for device in self.devices:
            await device.client.pump.run_due()
        for device in self.devices:
            await device.client.receiving.fetch()
            self.ever.setdefault(device.profile.directory.name, set()).update(seeds_of(await state_of(device)))
        self.note()

    def note(self) -> None:
        """Log what was stored since."""
        for place, device in enumerate(self.devices):
            for request in device.road.requests[self.taken[place] :]:
                if isinstance(request, Store):
                    logged = Logged(request.data, b"", self.clock.now_ms())
                    self.log.setdefault((request.account, request.namespace), []).append(logged)
            self.taken[place] = len(device.road.requests)

    def thief(self, device: Device) -> Thief:
        """Whoever has the log and the words of a device's account."""
        raw = device.account.account_id.raw
        groups = [logged.v2 for logged in self.log[raw, int(Namespace.DEVICE_GROUP)]]
        return Thief(device.account.words(), groups, self.log[raw, int(Namespace.INBOX)])


async def state_of(device: Device) -> DeviceGroup:
    state = await device.read(lambda tables: tables.devices.group())
    assert state is not None
    return state


def seeds_of(state: DeviceGroup) -> set[bytes]:
    return {key.seed.reveal() for key in (*state.device_keys, *state.account_keys)}


async def stolen(device: Device, place: Path, ever: set[bytes]) -> bytes:
    """Copy the files of the running client; gives the state in the copy, after a search of every page."""
    directory = device.profile.directory
    key = KeyFile(directory.with_name(f"{directory.name}.key"))
    shutil.copytree(directory, place)
    pages, held = decrypted(place, key), seeds_of(await state_of(device))
    assert all(seed in pages for seed in held)
    assert ever - held
    assert not any(seed in pages for seed in ever - held)
    async with await database.Store.open(place, key) as store:
        state = await store.read(lambda tables: tables.devices.group())
    assert state is not None
    assert secrets_of(state) == secrets_of(await state_of(device))
    return device_group_kept.encode(state)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
async def test_weeks_of_real_clients_are_closed_to_the_thief(tmp_path: Path) -> None:
    clock = ManualClock()
    swarm = MemorySwarm(clock)
    first = await first_device(tmp_path, swarm, clock, 1)
    second = await make_device(tmp_path, swarm, clock, "alice", 1, 1)
    other = await make_device(tmp_path, swarm, clock, "bob", 2)
    world = World(clock, [first, second, other])
    try:
        await link(first, second)
        await sync(other, first, second, rounds=2)
        early = device_group_kept.encode(await state_of(first))
        for number in range(DAYS * 24 // STEP_H):
            await world.step(number)
        for device in world.devices:
            thief = world.thief(device)
            assert all(logged.v2.startswith(V2_PREFIX) for logged in thief.log)
            assert not thief.opens_v2([])
            ever = world.ever[device.profile.directory.name]
            kept = await stolen(device, tmp_path / f"stolen {device.profile.directory.name}", ever)
            opened = thief.opens_v2(thief.account_keys(kept))
            assert 15 * DAY_MS < clock.now_ms() - min(opened) <= BOUND_MS
            assert max(opened) == clock.now_ms()
        thief = world.thief(first)
        everything = [logged.stored_ms for logged in thief.log]
        assert thief.opens_v2(thief.account_keys(early))[0] == everything[0]
    finally:
        for device in world.devices:
            await device.client.close()
