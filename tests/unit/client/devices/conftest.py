"""Devices of one account over a swarm in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conversations.engines import Device, make_device
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.own_devices import first_device
from veery.runtime.clock import ManualClock


@pytest.fixture
async def laptop(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    """The device that has made the account."""
    device = await first_device(tmp_path, swarm, clock)
    yield device
    await device.client.close()


@pytest.fixture
async def phone(laptop: Device, tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    """A device on which it was restored, linked to none."""
    device = await make_device(tmp_path, swarm, clock, "alice", 1, 1)
    yield device
    await device.client.close()
