"""Sending: what is refused, what is written, and under which T."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conversations.engines import Device, account_of, arm, exchange, store_of
from tests.conversations.memory_swarm import Killed
from tests.unit.client.mail import deliver, kinds
from veery.client.faults import AlreadyStored, ClientClosed, ContactBlocked, SendFailed, TextRefused
from veery.errors import NotFound
from veery.protocol.account import AccountIdWrong
from veery.protocol.constants import BODY_COMPOSE_CODE_POINTS, REQUEST_RESPONSE_LEAD_MS, TTL_MESSAGE_MS
from veery.protocol.content import (
    EXPIRATION_TIMER_UPDATE,
    Content,
    DataMessage,
    ExpirationType,
    MessageRequestResponse,
    decode,
)
from veery.protocol.storage_rpc import Store
from veery.store.message_values import DeliveryState, SyncState
from veery.store.outbox import Copy, CopyRole
from veery.store.sql import INTEGER_MAX

CAROL = account_of(3)


async def copies(device: Device) -> dict[CopyRole, Copy]:
    async def waiting() -> list[Copy]:
        due = await device.read(lambda tables: tables.outbox.due(INTEGER_MAX, 100))
        held = await device.read(lambda tables: [tables.outbox.get(id_) for id_ in range(1, 50)])
        return [*due, *(copy for copy in held if copy is not None)]

    return {copy.role: copy for copy in await waiting()}


def data_of(copy: Copy) -> tuple[Content, DataMessage]:
    content = decode(copy.content)
    assert isinstance(content.kind, DataMessage)
    return content, content.kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "client.text.empty"),
        (" \n", "client.text.empty"),
        ("x" * (BODY_COMPOSE_CODE_POINTS + 1), "client.text.too_long"),
        ("\ud800", "client.text.not_text"),
    ],
)
async def test_texts_that_cannot_be_sent_are_refused(alice: Device, bob: Device, text: str, kind: str) -> None:
    with pytest.raises(TextRefused) as refused:
        await alice.client.sending.send_text(bob.id, text)
    assert refused.value.kind == kind
    assert refused.value.remedy
    assert await kinds(alice) == []


async def test_the_limit_counts_code_points(alice: Device, bob: Device) -> None:
    text = "\U0001f426" * BODY_COMPOSE_CODE_POINTS
    await alice.client.sending.send_text(bob.id, text)
    await exchange(alice, bob)
    assert await bob.texts(alice.id) == [text]


async def test_a_recipient_that_is_no_account_id_is_refused(alice: Device) -> None:
    with pytest.raises(AccountIdWrong):
        await alice.client.sending.send_text("05abc", "hello")


async def test_one_message_has_two_copies(alice: Device, bob: Device) -> None:
    await alice.client.sending.send_text(f" {bob.id.upper()} ", "hello")
    found = await copies(alice)
    content, data = data_of(found[CopyRole.RECIPIENT])
    assert (data.body, data.sync_target) == ("hello", None)
    assert data.profile is not None
    assert data.profile.display_name == "alice"
    assert found[CopyRole.RECIPIENT].destination.hex == bob.id
    assert found[CopyRole.RECIPIENT].ttl_ms == TTL_MESSAGE_MS
    synced, mirror = data_of(found[CopyRole.SYNC])
    assert (mirror.body, mirror.sync_target, mirror.profile) == ("hello", bob.id, None)
    assert synced.timestamp == content.timestamp == found[CopyRole.SYNC].timestamp_ms
    assert found[CopyRole.SYNC].destination.hex == alice.id
    assert found[CopyRole.SYNC].after == found[CopyRole.RECIPIENT].id


async def test_note_to_self_is_the_sync_form_alone(alice: Device) -> None:
    message = await alice.client.sending.send_text(alice.id, "buy milk")
    found = await copies(alice)
    assert list(found) == [CopyRole.SYNC]
    assert data_of(found[CopyRole.SYNC])[1].sync_target == alice.id
    await exchange(alice)
    held = await alice.client.sending.wait_stored(message)
    assert (held.delivery.state, held.delivery.sync) == (DeliveryState.STORED, SyncState.STORED)
    assert await alice.texts(alice.id) == ["buy milk"]
    conversation = await alice.client.conversations.get(alice.id)
    assert not conversation.is_request


async def test_t_increases_whatever_the_clock_does(alice: Device, bob: Device) -> None:
    for change_s in (0, 0, -3_600, 0, 5):
        alice.clock.set_wall(alice.clock.now_ms() + 1_000 * change_s)
        await alice.client.sending.send_text(bob.id, "hello")
    times = [message.timestamp_ms for message in await alice.messages(bob.id)]
    assert len(set(times)) == 5
    told = [event["sent_at"] for event in await alice.events() if event["event"] == "message"]
    assert told == sorted(told)
    await alice.restart()
    await alice.client.sending.send_text(bob.id, "after a restart")
    assert (await alice.messages(bob.id))[-1].timestamp_ms > times[-1]


async def test_t_is_network_time(alice: Device, bob: Device) -> None:
    alice.road.offset_ms = 40_000
    await alice.client.sending.send_text(bob.id, "hello")
    (message,) = await alice.messages(bob.id)
    assert message.timestamp_ms == alice.clock.now_ms() + 40_000
    assert message.received_ms == alice.clock.now_ms()


async def test_an_answer_to_a_request_sends_the_response_first(alice: Device, bob: Device) -> None:
    await deliver(alice.account, bob, DataMessage(body="hi"))
    assert (await bob.client.conversations.get(alice.id)).is_request
    bob.swarm.clock.now_ms()
    await bob.client.sending.send_text(alice.id, "hello")
    found = await copies(bob)
    response, message = found[CopyRole.CONTROL], found[CopyRole.RECIPIENT]
    assert isinstance(decode(response.content).kind, MessageRequestResponse)
    assert response.timestamp_ms == message.timestamp_ms - REQUEST_RESPONSE_LEAD_MS
    assert response.id < message.id
    held = await bob.client.conversations.get(alice.id)
    assert held.approved
    assert not held.is_request
    await bob.client.sending.send_text(alice.id, "again")
    controls = [copy for copy in (await copies(bob)).values() if copy.role is CopyRole.CONTROL]
    assert len(controls) == 1
    await exchange(bob)
    sent = [
        each for each in bob.road.requests if isinstance(each, Store) and each.account == alice.account.account_id.raw
    ]
    assert len(sent) == 3


async def test_a_blocked_contact_is_not_written_to(alice: Device, bob: Device) -> None:
    await deliver(bob.account, alice, DataMessage(body="hi"))
    await alice.client.requests.block(bob.id)
    with pytest.raises(ContactBlocked):
        await alice.client.sending.send_text(bob.id, "hello")
    assert await copies(alice) == {}


async def test_a_quote_names_author_and_time(alice: Device, bob: Device) -> None:
    await deliver(bob.account, alice, DataMessage(body="how are you?"))
    (question,) = await alice.messages(bob.id)
    await alice.client.sending.send_text(bob.id, "fine", quote=question.id)
    _, data = data_of((await copies(alice))[CopyRole.RECIPIENT])
    assert data.quote is not None
    assert (data.quote.author, data.quote.id) == (bob.id, question.timestamp_ms)
    with pytest.raises(NotFound):
        await alice.client.sending.send_text(CAROL.account_id, "fine", quote=question.id)


async def test_a_kill_before_the_commit_leaves_nothing(alice: Device, bob: Device) -> None:
    arm(store_of(alice.client), 1)
    with pytest.raises(Killed):
        await alice.client.sending.send_text(bob.id, "hello")
    await alice.restart()
    assert await alice.texts(bob.id) == []
    assert await kinds(alice) == []


async def test_a_kill_after_the_commit_leaves_everything(alice: Device, bob: Device) -> None:
    arm(store_of(alice.client), 2)
    with pytest.raises(Killed):
        await alice.client.sending.send_text(bob.id, "hello")
    await alice.restart()
    assert await kinds(alice) == ["conversation", "message", "state"]
    await exchange(alice, bob)
    assert await bob.texts(alice.id) == ["hello"]


async def test_wait_stored_gives_the_count(alice: Device, bob: Device) -> None:
    message = await alice.client.sending.send_text(bob.id, "hello")
    waiting = asyncio.create_task(alice.client.sending.wait_stored(message))
    await exchange(alice)
    held = await waiting
    assert (held.delivery.stored_on, held.delivery.swarm_size) == (5, 5)
    (view,) = await alice.client.conversations.shown(bob.id, 1)
    assert view["hash"] in alice.swarm.members[0].hashes(bob.account.account_id.raw)
    assert view["own_hash"] in alice.swarm.members[0].hashes(alice.account.account_id.raw)
    states = [each for each in await alice.client.events.page() if each["event"] == "state"]
    assert states[-1]["hash"] == view["hash"]


async def test_wait_stored_ends_with_the_engine(alice: Device, bob: Device) -> None:
    message = await alice.client.sending.send_text(bob.id, "hello")
    waiting = asyncio.create_task(alice.client.sending.wait_stored(message))
    await asyncio.sleep(0)
    await alice.client.close()
    with pytest.raises(ClientClosed):
        await waiting
    await alice.open()
    await exchange(alice)
    assert (await alice.client.sending.wait_stored(message)).delivery.state is DeliveryState.STORED


async def test_a_failed_message_is_told_and_can_be_sent_again(alice: Device, bob: Device) -> None:
    message = await alice.client.sending.send_text(bob.id, "hello")
    alice.clock.move(15 * 86_400)
    await alice.client.pump.run_due()
    with pytest.raises(SendFailed) as failed:
        await alice.client.sending.wait_stored(message)
    assert failed.value.kind == "client.send.expired"
    assert (await alice.events())[-1]["state"] == "failed"
    with pytest.raises(NotFound):
        await alice.client.sending.wait_stored(message + 1)
    with pytest.raises(NotFound):
        await alice.client.sending.retry(message + 1)
    await alice.client.sending.retry(message)
    assert (await alice.client.sending.get(message)).delivery.state is DeliveryState.QUEUED
    await exchange(alice, bob)
    assert await bob.texts(alice.id) == ["hello"]
    assert (await alice.client.sending.wait_stored(message)).delivery.sync is SyncState.STORED


async def test_what_is_dropped_is_gone(alice: Device, bob: Device) -> None:
    message = await alice.client.sending.send_text(bob.id, "hello")
    await alice.client.sending.drop(message)
    assert await alice.client.pump.run_due() is None
    assert await alice.messages(bob.id) == []
    assert (await alice.events())[-1]["event"] == "deleted"
    with pytest.raises(NotFound):
        await alice.client.sending.drop(message)
    other = await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice)
    with pytest.raises(AlreadyStored):
        await alice.client.sending.drop(other)


async def test_a_placeholder_does_not_say_that_it_waits(alice: Device, bob: Device) -> None:
    message = await alice.client.sending.send_text(bob.id, "hello")
    await alice.client.conversations.delete_message(message)
    held = await alice.client.sending.get(message)
    assert (held.delivery.state, held.delivery.reason) == (DeliveryState.FAILED, "client.send.cancelled")
    assert [event["event"] for event in (await alice.events())[-2:]] == ["state", "deleted"]


async def test_short_timers_still_fit_a_swarm(alice: Device, bob: Device) -> None:
    common: dict[str, Any] = {"expiration_type": ExpirationType.DELETE_AFTER_SEND, "expiration_timer": 1}
    update = DataMessage(flags=EXPIRATION_TIMER_UPDATE, sync_target=bob.id)
    await deliver(alice.account, alice, update, **common)
    message = await alice.client.sending.send_text(bob.id, "quick")
    await exchange(alice)
    assert (await alice.client.sending.get(message)).delivery.state is DeliveryState.STORED
