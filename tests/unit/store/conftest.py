"""The tables of an empty store, in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.store.samples import memory
from veery.store.tables import Tables


@pytest.fixture
def tables() -> Tables:
    return Tables(memory(), Path("nowhere"))
