"""Groups of several engines over a swarm in memory: made, joined, changed, left and ended (08)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conversations.engines import Device
from tests.conversations.group_devices import exchange, group_of, people, said, statuses
from tests.conversations.memory_swarm import MemorySwarm
from veery.runtime.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def swarm(clock: ManualClock) -> MemorySwarm:
    return MemorySwarm(clock)


@pytest.fixture
async def three(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[list[Device]]:
    found = await people(tmp_path, swarm, clock, 3)
    yield found
    for each in found:
        await each.client.close()


async def test_a_group_is_made_joined_and_talks(three: list[Device]) -> None:
    alice, bob, carol = three
    group = await alice.client.groups.create("Walkers", [bob.id, carol.id])
    assert (await statuses(alice, group))[bob.id] == "invite_sent"
    await exchange(bob, carol, rounds=1)
    (offered,) = await bob.client.groups.list()
    assert (offered["name"], offered["state"], offered["invited_by"]) == ("Walkers", "invited", alice.id)
    for each in (bob, carol):
        await each.client.groups.accept(group)
    await exchange(*three)
    assert set((await statuses(alice, group)).values()) == {"promotion_accepted", "invite_accepted"}
    assert await statuses(bob, group) == await statuses(alice, group)
    for each in three:
        await each.client.sending.send_text(group, f"from {each.name}")
    await exchange(*three)
    for each in three:
        assert sorted(await said(each, group)) == sorted(f"from {other.name}" for other in three)
    (listed,) = [each for each in await bob.client.conversations.list() if each.id == group]
    assert (listed.kind, listed.title) == ("group", "Walkers")
