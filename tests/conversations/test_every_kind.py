"""Every kind of message both ways between two engines over a swarm in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conversations.engines import make_device
from tests.conversations.kinds import PARTS, Pair, check_all, get_acquainted
from tests.conversations.memory_swarm import MemorySwarm
from veery.runtime.clock import ManualClock


@pytest.fixture(params=[(False, False), (True, True), (True, False)], ids=["v1", "v2", "v2 and v1"])
async def pair(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """publishes: which of the two has published keys, so that it is written to at v2."""
    clock = ManualClock()
    swarm = MemorySwarm(clock)
    made = Pair(
        clock,
        await make_device(tmp_path, swarm, clock, "alice", 1),
        await make_device(tmp_path, swarm, clock, "bob", 2),
    )
    for device, publishes in zip((made.one, made.other), request.param, strict=True):
        if publishes:
            await device.client.devices.sync()
    await get_acquainted(made)
    yield made
    for device in (made.one, made.other):
        await device.client.close()


async def test_every_kind_both_ways(pair: Pair, request: pytest.FixtureRequest) -> None:
    for direction in (pair, pair.turned()):
        for part in PARTS:
            await part(direction)
    await check_all(pair, request.node.callspec.params["pair"])
