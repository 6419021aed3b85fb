"""Two devices of one account: what is done on one appears on the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conversations.engines import Device, account_of, exchange, make_device
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.syncing import pushes, sync
from tests.unit.client.mail import deliver
from veery.protocol.content import DataMessage
from veery.runtime.clock import ManualClock
from veery.store.conversations import Conversation


@pytest.fixture
async def other(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    """Alice's other device."""
    device = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    yield device
    await device.client.close()


async def conversation(device: Device, id_: str) -> Conversation:
    found = await device.read(lambda tables: tables.conversations.get(id_))
    assert found is not None
    return found


async def test_a_name_appears_on_the_other_device(alice: Device, other: Device) -> None:
    await sync(alice, other)
    alice.clock.move(5)
    await alice.client.profile.set_name("Alice of the hills")
    await sync(alice, other)
    assert (await other.client.profile.get()).name == "Alice of the hills"


async def test_what_is_settled_with_a_contact_appears(alice: Device, other: Device, bob: Device) -> None:
    await sync(alice, other)
    await alice.client.sending.send_text(bob.id, "hello")
    await alice.client.conversations.set_nickname(bob.id, "Bobby")
    await alice.client.conversations.pin(bob.id)
    await alice.client.conversations.mute(bob.id)
    await alice.client.requests.block(bob.id)
    await sync(alice, other)
    held = await conversation(other, bob.id)
    assert (held.nickname, held.approved, held.blocked, held.priority) == ("Bobby", True, True, 1)
    assert held.muted_until_ms == (await conversation(alice, bob.id)).muted_until_ms
    await other.client.requests.unblock(bob.id)
    await other.client.conversations.unmute(bob.id)
    await other.client.conversations.hide(bob.id)
    await sync(alice, other)
    held = await conversation(alice, bob.id)
    assert (held.nickname, held.blocked, held.muted_until_ms, held.priority) == ("Bobby", False, 0, -1)


async def test_reading_follows(alice: Device, other: Device, bob: Device) -> None:
    await sync(alice, other)
    await bob.client.sending.send_text(alice.id, "are you there?")
    await exchange(bob, alice, other)
    assert (await conversation(other, bob.id)).unread == 1
    await alice.client.conversations.mark_read(bob.id)
    await sync(alice, other)
    assert (await conversation(other, bob.id)).unread == 0


async def test_a_forgotten_contact_goes_everywhere(alice: Device, other: Device, bob: Device) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    await sync(alice, other)
    await other.client.conversations.forget(bob.id)
    await sync(alice, other)
    assert await alice.read(lambda tables: tables.conversations.get(bob.id)) is None


async def test_nothing_is_pushed_that_did_not_change(alice: Device, other: Device, bob: Device) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    await sync(alice, other)
    sent = pushes(alice), pushes(other)
    await alice.client.conversations.set_nickname(bob.id, "")
    await alice.client.conversations.pin(bob.id)
    await alice.client.conversations.unpin(bob.id)
    await alice.restart()
    await alice.client.sync.push()
    await sync(alice, other)
    assert (pushes(alice), pushes(other) - sent[1]) == (0, 0)


async def test_a_stranger_who_was_declined_is_no_contact(alice: Device, other: Device) -> None:
    stranger = account_of(9)
    await deliver(stranger, alice, DataMessage(body="hi"))
    await sync(alice, other)
    assert (await conversation(other, stranger.account_id.hex)).is_request
    await alice.client.requests.decline(stranger.account_id.hex)
    await sync(alice, other)
    assert await other.read(lambda tables: tables.conversations.get(stranger.account_id.hex)) is None
