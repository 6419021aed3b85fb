"""How documents stand: what waits here, what came from elsewhere, and what nobody can tell."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.engines import Device, account_of, make_device, store_of
from tests.conversations.group_devices import exchange, group_of
from tests.conversations.memory_swarm import Fate, MemorySwarm, calm
from tests.conversations.syncing import sync
from veery.errors import NetworkError
from veery.runtime.clock import ManualClock

BOB = account_of(2).account_id.hex
CAROL = account_of(3).account_id.hex


@pytest.fixture
async def other(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    """Alice's other device."""
    device = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    yield device
    await device.client.close()


async def standing(device: Device, document: str, group: str | None = None) -> dict[str, Any]:
    status = await device.client.sync.status()
    rows = status["documents"] if group is None else status["groups"]
    (found,) = [each for each in rows if each["document"] == document and each.get("group") == group]
    return dict(found)


def named(changes: list[dict[str, Any]]) -> set[tuple[str | None, str]]:
    return {(each["subject"], each["field"]) for each in changes}


async def settle(device: Device) -> None:
    """Take in what was changed, without a network."""
    device.weather = lambda: Fate.LOST
    with pytest.raises(NetworkError):
        await device.client.sync.push()
    device.weather = calm


async def test_what_waits_here_is_named(alice: Device, other: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await sync(alice, other)
    assert (await standing(alice, "contacts"))["waiting"] == []
    alice.clock.move(5)
    await alice.client.conversations.set_nickname(BOB, "Bobby")
    await alice.client.conversations.pin(BOB)
    await alice.client.sending.send_text(CAROL, "hello")
    await settle(alice)
    found = await standing(alice, "contacts")
    assert named(found["waiting"]) == {(BOB, "nickname"), (BOB, "priority"), (CAROL, "added")}
    assert found["changes"] == 3
    assert found["pending"]
    await alice.restart()
    assert named((await standing(alice, "contacts"))["waiting"]) == named(found["waiting"])
    await alice.client.receiving.fetch()
    await alice.client.sync.push()
    assert (await standing(alice, "contacts"))["waiting"] == []


async def take_in(device: Device) -> None:
    """Bring the documents to what was changed, and hand nothing out."""
    client = device.client
    await store_of(client).run(lambda tables: client.documents.take_in(tables, client._core.times()))


async def test_what_is_taken_back_does_not_wait(alice: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await sync(alice)
    await alice.client.conversations.pin(BOB)
    await alice.client.conversations.set_nickname(BOB, "Bobby")
    await alice.client.sending.send_text(CAROL, "hello")
    await take_in(alice)
    assert named((await standing(alice, "contacts"))["waiting"]) == {
        (BOB, "nickname"),
        (BOB, "priority"),
        (CAROL, "added"),
    }
    await alice.client.conversations.set_nickname(BOB, "")
    await alice.client.conversations.forget(CAROL)
    await take_in(alice)
    assert named((await standing(alice, "contacts"))["waiting"]) == {(BOB, "priority")}


async def test_what_came_from_another_device_is_named_without_values(alice: Device, other: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await alice.client.sending.send_text(CAROL, "hello")
    await sync(alice, other)
    other.clock.move(5)
    await other.client.conversations.set_nickname(BOB, "a secret name")
    await other.client.profile.set_name("another secret")
    await sync(other, alice)
    found = (await standing(alice, "contacts"))["brought"]
    assert (BOB, "nickname") in named(found)
    assert {each["by"] for each in found} == {"another device"}
    assert (None, "name") in named((await standing(alice, "profile"))["brought"])
    assert "secret" not in json.dumps(await alice.client.sync.status())
    assert (await standing(other, "contacts"))["waiting"] == []


async def test_who_was_deleted_is_not_remembered(alice: Device, other: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await alice.client.sending.send_text(CAROL, "hello")
    await sync(alice, other)
    other.clock.move(5)
    await other.client.conversations.forget(BOB)
    await settle(other)
    assert (BOB, "removed") in named((await standing(other, "contacts"))["waiting"])
    await sync(other, alice)
    assert (None, "removed") in named((await standing(alice, "contacts"))["brought"])
    for device in (alice, other):
        assert BOB not in json.dumps(await device.client.sync.status())


async def test_a_merge_waits_without_a_change_of_this_device(alice: Device, other: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await sync(alice, other)
    await alice.client.sending.send_text(CAROL, "hello")
    await other.client.conversations.pin(BOB)
    for device in (alice, other):
        await device.client.sync.push()
    await alice.client.receiving.fetch()
    found = await standing(alice, "contacts")
    assert found["pending"]
    assert found["waiting"] == []
    assert (BOB, "priority") in named(found["brought"])


async def test_what_was_given_up_is_named(alice: Device, other: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await sync(alice, other)
    await other.client.conversations.set_nickname(BOB, "Bobby")
    await settle(other)
    for number in range(7):
        alice.clock.move(100)
        await alice.client.sending.send_text(account_of(30 + number).account_id.hex, "hello")
        await alice.client.receiving.fetch()
        await alice.client.sync.push()
    await other.client.receiving.fetch()
    found = await standing(other, "contacts")
    assert named(found["given_up"]) == {(BOB, "nickname")}
    assert found["changes_lost"]


async def test_the_documents_of_groups_stand_under_their_names(tmp_path: Path, alice: Device, bob: Device) -> None:
    group = await group_of(alice, bob)
    bob.clock.move(5)
    await alice.client.groups.rename(group, "Runners")
    await exchange(alice, bob)
    found = await standing(bob, "group_info", group)
    assert (found["group_name"], found["read_only"], found["pending"]) == ("Runners", True, False)
    assert (None, "name") in named(found["brought"])
    assert {each["by"] for each in found["brought"]} == {"an admin"}
    members = await standing(alice, "group_members", group)
    assert members["waiting"] == []
    alice.weather = lambda: Fate.LOST
    await alice.client.groups.describe(group, "on Sundays")
    assert named((await standing(alice, "group_info", group))["waiting"]) == {(None, "description")}
    alice.weather = calm
    await bob.client.groups.leave(group)
    assert (await bob.client.sync.status())["groups"] == []


async def test_a_great_change_is_bounded(alice: Device, other: Device) -> None:
    people = [account_of(number).account_id.hex for number in range(40, 160)]
    for each in people:
        await alice.client.sending.send_text(each, "hello")
    await sync(alice, other)
    found = (await standing(other, "contacts"))["brought"]
    assert len(found) == 100
    assert sum(each["number"] for each in found) == len(people)
