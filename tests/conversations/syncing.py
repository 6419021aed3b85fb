"""Devices of one account that synchronise over a swarm in memory."""

from __future__ import annotations

from tests.conversations.engines import Device


async def sync(*devices: Device, rounds: int = 3) -> None:
    """Let everybody push and fetch, until all know what all have changed."""
    for _ in range(rounds):
        for device in devices:
            await device.client.receiving.fetch()
        for device in devices:
            await device.client.sync.push()
    for device in devices:
        await device.client.receiving.fetch()


def pushes(device: Device) -> int:
    """How many pushes of documents this engine has sent."""
    return sum("store" in methods for methods in device.road.calls)
