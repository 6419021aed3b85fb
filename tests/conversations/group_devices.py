"""People of a group over a swarm in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conversations.engines import Device, make_device
from tests.conversations.memory_swarm import MemorySwarm
from veery.runtime.clock import ManualClock


async def people(directory: Path, swarm: MemorySwarm, clock: ManualClock, count: int) -> list[Device]:
    """So many persons with one device each, open."""
    return [await make_device(directory, swarm, clock, f"person{number}", number) for number in range(1, count + 1)]


async def exchange(*devices: Device, rounds: int = 2) -> None:
    """Bring everything that waits to the swarms, and from there to everybody, groups too."""
    for _ in range(rounds):
        for device in devices:
            await device.clock.advance(1)
            await device.client.pump.run_due()
        for device in devices:
            await device.clock.advance(1)
            await device.client.receiving.fetch()
            await device.client.groups.fetch()


async def group_of(*devices: Device, name: str = "Walkers") -> str:
    """A group that the first has made and all others have joined; gives its id."""
    admin, *others = devices
    group = await admin.client.groups.create(name, [each.id for each in others])
    await exchange(*devices, rounds=1)
    for each in others:
        await each.client.groups.accept(group)
    await exchange(*devices)
    return group


async def statuses(device: Device, group: str) -> dict[str, str]:
    """What a device shows of each member, by Account ID."""
    shown: Any = await device.client.groups.show(group)
    return {each["id"]: each["status"] for each in shown["list"]}


async def said(device: Device, group: str) -> list[str]:
    """The texts of a group as a device has them, without notices."""
    return [each.body for each in await device.messages(group) if each.kind == "text"]
