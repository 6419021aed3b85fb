"""Names: three nodes that agree, and every way in which they do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.engines import make_device
from tests.conversations.memory_swarm import MemorySwarm
from tests.unit.protocol.test_names import OTHER, USER, answer
from veery.client.naming import Naming
from veery.protocol.names import NameNotRecognised, NameSearchFailed
from veery.protocol.storage_rpc.requests import OxendRequest, Simple
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.clock import ManualClock

Said = tuple[int, Mapping[str, Any]] | None
NOBODY: Said = (200, {"result": {}})
ALICE: Said = (200, answer())


async def naming(tmp_path: Path, *said: Said) -> Naming:
    clock = ManualClock()
    device = await make_device(tmp_path, MemorySwarm(clock), clock, "me", 1)
    answers = iter(said)

    def says(node: ServiceNode, request: Simple) -> Said:
        assert isinstance(request, OxendRequest)
        assert request.endpoint == "ons_resolve"
        return next(answers)

    device.road.nodes_say = says
    return device.client.naming


async def test_three_nodes_that_agree_are_believed(tmp_path: Path) -> None:
    found = await (await naming(tmp_path, ALICE, ALICE, ALICE)).resolve(" Alice ")
    assert (found.name, found.account) == ("alice", USER)
    assert len(found.account.fingerprint) == 19
    assert found.account.fingerprint != OTHER.fingerprint


@pytest.mark.parametrize(
    "said",
    [
        (ALICE, ALICE, (200, answer(OTHER.raw))),
        (ALICE, ALICE, NOBODY),
        (ALICE, ALICE, None),
        (ALICE, ALICE, (500, {})),
        (ALICE, ALICE, (200, {"result": {"encrypted_value": "00"}})),
        (None, None, None),
    ],
)
async def test_anything_less_is_no_answer(tmp_path: Path, said: tuple[Said, ...]) -> None:
    with pytest.raises(NameSearchFailed):
        await (await naming(tmp_path, *said)).resolve("alice")


async def test_names_that_nobody_has(tmp_path: Path) -> None:
    with pytest.raises(NameNotRecognised):
        await (await naming(tmp_path, NOBODY, NOBODY, NOBODY)).resolve("alice")
    with pytest.raises(NameNotRecognised):
        await (await naming(tmp_path / "x")).resolve("not a name")
