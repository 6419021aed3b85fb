from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.harness import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path)
