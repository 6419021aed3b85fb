"""Fixtures of network tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.network.labs import ROADS, Lab, Road, lab_of
from tests.unit.fileserver.storages import storage, storage_servers

__all__ = ["lab", "road", "storage", "storage_servers"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A lab for all tests of a module, in the loop of the module: 14 nodes are two swarms of seven (05.3)."""
    async with lab_of(Path(tmp_path_factory.mktemp("rpc")), 14) as running:
        assert len(running.swarms) == 2
        yield running


@pytest.fixture(params=[*ROADS])
def road(request: pytest.FixtureRequest) -> Road:
    """Each road in turn."""
    return ROADS[request.param]
