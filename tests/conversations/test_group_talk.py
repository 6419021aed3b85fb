"""What is done with messages between people works the same in a group."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conversations.group_devices import exchange, group_of, people
from tests.conversations.memory_swarm import MemorySwarm
from veery.app.methods import METHODS
from veery.client.faults import TimerRefused, UnsendRefused
from veery.protocol.expiry_rules import DisappearingMode
from veery.runtime.clock import ManualClock


async def test_reactions_replies_and_mentions_in_a_group(tmp_path: Path) -> None:
    clock = ManualClock()
    alice, bob, carol = await people(tmp_path, MemorySwarm(clock), clock, 3)
    group = await group_of(alice, bob, carol)
    sent = await alice.client.sending.send_text(group, f"hello @{bob.id}")
    await exchange(alice, bob, carol)
    (there,) = [each for each in await bob.messages(group) if each.body.startswith("hello")]
    await bob.client.reacting.react(there.id, "👍")
    await bob.client.sending.send_text(group, "hello back", quote=there.id)
    await exchange(alice, bob, carol)
    for device in (alice, bob, carol):
        shown = {each["text"]: each for each in await device.client.conversations.shown(group, 50)}
        first = shown[f"hello @{bob.id}"]
        assert first["reactions"] == [{"emoji": "👍", "sender": bob.id}]
        assert [each["id"] for each in first["mentions"]] == [bob.id]
        assert shown["hello back"]["quote"]["text"] == f"hello @{bob.id}"
    await bob.client.reacting.react(there.id, "👍", remove=True)
    await exchange(alice, bob, carol)
    assert (await alice.client.conversations.view(sent))["reactions"] == []
    with pytest.raises(UnsendRefused):
        await alice.client.deleting.unsend(sent)
    with pytest.raises(TimerRefused):
        await alice.client.timers.set(group, DisappearingMode.AFTER_SEND)
    with pytest.raises(TimerRefused, match=r"after sending only.*Use after-send"):
        await METHODS["disappear"](alice.client, {"conversation": group, "mode": "after_read", "seconds": None})
    changed = await METHODS["disappear"](alice.client, {"conversation": group, "mode": "after_send", "seconds": None})
    assert changed["disappears"] == {"mode": "after_send", "seconds": 86_400}
    await METHODS["disappear"](alice.client, {"conversation": group, "mode": "off"})
    assert (await METHODS["unsend"](alice.client, {"id": sent}))["deleted"] == "everywhere"
    await exchange(alice, bob, carol)
    assert (await bob.client.conversations.view(there.id))["deleted"] == "everywhere"
    for name in ("read-receipts", "typing"):
        await bob.client.settings.set(name, "on")
    assert not await bob.client.typing.key_pressed(group)
    assert not await bob.client.notices.screenshot(group)
    await bob.client.conversations.mark_read(group)
    assert await bob.client.outbox.listed() == ()
    for device in (alice, bob, carol):
        await device.client.close()
