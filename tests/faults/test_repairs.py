"""Members that missed something get it (05.5), and a full database: real databases, no sockets."""

from __future__ import annotations

import base64
import os

from tests.faults.memory_swarm import DAY, Swarm, begin, failed, put
from tests.network import by_hand as hand
from tests.network.by_hand import Someone
from veery.node import replication_table as owed
from veery.protocol.constants import NO_SWARM

HALF = 2**63 - 1


# -- missing something -------------------------------------------------------------------------------------------


async def test_a_member_that_was_away_gets_what_it_missed(swarm: Swarm) -> None:
    a, b, c = await begin(swarm, (1, 2, 3))
    who = Someone.new()
    kept = await put(a, who, b"kept")
    gone = await put(a, who, b"gone")
    await c.kill()
    names = {kept, *[await put(member, who, os.urandom(10)) for member in (a, b) for _ in range(200)]}
    code, body = await b.ask_as_client("delete", hand.delete(who, [gone]))
    assert (code, failed(body)) == (200, 1)
    longer = swarm.now_ms + 5 * DAY
    await a.ask_as_client("expire", hand.expire(who, [kept], longer))
    await c.start()
    await swarm.settle()
    assert c.holds() == a.holds() == b.holds()
    assert c.holds().keys() == names
    assert c.holds()[kept].expiry == longer


async def test_a_store_that_was_deleted_meanwhile_is_not_repeated(swarm: Swarm) -> None:
    """Missed at one member, deleted through another: the repetition must not bring it back (05.5)."""
    a, b, c = await begin(swarm, (1, 2, 3))
    who = Someone.new()
    await c.kill()
    name = await put(a, who, b"regretted")
    assert (await b.ask_as_client("delete", hand.delete(who, [name])))[0] == 200
    await c.start()
    await swarm.settle()
    assert not any(member.holds() for member in (a, b, c))


async def test_what_was_deleted_does_not_spread_from_a_member_that_was_away(swarm: Swarm) -> None:
    """The others restart, and ask the one that still has it for all its messages."""
    a, b, c = await begin(swarm, (1, 2, 3))
    who = Someone.new()
    name = await put(a, who, b"gone")
    await c.kill()
    assert (await b.ask_as_client("delete", hand.delete(who, [name])))[0] == 200
    await b.kill()
    await c.start()
    await b.start()
    await swarm.turn()
    await a.kill()
    await a.start()
    await swarm.settle()
    assert not any(member.holds() for member in (a, b, c))


async def test_a_message_that_is_stored_again_after_its_deletion_is_repaired(swarm: Swarm) -> None:
    a, b, c = await begin(swarm, (1, 2, 3))
    who = Someone.new()
    name = await put(a, who, b"twice")
    assert (await a.ask_as_client("delete", hand.delete(who, [name])))[0] == 200
    await c.kill()
    swarm.advance(1000)
    assert await put(b, who, b"twice") == name
    await c.start()
    await swarm.settle()
    assert [member.holds().keys() for member in (a, b, c)] == [{name}] * 3


async def test_a_message_that_is_stored_again_where_an_old_copy_was_left(swarm: Swarm) -> None:
    """One member never heard of the deletion; the new store through it must reach one that remembers it."""
    a, b, c = await begin(swarm, (1, 2, 3))
    who = Someone.new()
    name = await put(a, who, b"twice")
    await b.kill()
    swarm.relist({1: 0, 3: 0})
    assert (await a.ask_as_client("delete", hand.delete(who, [name])))[0] == 200
    await b.start()
    swarm.relist({1: 0, 2: 0, 3: 0})
    swarm.cut.add(1)
    swarm.advance(1000)
    assert await put(b, who, b"twice") == name
    swarm.cut.clear()
    await swarm.settle()
    assert [member.holds().keys() for member in (a, b, c)] == [{name}] * 3


async def test_a_deletion_is_not_repeated_against_a_newer_store(swarm: Swarm) -> None:
    """The member missed the deletion, and has what its owner stored again since: the repetition must not take it."""
    a, b, c = await begin(swarm, (1, 2, 3))
    who = Someone.new()
    name = await put(a, who, b"twice")
    swarm.cut.add(3)
    assert (await a.ask_as_client("delete", hand.delete(who, [name])))[0] == 200
    assert (await a.ask_as_client("delete_all", hand.delete_all(who, 2, at=swarm.now_ms)))[0] == 200
    swarm.cut.clear()
    swarm.advance(1000)
    assert await put(b, who, b"twice") == name
    other = await put(b, who, b"newer", 2)
    await swarm.settle()
    for member in (a, b, c):
        assert member.holds().keys() == {name, other}


async def test_a_new_life_is_not_repeated_against_a_newer_one(swarm: Swarm) -> None:
    a, b, c = await begin(swarm, (1, 2, 3))
    who = Someone.new()
    name = await put(a, who, b"x")
    swarm.cut.add(3)
    at = swarm.now_ms
    assert (await a.ask_as_client("expire", hand.expire(who, [name], at + DAY // 2)))[0] == 200
    assert (await a.ask_as_client("expire_all", hand.expire_all(who, at + DAY // 3)))[0] == 200
    swarm.cut.clear()
    assert (await b.ask_as_client("expire", hand.expire(who, [name], at + 9 * DAY)))[0] == 200
    await swarm.settle()
    assert [member.holds()[name].expiry for member in (a, b, c)] == [at + 9 * DAY] * 3


async def test_revocations_are_repeated_in_their_order(swarm: Swarm) -> None:
    a, b = await begin(swarm, (1, 2))
    group = Someone.new(group=True)
    tokens = [bytes((3, 3, 0, 0)) + os.urandom(32) for _ in range(2)]
    swarm.cut.add(2)
    assert (await a.ask_as_client("revoke_subaccount", hand.revoke(group, tokens, at=swarm.now_ms)))[0] == 200
    params = hand.revoke(group, tokens[:1], undo=True, at=swarm.now_ms)
    assert (await a.ask_as_client("unrevoke_subaccount", params))[0] == 200
    swarm.cut.clear()
    swarm.advance(16_000)
    await swarm.settle()
    for member in (a, b):
        code, body = await member.ask_as_client("revoked_subaccounts", hand.revoked(group, at=swarm.now_ms))
        assert code == 200
        assert [base64.b64decode(each) for each in body["revoked_subaccounts"]] == tokens[1:]


async def test_a_member_that_left_the_list_gets_everything_when_it_comes_back(swarm: Swarm) -> None:
    a, b, c = await begin(swarm, (1, 2, 3))
    who = Someone.new()
    await c.kill()
    first = await put(a, who, b"missed while it was listed")
    swarm.relist({1: 0, 2: 0, 3: NO_SWARM})
    second = await put(b, who, b"while it was not")
    swarm.advance(300_000)
    await swarm.turn()
    swarm.relist({1: 0, 2: 0})
    third = await put(a, who, b"while it was gone")
    swarm.relist({1: 0, 2: 0, 3: 0})
    await c.start()
    await swarm.settle()
    assert c.holds().keys() == {first, second, third}


async def test_a_member_that_was_cut_off_and_dropped_gets_everything_without_a_restart(swarm: Swarm) -> None:
    """It never sees the list without itself, so it does not know that it missed anything."""
    a, b, c = await begin(swarm, (1, 2, 3))
    who = Someone.new()
    swarm.cut.add(3)
    names = {await put(a, who, b"1")}
    swarm.relist({1: 0, 2: 0}, told=[1, 2])
    names.add(await put(b, who, b"2"))
    swarm.relist({1: 0, 2: 0, 3: 0}, told=[1, 2])
    swarm.cut.clear()
    c.see()
    await swarm.settle()
    assert c.holds().keys() == a.holds().keys() == names


async def test_a_member_with_an_older_list_gets_what_it_refused(swarm: Swarm) -> None:
    """It answers 421, since in its list the account maps elsewhere; its own list changes later."""
    a, b = await begin(swarm, (1, 2))
    c = swarm.add(3)
    swarm.relist({1: 0, 2: 0, 3: HALF})
    await c.start()
    who = hand.someone_in(HALF, [0, HALF])
    swarm.relist({1: 0, 2: 0}, told=[1])
    code, body = await a.ask_as_client("store", hand.store(who, b"x", at=swarm.now_ms))
    assert (code, failed(body)) == (200, 1)
    b.see()
    await swarm.settle()
    assert b.holds().keys() == a.holds().keys() == {body["hash"]}


async def test_a_lost_answer_is_repaired_and_does_no_harm(swarm: Swarm) -> None:
    a, b = await begin(swarm, (1, 2))
    who = Someone.new()
    swarm.mute.add(2)
    code, body = await a.ask_as_client("store", hand.store(who, b"x", at=swarm.now_ms))
    assert (code, failed(body)) == (200, 1)
    assert a.owes() == 1
    swarm.mute.clear()
    await swarm.settle()
    assert a.holds() == b.holds()


async def test_what_is_owed_survives_a_kill_right_after_the_answer(swarm: Swarm) -> None:
    a, b = await begin(swarm, (1, 2))
    who = Someone.new()
    await b.kill()
    name = await put(a, who, b"x")
    await a.kill()
    await a.start()
    assert a.store.read(owed.count_repairs) == 1
    await b.start()
    await swarm.settle()
    assert b.holds().keys() == {name}


async def test_more_misses_than_are_kept_end_in_a_dump(swarm: Swarm) -> None:
    a, b = await begin(swarm, (1, 2))
    who = Someone.new()
    a.repairs._most = 50
    swarm.cut.add(2)
    names = {await put(a, who, os.urandom(10)) for _ in range(120)}
    assert a.store.read(owed.count_repairs) <= 50
    swarm.cut.clear()
    await swarm.settle()
    assert b.holds().keys() == names


async def test_stale_signatures_of_repairs_are_given_up(swarm: Swarm) -> None:
    """A missed delete_all that comes too late is refused for good; it must not be repeated for ever (05.5)."""
    a, b = await begin(swarm, (1, 2))
    who = Someone.new()
    await put(a, who, b"x")
    swarm.cut.add(2)
    assert (await a.ask_as_client("delete_all", hand.delete_all(who, at=swarm.now_ms)))[0] == 200
    swarm.advance(600_000)
    swarm.cut.clear()
    await swarm.settle()
    assert a.owes() == 0
    assert a.holds() == {}
    assert len(b.holds()) == 1


async def test_repairs_to_one_member_do_not_wait_for_another(swarm: Swarm) -> None:
    a, b, c = await begin(swarm, (1, 2, 3))
    who = Someone.new()
    swarm.cut |= {2, 3}
    names = {await put(a, who, os.urandom(10)) for _ in range(300)}
    swarm.cut.discard(2)
    swarm.advance(16_000)
    await swarm.turn()
    assert b.holds().keys() == names
    assert c.holds() == {}


# -- full databases ----------------------------------------------------------------------------------------------


async def test_a_member_with_a_full_database(swarm: Swarm) -> None:
    """It says `query_failure` to its own clients, lives, and takes messages again when there is room."""
    swarm.size_max = 2 * 1024 * 1024
    a, b = await begin(swarm, (1, 2))
    swarm.size_max = 64 * 1024 * 1024
    await b.kill()
    await b.start()
    who = Someone.new()
    names = []
    while True:
        params = hand.store(who, os.urandom(70_000), at=swarm.now_ms)
        code, body = await a.ask_as_client("store", params)
        assert code == 200
        names.append(body["hash"])
        if body["swarm"][a.keys.ed25519.hex()] == {"failed": True, "query_failure": True}:
            break
    assert "failed" not in body["swarm"][b.keys.ed25519.hex()]
    code, got = await a.ask_as_client("retrieve", hand.retrieve(who, at=swarm.now_ms, max_size=-1))
    assert (code, len(got["messages"])) == (200, len(names) - 1)
    code, body = await b.ask_as_client("store", hand.store(who, os.urandom(70_000), at=swarm.now_ms))
    assert (code, body["swarm"][a.keys.ed25519.hex()]["failed"]) == (200, True)
    names.append(body["hash"])
    assert (await a.ask_as_client("delete", hand.delete(who, names[:-5])))[0] == 200
    assert await put(a, who, b"small again")
    await swarm.settle()
    assert names[-1] in a.holds()
