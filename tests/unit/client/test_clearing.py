"""Clearing conversations in batches: what goes and stays, what a kill in between leaves, and who goes on."""

from __future__ import annotations

from functools import partial

import pytest

from tests.conversations.engines import Device, exchange, store_of
from veery.client.approval import Change
from veery.client.clearing import Clearing, begin, marked
from veery.errors import NotFound
from veery.runtime.clock import ManualClock
from veery.store.conversations import CONTACT
from veery.store.message_values import NewMessage
from veery.store.tables import Tables


def own(device: Device) -> str:
    return device.client.account.hex


async def keep(device: Device, clock: ManualClock, first: int, count: int) -> None:
    account, now_ms = device.client.account, clock.now_ms()

    def work(tables: Tables) -> None:
        tables.conversations.ensure(account.hex, CONTACT, now_ms)
        for number in range(first, first + count):
            new = NewMessage(account.hex, account, now_ms + number, True, "text", f"Text {number}", b"", now_ms)
            assert tables.messages.insert(new) is not None

    await store_of(device.client).run(work)


async def bodies(device: Device) -> list[str]:
    page = await device.client.read(lambda tables: tables.messages.page(own(device), 100, newest_first=False))
    return [message.body for message in page]


async def changes(device: Device) -> list[str]:
    page = await device.client.read(lambda tables: tables.events.after(0, 1_000))
    return [event.payload["change"] for event in page.events if event.kind == "conversation"]


def clearing(device: Device) -> Clearing:
    return Clearing(device.client._core, batch=3)


@pytest.mark.parametrize("count", [0, 1, 3, 7, 9])
async def test_all_messages_go_in_batches_and_the_change_is_told_once(
    alice: Device, clock: ManualClock, count: int
) -> None:
    await keep(alice, clock, 0, count)
    told: list[tuple[int, int]] = []
    assert await clearing(alice).clear(own(alice), Change.CLEARED, lambda *at: told.append(at)) == count
    assert await bodies(alice) == []
    assert [gone for gone, _ in told] == [*range(3, count, 3), count]
    assert {every for _, every in told} == {count}
    assert (await changes(alice)).count("cleared") == 1
    assert await alice.client.read(marked) == ()


async def test_what_arrives_meanwhile_stays(alice: Device, clock: ManualClock) -> None:
    await keep(alice, clock, 10, 8)
    conversation, now_ms = own(alice), clock.now_ms()
    store = store_of(alice.client)
    await store.run(lambda tables: begin(tables, conversation, now_ms, then=Change.CLEARED, batch=3))
    await keep(alice, clock, 0, 2)  # with an earlier T than all that still go
    await clearing(alice).finish()
    assert await bodies(alice) == ["Text 0", "Text 1"]


async def test_what_a_forgotten_contact_writes_meanwhile_is_a_request(alice: Device, bob: Device) -> None:
    for number in range(6):
        await bob.client.sending.send_text(alice.id, f"Text {number}")
    await exchange(bob, alice)
    await alice.client.requests.accept(bob.id)
    await alice.client.conversations.set_nickname(bob.id, "Bobby")
    now_ms = alice.clock.now_ms()
    forgetting = partial(begin, conversation=bob.id, now_ms=now_ms, then=Change.FORGOTTEN, batch=2)
    await store_of(alice.client).run(forgetting)
    await bob.client.sending.send_text(alice.id, "late")
    await exchange(bob, alice)
    await clearing(alice).finish()
    assert await alice.texts(bob.id) == ["late"]
    (request,) = await alice.client.requests.list()
    assert (request.id, request.nickname, request.approved, request.unread) == (bob.id, "", False, 1)
    assert await alice.client.read(marked) == ()
    await exchange(bob, alice)
    assert await alice.texts(bob.id) == ["late"]


@pytest.mark.parametrize("change", [Change.CLEARED, Change.REMOVED, Change.FORGOTTEN])
async def test_the_next_engine_goes_on_where_one_was_killed(alice: Device, clock: ManualClock, change: Change) -> None:
    await keep(alice, clock, 0, 8)
    conversation, now_ms = own(alice), clock.now_ms()
    store = store_of(alice.client)
    step = await store.run(lambda tables: begin(tables, conversation, now_ms, then=change, batch=3))
    assert (step.removed, step.left) == (3, 5)
    assert await bodies(alice) == [f"Text {number}" for number in range(3, 8)]
    assert change.value not in await changes(alice)
    assert await alice.client.read(marked) == (conversation,)

    await clearing(alice).finish()
    assert await bodies(alice) == []
    assert (await changes(alice)).count(change.value) == 1
    assert await alice.client.read(marked) == ()
    held = await alice.client.read(lambda tables: tables.conversations.get(conversation))
    assert (held is None) == (change is Change.FORGOTTEN)
    assert held is None or held.hidden == (change is Change.REMOVED)


async def test_only_messages_up_to_a_time_go(alice: Device, clock: ManualClock) -> None:
    await keep(alice, clock, 0, 8)
    conversation, now_ms = own(alice), clock.now_ms()
    await store_of(alice.client).run(lambda tables: begin(tables, conversation, now_ms, until_ms=now_ms + 5, batch=2))
    await clearing(alice).finish()
    assert await bodies(alice) == ["Text 6", "Text 7"]


async def test_housekeeping_finishes_what_is_marked(alice: Device, clock: ManualClock) -> None:
    await keep(alice, clock, 0, 8)
    conversation, now_ms = own(alice), clock.now_ms()
    await store_of(alice.client).run(lambda tables: begin(tables, conversation, now_ms, batch=3))
    version = alice.client._core.hub.version
    alice.client.start()
    while await alice.client.read(marked):
        await alice.client._core.hub.changed(version)
        version = alice.client._core.hub.version
    assert await bodies(alice) == []


async def test_a_conversation_that_went_by_another_way_leaves_no_mark(alice: Device, clock: ManualClock) -> None:
    await keep(alice, clock, 0, 8)
    conversation, now_ms = own(alice), clock.now_ms()
    store = store_of(alice.client)
    await store.run(lambda tables: begin(tables, conversation, now_ms, then=Change.CLEARED, batch=3))
    await store.run(lambda tables: tables.conversations.delete(conversation))
    await clearing(alice).finish()
    assert await alice.client.read(marked) == ()


async def test_nobody_is_cleared_who_is_not_there(alice: Device) -> None:
    with pytest.raises(NotFound):
        await clearing(alice).clear("05" + "11" * 32, Change.CLEARED)


async def test_a_second_clearing_does_not_take_the_place_of_the_first(alice: Device, clock: ManualClock) -> None:
    """An admin may clear a part of a group while its user's own clearing of all of it is under way."""
    await keep(alice, clock, 0, 9)
    name, now_ms, store = own(alice), clock.now_ms(), store_of(alice.client)
    first = await store.run(lambda tables: begin(tables, name, now_ms, then=Change.CLEARED, batch=2))
    assert (first.removed, first.left) == (2, 7)
    second = await store.run(lambda tables: begin(tables, name, now_ms, until_ms=now_ms + 4, batch=2))
    assert second.removed == 2
    await clearing(alice).finish()
    assert await bodies(alice) == []
    assert (await changes(alice)).count("cleared") == 1
    assert await alice.client.read(marked) == ()


async def test_a_clearing_that_covers_an_earlier_one_stands_for_it(alice: Device, clock: ManualClock) -> None:
    await keep(alice, clock, 0, 9)
    name, now_ms, store = own(alice), clock.now_ms(), store_of(alice.client)
    await store.run(lambda tables: begin(tables, name, now_ms, until_ms=now_ms + 7, batch=2))
    assert await clearing(alice).clear(name, Change.CLEARED) == 7
    assert await bodies(alice) == []
    assert await alice.client.read(marked) == ()


async def test_a_conversation_that_is_forgotten_takes_later_marks_along(alice: Device, clock: ManualClock) -> None:
    await keep(alice, clock, 0, 9)
    name, now_ms, store = own(alice), clock.now_ms(), store_of(alice.client)
    await store.run(lambda tables: begin(tables, name, now_ms, then=Change.FORGOTTEN, batch=2))
    await store.run(lambda tables: begin(tables, name, now_ms, then=Change.CLEARED, batch=2))
    await clearing(alice).finish()
    assert await alice.client.read(lambda tables: tables.conversations.get(name)) is None
    assert await alice.client.read(marked) == ()
