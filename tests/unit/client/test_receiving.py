"""Polling: whom, after what, and what of an answer is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.conversations.engines import Device, account_of, arm, exchange, store_of
from tests.conversations.memory_swarm import Fate, Killed, MemoryRoad
from tests.unit.client.mail import deliver, kinds, sealed
from veery.errors import NetworkError
from veery.network.road import MemberAnswer
from veery.protocol.constants import MINUTE_MS
from veery.protocol.content import Content, DataMessage, Unknown, encode
from veery.protocol.storage_rpc import Namespace, Retrieve, message_hash
from veery.protocol.storage_rpc.requests import Simple

CAROL = account_of(3)


def retrieves(device: Device) -> list[Retrieve]:
    """The requests for messages; those for configuration documents go with each of them."""
    found = [request for request in device.road.requests if isinstance(request, Retrieve)]
    return [request for request in found if request.namespace == Namespace.INBOX]


async def test_each_member_is_read_after_its_own_last_hash(bob: Device) -> None:
    first, second = bob.swarm.members[:2]
    bob.swarm.members[2:] = []
    mine = bob.account.account_id.raw
    one = bob.swarm.put(mine, sealed(CAROL, bob, DataMessage(body="1"), 1))
    await bob.client.receiving.fetch()  # two members are asked after the start
    second.lagging = True
    two = bob.swarm.put(mine, sealed(CAROL, bob, DataMessage(body="2"), 2))
    del second.stored[mine, 0][two]
    three = bob.swarm.put(mine, sealed(CAROL, bob, DataMessage(body="3"), 3))
    second.stored[mine, 0][two] = first.stored[mine, 0][two]
    assert first.hashes(mine) == [one, two, three]
    assert second.hashes(mine) == [one, three, two]
    await bob.client.receiving.fetch()
    await bob.client.receiving.fetch()
    asked = [request.last_hash for request in retrieves(bob)]
    assert asked == [None, None, one, one]
    own = bob.account.account_id
    cursors = await bob.read(
        lambda tables: {each.key: tables.inbox.last_hash(each.key, own, 0) for each in (first, second)}
    )
    assert cursors == {first.key: three, second.key: two}
    assert await bob.texts(CAROL.account_id.hex) == ["1", "2", "3"]


async def test_requests_are_signed_and_ask_for_all_that_fits(bob: Device) -> None:
    await bob.client.receiving.fetch()
    request = retrieves(bob)[0]
    assert request.auth is not None
    assert request.max_size == -2
    assert request.timestamp == bob.clock.now_ms()


async def test_a_broken_item_stops_nothing_and_is_remembered(bob: Device) -> None:
    mine = bob.account.account_id.raw
    broken = bob.swarm.put(mine, b"\x08\x01 this is no message")
    empty = bob.swarm.put(mine, b"\x08")
    good = await deliver(CAROL, bob, DataMessage(body="hello"))
    assert await bob.texts(CAROL.account_id.hex) == ["hello"]
    assert await bob.read(lambda tables: [tables.inbox.is_seen(each) for each in (broken, empty, good)]) == [True] * 3
    assert await bob.read(lambda tables: tables.inbox.kept(10)) == ()
    fetched = await bob.client.receiving.fetch()
    assert (fetched.new, fetched.refused) == (0, 0)


async def test_a_later_version_is_kept_with_its_bytes(bob: Device) -> None:
    data = b"\x00\x03" + bytes(2_000)
    name = bob.swarm.put(bob.account.account_id.raw, data)
    assert (await bob.client.receiving.fetch()).new == 1
    (kept,) = await bob.read(lambda tables: tables.inbox.kept(10))
    assert (kept.item.hash, kept.item.data, kept.reason) == (name, data, "message.unknown_version")


async def test_an_unknown_kind_is_kept_with_its_bytes(bob: Device) -> None:
    await deliver(CAROL, bob, Unknown(b"\xa2\x06\x03abc"))
    (kept,) = await bob.read(lambda tables: tables.inbox.kept(10))
    assert kept.reason == "content.unknown"
    await deliver(CAROL, bob, Unknown())
    assert len(await bob.read(lambda tables: tables.inbox.kept(10))) == 1
    assert await kinds(bob) == []


async def test_a_hash_that_is_not_that_of_the_bytes_hides_nothing(bob: Device) -> None:
    mine = bob.account.account_id.raw
    data = sealed(CAROL, bob, DataMessage(body="hello"), bob.clock.now_ms())
    true = message_hash(mine, 0, data)
    liar = bob.swarm.members[0]
    bob.swarm.put(mine, b"\x08garbage")
    liar.stored[mine, 0] = {true: replace(next(iter(liar.stored[mine, 0].values())), hash=true)}
    for _ in bob.swarm.members:
        await bob.client.receiving.fetch()
    assert not await bob.read(lambda tables: tables.inbox.is_seen(true))
    bob.swarm.put(mine, data)
    for _ in bob.swarm.members:
        await bob.client.receiving.fetch()
    assert await bob.texts(CAROL.account_id.hex) == ["hello"]


@pytest.mark.parametrize("writes", [1, 2])
async def test_a_kill_around_the_commit_gives_the_message_once(bob: Device, writes: int) -> None:
    bob.swarm.put(bob.account.account_id.raw, sealed(CAROL, bob, DataMessage(body="hello"), 5))
    arm(store_of(bob.client), writes)
    with pytest.raises(Killed):
        await bob.client.receiving.fetch()
    await bob.restart()
    await bob.client.receiving.fetch()
    assert await bob.texts(CAROL.account_id.hex) == ["hello"]
    assert (await kinds(bob)).count("message") == 1


async def test_other_members_answer_for_one_that_does_not(bob: Device) -> None:
    for member in bob.swarm.members[1:]:
        member.down = True
    await deliver(CAROL, bob, DataMessage(body="hello"))
    assert await bob.texts(CAROL.account_id.hex) == ["hello"]
    bob.swarm.members[0].down = True
    for _ in range(2):
        with pytest.raises(NetworkError):
            await bob.client.receiving.fetch()
    bob.swarm.members[0].down = False
    assert (await bob.client.receiving.fetch()).polls == 1  # at once: somebody asked


class Babbling(MemoryRoad):
    """Members that give no answers in the form of the book."""

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        answers = await super().call(account, requests, member=member, ordered=ordered)
        return [MemberAnswer(answer.member, 200, {"messages": "many"}) for answer in answers]


class Refusing(MemoryRoad):
    """Members that refuse."""

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        answers = await super().call(account, requests, member=member, ordered=ordered)
        return [MemberAnswer(answer.member, 401, "no") for answer in answers]


@pytest.mark.parametrize("road", [Babbling, Refusing])
async def test_members_without_usable_answers_are_a_network_error(bob: Device, road: type[MemoryRoad]) -> None:
    bob.road_type = road
    await bob.restart()
    with pytest.raises(NetworkError):
        await bob.client.receiving.fetch()
    bob.road_type = MemoryRoad
    await bob.restart()
    await deliver(CAROL, bob, DataMessage(body="hello"))
    assert await bob.texts(CAROL.account_id.hex) == ["hello"]


async def test_more_is_fetched_at_once_and_in_order(bob: Device) -> None:
    big = "x" * 9_000
    for number in range(1_100):
        content = encode(Content(DataMessage(body=f"{number} {big}"), timestamp=number + 1))
        bob.swarm.put(bob.account.account_id.raw, b"\x08" + content)  # no messages, but as many bytes
    bob.swarm.put(bob.account.account_id.raw, sealed(CAROL, bob, DataMessage(body="the last"), 2_000))
    fetched = await bob.client.receiving.fetch()
    assert fetched.new == 1_101
    assert fetched.polls > 2
    assert await bob.texts(CAROL.account_id.hex) == ["the last"]


async def test_what_comes_after_newer_ones_is_late(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="new"))
    slow = sealed(CAROL, bob, DataMessage(body="old"), bob.clock.now_ms() - 10 * MINUTE_MS)
    await bob.client.receiving.fetch()
    now = bob.clock.now_ms()
    bob.clock.set_wall(now - 10 * MINUTE_MS)
    bob.swarm.put(bob.account.account_id.raw, slow)
    bob.clock.set_wall(now)
    await bob.client.receiving.fetch()
    assert await bob.texts(CAROL.account_id.hex) == ["old", "new"]
    late = {event["text"]: event["late"] for event in await bob.events() if event["event"] == "message"}
    assert late == {"new": False, "old": True}


async def test_the_background_polls_every_few_seconds(bob: Device) -> None:
    events = bob.client.events()
    bob.client.start()
    async with asyncio.timeout(20):
        for number in range(2):
            bob.swarm.put(bob.account.account_id.raw, sealed(CAROL, bob, DataMessage(body=str(number)), number + 1))
            event: dict[str, Any] = {}
            while event.get("event") != "message":
                reader = asyncio.ensure_future(anext(events))
                while not reader.done():
                    await bob.clock.until_sleeping(1)
                    await bob.clock.advance(1)
                event = await reader
            assert event["text"] == str(number)


async def test_a_poll_that_is_cut_off_does_not_stop_polling(bob: Device) -> None:
    bob.weather = lambda: Fate.KILLED_BEFORE
    with pytest.raises(Killed):
        await bob.client.receiving.fetch()
    bob.weather = lambda: Fate.ARRIVES
    await deliver(CAROL, bob, DataMessage(body="hello"))
    assert await bob.texts(CAROL.account_id.hex) == ["hello"]


async def test_the_own_copy_is_not_processed(alice: Device, bob: Device) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice)
    fetched = await alice.client.receiving.fetch()
    assert fetched.new == 0
    assert (await kinds(alice)).count("message") == 1
