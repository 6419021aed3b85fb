from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.harness import Home
from tests.unit.fileserver.storages import storage, storage_servers

__all__ = ["home", "storage", "storage_servers"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path)
