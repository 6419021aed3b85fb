"""Two accounts, one of them on two devices: everything is v2, and every device reads it."""

from __future__ import annotations

from pathlib import Path

from tests.conversations.engines import Device, exchange, make_device
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.own_devices import first_device, link, sync
from veery.protocol import message_v2
from veery.protocol.constants import V2_PREFIX
from veery.protocol.storage_rpc import Namespace
from veery.runtime.clock import ManualClock


async def shown(device: Device, other: Device) -> list[tuple[str, str, bool]]:
    """Level, text and direction of the messages that people wrote."""
    found = await device.messages(other.id)
    return [(each.level, each.body, each.outgoing) for each in found if each.kind == "text"]


async def write(sender: Device, to: Device, text: str, *everybody: Device) -> None:
    sender.clock.move(1)
    await sender.client.sending.send_text(to.id, text)
    await exchange(*everybody)


async def test_every_device_reads_what_comes_and_sees_what_the_others_send(tmp_path: Path) -> None:
    clock = ManualClock()
    swarm = MemorySwarm(clock)
    first = await first_device(tmp_path, swarm, clock)
    second = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    await link(first, second)
    bob = await make_device(tmp_path, swarm, clock, "bob", 2)
    await sync(bob, first, second)
    everybody = (first, second, bob)
    await write(bob, first, "to both", *everybody)
    await write(first, bob, "from the first", *everybody)
    await write(second, bob, "from the second", *everybody)
    talked = [("v2", "to both", False), ("v2", "from the first", True), ("v2", "from the second", True)]
    assert await shown(first, bob) == talked
    assert await shown(second, bob) == talked
    assert await shown(bob, first) == [(level, text, not outgoing) for level, text, outgoing in talked]
    for device in everybody:
        for data in swarm.members[0].stored[device.account.account_id.raw, int(Namespace.INBOX)].values():
            assert data.data.startswith(V2_PREFIX)
            assert not _opens_with_the_long_term_key(device, data.data)
        assert [each for each in await device.events() if each["event"] in ("level", "security")] == []
        await device.client.close()


def _opens_with_the_long_term_key(device: Device, data: bytes) -> bool:
    try:
        message_v2.open(data, device.account, ())
    except message_v2.NoKey:
        return False
    return True


async def test_what_waits_for_a_key_of_the_own_devices_goes_out_once_this_one_is_linked(tmp_path: Path) -> None:
    clock = ManualClock()
    swarm = MemorySwarm(clock)
    first = await first_device(tmp_path, swarm, clock)
    bob = await make_device(tmp_path, swarm, clock, "bob", 2)
    await sync(bob)
    second = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    await second.client.sending.send_text(bob.id, "not linked yet")
    await exchange(second, bob)
    assert await shown(bob, second) == [("v2", "not linked yet", False)]
    assert await second.client.outbox.waiting() != ()
    await link(first, second)
    await exchange(second, first)
    assert await second.client.outbox.waiting() == ()
    assert await shown(first, bob) == [("v2", "not linked yet", True)]
    for device in (first, second, bob):
        await device.client.close()
