"""Messages go over when swarms change and members miss something (05.4, 05.5): real databases, no sockets."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from tests.faults.memory_swarm import Member, Swarm, begin, put
from tests.network import by_hand as hand
from tests.network.by_hand import Someone
from veery.node import replication_table as owed
from veery.protocol.constants import PUSH_BATCH_MAX
from veery.protocol.swarm.push import decode_push

HALF = 2**63 - 1


# -- joining -----------------------------------------------------------------------------------------------------


async def test_a_member_that_joins_gets_everything(swarm: Swarm) -> None:
    a, b = await begin(swarm, (1, 2))
    who = Someone.new()
    names = {await put(a, who, os.urandom(50_000), namespace) for namespace in (0, 2, -10) for _ in range(40)}
    c = swarm.add(3)
    swarm.relist({1: 0, 2: 0, 3: 0})
    await c.start()
    await swarm.settle()
    assert c.holds() == b.holds() == a.holds()
    assert c.holds().keys() == names


async def test_what_is_stored_while_a_member_joins_is_there(swarm: Swarm) -> None:
    """Also when some members see the new list earlier than others, in any order."""
    a, b = await begin(swarm, (1, 2))
    who = Someone.new()
    names = {await put(a, who, b"before")}
    c = swarm.add(3)
    swarm.relist({1: 0, 2: 0, 3: 0}, told=[1])
    names.add(await put(b, who, b"while b does not know c"))
    await c.start()
    names.add(await put(c, who, b"while b does not know c, through c"))
    names.add(await put(a, who, b"through a"))
    await swarm.turn()
    b.see()
    names.add(await put(b, who, b"after"))
    await swarm.settle()
    for member in (a, b, c):
        assert member.holds().keys() == names


def cut_off_after(swarm: Swarm, receiver: Member, pushes: int) -> list[bytes]:
    """Cut a member off when it has taken so many pushes; gives all pushes that reach it."""
    normal, reached = receiver.answer, list[bytes]()

    async def answer(key: bytes, command: bytes, parts: tuple[bytes, ...]) -> Sequence[bytes] | None:
        if command == b"sn.data":
            assert len(parts[0]) <= PUSH_BATCH_MAX
            reached.extend(parts)
            if len(reached) == pushes + 1:
                swarm.cut.add(receiver.number)
        return await normal(key, command, parts)

    receiver.answer = answer  # type: ignore[method-assign]
    return reached


async def test_a_dump_goes_on_where_it_stopped(swarm: Swarm) -> None:
    """Thirteen batches; the receiver is cut off in the middle, and the sender is killed meanwhile."""
    (a,) = await begin(swarm, (1,))
    who = Someone.new()
    names = [await put(a, who, os.urandom(70_000)) for _ in range(180)]
    b = swarm.add(2)
    reached = cut_off_after(swarm, b, 4)
    swarm.relist({1: 0, 2: 0})
    await b.start()
    for _ in range(30):  # what was confirmed is written down behind the confirmation, by a thread that has its own pace
        await swarm.turn()
        (row,) = a.store.read(owed.dumps)
        if row.cursor > 40:
            break
    assert 40 < row.cursor < row.up_to == 180
    assert 40 < len(b.holds()) < 180
    await a.kill()
    swarm.cut.clear()
    await a.start()
    before = len(reached)
    await swarm.settle()
    assert sum(len(decode_push(blob)) for blob in reached[before:]) <= 180 - row.cursor
    assert b.holds().keys() == {*names}
    assert a.store.read(owed.dumps) == []


async def test_a_dump_ends_with_the_membership_of_its_receiver(swarm: Swarm) -> None:
    (a,) = await begin(swarm, (1,))
    who = Someone.new()
    names = {await put(a, who, os.urandom(70_000)) for _ in range(100)}
    b = swarm.add(2)
    cut_off_after(swarm, b, 3)
    swarm.relist({1: 0, 2: 0})
    await b.start()
    for _ in range(3):
        await swarm.turn()
    assert len(a.store.read(owed.dumps)) == 1
    await b.kill()
    swarm.relist({1: 0})
    await swarm.settle()
    assert a.store.read(owed.dumps) == []
    swarm.cut.clear()
    swarm.relist({1: 0, 2: 0})
    await b.start()
    await swarm.settle()
    assert b.holds().keys() == names


async def test_a_later_request_for_a_dump_is_not_ended_by_the_earlier_one(swarm: Swarm) -> None:
    """The receiver asks again, having lost all that it got, while the last batch of its first dump is under way."""
    (a,) = await begin(swarm, (1,))
    who = Someone.new()
    names = {await put(a, who, os.urandom(70_000)) for _ in range(30)}
    b = swarm.add(2)
    swarm.relist({1: 0, 2: 0})
    await b.start()
    normal, asked = b.answer, 0

    async def answer(key: bytes, command: bytes, parts: tuple[bytes, ...]) -> object:
        nonlocal asked
        found = await normal(key, command, parts)
        if command == b"sn.data" and asked == 0:
            asked += 1
            await b.store.write(lambda db: db.execute("DELETE FROM messages").rowcount)
            await a.replication._begin_dump(b.keys.ed25519, 0)
        return found

    b.answer = answer  # type: ignore[method-assign, assignment]
    await swarm.settle()
    assert b.holds().keys() == names


@pytest.mark.parametrize("version", [(2, 8, 0), (2, 9, 9)])
async def test_old_members_are_pushed_to_without_asking(swarm: Swarm, version: tuple[int, int, int]) -> None:
    (a,) = await begin(swarm, (1,))
    who = Someone.new()
    names = {await put(a, who, bytes([at])) for at in range(20)}
    b = swarm.add(2, version)
    swarm.relist({1: 0, 2: 0})
    await b.start()
    await swarm.settle()
    assert b.holds().keys() == names


async def test_a_member_that_does_not_see_the_list_yet_is_asked_again(swarm: Swarm) -> None:
    a, b = await begin(swarm, (1, 2))
    who = Someone.new()
    names = {await put(a, who, b"x")}
    c = swarm.add(3)
    swarm.relist({1: 0, 2: 0, 3: 0}, told=[])
    await c.start()
    await swarm.turn()
    assert c.holds() == {}
    a.see()
    b.see()
    await swarm.settle()
    assert c.holds().keys() == names


# -- swarms that change ------------------------------------------------------------------------------------------


async def test_a_new_swarm_gets_the_messages_that_map_to_it(swarm: Swarm) -> None:
    members = await begin(swarm, (1, 2, 3, 4))
    people = [hand.someone_in(swarm_id, [0, HALF]) for swarm_id in (0, HALF) for _ in range(10)]
    names = {await put(members[at % 4], who, os.urandom(20_000)): who for at, who in enumerate(people)}
    extra = swarm.add(5)
    swarm.relist({1: 0, 2: 0, 3: HALF, 4: HALF, 5: HALF})
    await extra.start()
    await swarm.settle()
    moved = {name for name, who in names.items() if hand.swarm_of(who.account, [0, HALF]) == HALF}
    assert len(moved) == 10
    assert extra.holds().keys() >= moved
    for member in members:
        assert member.holds().keys() == names.keys()  # own copies stay until they expire
        for name, who in names.items():
            code, body = await member.ask_as_client("retrieve", hand.retrieve(who, at=swarm.now_ms))
            if member.view.holds(who.account):
                assert [each["hash"] for each in body["messages"]] == [name]
            else:
                assert code == 421


async def test_all_of_a_dissolved_swarm_goes_where_it_maps_now(swarm: Swarm) -> None:
    for number, swarm_id in ((1, 0), (2, 0), (3, HALF), (4, HALF)):
        swarm.add(number)
        swarm.listed[number] = swarm_id
    for member in swarm.members.values():
        await member.start()
    await swarm.settle()
    a, b, c, d = swarm.members.values()
    left, right = hand.someone_in(0, [0, HALF]), hand.someone_in(HALF, [0, HALF])
    names = {await put(a, left, b"left"), await put(c, right, b"right")}
    swarm.relist(dict.fromkeys((1, 2, 3, 4), 0))
    await swarm.settle()
    for member in (a, b, c, d):
        assert member.holds().keys() == names


async def test_nothing_is_lost_when_a_whole_swarm_is_replaced(swarm: Swarm) -> None:
    members = await begin(swarm, (1, 2))
    who = Someone.new()
    names = {await put(members[0], who, bytes([at])) for at in range(10)}
    fresh = [swarm.add(number) for number in (3, 4)]
    swarm.relist({1: 0, 2: 0, 3: 0, 4: 0})
    for member in fresh:
        await member.start()
    await swarm.settle()
    swarm.relist({3: 0, 4: 0})
    for member in members:
        await member.kill()
    assert [member.holds().keys() for member in fresh] == [names] * 2


async def test_a_member_that_lost_its_database_gets_it_back(swarm: Swarm) -> None:
    a, b = await begin(swarm, (1, 2))
    who = Someone.new()
    names = {await put(a, who, bytes([at])) for at in range(10)}
    await b.kill()
    for file in (swarm.directory / "2").iterdir():
        file.unlink()
    await b.start()
    await swarm.settle()
    assert b.holds().keys() == names
    assert a.holds() == b.holds()
