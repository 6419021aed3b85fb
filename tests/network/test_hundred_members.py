"""A group of 100 members over real nodes, as the benchmark plays it: its checks hold, and nobody asks too much.

Every engine is in this process, so the seconds are those of one machine that does everybody's work.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.groups import Report, life, people

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.timeout(400)]

MEMBERS = 100
NODES = 7


async def test_a_hundred_speak_ten_are_removed_and_read_nothing_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        async with people(tmp_path, NODES, MEMBERS) as members:
            report = await life(members)
    check_costs(report)


def check_costs(report: Report) -> None:
    """What a device asks of the network at each step, within what the protocol needs."""
    made = report.steps["made, 99 invited"]
    assert made.admin.calls <= 2 * 99 + 5  # keys of each, the invitation of each, two pushes
    assert report.steps["everybody speaks once"].member.calls == 1
    reading = report.steps["everybody reads all"].member
    assert reading.calls <= 4
    assert reading.received < 400_000  # 100 messages of 1 kB, and the documents
    removal = report.steps["10 removed, keys rotated"].admin
    assert removal.calls <= 4
    assert removal.sent < 60_000  # two entries of 75 keys, Info and Members
    assert report.steps["everybody polls again"].member.calls <= 4
