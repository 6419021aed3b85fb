"""Asking for the keys of contacts on bad days: silent members, answers that are none, and no road at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.conversations.engines import Device
from tests.conversations.memory_swarm import MemoryRoad
from tests.unit.client.levels.peer import DAY, Peer, pump, send
from tests.unit.protocol.devices.people import account
from veery.client.levels import key_fetching
from veery.network.faults import NoSwarm
from veery.network.road import MemberAnswer
from veery.protocol.storage_rpc import Namespace, Retrieve
from veery.protocol.storage_rpc.requests import Simple


def asks_for_keys(requests: Sequence[Simple]) -> bool:
    return any(isinstance(each, Retrieve) and each.namespace == Namespace.ACCOUNT_RECORD for each in requests)


class Hanging(MemoryRoad):
    """Members that never answer when they are asked for a record."""

    asked = 0
    six: asyncio.Event | None = None  # set when six questions hang

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        if asks_for_keys(requests):
            Hanging.asked += 1
            if Hanging.six is not None and Hanging.asked == 6:
                Hanging.six.set()
            await asyncio.Event().wait()
        return await super().call(account, requests, member=member, ordered=ordered)


class Nonsense(MemoryRoad):
    """Members that answer something else when they are asked for a record."""

    body: object = {"hello": []}
    code = 200

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        answers = await super().call(account, requests, member=member, ordered=ordered)
        if asks_for_keys(requests):
            return [MemberAnswer(each.member, self.code, self.body) for each in answers]  # type: ignore[arg-type]
        return answers


class Refusing(Nonsense):
    """Members that refuse to say."""

    code = 401


class Down(MemoryRoad):
    """No way to the network while `down`."""

    down = False

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        if Down.down:
            raise NoSwarm("no way to the network")
        return await super().call(account, requests, member=member, ordered=ordered)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_fetching, "CONTACT_KEYS_TIMEOUT_S", 0.01)


async def on(device: Device, road: type[MemoryRoad]) -> Peer:
    device.road_type = road
    await device.restart()
    return Peer(device)


@pytest.mark.parametrize("road", [Hanging, Nonsense, Refusing])
async def test_members_that_say_nothing_do_not_stop_a_first_message(alice: Device, road: type[MemoryRoad]) -> None:
    """A stranger's keys are asked for three times; then it goes out as to everybody without keys."""
    peer = await on(alice, road)
    await send(alice, peer.id, "hello")
    assert peer.texts() == [("v1", "hello")]
    security = await alice.client.levels.security(peer.id)
    assert security.known.keys.cache.nak_ms is None  # silence is no answer


@pytest.mark.parametrize("road", [Hanging, Nonsense, Refusing])
async def test_members_that_say_nothing_lower_nothing(alice: Device, road: type[MemoryRoad]) -> None:
    peer = Peer(alice)
    peer.publish()
    await send(alice, peer.id, "seen")
    peer = await on(alice, road)
    alice.clock.move(3 * DAY)
    await send(alice, peer.id, "after three days")
    alice.clock.move(5 * DAY)
    number = await send(alice, peer.id, "after eight days")
    assert peer.texts() == [("v2", "seen"), ("v2", "after three days")]
    (waiting,) = [each for each in await alice.client.outbox.waiting() if each.message == number]
    assert waiting.held is not None


async def test_while_there_is_no_road_nothing_is_decided(alice: Device) -> None:
    peer = await on(alice, Down)
    peer.publish()
    Down.down = True
    try:
        await alice.client.sending.send_text(peer.id, "hello")
        for _ in range(8):
            await alice.client.pump.run_due()
            alice.clock.move(5 * 60)
        (waiting,) = await alice.client.outbox.waiting()
        assert (waiting.sealed, waiting.last_error) == (False, "network.no_swarm")
    finally:
        Down.down = False
    await pump(alice)
    assert peer.texts() == [("v2", "hello")]


async def test_a_send_with_usable_keys_does_not_wait_for_a_slow_question(alice: Device) -> None:
    peer = Peer(alice)
    peer.publish()
    await send(alice, peer.id, "seen")
    peer = await on(alice, Hanging)
    alice.clock.move(25 * 3_600)
    begun = asyncio.Event()
    asking = asyncio.create_task(_slow(alice, peer, begun))
    await begun.wait()
    await alice.client.sending.send_text(peer.id, "at once")
    await alice.client.pump.run_due()
    assert not asking.done()
    assert peer.texts() == [("v2", "seen"), ("v2", "at once")]
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def _slow(alice: Device, peer: Peer, begun: asyncio.Event) -> None:
    async with alice.client._keys._lock(peer.account.account_id):
        begun.set()
        await asyncio.Event().wait()


async def test_members_of_several_contacts_are_asked_side_by_side(alice: Device) -> None:
    await on(alice, Hanging)
    Hanging.asked, Hanging.six = 0, asyncio.Event()
    for number in range(30, 36):
        alice.client.levels.opened(account(number).account_id.hex)
    task = asyncio.create_task(alice.client._keys.run())
    async with asyncio.timeout(10):
        await Hanging.six.wait()
    Hanging.six = None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
