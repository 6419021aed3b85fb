from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.harness import Home
from tests.cli.people import Lab
from tests.unit.fileserver.storages import storage, storage_servers

__all__ = ["home", "storage", "storage_servers"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab for all tests of this file."""
    running = Lab(Home(tmp_path_factory.mktemp("lab")))
    try:
        yield running
    finally:
        assert running.close() == 0
