"""Where conversations stand, and what is left when they are emptied, removed or forgotten."""

from __future__ import annotations

import pytest

from tests.conversations.engines import Device, account_of, exchange
from tests.unit.client.mail import deliver
from veery.client.conversations import FOR_GOOD_MS
from veery.client.faults import SelfRefused
from veery.client.views import conversation_view
from veery.errors import NotFound
from veery.protocol.content import DataMessage
from veery.protocol.expiry_rules import DisappearingMode

CAROL, DAVE = account_of(3), account_of(4)
CAROL_ID, DAVE_ID = CAROL.account_id.hex, DAVE.account_id.hex


async def listed(device: Device, *, hidden: bool = False) -> list[str]:
    return [each.id for each in await device.client.conversations.list(hidden=hidden)]


async def changes(device: Device) -> list[str]:
    return [each["change"] for each in await device.events() if each["event"] == "conversation"]


async def test_the_last_pinned_stands_first(bob: Device) -> None:
    for sender in (CAROL, DAVE):
        await deliver(sender, bob, DataMessage(body="hello"))
    places = bob.client.conversations
    assert await listed(bob) == [DAVE_ID, CAROL_ID]
    await places.pin(CAROL_ID)
    assert await listed(bob) == [CAROL_ID, DAVE_ID]
    await places.pin(DAVE_ID)
    await places.pin(CAROL_ID)  # it keeps its place
    assert await listed(bob) == [DAVE_ID, CAROL_ID]
    await places.unpin(DAVE_ID)
    assert await listed(bob) == [CAROL_ID, DAVE_ID]
    await places.hide(CAROL_ID)
    await places.unpin(CAROL_ID)
    assert await listed(bob) == [DAVE_ID]
    await places.pin(CAROL_ID)
    assert await listed(bob) == [CAROL_ID, DAVE_ID]
    assert await changes(bob) == ["pinned", "pinned", "pinned", "unpinned", "hidden", "unpinned", "pinned"]
    with pytest.raises(NotFound):
        await places.pin("05" + "00" * 32)


async def test_muting_is_shown_and_survives(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="hello"))
    await bob.client.conversations.mute(CAROL_ID)
    await bob.restart()
    held = await bob.client.conversations.get(CAROL_ID)
    assert conversation_view(held, bob.id)["muted_until"] == FOR_GOOD_MS
    await bob.client.conversations.unmute(CAROL_ID)
    held = await bob.client.conversations.get(CAROL_ID)
    assert conversation_view(held, bob.id)["muted_until"] is None
    assert await changes(bob) == ["muted", "unmuted"]


async def test_clearing_removing_and_forgetting(alice: Device, bob: Device) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    await bob.client.sending.send_text(alice.id, "hello back")
    await exchange(alice, bob)
    await bob.client.timers.set(alice.id, DisappearingMode.AFTER_SEND, 3_600)
    await bob.client.sending.send_text(alice.id, "not sent yet")
    places = bob.client.conversations
    assert await places.clear(alice.id) == 4
    assert await bob.messages(alice.id) == []
    assert await bob.client.outbox.listed() == ()
    assert await listed(bob) == [alice.id]
    assert (await places.get(alice.id)).expiration_timer_s == 3_600
    await alice.client.sending.send_text(bob.id, "still there?")
    await exchange(alice, bob)
    assert await places.remove(alice.id) == 1
    assert (await listed(bob), await listed(bob, hidden=True)) == ([], [alice.id])
    assert (await places.get(alice.id)).approved
    await places.forget(alice.id)
    assert await listed(bob, hidden=True) == []
    settings = await bob.read(lambda tables: dict(tables.accounts.settings()))
    assert not [name for name in settings if alice.id in name]
    await alice.client.sending.send_text(bob.id, "who are you?")
    await exchange(alice, bob)
    assert [each.id for each in await bob.client.requests.list()] == [alice.id]
    told = await changes(bob)
    assert [each for each in told if each in ("cleared", "removed", "forgotten")] == ["cleared", "removed", "forgotten"]
    with pytest.raises(SelfRefused):
        await places.forget(bob.id)
    for change in (places.clear, places.remove, places.forget):
        with pytest.raises(NotFound):
            await change("05" + "00" * 32)
