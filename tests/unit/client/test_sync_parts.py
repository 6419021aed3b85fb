"""Documents that are stored in parts: pushed, fetched late or in any order, tampered with, and deleted (07.8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.engines import Device, make_device
from tests.conversations.many_contacts import befriend, ids
from tests.conversations.memory_swarm import Fate, MemorySwarm, calm
from tests.conversations.syncing import pushes, sync
from veery.errors import NetworkError
from veery.protocol.config import CONTACTS, storage_form
from veery.protocol.config.storage_form import PART
from veery.protocol.constants import DAY_MS, SECOND_MS
from veery.runtime.clock import ManualClock
from veery.store.tables import Tables

PEOPLE = ids(1_500)
NAMESPACE = 3


@pytest.fixture
async def other(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    """Alice's other device."""
    device = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    yield device
    await device.client.close()


def held(swarm: MemorySwarm, device: Device) -> dict[str, bytes]:
    """What the swarm holds of Contacts, by storage hash; every member holds the same."""
    place = (device.account.account_id.raw, NAMESPACE)
    first, *rest = (
        {name: each.data for name, each in member.stored.get(place, {}).items()} for member in swarm.members
    )
    assert all(each == first for each in rest)
    return first


def take_away(swarm: MemorySwarm, device: Device, names: list[str]) -> None:
    for member in swarm.members:
        for name in names:
            del member.stored[device.account.account_id.raw, NAMESPACE][name]


async def known(device: Device) -> set[str]:
    return await device.read(lambda tables: {each.id for each in tables.conversations.all()} & set(PEOPLE))


async def contacts(device: Device) -> dict[str, Any]:
    (found,) = [each for each in (await device.client.sync.status())["documents"] if each["document"] == "contacts"]
    return dict(found)


async def pushed(alice: Device) -> dict[str, bytes]:
    await befriend(alice.client, PEOPLE)
    await alice.client.sync.push()
    parts = held(alice.swarm, alice)
    assert len(parts) >= 3
    return parts


async def test_a_document_in_parts_is_pushed_and_merged(alice: Device, other: Device) -> None:
    await pushed(alice)
    await other.client.receiving.fetch()
    assert await known(other) == set(PEOPLE)
    await sync(alice, other)
    assert (pushes(other), (await contacts(other))["incomplete"]) == (0, 0)
    assert (await contacts(other))["copies"] == len(held(alice.swarm, alice))


async def test_the_old_parts_are_deleted_when_the_new_ones_are_stored(alice: Device, other: Device) -> None:
    before = await pushed(alice)
    await other.client.receiving.fetch()
    alice.clock.move(10)
    await other.client.conversations.set_nickname(PEOPLE[0], "changed")
    await sync(other, alice)
    now = held(alice.swarm, alice)
    assert not now.keys() & before.keys()
    assert len(now) == (await contacts(alice))["copies"] == (await contacts(other))["copies"]
    assert await known(alice) == set(PEOPLE)
    names = await alice.read(lambda tables: {each.id: each.nickname for each in tables.conversations.all()})
    assert names[PEOPLE[0]] == "changed"


async def test_a_push_that_is_cut_off_leaves_the_old_document(alice: Device, other: Device) -> None:
    before = await pushed(alice)
    await other.client.receiving.fetch()
    alice.clock.move(10)
    await alice.client.conversations.set_nickname(PEOPLE[0], "changed")
    alice.weather = lambda: Fate.LOST
    with pytest.raises(NetworkError):
        await alice.client.sync.push()
    assert held(alice.swarm, alice) == before
    alice.weather = calm
    await alice.restart()
    await sync(alice, other)
    names = await other.read(lambda tables: {each.id: each.nickname for each in tables.conversations.all()})
    assert names[PEOPLE[0]] == "changed"


async def test_a_part_that_comes_late_completes_the_document(alice: Device, other: Device, swarm: MemorySwarm) -> None:
    parts = await pushed(alice)
    missing = sorted(parts)[1]
    take_away(swarm, alice, [missing])
    await other.client.receiving.fetch()
    assert await known(other) == set()
    assert (await contacts(other))["incomplete"] == len(parts) - 1
    await other.restart()
    other.clock.move(3 * DAY_MS / SECOND_MS)
    swarm.put(alice.account.account_id.raw, parts[missing], namespace=NAMESPACE)
    await other.client.receiving.fetch()
    assert await known(other) == set(PEOPLE)
    assert (await contacts(other))["incomplete"] == 0


async def test_a_device_that_has_the_document_brings_back_a_lost_part(
    alice: Device, other: Device, swarm: MemorySwarm
) -> None:
    parts = await pushed(alice)
    take_away(swarm, alice, [sorted(parts)[0]])
    assert await alice.client.sync.renew() == ("contacts",)
    await alice.client.receiving.fetch()
    await alice.client.sync.push()
    assert held(swarm, alice) == parts
    await other.client.receiving.fetch()
    assert await known(other) == set(PEOPLE)


async def test_parts_are_taken_in_any_order(alice: Device, other: Device, swarm: MemorySwarm) -> None:
    parts = await pushed(alice)
    take_away(swarm, alice, list(parts))
    for name in sorted(parts, reverse=True):
        other.clock.move(1)
        swarm.put(alice.account.account_id.raw, parts[name], namespace=NAMESPACE)
        await other.client.receiving.fetch()
    assert await known(other) == set(PEOPLE)


async def test_parts_that_were_tampered_with_are_set_aside(alice: Device, other: Device, swarm: MemorySwarm) -> None:
    parts = await pushed(alice)
    changed = sorted(parts)[-1]
    take_away(swarm, alice, [changed])
    flipped = bytearray(parts[changed])
    flipped[100] ^= 1
    broken = swarm.put(alice.account.account_id.raw, bytes(flipped), namespace=NAMESPACE)
    sealed_again = swarm.put(alice.account.account_id.raw, forged(alice, parts[changed]), namespace=NAMESPACE)
    await other.client.receiving.fetch()
    assert await known(other) == set()
    found = await contacts(other)
    assert found["set_aside"] == {"config.refused.decrypt": 1, "config.part.hash": 1}
    assert found["merged"] is None
    assert {broken, sealed_again} <= held(swarm, alice).keys()
    swarm.put(alice.account.account_id.raw, parts[changed], namespace=NAMESPACE)
    await other.client.receiving.fetch()
    assert await known(other) == set(PEOPLE)


def forged(device: Device, stored: bytes) -> bytes:
    """The part with another chunk, sealed by somebody who has the seed."""
    seed = device.account.seed32
    payload = bytearray(storage_form.decrypt(stored, [seed], CONTACTS.domain))
    assert payload.startswith(PART)
    payload[len(payload) // 2] ^= 1
    return storage_form.encrypt(bytes(payload), seed, CONTACTS.domain)


async def test_a_set_that_stays_incomplete_is_given_up(alice: Device, other: Device, swarm: MemorySwarm) -> None:
    parts = await pushed(alice)
    take_away(swarm, alice, [sorted(parts)[0]])
    await other.client.receiving.fetch()
    assert (await contacts(other))["incomplete"]
    other.clock.move(8 * DAY_MS / SECOND_MS)
    await other.client.sending.send_text(PEOPLE[0], "hello")
    await sync(other, alice)
    assert await known(other) == set(PEOPLE)  # the other device has it whole, and merges

    def incomplete(tables: Tables) -> frozenset[str]:
        document = other.client.documents.documents.document(tables, CONTACTS)
        return document.active_hashes - document.current_hashes

    assert await other.read(incomplete) == frozenset()
