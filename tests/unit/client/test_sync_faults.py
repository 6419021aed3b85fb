"""Synchronisation when things go wrong: kills, lost answers, hostile documents, a swarm that forgets, long absences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.engines import NETWORK, Device, account_of, make_device, store_of
from tests.conversations.memory_swarm import Fate, Killed, MemorySwarm, calm
from tests.conversations.syncing import pushes, sync
from tests.unit.client.mail import sealed
from veery.client.client import Client
from veery.client.profile import restore
from veery.errors import NetworkError
from veery.protocol.config import CONTACTS, USER_PROFILE, AccountSealer, storage_form
from veery.protocol.config.compression import deflate
from veery.protocol.constants import DAY_MS, MINUTE_MS, SECOND_MS
from veery.protocol.content import DataMessage
from veery.runtime.clock import ManualClock
from veery.store.keys import KeyFile
from veery.store.tables import Tables

DAY_S = DAY_MS / SECOND_MS
BOB = account_of(2).account_id.hex


@pytest.fixture
async def other(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    """Alice's other device."""
    device = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    yield device
    await device.client.close()


def held(device: Device, namespace: int | None = None) -> set[str]:
    """Storage hashes of documents in the swarm."""
    wanted = range(2, 6) if namespace is None else (namespace,)
    own = device.account.account_id.raw
    return {name for member in device.swarm.members for each in wanted for name in member.hashes(own, each)}


async def told(device: Device, change: str) -> list[dict[str, Any]]:
    return [each for each in await device.events() if each["event"] == "sync" and each["change"] == change]


@pytest.mark.parametrize("writes", range(1, 9))
async def test_a_kill_at_any_write_of_a_push_loses_nothing(alice: Device, other: Device, writes: int) -> None:
    await sync(alice, other)
    alice.clock.move(5)
    await alice.client.profile.set_name("changed")
    await alice.kill_during(lambda client: client.sync.push(), writes)
    await sync(alice, other)
    assert (await other.client.profile.get()).name == "changed"
    assert len(held(alice, USER_PROFILE.namespace)) == 1


@pytest.mark.parametrize("fate", [Fate.ANSWER_LOST, Fate.KILLED_AFTER, Fate.KILLED_BEFORE, Fate.LOST])
async def test_a_repeated_push_has_the_same_bytes(alice: Device, fate: Fate) -> None:
    alice.weather = lambda: fate
    with pytest.raises((NetworkError, Killed)):
        await alice.client.sync.push()
    first = held(alice)
    alice.weather = calm
    await alice.restart()
    await alice.client.receiving.fetch()
    await alice.client.sync.push()
    assert held(alice) == first or not first
    assert len(held(alice, USER_PROFILE.namespace)) == 1


async def test_obsolete_documents_go_when_their_successor_is_stored(alice: Device) -> None:
    await alice.client.sync.push()
    (first,) = held(alice, USER_PROFILE.namespace)
    alice.clock.move(5)
    await alice.client.profile.set_name("another")
    alice.weather = lambda: Fate.LOST
    with pytest.raises(NetworkError):
        await alice.client.sync.push()
    assert held(alice, USER_PROFILE.namespace) == {first}
    alice.weather = calm
    await alice.restart()
    await alice.client.receiving.fetch()
    await alice.client.sync.push()
    assert first not in held(alice)
    assert len(held(alice, USER_PROFILE.namespace)) == 1


def hostile(device: Device) -> dict[str, bytes]:
    """Documents that only a holder of the seed can make, and none can be merged."""
    seed = device.account.seed32

    def stored(payload: bytes) -> bytes:
        padded = payload.rjust(storage_form.padded_size(len(payload)), b"\0")
        return storage_form.encrypt(padded, seed, CONTACTS.domain)

    return {
        "config.refused.decrypt": b"no document at all",
        "config.zstd": stored(b"z" + deflate(bytes(40_000_000))),
        "config.form": stored(b"x is no message"),
        "config.bt": stored(b"d1:#i1e1:&" + b"d1:x" * 60 + b"i1e" + b"e" * 60 + b"1:<le1:=dee"),
        "config.set": stored(b"d1:#i1e1:&d1:xli2ei1eee1:<le1:=dee"),
    }


async def test_hostile_documents_are_set_aside(alice: Device, other: Device) -> None:
    names = {}
    for reason, data in hostile(other).items():
        names[reason] = other.swarm.put(other.account.account_id.raw, data, namespace=3)
    await alice.client.sending.send_text(BOB, "hello")
    await sync(alice, other)
    assert await other.read(lambda tables: tables.conversations.get(BOB)) is not None
    kept = await other.read(lambda tables: {each.item.hash: each.reason for each in tables.inbox.kept(20)})
    assert kept == {name: reason for reason, name in names.items()}
    assert held(other, 3) >= set(names.values())  # they may be of a later version
    (contacts,) = [each for each in (await other.client.sync.status())["documents"] if each["document"] == "contacts"]
    assert contacts["set_aside"] == dict.fromkeys(names, 1)


async def test_what_the_swarm_has_forgotten_is_stored_again(alice: Device) -> None:
    await alice.client.sync.push()
    before = held(alice)
    for member in alice.swarm.members:
        member.stored.clear()
    assert await alice.client.sync.renew() == ("profile",)
    await alice.client.sync.push()
    assert held(alice) == before
    (event,) = await told(alice, "forgotten")
    assert event["documents"] == ["profile"]
    (profile,) = [each for each in (await alice.client.sync.status())["documents"] if each["document"] == "profile"]
    assert profile["forgotten"] == alice.clock.now_ms()


async def test_what_another_device_has_replaced_is_not_forgotten(alice: Device, other: Device) -> None:
    await sync(alice, other)
    other.clock.move(5)
    await other.client.profile.set_name("replaced")
    await other.client.sync.push()
    before = held(alice)
    assert await alice.client.sync.renew() == ()
    assert not await told(alice, "forgotten")
    await alice.client.sync.push()
    assert held(alice) == before
    assert (await alice.client.profile.get()).name == "replaced"


async def test_one_member_that_has_lost_a_document_is_no_loss(alice: Device) -> None:
    await alice.client.sync.push()
    alice.swarm.members[0].stored.clear()
    assert await alice.client.sync.renew() == ()


async def test_an_old_device_that_returns_agrees_and_keeps_whom_it_met(alice: Device, other: Device) -> None:
    await sync(alice, other)
    await other.client.sending.send_text(BOB, "met while the other device was away")
    other.weather = lambda: Fate.LOST
    with pytest.raises(NetworkError):
        await other.client.sync.push()
    for number in range(8):
        alice.clock.move(DAY_S)
        carol = account_of(30 + number).account_id.hex
        await alice.client.sending.send_text(carol, "hello")
        await alice.client.receiving.fetch()
        await alice.client.sync.push()
    other.weather = calm
    other.clock.move(60 * DAY_S)
    await sync(alice, other)
    assert await told(other, "changes_lost")
    assert await alice.read(lambda tables: tables.conversations.get(BOB)) is not None
    found = await other.read(lambda tables: {each.id for each in tables.conversations.all(hidden=True)})
    assert found == await alice.read(lambda tables: {each.id for each in tables.conversations.all(hidden=True)})
    assert len(found) == 9


async def test_an_old_message_of_a_deleted_contact_stays_away(alice: Device, other: Device) -> None:
    sender = account_of(2)
    sent_ms = alice.clock.now_ms()
    await alice.client.sending.send_text(BOB, "hello")
    await sync(alice, other)
    alice.clock.move(10 * MINUTE_MS / SECOND_MS)
    await alice.client.conversations.forget(BOB)
    await sync(alice, other)
    other.swarm.put(other.account.account_id.raw, sealed(sender, other, DataMessage(body="from before"), sent_ms))
    await other.client.receiving.fetch()
    assert await other.read(lambda tables: tables.conversations.get(BOB)) is None
    alice.clock.move(1)
    late = sealed(sender, other, DataMessage(body="a new one"), alice.clock.now_ms())
    other.swarm.put(other.account.account_id.raw, late)
    await other.client.receiving.fetch()
    assert await other.texts(BOB) == ["a new one"]


async def restored(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> Device:
    key = KeyFile(tmp_path / "restored.key")
    account = account_of(1)
    profile = await restore(tmp_path / "restored", account.words(), "typed", NETWORK, key, clock=clock)
    device = Device("restored", account, profile, swarm, clock, seed=77)
    await device.open()
    return device


async def test_a_restored_account_writes_nothing_before_it_has_read(
    tmp_path: Path, alice: Device, swarm: MemorySwarm, clock: ManualClock
) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await alice.client.conversations.set_nickname(BOB, "Bobby")
    await alice.client.sync.push()
    device = await restored(tmp_path, swarm, clock)
    await device.client.sending.send_text(account_of(3).account_id.hex, "hello")
    await device.client.sync.push()
    assert pushes(device) == 0
    await device.client.receiving.fetch()
    assert (await device.client.profile.get()).name == "alice"
    await sync(device, alice)
    for each in (device, alice):
        found = await each.read(lambda tables: {row.id: row.nickname for row in tables.conversations.all()})
        assert found == {BOB: "Bobby", account_of(3).account_id.hex: ""}
    (event,) = await told(device, "restored")
    assert event["missing"] == ["read_positions", "groups"]
    await device.client.close()


async def test_a_restored_account_says_what_the_network_does_not_have(
    tmp_path: Path, swarm: MemorySwarm, clock: ManualClock
) -> None:
    device = await restored(tmp_path, swarm, clock)
    await device.client.receiving.fetch()
    (event,) = await told(device, "restored")
    assert event["missing"] == ["profile", "contacts", "read_positions", "groups"]
    await device.client.sync.push()
    assert (await device.client.profile.get()).name == "typed"
    assert len(held(device, USER_PROFILE.namespace)) == 1
    await device.client.close()


async def test_a_long_absence_is_told(alice: Device) -> None:
    await alice.client.receiving.fetch()
    alice.clock.move(20 * DAY_S)
    await alice.client.receiving.fetch()
    (event,) = await told(alice, "away")
    assert event["days"] == 20


async def test_changes_are_collected_and_pushed_in_the_background(alice: Device) -> None:
    await alice.client.sync.push()
    before = held(alice, USER_PROFILE.namespace)
    alice.clock.move(60)
    alice.client.start()
    await alice.client.profile.set_name("one")
    await quiet(alice.client)
    alice.clock.move(1.5)
    await alice.client.profile.set_name("two")
    await quiet(alice.client)
    alice.clock.move(1.5)
    await quiet(alice.client)
    assert held(alice, USER_PROFILE.namespace) == before
    alice.clock.move(0.6)
    await until_replaced(alice, before)


async def quiet(client: Client) -> None:
    """Return when the background has taken in what was changed."""
    hub = client._core.hub
    while True:
        version = hub.version
        if not await client.read(lambda tables: tables.configs.any_marked()):
            return
        await hub.changed(version)


async def until_replaced(device: Device, before: set[str]) -> None:
    hub = device.client._core.hub
    while True:
        version = hub.version
        if not held(device, USER_PROFILE.namespace) & before:
            return
        await hub.changed(version)


async def test_equal_documents_have_equal_bytes(alice: Device, other: Device) -> None:
    """Two devices that resolve the same conflict store one message."""
    await sync(alice, other)
    await alice.client.sending.send_text(BOB, "hello")
    await other.client.sending.send_text(account_of(3).account_id.hex, "hello")
    for device in (alice, other):
        await device.client.sync.push()
    for device in (alice, other):
        await device.client.receiving.fetch()
    for device in (alice, other):
        await device.client.sync.push()
    assert len(held(alice, CONTACTS.namespace)) == 1


async def test_a_saved_state_that_cannot_be_read_stops_nothing(alice: Device, other: Device) -> None:
    await sync(alice, other)

    def break_it(tables: Tables) -> None:
        row = tables.configs.get(other.account.account_id, 2)
        assert row is not None
        tables.configs.save(replace(row, dump=b"broken", version=row.version + 1))

    await store_of(other.client).run(break_it)
    await other.restart()
    alice.clock.move(5)
    await alice.client.profile.set_name("changed")
    await sync(alice, other)
    assert (await other.client.profile.get()).name == "changed"


def test_the_sealer_of_an_account_prints_nothing() -> None:
    assert account_of(1).seed32.reveal().hex() not in repr(AccountSealer(account_of(1)))
