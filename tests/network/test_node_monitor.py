"""Subscriptions at real nodes over the queue (04.8, 15.1.3): who is told what, for how long, and who is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.network import by_hand as hand
from tests.network.by_hand import Member, Someone, bdecode, bencode, now_ms
from tests.network.by_hand_roads import Queue, subscription
from tests.network.labs import ROADS, Lab, lab_of, ok, stored

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

DAY = 24 * 3_600_000
LIFE_MS = 65 * 60 * 1000


async def monitor(queue: Queue, *entries: dict[bytes, Any]) -> Any:
    """The answer to one entry as a dict, to several as a list."""
    request: Any = entries[0] if len(entries) == 1 else [*entries]
    (answer,) = await queue.ask("monitor.messages", bencode(request))
    return bdecode(answer)


@asynccontextmanager
async def watching(lab: Lab, who: Someone, namespaces: list[int], *, data: bool = False) -> AsyncIterator[Queue]:
    async with lab.queue_to(1) as queue:
        assert await monitor(queue, subscription(who, namespaces, data=data)) == {b"success": 1}
        yield queue


async def told(queue: Queue) -> dict[bytes, Any]:
    command, body = await queue.next_told()
    assert command == b"notify.message"
    found: dict[bytes, Any] = bdecode(body)
    return found


async def nothing_told(queue: Queue) -> None:
    """What is asked now is answered before anything else comes."""
    await queue.ask("storage.info")
    assert queue.told == []


# -- notifications (04.8.2) --------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [False, True])
@pytest.mark.parametrize("group", [False, True])
async def test_new_messages_are_told(lab: Lab, data: bool, group: bool) -> None:
    who, at = lab.someone_at(1, group=group), now_ms()
    async with watching(lab, who, [-10, 0, 11], data=data) as queue:
        await stored(lab, who, b"hello\x00", at=at)
        wanted = {
            b"@": who.account,
            b"h": hand.message_hash(who.account, 0, b"hello\x00").encode(),
            b"n": 0,
            b"t": at,
            b"z": at + DAY,
        }
        assert await told(queue) == (wanted | {b"~": b"hello\x00"} if data else wanted)
        await stored(lab, who, b"again", -10)
        assert (await told(queue))[b"n"] == -10


async def test_the_bytes_of_a_notification(lab: Lab) -> None:
    who, at = lab.someone_at(1), now_ms()
    async with watching(lab, who, [0], data=True) as queue:
        name = await stored(lab, who, b"x", at=at)
        _, body = await queue.next_told()
    text = b"d1:@33:%s1:h43:%s1:ni0e1:ti%de1:zi%de1:~1:xe"
    assert body == text % (who.account, name.encode(), at, at + DAY)


async def test_only_what_is_watched_and_new_is_told(lab: Lab) -> None:
    who, other = lab.someone_at(1), lab.someone_at(1)
    async with watching(lab, who, [0, 3]) as queue:
        await stored(lab, who, b"x", 2)
        await stored(lab, other, b"x")
        name = await stored(lab, who, b"first")
        assert (await told(queue))[b"h"] == name.encode()
        await stored(lab, who, b"first", ttl=2 * DAY)  # the same again: a duplicate is not new
        await nothing_told(queue)


async def test_a_message_that_another_member_took_is_told(lab: Lab) -> None:
    who = lab.someone_at(1)
    async with watching(lab, who, [0]) as queue:
        answer = await ok(lab, ROADS["https"], "store", hand.store(who, b"elsewhere"), lab.mate(1))
        assert (await told(queue))[b"h"] == answer["hash"].encode()


async def test_pushed_messages_are_not_told(lab: Lab) -> None:
    who, at = lab.someone_at(1), now_ms()
    secret = lab.node(lab.mate(1)).view.keys.x25519_secret.reveal()
    name = hand.message_hash(who.account, 0, b"pushed").encode()
    async with watching(lab, who, [0]) as queue, lab.queue_to(1, secret=secret) as member:
        blob = b"\x01" + bencode([[who.account, name, at, at + DAY, b"pushed", 0]])
        assert await member.ask("sn.data", blob) == []
        await nothing_told(queue)


async def test_everybody_who_watches_is_told(lab: Lab) -> None:
    who = lab.someone_at(1)
    async with watching(lab, who, [0]) as first, watching(lab, who, [0], data=True) as second:
        await stored(lab, who, b"x")
        assert b"~" not in await told(first)
        assert (await told(second))[b"~"] == b"x"


# -- subscribing (04.8.1) ----------------------------------------------------------------------------------------


async def test_renewing_merges(lab: Lab) -> None:
    who = lab.someone_at(1)
    async with watching(lab, who, [0], data=True) as queue:
        assert await monitor(queue, subscription(who, [2])) == {b"success": 1}
        for namespace in (0, 2):
            await stored(lab, who, b"x", namespace)
            got = await told(queue)
            assert (got[b"n"], got[b"~"]) == (namespace, b"x")
        await nothing_told(queue)


async def test_a_list_is_answered_in_order(lab: Lab) -> None:
    people = [lab.someone_at(1) for _ in range(120)]
    entries = [subscription(who, [0]) for who in people]
    entries[7][b"s"] = bytes(64)
    stranger = lab.stranger_to(1)
    entries[60] = subscription(stranger, [0])
    async with lab.queue_to(1) as queue:
        answers = await monitor(queue, *entries)
        assert len(answers) == 120
        assert [at for at, answer in enumerate(answers) if answer != {b"success": 1}] == [7, 60]
        assert answers[7][b"errcode"] == 5
        assert answers[60][b"errcode"] == 6
        assert answers[60][b"swarm"].decode() == f"{hand.swarm_of(stranger.account, lab.swarms):x}"
        assert len(answers[60][b"snodes"]) == 7
        assert bdecode((await queue.ask("monitor.messages", bencode([entries[0]])))[0]) == [{b"success": 1}]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({b"s": bytes(64)}, 5),
        ({b"n": [1]}, 5),
        ({b"t": int(time.time()) - 15 * 86_400}, 4),
        ({b"t": int(time.time()) + 2 * 86_400}, 4),
        ({b"n": []}, 3),
        ({b"n": [2, 1]}, 3),
        ({b"n": [1, 1]}, 3),
        ({b"n": [40_000]}, 3),
        ({b"P": bytes(31)}, 2),
        ({b"p": bytes(33)}, 1),
        ({b"P": None}, 1),
        ({b"n": None}, 1),
        ({b"s": None}, 1),
        ({b"t": None}, 1),
        ({b"T": bytes(36)}, 1),
        ({b"S": bytes(63), b"T": bytes(36)}, 2),
    ],
)
async def test_codes_of_refusals(lab: Lab, change: dict[bytes, Any], code: int) -> None:
    entry = subscription(lab.someone_at(1), [0, 2]) | change
    async with lab.queue_to(1) as queue:
        answer = await monitor(queue, {name: value for name, value in entry.items() if value is not None})
    assert answer[b"errcode"] == code
    assert answer[b"error"]
    assert b"success" not in answer


async def test_a_request_that_does_not_parse(lab: Lab) -> None:
    async with lab.queue_to(1) as queue:
        for parts in ([], [b""], [b"x"], [b"i1e"], [b"{}"], [b"de", b"de"], [b"li1ee"], [b"l" * 100]):
            (answer,) = await queue.ask("monitor.messages", *parts)
            assert bdecode(answer)[b"errcode"] == 1


async def test_members_of_a_group(lab: Lab) -> None:
    group = lab.someone_at(1, group=True)
    reader, writer = Member(group, 1), Member(group, 2)
    async with lab.queue_to(1) as queue:
        assert await monitor(queue, subscription(group, [11], member=reader)) == {b"success": 1}
        assert (await monitor(queue, subscription(group, [11], member=writer)))[b"errcode"] == 5
        name = await stored(lab, group, b"to the group", 11)
        assert (await told(queue))[b"h"] == name.encode()


async def test_subscriptions_are_bounded(tmp_path: Path) -> None:
    def change(settings: Any) -> Any:
        return replace(settings, limits=replace(settings.limits, subscriptions=5, subscriptions_each=3))

    async with lab_of(tmp_path, 1, change) as lab, lab.queue_to(1) as first, lab.queue_to(1) as second:
        people = [Someone.new() for _ in range(4)]
        answers = [await monitor(first, subscription(who, [0])) for who in people]
        assert [b"success" in answer for answer in answers] == [True, True, True, False]
        assert b"success" in await monitor(first, subscription(people[0], [2]))  # renewing always goes
        answers = [await monitor(second, subscription(who, [0])) for who in people]
        assert [b"success" in answer for answer in answers] == [True, True, False, False]
        assert len(lab.node(1).subscriptions) == 5


# -- life and end ------------------------------------------------------------------------------------------------


async def test_a_subscription_lives_for_65_minutes(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    who, table = lab.someone_at(1), lab.node(1).subscriptions
    ahead = 0
    real = table._ticks_ms
    monkeypatch.setattr(table, "_ticks_ms", lambda: real() + ahead)
    async with watching(lab, who, [0]) as queue:
        ahead = LIFE_MS - 5_000
        await stored(lab, who, b"in time")
        await told(queue)
        assert await monitor(queue, subscription(who, [0])) == {b"success": 1}
        ahead = 2 * LIFE_MS - 10_000
        await stored(lab, who, b"renewed in time")
        await told(queue)
        ahead = 2 * LIFE_MS
        await stored(lab, who, b"too late")
        await nothing_told(queue)
        before = len(table)
        table.sweep()
        assert len(table) < before or before == 0


async def test_a_fixed_routing_id_keeps_its_subscriptions_over_a_reconnect(lab: Lab) -> None:
    who = lab.someone_at(1)
    async with lab.queue_to(1, fixed=True) as first:
        assert await monitor(first, subscription(who, [0])) == {b"success": 1}
        secret = first.secret
    async with lab.queue_to(1, secret=secret, fixed=True) as second:
        await second.ask("storage.info")
        await stored(lab, who, b"after the reconnect")
        await told(second)


async def test_a_connection_that_is_gone_is_forgotten(lab: Lab) -> None:
    who, table = lab.someone_at(1), lab.node(1).subscriptions
    async with watching(lab, who, [0]):
        held = len(table)
    async with asyncio.timeout(20):
        while len(table) >= held:
            await stored(lab, who, f"{now_ms()}".encode())
            await asyncio.sleep(0.05)


async def test_a_stolen_routing_id_gets_nothing(lab: Lab) -> None:
    """Somebody with another key names the routing id of a subscriber: what was held for it is dropped (15.1.3)."""
    who = lab.someone_at(1)
    async with lab.queue_to(1, fixed=True) as owner, lab.queue_to(1) as thief:
        assert await monitor(owner, subscription(who, [0], data=True)) == {b"success": 1}
        thief.take_place_of(owner.public)
        await thief.ask("storage.info")
        await stored(lab, who, b"for the owner")
        await nothing_told(thief)
        assert len(lab.node(1).subscriptions._watches.get(who.account, {})) == 0


async def test_a_thief_that_only_connects_gets_nothing(lab: Lab) -> None:
    """It takes the place without sending: the next notification goes to its connection, and must not hold anything.

    The node learns of the theft by a message of the thief alone; until then it sends to the routing id.
    """
    who = lab.someone_at(1)
    async with lab.queue_to(1, fixed=True) as owner, lab.queue_to(1) as thief:
        assert await monitor(owner, subscription(who, [0])) == {b"success": 1}
        thief.take_place_of(owner.public)
        await thief.send(b"HI")
        assert await thief.receive() == [b"HELLO"]
        await stored(lab, who, b"x")
        await nothing_told(thief)


async def test_the_end_is_told_when_the_account_leaves_the_swarm(tmp_path: Path) -> None:
    """A list in which the account maps elsewhere ends its subscription and names its new swarm."""
    async with lab_of(tmp_path, 5, lambda settings: replace(settings, refresh_s=1000.0)) as lab:
        node = lab.node(1)
        listed = node.view.snapshot
        assert listed is not None
        moved = {lab.hop(number).ed25519 for number in (4, 5)}
        split = [replace(each, swarm_id=2**63 - 1) if each.ed25519 in moved else each for each in listed.nodes]
        after = replace(listed, height=listed.height + 1, block_hash=bytes(32), nodes=tuple(split))
        stays = hand.someone_in(lab.swarms[0], [*after.ring.ids])
        leaves = hand.someone_in(2**63 - 1, [*after.ring.ids])
        async with lab.queue_to(1) as queue:
            await monitor(queue, subscription(stays, [0]), subscription(leaves, [0]))
            node.listing._take(after)
            command, body = await queue.next_told()
            assert command == b"notify.monitor_ended"
            ended = bdecode(body)
            assert ended[b"@"] == leaves.account
            assert ended[b"swarm"] == b"7fffffffffffffff"
            assert {each[b"pubkey_ed25519"] for each in ended[b"snodes"]} >= {key.hex().encode() for key in moved}
            assert ended[b"errcode"] == 6
            await nothing_told(queue)
            assert len(node.subscriptions) == 1
            name = await stored(lab, stays, b"still here")
            assert (await told(queue))[b"h"] == name.encode()
