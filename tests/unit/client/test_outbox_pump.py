"""Bringing copies to swarms: attempts, what ends them, what counts as stored, and what survives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.conversations.engines import Device, arm, exchange, store_of
from tests.conversations.memory_swarm import Fate, Killed, MemoryRoad, calm
from tests.unit.client.mail import kinds
from veery.client.client import Client
from veery.client.faults import AlreadyStored, SendFailed
from veery.client.swarm_answers import swarm_result
from veery.network.road import MemberAnswer
from veery.protocol.crypto import ed25519_from_seed
from veery.protocol.storage_rpc import RecursiveAnswer, Store, StoreResult, encode_body, message_hash, sign_result
from veery.protocol.storage_rpc.requests import Simple
from veery.secret import Secret
from veery.store.message_values import DeliveryState


def weather(device: Device, *fates: Fate) -> None:
    left = list(reversed(fates))
    device.weather = lambda: left.pop() if left else Fate.ARRIVES


def stores(device: Device) -> list[Store]:
    return [request for client in device.clients for request in roads(client) if isinstance(request, Store)]


def roads(client: Client) -> list[Simple]:
    assert isinstance(client.road, MemoryRoad)
    return client.road.requests


async def states(device: Device) -> list[str]:
    return [event["state"] for event in await device.events() if event["event"] == "state"]


async def test_a_lost_answer_is_asked_for_again_with_the_same_bytes(alice: Device, bob: Device) -> None:
    asked_for_keys = Fate.ARRIVES
    weather(alice, asked_for_keys, Fate.ANSWER_LOST, Fate.LOST)
    message = await alice.client.sending.send_text(bob.id, "hello")
    while await alice.client.pump.run_due() is not None:
        alice.clock.move(60)
    assert (await alice.client.sending.wait_stored(message)).delivery.stored_on == 5
    to_bob = [each for each in stores(alice) if each.account == bob.account.account_id.raw]
    assert len(to_bob) == 2
    assert len({each.data for each in to_bob}) == 1
    assert await states(alice) == ["queued", "sealed", "stored"]
    await exchange(bob)
    assert await bob.texts(alice.id) == ["hello"]


@pytest.mark.parametrize("writes", range(1, 9))
async def test_a_kill_at_any_write_sends_one_message(alice: Device, bob: Device, writes: int) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    arm(store_of(alice.client), writes)
    try:
        await alice.client.pump.run_due()
    except Killed:
        await alice.restart()
    await exchange(alice, bob)
    assert await bob.texts(alice.id) == ["hello"]
    assert await states(alice) == ["queued", "sealed", "stored"]
    assert len({each.data for each in stores(alice) if each.account == bob.account.account_id.raw}) == 1
    assert await alice.texts(bob.id) == ["hello"]


async def test_other_members_are_tried_after_a_failure(alice: Device, bob: Device) -> None:
    for member in alice.swarm.members[1:]:
        member.down = True
    message = await alice.client.sending.send_text(bob.id, "hello")
    for _ in range(200):
        alice.clock.move(300)
        if await alice.client.pump.run_due() is None:
            break
    held = await alice.client.sending.wait_stored(message)
    assert (held.delivery.stored_on, held.delivery.swarm_size) == (1, 5)


async def test_pauses_grow_and_are_kept_on_the_disk(alice: Device, bob: Device) -> None:
    alice.weather = lambda: Fate.LOST
    await alice.client.sending.send_text(bob.id, "hello")
    pauses = []
    for _ in range(15):  # the first ones ask for the keys of the recipient
        due = await alice.client.pump.run_due()
        assert due is not None
        pauses.append(due - alice.clock.now_ms())
        alice.clock.move(pauses[-1] / 1_000)
    assert pauses[0] <= 100
    assert 150_000 <= pauses[-1] <= 300_000
    await alice.client.pump.run_due()
    (waiting,) = await alice.client.outbox.waiting()
    assert waiting.sealed
    assert waiting.last_error == "network.no_answer"
    await alice.restart()
    assert (await alice.client.outbox.waiting()) == (waiting,)
    assert await states(alice) == ["queued", "sealed"]


async def test_an_answer_of_the_network_ends_the_pauses(alice: Device, bob: Device) -> None:
    alice.weather = lambda: Fate.LOST
    await alice.client.sending.send_text(bob.id, "hello")
    for _ in range(8):
        await alice.client.pump.run_due()
        alice.clock.move(300)
    alice.weather = lambda: Fate.ARRIVES
    await alice.client.pump.run_due()
    await alice.client.sending.send_text(bob.id, "again")
    await alice.client.pump.run_due()
    assert await states(alice) == ["queued", "sealed", "stored"] * 2


class Refusing(MemoryRoad):
    """Members that take nothing."""

    code = 400

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        answers = await super().call(account, requests, member=member, ordered=ordered)
        return [MemberAnswer(answer.member, self.code, "no") for answer in answers]


class Full(Refusing):
    """Members whose databases are full."""

    code = 500


async def test_a_retry_ends_a_pause_of_the_road(alice: Device, bob: Device) -> None:
    alice.weather = lambda: Fate.LOST
    message = await alice.client.sending.send_text(bob.id, "hello")
    for _ in range(6):
        due = await alice.client.pump.run_due()
        assert due is not None
        alice.clock.move((due - alice.clock.now_ms()) / 1_000)
    due = await alice.client.pump.run_due()
    assert due is not None
    assert due > alice.clock.now_ms()
    alice.weather = calm
    await alice.client.pump.run_due()
    assert (await alice.client.sending.get(message)).delivery.state is DeliveryState.SEALED
    await alice.client.sending.retry(message)
    await alice.client.pump.run_due()
    assert (await alice.client.sending.get(message)).delivery.state is DeliveryState.STORED
    await alice.client.pump.run_due()  # the copy for the own devices
    with pytest.raises(AlreadyStored):
        await alice.client.sending.retry(message)


async def test_only_what_several_members_refuse_for_good_fails(alice: Device, bob: Device) -> None:
    alice.road_type = Refusing
    await alice.restart()
    message = await alice.client.sending.send_text(bob.id, "hello")
    attempts = 0
    while await alice.client.pump.run_due() is not None:
        attempts += 1
        alice.clock.move(1)
    assert len([each for each in alice.road.requests if isinstance(each, Store)]) == 3
    with pytest.raises(SendFailed) as failed:
        await alice.client.sending.wait_stored(message)
    assert failed.value.kind == "network.store.refused_for_good"


async def test_a_member_that_is_full_is_no_end(alice: Device, bob: Device) -> None:
    alice.road_type = Full
    await alice.restart()
    message = await alice.client.sending.send_text(bob.id, "hello")
    for _ in range(20):
        await alice.client.pump.run_due()
        alice.clock.move(300)
    assert (await alice.client.sending.get(message)).delivery.state is DeliveryState.SEALED


async def test_members_that_are_made_up_do_not_count(alice: Device) -> None:
    member, own = alice.swarm.members[0], alice.account.account_id.raw
    request = Store(own, 0, b"data", 1, 2)
    result = StoreResult(message_hash(own, 0, b"data"), 2)
    forged = {}
    for seed in range(20):
        public, secret = ed25519_from_seed(bytes([seed]) * 32)
        forged[public] = sign_result(request, result, Secret(secret))
    unsigned = {each.key: result for each in alice.swarm.members[1:]}
    true = {member.key: sign_result(request, result, member.secret)}
    nodes = [each.node for each in alice.swarm.members]
    body = _body(RecursiveAnswer({**forged, **unsigned, **true}, hash=result.hash))
    judged = swarm_result(request, MemberAnswer(member.node, 200, body), nodes)
    assert set(judged.proved) == {member.key}
    assert judged.size == 5
    strange = swarm_result(request, MemberAnswer(member.node, 200, _body(RecursiveAnswer(forged))), nodes)
    assert len(strange.proved) == 20  # the known members are of another time


def _body(answer: RecursiveAnswer) -> Any:
    return json.loads(encode_body(answer.body()))


async def test_the_background_sends_what_is_written_later(alice: Device, bob: Device) -> None:
    alice.client.start()
    alice.client.start()
    message = await alice.client.sending.send_text(bob.id, "hello")
    async with asyncio.timeout(10):
        held = await alice.client.sending.wait_stored(message)
    assert held.delivery.stored_on == 5
    assert "state" in await kinds(alice)


async def test_a_message_that_was_deleted_is_not_sent(alice: Device, bob: Device) -> None:
    message = await alice.client.sending.send_text(bob.id, "hello")
    await alice.client.conversations.delete_message(message)
    assert await alice.client.pump.run_due() is None
    assert stores(alice) == []
