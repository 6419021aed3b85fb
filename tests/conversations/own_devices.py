"""Devices of one account over the swarm in memory: real engines, with what their users do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conversations.engines import Device, make_device
from tests.conversations.memory_swarm import MemorySwarm
from veery.protocol.devices import GroupId
from veery.protocol.storage_rpc import Namespace
from veery.runtime.clock import ManualClock


async def first_device(directory: Path, swarm: MemorySwarm, clock: ManualClock, number: int = 1) -> Device:
    """The device that has made account `number`, which has pushed its group and published its keys."""
    device = await make_device(directory, swarm, clock, "alice", number)
    await sync(device)
    return device


async def sync(*devices: Device, rounds: int = 1) -> None:
    """Fetch and do what is due, one after the other."""
    for _ in range(rounds):
        for device in devices:
            await device.client.devices.sync()


async def view(device: Device) -> Any:
    """What `veery device list` would show."""
    return (await device.client.devices.view()).fields


async def ask(device: Device) -> Any:
    """Ask to join the only group that is to be seen; gives the request as the user sees it."""
    await sync(device)
    (group,) = (await view(device))["groups"]
    await device.client.devices.link(GroupId(bytes.fromhex(group["id"])))
    return (await view(device))["own_request"]


async def link(member: Device, newcomer: Device, *, approved_first: bool = False) -> None:
    """Bring a device into the group of a member, as two careful users do, in either order."""
    asked = await ask(newcomer)
    await sync(member)
    (prompt,) = (await view(member))["requests"]
    assert prompt["emoji"] == asked["emoji"]
    if approved_first:
        await member.client.devices.approve(prompt["id"])
        await sync(member, newcomer, rounds=2)
        await newcomer.client.devices.confirm()
    else:
        await newcomer.client.devices.confirm()
        await member.client.devices.approve(prompt["id"])
    await sync(member, newcomer, rounds=2)


def stored(swarm: MemorySwarm, device: Device, namespace: Namespace) -> list[bytes]:
    """What the first member of the swarm holds."""
    held = swarm.members[0].stored.get((device.account.account_id.raw, int(namespace)), {})
    return [message.data for message in held.values()]


async def told(device: Device) -> list[str]:
    """What the device's user was told of devices."""
    return [event["change"] for event in await device.events() if event["event"] == "device"]
