"""How many processes serve HTTPS when nobody says."""

from __future__ import annotations

import pytest

from veery.node.settings import automatic_workers


@pytest.mark.parametrize(("cores", "workers"), [(1, 0), (2, 0), (3, 2), (4, 3), (64, 63), (256, 64)])
def test_small_machines_get_none_and_others_leave_one_core(cores: int, workers: int) -> None:
    assert automatic_workers(cores) == workers
