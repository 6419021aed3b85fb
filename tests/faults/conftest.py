"""Fixtures of fault tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.memory_swarm import Swarm
from tests.unit.fileserver.storages import storage, storage_servers

__all__ = ["storage", "storage_servers", "swarm"]


@pytest.fixture
async def swarm(tmp_path: Path) -> AsyncIterator[Swarm]:
    made = Swarm(tmp_path)
    yield made
    for number in made.up:
        await made.members[number].kill()
