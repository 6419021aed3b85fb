"""Linked devices read what arrives, and see what the others sent, at the level of v2 (06.14, 06.18.4 R8)."""

from __future__ import annotations

import pytest

from tests.conversations.engines import Device, exchange
from tests.conversations.own_devices import link, sync
from veery.runtime.clock import ManualClock


async def levels(device: Device, other: str) -> dict[str, str]:
    return {message.body: message.level for message in await device.messages(other) if message.body}


async def test_both_devices_read_what_arrives_and_see_what_the_other_sent(
    laptop: Device, phone: Device, bob: Device, clock: ManualClock
) -> None:
    await sync(bob)
    await link(laptop, phone)
    await bob.client.sending.send_text(laptop.id, "to both")
    await exchange(bob, laptop, phone)
    assert (await levels(laptop, bob.id)) == (await levels(phone, bob.id)) == {"to both": "v2"}
    await laptop.client.requests.accept(bob.id)
    clock.move(1)
    await laptop.client.sending.send_text(bob.id, "from the laptop")
    await exchange(laptop, bob, phone)
    assert (await levels(bob, laptop.id))["from the laptop"] == "v2"
    assert (await levels(phone, bob.id))["from the laptop"] == "v2"


async def test_a_message_is_read_once_the_group_message_with_its_key_has_come(
    laptop: Device, phone: Device, bob: Device, clock: ManualClock
) -> None:
    await sync(bob)
    await link(laptop, phone)
    clock.move(14 * 3_600)
    await sync(laptop, rounds=2)
    hidden = {}
    for member in phone.swarm.members:  # the group message has not reached anybody whom the phone asks
        place = (laptop.account.account_id.raw, 21)
        hidden[member.key] = member.stored.pop(place)
    await bob.client.sending.send_text(laptop.id, "too early")
    await exchange(bob, phone)
    assert await levels(phone, bob.id) == {}
    for member in phone.swarm.members:
        member.stored[laptop.account.account_id.raw, 21] = hidden[member.key]
    await sync(phone)
    assert await levels(phone, bob.id) == {"too early": "v2"}


@pytest.mark.parametrize("approved_first", [False, True])
async def test_what_came_before_the_linking_is_read_after_it(
    laptop: Device, phone: Device, bob: Device, *, approved_first: bool
) -> None:
    await sync(bob)
    await sync(phone)
    await bob.client.sending.send_text(laptop.id, "before")
    await exchange(bob, laptop, phone)
    assert await levels(phone, bob.id) == {}
    await link(laptop, phone, approved_first=approved_first)
    assert await levels(phone, bob.id) == {"before": "v2"}
