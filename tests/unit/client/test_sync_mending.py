"""A signed document that an early version saved without its signature, and read positions that were there first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conversations.engines import Device, account_of, make_device, store_of
from tests.conversations.group_devices import exchange, group_of
from tests.conversations.memory_swarm import Fate, MemorySwarm, calm
from tests.conversations.syncing import sync
from tests.unit.client.mail import deliver
from veery.protocol import bt
from veery.protocol.account import AccountId
from veery.protocol.config import CONVO_INFO_VOLATILE, GROUP_INFO, convo_info_volatile
from veery.protocol.config.convo_info_volatile import ReadState
from veery.protocol.config.message import is_signed, parse
from veery.protocol.content import DataMessage
from veery.runtime.clock import ManualClock
from veery.store.tables import Tables


@pytest.fixture
async def other(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    """Alice's other device."""
    device = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    yield device
    await device.client.close()


def unsigned(dump: bytes) -> bytes:
    """A dump as early versions wrote it after a restart: without the signature, with the hash of the signed message."""
    fields = bt.decode_dict(dump)
    raw = fields[b"m"]
    assert isinstance(raw, bytes)
    return bt.encode({**fields, b"m": parse(raw).raw})


async def lose_signature(device: Device, group: str) -> None:
    id_ = AccountId.from_hex(group)

    def work(tables: Tables) -> None:
        row = tables.configs.get(id_, int(GROUP_INFO.namespace or 0))
        assert row is not None
        tables.configs.save(replace(row, dump=unsigned(row.dump), version=row.version + 1))

    await store_of(device.client).run(work)
    await device.restart()
    held = await device.read(lambda tables: device.client.groups.documents(group).document(tables, GROUP_INFO))
    assert not is_signed(held.message().raw, id_.key)


async def test_an_offline_change_of_an_admin_is_seen_after_a_kill_without_its_signature(
    tmp_path: Path, swarm: MemorySwarm, clock: ManualClock, alice: Device, bob: Device
) -> None:
    carol = await make_device(tmp_path, swarm, clock, "carol", 3)
    group = await group_of(alice, bob, carol)
    await alice.client.groups.promote(group, bob.id)
    await exchange(alice, bob, carol)
    alice.weather = lambda: Fate.LOST
    await alice.client.groups.rename(group, "Named offline")
    await alice.restart()
    await lose_signature(alice, group)
    alice.weather = calm
    await exchange(alice, bob, carol)
    for device in (bob, carol):
        assert (await device.client.groups.show(group))["name"] == "Named offline"
    assert not (await alice.client.groups.show(group))["pending"]
    await carol.client.close()


async def test_a_stored_document_without_its_signature_is_stored_again(alice: Device, bob: Device) -> None:
    group = await group_of(alice, bob)
    await lose_signature(alice, group)
    alice.clock.move(3 * 24 * 3_600)
    await exchange(alice, bob)
    held = await alice.read(lambda tables: alice.client.groups.documents(group).document(tables, GROUP_INFO))
    assert is_signed(held.message().raw, AccountId.from_hex(group).key)
    assert held.current_hashes
    assert not held.needs_push


async def test_a_member_stores_no_document_without_its_signature(alice: Device, bob: Device) -> None:
    group = await group_of(alice, bob)
    await lose_signature(bob, group)
    held = await bob.read(lambda tables: bob.client.groups.documents(group).document(tables, GROUP_INFO))
    assert held.push(0).stored == ()


# -- read positions --------------------------------------------------------------------------------------------


async def read_elsewhere(device: Device, id_: AccountId, state: ReadState) -> None:
    """Another program of this account writes a position for a conversation that nobody here has."""
    times = device.client._core.times()
    documents = device.client.documents.documents
    await store_of(device.client).run(
        lambda tables: documents.change(
            tables,
            CONVO_INFO_VOLATILE,
            lambda data: convo_info_volatile.written(data, id_, state, times.network_ms),
            times,
        )
    )


async def position(device: Device, id_: AccountId) -> ReadState:
    data = await device.read(lambda tables: device.client.documents.documents.data(tables, CONVO_INFO_VOLATILE))
    return convo_info_volatile.read(data).get(id_, ReadState())


async def test_a_position_for_a_conversation_that_begins_later_counts(alice: Device, other: Device) -> None:
    stranger = account_of(9)
    alice.clock.move(100)
    known = ReadState(last_read_ms=alice.clock.now_ms(), unread=True)
    await read_elsewhere(alice, stranger.account_id, known)
    await sync(alice, other)
    assert await position(other, stranger.account_id) == known
    await deliver(stranger, other, DataMessage(body="read elsewhere"), known.last_read_ms - 50_000)
    for device in (alice, other):
        await device.client.receiving.fetch()
        await device.client.sync.push()
        held = await device.read(lambda tables: tables.conversations.get(stranger.account_id.hex))
        assert held is not None
        assert (held.unread, held.last_read_ms, held.marked_unread) == (0, known.last_read_ms, True)
    await sync(alice, other)
    assert await position(other, stranger.account_id) == known
    alice.clock.move(100)
    await deliver(stranger, other, DataMessage(body="and one more"))
    await other.client.receiving.fetch()
    held = await other.read(lambda tables: tables.conversations.get(stranger.account_id.hex))
    assert held is not None
    assert held.unread == 1


async def test_a_position_for_a_group_that_is_joined_later_counts(
    tmp_path: Path, swarm: MemorySwarm, clock: ManualClock, alice: Device, bob: Device
) -> None:
    """Read positions come before the groups: their namespace is read first."""
    group = await group_of(bob, alice)
    await alice.client.sync.push()
    clock.move(50)
    await alice.client.conversations.mark_read(group, clock.now_ms())
    await alice.client.conversations.mark_unread(group)
    await sync(alice)
    late = await make_device(tmp_path, swarm, clock, "alice", 1, device=2)
    await sync(late, alice)
    held = await late.read(lambda tables: tables.conversations.get(group))
    theirs = await alice.read(lambda tables: tables.conversations.get(group))
    assert held is not None
    assert theirs is not None
    assert (held.last_read_ms, held.marked_unread) == (theirs.last_read_ms, True)
    await late.client.close()
