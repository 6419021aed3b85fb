"""What is told beside messages, only when it is wanted; and who may write at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conversations.engines import Device, account_of, exchange, store_of
from tests.conversations.memory_swarm import Fate
from tests.unit.client.mail import deliver, kinds, sealed
from veery.client.admission import admit
from veery.client.arrivals import Arrival, Batch
from veery.client.core import Times
from veery.client.opening import Opened, open_item
from veery.client.settings import SettingWrong
from veery.errors import NotFound, PeerRefused
from veery.policy.typing import TypingState
from veery.protocol.constants import DAY_MS, SECOND_MS
from veery.protocol.content import (
    CallMessage,
    CallType,
    DataMessage,
    ExpirationType,
    GroupPromote,
    GroupUpdateMessage,
    Kind,
    ReceiptMessage,
    TypingMessage,
    decode,
)
from veery.protocol.expiry_rules import DisappearingMode
from veery.protocol.groups import GroupAdminKeys
from veery.secret import Secret
from veery.store.inbox import FetchedItem
from veery.store.message_values import DeliveryState
from veery.store.outbox import CopyRole

CAROL = account_of(3)
CAROL_ID = CAROL.account_id.hex


async def friends(alice: Device, bob: Device, *texts: str) -> None:
    """Let both accept each other, then Alice write."""
    await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    await bob.client.sending.send_text(alice.id, "hello back")
    await exchange(alice, bob)
    for text in texts:
        await alice.client.sending.send_text(bob.id, text)
    await exchange(alice, bob)


async def controls(device: Device) -> list[Kind]:
    """What waits in the outbox that no message shows."""
    rows = await device.read(lambda tables: tables.outbox.due(2**60, 100))
    return [decode(row.content).kind for row in rows if row.role is CopyRole.CONTROL]


async def states(device: Device, other: str) -> list[DeliveryState]:
    return [each.delivery.state for each in await device.messages(other) if each.outgoing and each.kind == "text"]


@pytest.mark.parametrize(("sender", "reader"), [("on", "on"), ("on", "off"), ("off", "on")])
async def test_receipts_work_both_ways_or_not_at_all(alice: Device, bob: Device, sender: str, reader: str) -> None:
    await alice.client.settings.set("read-receipts", sender)
    await bob.client.settings.set("read-receipts", reader)
    await friends(alice, bob, "one", "two")
    await bob.client.conversations.mark_read(alice.id)
    sent = await controls(bob)
    assert [len(each.timestamp) for each in sent if isinstance(each, ReceiptMessage)] == [3] * (reader == "on")
    await exchange(alice, bob)
    expected = DeliveryState.READ if (sender, reader) == ("on", "on") else DeliveryState.STORED
    assert await states(alice, bob.id) == [expected] * 3
    await bob.client.conversations.mark_read(alice.id)
    assert await controls(bob) == []


async def test_strangers_and_blocked_contacts_learn_nothing(alice: Device, bob: Device) -> None:
    for name in ("read-receipts", "typing"):
        await bob.client.settings.set(name, "on")
    await alice.client.sending.send_text(bob.id, "may I?")
    await exchange(alice, bob)
    await bob.client.conversations.mark_read(alice.id)
    assert not await bob.client.typing.key_pressed(alice.id)
    assert not await bob.client.notices.screenshot(alice.id)
    await bob.client.requests.accept(alice.id)
    await bob.client.requests.block(alice.id)
    await exchange(alice, bob)
    await bob.client.conversations.mark_read(alice.id)
    assert not await bob.client.typing.key_pressed(alice.id)
    assert await controls(bob) == []


async def test_typing_is_told_every_ten_seconds_and_when_it_stops(alice: Device, bob: Device) -> None:
    await friends(alice, bob)
    typing = alice.client.typing
    assert not await typing.key_pressed(bob.id)
    for device in (alice, bob):
        await device.client.settings.set("typing", "on")
    told = [await typing.key_pressed(bob.id)]
    for _ in range(12):
        alice.clock.move(1)
        told.append(await typing.key_pressed(bob.id))
    assert [number for number, each in enumerate(told) if each] == [0, 10]
    alice.clock.move(9.9)
    await typing.run_due()
    assert [each.action.name for each in await controls(alice) if isinstance(each, TypingMessage)] == ["STARTED"] * 2
    alice.clock.move(0.1)
    await typing.run_due()
    stream = bob.client.events(await bob.client.events.last())
    await exchange(alice, bob)
    heard = [await anext(stream) for _ in range(2)]
    assert [each["action"] for each in heard] == ["started", "stopped"]  # the first had outlived itself
    assert heard[0]["until"] == bob.clock.now_ms() + 15 * SECOND_MS


async def test_nothing_is_told_when_the_message_is_sent(alice: Device, bob: Device) -> None:
    await friends(alice, bob)
    await alice.client.settings.set("typing", "on")
    await alice.client.typing.key_pressed(bob.id)
    await exchange(alice, bob)
    await alice.client.sending.send_text(bob.id, "here it is")
    alice.clock.move(60)
    await alice.client.typing.run_due()
    assert await controls(alice) == []
    assert await alice.client.typing.key_pressed(bob.id)
    assert await alice.client.typing.left(bob.id)


async def test_the_engine_tells_by_itself_that_typing_stopped(alice: Device, bob: Device) -> None:
    await friends(alice, bob)
    await alice.client.settings.set("typing", "on")
    running = asyncio.create_task(alice.client.typing.run())
    await alice.client.typing.key_pressed(bob.id)
    version = alice.client._core.hub.version
    alice.clock.move(10)
    await alice.client._core.hub.changed(version)
    assert [each.action.name for each in await controls(alice) if isinstance(each, TypingMessage)][-1] == "STOPPED"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_the_automaton_of_typing() -> None:
    state = TypingState()
    assert state.get_timer() is None
    assert not state.handle_timer(99)
    assert state.receive_key(100)
    assert not state.receive_key(10_099)
    assert state.receive_key(10_100)
    assert state.get_timer() == 20_100
    assert not state.handle_timer(20_099)
    assert state.handle_timer(20_100)
    assert state.get_timer() is None
    assert not state.receive_left()
    assert state.receive_key(20_101)
    assert state.receive_left()


async def test_a_typing_indicator_that_nobody_got_is_forgotten(alice: Device, bob: Device) -> None:
    await friends(alice, bob)
    await alice.client.settings.set("typing", "on")
    alice.weather = lambda: Fate.LOST
    await alice.client.typing.key_pressed(bob.id)
    await alice.client.pump.run_due()
    assert len(await alice.client.outbox.waiting()) == 1
    alice.clock.move(21)
    await alice.client.pump.run_due()
    assert await alice.client.outbox.listed() == ()
    assert "outbox" not in await kinds(alice)


async def test_notices_of_extraction(alice: Device, bob: Device) -> None:
    await friends(alice, bob)
    await bob.client.timers.set(alice.id, DisappearingMode.AFTER_SEND, 3_600)
    (received,) = [each for each in await bob.messages(alice.id) if each.body == "hello"]
    (own,) = [each for each in await bob.messages(alice.id) if each.body == "hello back"]
    assert await bob.client.notices.media_saved(received.id)
    assert not await bob.client.notices.media_saved(own.id)
    assert await bob.client.notices.screenshot(alice.id)
    with pytest.raises(NotFound):
        await bob.client.notices.media_saved(99)
    await exchange(alice, bob)
    found = [each for each in await alice.messages(bob.id) if each.kind in ("media_saved", "screenshot")]
    assert [each.kind for each in found] == ["media_saved", "screenshot"]
    for each in found:  # so that they are there to be read, 02.8.1
        assert each.expiration.type == ExpirationType.DELETE_AFTER_READ
        assert (each.expiration.timer_s, each.expiration.expires_ms) == (3_600, None)
    notices = [each for each in await alice.events() if each["event"] == "notice"]
    assert [each["notice"] for each in notices][-2:] == ["media_saved", "screenshot"]
    assert notices[-1]["notify"] is True


async def test_a_missed_call_is_noted_once(alice: Device, bob: Device) -> None:
    await friends(alice, bob)
    for call in ("u-1", "u-1", "u-2"):
        await deliver(alice.account, bob, CallMessage(CallType.OFFER, call, ("sdp",)))
    calls = [each for each in await bob.messages(alice.id) if each.kind == "missed_call"]
    assert len(calls) == 2
    assert not calls[0].read


async def test_settings(alice: Device) -> None:
    assert await alice.client.settings.all() == {
        "read-receipts": "off",
        "typing": "off",
        "link-previews": "off",
        "notify-requests": "off",
        "strangers": "requests",
        "tell-saved": "off",
        "auto-downloads": "on",
        "large-files": "off",
    }
    for name, value in (("typing", "yes"), ("colour", "on"), ("strangers", "")):
        with pytest.raises(SettingWrong):
            await alice.client.settings.set(name, value)
    await alice.client.settings.set("typing", "on")
    await alice.client.settings.set("typing", "on")
    assert await alice.client.settings.get("typing") == "on"
    assert (await kinds(alice)) == ["setting"]
    await alice.restart()
    assert await alice.client.settings.get("typing") == "on"


async def message_events(device: Device) -> list[dict[str, Any]]:
    return [each for each in await device.events() if each["event"] == "message" and each["direction"] == "in"]


async def test_requests_do_not_notify_unless_wanted(alice: Device, bob: Device) -> None:
    await alice.client.sending.send_text(bob.id, "one")
    await exchange(alice, bob)
    await bob.client.settings.set("notify-requests", "on")
    await alice.client.sending.send_text(bob.id, "two")
    await exchange(alice, bob)
    assert [(each["request"], each["notify"]) for each in await message_events(bob)] == [(True, False), (True, True)]


async def test_muted_conversations_do_not_notify_until_the_time_is_over(alice: Device, bob: Device) -> None:
    await friends(alice, bob)
    await bob.client.conversations.mute(alice.id, bob.clock.now_ms() + 60 * SECOND_MS)
    for text, seconds in (("muted", 60), ("loud", 1)):
        await alice.client.sending.send_text(bob.id, text)
        await exchange(alice, bob)
        for device in {id(each.clock): each for each in (alice, bob)}.values():
            device.clock.move(seconds)
    await bob.client.conversations.mute(alice.id)
    bob.clock.move(400 * DAY_MS // SECOND_MS)
    await alice.client.sending.send_text(bob.id, "for good")
    await exchange(alice, bob)
    await bob.client.conversations.unmute(alice.id)
    await alice.client.sending.send_text(bob.id, "again")
    await exchange(alice, bob)
    assert [each["notify"] for each in await message_events(bob)][-4:] == [False, True, False, True]


async def test_contacts_only_drops_what_strangers_send(alice: Device, bob: Device) -> None:
    await bob.client.settings.set("strangers", "contacts")
    await deliver(CAROL, bob, DataMessage(body="hello?"))
    assert await bob.messages(CAROL_ID) == []
    assert await bob.client.conversations.list(hidden=True) == ()
    group = GroupAdminKeys.from_seed(bytes(range(32)))
    promotion = DataMessage(group_update_message=GroupUpdateMessage(GroupPromote(Secret(bytes(range(32))), "Group")))
    refused = await deliver(CAROL, bob, promotion)
    assert await bob.read(lambda tables: tables.inbox.is_seen(refused))
    assert await bob.client.conversations.list(hidden=True) == ()
    await store_of(bob.client).run(
        lambda tables: tables.conversations.ensure(group.group_id.hex, "group", bob.clock.now_ms())
    )
    opened = open_item(sealed(CAROL, bob, promotion, 5), bob.account)
    assert isinstance(opened, Opened)
    arrival = Arrival(FetchedItem("hash", b"", 5, 5), opened, CAROL_ID, own=False)
    await bob.read(lambda tables: admit(Batch(tables, bob.account.account_id, Times(5, 5)), arrival))
    await bob.client.sending.send_text(alice.id, "you I know")
    await exchange(alice, bob)
    await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    assert "hello" in await bob.texts(alice.id)


async def test_open_accepts_who_writes_and_tells_them(alice: Device, bob: Device) -> None:
    await bob.client.settings.set("strangers", "open")
    await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    (event,) = await message_events(bob)
    assert (event["request"], event["notify"]) == (False, True)
    assert (await bob.client.conversations.get(alice.id)).approved
    assert (await alice.client.conversations.get(bob.id)).approved_me
    assert "request_accepted" in [each.kind for each in await alice.messages(bob.id)]
    await bob.client.requests.block(alice.id)
    await alice.client.sending.send_text(bob.id, "again")
    await exchange(alice, bob)
    assert len(await message_events(bob)) == 1


async def test_what_no_message_shows_can_be_tried_again_or_dropped(alice: Device, bob: Device) -> None:
    await friends(alice, bob)
    await alice.client.notices.screenshot(bob.id)
    await alice.client.notices.screenshot(bob.id)

    async def refuse(*_: Any, **__: Any) -> Any:
        raise PeerRefused("too large", code=413, kind="network.store.refused_for_good")

    real = alice.road.call
    setattr(alice.road, "call", refuse)  # noqa: B010 - a method of one instance is replaced
    for _ in range(8):
        await alice.client.pump.run_due()
        alice.clock.move(301)
    listed = await alice.client.outbox.listed()
    assert [each.failed for each in listed] == [True, True]
    assert (await alice.client.outbox.waiting()) == ()
    failed = [each for each in await alice.events() if each["event"] == "outbox"]
    assert {each["copy"] for each in failed} == {each.id for each in listed}
    assert all(each["reason"] and each["destination"] == bob.id for each in failed)
    setattr(alice.road, "call", real)  # noqa: B010
    await alice.client.outbox.retry_copy(listed[0].id)
    await alice.client.outbox.drop_copy(listed[1].id)
    for copy in (listed[1].id, 99):
        with pytest.raises(NotFound):
            await alice.client.outbox.retry_copy(copy)
    await exchange(alice, bob)
    assert await alice.client.outbox.listed() == ()
    assert [each.kind for each in await bob.messages(alice.id)].count("screenshot") == 1
