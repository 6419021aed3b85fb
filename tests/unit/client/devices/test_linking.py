"""Linking, removing and leaving: real engines over a swarm in memory (06.7, 06.8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conversations.engines import NETWORK, Device, make_device
from tests.conversations.memory_swarm import Fate, MemorySwarm
from tests.conversations.own_devices import ask, link, stored, sync, told, view
from veery.client.profile import Profile
from veery.errors import NotFound
from veery.protocol.devices import account_record
from veery.protocol.storage_rpc import Namespace
from veery.runtime.clock import ManualClock
from veery.store.database import NewProfile, Store
from veery.store.keys import KeyFile


async def test_a_new_account_pushes_its_group_and_publishes_its_keys(laptop: Device, swarm: MemorySwarm) -> None:
    shown = await view(laptop)
    assert shown["membership"] == "in_group"
    assert [each["name"] for each in shown["devices"]] == ["alice's device 0"]
    (raw,) = stored(swarm, laptop, Namespace.ACCOUNT_RECORD)
    record = account_record.open(raw, laptop.account.account_id.raw)
    assert record.keys is not None
    assert record.keys.x25519.hex().startswith(shown["keys"]["active"])
    assert len(stored(swarm, laptop, Namespace.DEVICE_GROUP)) == 1
    assert shown["publishing"]["published"]


async def test_a_restored_device_joins_nothing_and_publishes_nothing(
    laptop: Device, phone: Device, swarm: MemorySwarm
) -> None:
    before = stored(swarm, laptop, Namespace.ACCOUNT_RECORD)
    await sync(phone, laptop, rounds=3)
    shown = await view(phone)
    assert shown["membership"] == "groups_visible"
    (group,) = shown["groups"]
    assert group["emoji"] == (await view(laptop))["group"]["emoji"]
    assert len(group["emoji"].split()) == 4
    assert shown["keys"] == {"active": None, "created_at": None, "held": 0}
    assert not shown["publishing"]["allowed"]
    assert stored(swarm, laptop, Namespace.ACCOUNT_RECORD) == before


async def test_both_show_the_same_seven_emoji_and_end_with_one_key_and_one_list(laptop: Device, phone: Device) -> None:
    await link(laptop, phone)
    first, second = await view(laptop), await view(phone)
    assert second["membership"] == "in_group"
    assert first["keys"]["active"] == second["keys"]["active"] is not None
    assert {each["id"] for each in first["devices"]} == {each["id"] for each in second["devices"]}
    assert len(first["devices"]) == 2
    assert await told(laptop) == ["requested", "linked"]
    assert await told(phone) == ["joined"]


async def test_without_confirmation_on_the_new_device_it_does_not_join(laptop: Device, phone: Device) -> None:
    await ask(phone)
    await sync(laptop)
    (prompt,) = (await view(laptop))["requests"]
    await laptop.client.devices.approve(prompt["id"])
    await sync(laptop, phone, rounds=2)
    shown = await view(phone)
    assert shown["membership"] == "waiting"
    assert shown["own_request"]["admitted"]
    assert await told(phone) == ["admitted"]
    await phone.client.devices.confirm()
    assert (await view(phone))["membership"] == "in_group"


async def test_every_joining_device_is_announced_on_all_others(
    laptop: Device, phone: Device, tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    await link(laptop, phone)
    tablet = await make_device(tmp_path, swarm, clock, "alice", 1, 2)
    await link(laptop, tablet)
    await sync(phone)
    assert (await told(phone))[-1] == "linked"
    event = next(each for each in reversed(await phone.events()) if each["event"] == "device")
    assert event["name"] == "alice's device 2"
    assert "veery device remove" in event["text"]
    await tablet.client.close()


async def test_a_removal_rotates_at_once_and_the_removed_device_learns_of_it(
    laptop: Device, phone: Device, swarm: MemorySwarm
) -> None:
    await link(laptop, phone)
    before = (await view(laptop))["keys"]["active"]
    removed = (await view(phone))["device"]
    await laptop.client.devices.remove(removed[:8])
    after = (await view(laptop))["keys"]["active"]
    assert after != before
    await sync(laptop)
    (raw,) = stored(swarm, laptop, Namespace.ACCOUNT_RECORD)
    record = account_record.open(raw, laptop.account.account_id.raw)
    assert record.keys is not None and record.keys.x25519.hex().startswith(after)
    await sync(phone)
    assert (await view(phone))["membership"] == "removed"
    assert (await told(phone))[-1] == "removed_here"
    assert (await view(phone))["keys"]["active"] == before
    assert len((await view(laptop))["devices"]) == 1


async def test_a_removed_device_can_ask_again_as_a_new_one(laptop: Device, phone: Device) -> None:
    await link(laptop, phone)
    old = (await view(phone))["device"]
    await laptop.client.devices.remove(old)
    await sync(laptop, phone)
    await link(laptop, phone)
    shown = await view(phone)
    assert shown["membership"] == "in_group"
    assert shown["device"] != old


async def test_who_leaves_is_gone_from_the_list_and_keys_rotate(laptop: Device, phone: Device) -> None:
    await link(laptop, phone)
    before = (await view(laptop))["keys"]["active"]
    await phone.client.devices.leave()
    await sync(laptop)
    shown = await view(laptop)
    assert len(shown["devices"]) == 1
    assert shown["keys"]["active"] != before
    assert (await told(laptop))[-1] == "left"
    assert (await view(phone))["membership"] == "groups_visible"


async def test_whoever_looks_sees_a_request_that_has_just_come(laptop: Device, phone: Device) -> None:
    await sync(laptop)
    await ask(phone)
    assert (await laptop.client.devices.view()).fields["requests"] == []
    (prompt,) = (await laptop.client.devices.view(fetch=True)).fields["requests"]
    assert prompt["emoji"]


async def test_whoever_looks_is_answered_though_the_swarm_keeps_silent(laptop: Device) -> None:
    await sync(laptop)
    laptop.weather = lambda: Fate.LOST
    assert (await laptop.client.devices.view(fetch=True)).fields["membership"] == "in_group"


async def test_an_ignored_request_is_not_shown_again(laptop: Device, phone: Device) -> None:
    await ask(phone)
    await sync(laptop)
    (prompt,) = (await view(laptop))["requests"]
    await laptop.client.devices.ignore(prompt["id"])
    await sync(laptop)
    assert (await view(laptop))["requests"] == []
    with pytest.raises(NotFound):
        await laptop.client.devices.approve(prompt["id"])


async def test_a_new_name_reaches_the_others(laptop: Device, phone: Device) -> None:
    await link(laptop, phone)
    await phone.client.devices.rename("the phone")
    await sync(phone, laptop)
    assert "the phone" in {each["name"] for each in (await view(laptop))["devices"]}


async def test_everything_survives_a_restart(laptop: Device, phone: Device) -> None:
    await link(laptop, phone)
    before = await view(phone)
    await phone.restart()
    await sync(phone)
    assert await view(phone) == before


async def test_a_profile_of_an_older_build_or_of_a_backup_becomes_a_device_that_is_linked_to_none(
    laptop: Device, tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    place, key = tmp_path / "old", KeyFile(tmp_path / "old.key")
    old = NewProfile(laptop.account, "alice", 1, NETWORK)
    await (await Store.create(place, key, old, clock.now_ms())).close()
    device = Device("alice", laptop.account, Profile(place, key), swarm, clock, seed=77)
    await device.open()
    await sync(device)
    assert (await view(device))["membership"] == "groups_visible"
    await link(laptop, device)
    assert (await view(device))["membership"] == "in_group"
    await device.client.close()
