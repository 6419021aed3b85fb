"""Fixtures of conversations: a clock that the test moves, a swarm in memory that goes by it, and people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conversations.engines import Device, make_device
from tests.conversations.group_devices import people
from tests.conversations.memory_swarm import MemorySwarm
from veery.runtime.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def swarm(clock: ManualClock) -> MemorySwarm:
    return MemorySwarm(clock)


@pytest.fixture
async def three(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[list[Device]]:
    found = await people(tmp_path, swarm, clock, 3)
    yield found
    for each in found:
        await each.client.close()


@pytest.fixture
async def alice(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    device = await make_device(tmp_path, swarm, clock, "alice", 1)
    yield device
    await device.client.close()


@pytest.fixture
async def bob(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    device = await make_device(tmp_path, swarm, clock, "bob", 2)
    yield device
    await device.client.close()
