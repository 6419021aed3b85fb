"""Subaccounts, meta-requests and 421 of chapter 04 against real nodes, over each road that leads to them.

The client is the one of `by_hand`: signed strings, hashes and signatures of members are written down anew there.
"""

from __future__ import annotations

import base64

import pytest

from tests.network import by_hand as hand
from tests.network.by_hand import Json, Member, Someone, now_ms, verifies
from tests.network.labs import Lab, Road, ok, stored, swarm_of_answer

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

HOUR = 3_600_000
DAY = 24 * HOUR


# -- subaccounts (04.5, 04.6.6) ----------------------------------------------------------------------------------


async def test_a_member_acts_within_its_flags(lab: Lab, road: Road) -> None:
    group, at = lab.someone_at(1, group=True), now_ms()
    writer, reader = Member(group, 3), Member(group, 1)
    params = writer.act(hand.store(group, b"by a member", 11, at=at), "store", 11, at)
    name = (await ok(lab, road, "store", params))["hash"]
    params = reader.act(hand.retrieve(group, 11, at=at), "retrieve", 11, at)
    assert [each["hash"] for each in (await ok(lab, road, "retrieve", params))["messages"]] == [name]
    failed = (401, "store signature verification failed")
    assert await road(lab, 1, "store", reader.act(hand.store(group, b"no", 11, at=at), "store", 11, at)) == failed
    failed = (401, "delete_msgs signature verification failed")
    assert await road(lab, 1, "delete", writer.act(hand.delete(group, [name]), "delete", name)) == failed
    other = Member(Someone.new(group=True), 15)
    failed = (401, "retrieve signature verification failed")
    assert await road(lab, 1, "retrieve", other.act(hand.retrieve(group, 11, at=at), "retrieve", 11, at)) == failed
    wanted = at + 2 * DAY
    params = writer.act(hand.expire(group, [name], at + HOUR), "expire", at + HOUR, name)
    answer = await ok(lab, road, "expire", params)  # without Delete it can only extend, silently
    assert all(each["updated"] == [] for each in answer["swarm"].values())
    params = writer.act(hand.expire(group, [name], wanted), "expire", wanted, name)
    answer = await ok(lab, road, "expire", params)
    assert all(each["updated"] == [name] for each in answer["swarm"].values())
    params = writer.act(hand.expire(group, [name], at + HOUR, "shorten"), "expire", "shorten", at + HOUR, name)
    text = "expire: shorten parameter cannot be used with this subaccount token (missing delete access)"
    assert await road(lab, 1, "expire", params) == (400, text)


async def test_revoked_members(lab: Lab, road: Road) -> None:
    group, at = lab.someone_at(1, group=True), now_ms()
    member, other = Member(group, 3), Member(group, 3)
    removed = await stored(lab, group, b"you are out", -11)
    answer = await ok(lab, road, "revoke_subaccount", hand.revoke(group, [member.token, other.token], at=at))
    for key, result in swarm_of_answer(lab, answer).items():
        assert verifies(key, result["signature"], group.id, at, member.token, other.token)
    for number in lab.members(1):
        params = member.act(hand.retrieve(group, 11, at=at), "retrieve", 11, at)
        assert await road(lab, number, "retrieve", params) == (401, "retrieve signature verification failed")
    params = member.act(hand.retrieve(group, -11, at=at), "retrieve", -11, at)
    assert [each["hash"] for each in (await ok(lab, road, "retrieve", params))["messages"]] == [removed]
    listed = await ok(lab, road, "revoked_subaccounts", hand.revoked(group))
    assert sorted(map(base64.b64decode, listed["revoked_subaccounts"])) == sorted((member.token, other.token))
    unknown = Member(group, 1).token
    params = hand.revoke(group, [member.token, unknown], undo=True, at=at)
    answer = await ok(lab, road, "unrevoke_subaccount", params)
    for key, result in swarm_of_answer(lab, answer).items():
        assert result["count"] == 1
        assert verifies(key, result["signature"], group.id, at, member.token, unknown)
    params = member.act(hand.retrieve(group, 11, at=at), "retrieve", 11, at)
    assert (await road(lab, 1, "retrieve", params))[0] == 200


# -- meta-requests (04.7) ----------------------------------------------------------------------------------------


async def test_batch_has_two_levels_of_status(lab: Lab, road: Road) -> None:
    who, stranger = lab.someone_at(1), lab.stranger_to(1)
    late = hand.retrieve(who, at=now_ms() - 61_000)
    requests = [
        {"method": "store", "params": hand.store(who, b"in a batch")},
        {"method": "retrieve", "params": late},
        {"method": "retrieve", "params": hand.retrieve(stranger)},
        {"method": "info", "params": {}},
    ]
    answer = await ok(lab, road, "batch", {"requests": requests})
    assert answer.keys() == {"results"}
    first, second, third, fourth = answer["results"]
    assert first["code"] == 200
    assert first["body"]["hash"] == hand.message_hash(who.account, 0, b"in a batch")
    assert second == {"code": 406, "body": "retrieve timestamp too far from current time"}
    assert third["code"] == 421
    assert len(third["body"]["snodes"]) == 7
    assert fourth["body"]["hf"] >= [19, 4]


async def test_a_sequence_stops_behind_the_first_failure(lab: Lab, road: Road) -> None:
    who = lab.someone_at(1)
    name = hand.message_hash(who.account, 2, b"config")
    requests = [
        {"method": "store", "params": hand.store(who, b"config", 2)},
        {"method": "delete", "params": hand.delete(who, [name], required=True)},
        {"method": "delete", "params": hand.delete(who, [name], required=True)},
        {"method": "info", "params": {}},
    ]
    answer = await ok(lab, road, "sequence", {"requests": requests})
    assert [each["code"] for each in answer["results"]] == [200, 200, 404]


async def test_ifelse(lab: Lab, road: Road) -> None:
    info = {"method": "info", "params": {}}
    answer = await ok(lab, road, "ifelse", {"if": {"hf_at_least": [19, 4]}, "then": info})
    assert answer.keys() == {"hf", "v", "height", "condition", "result"}
    assert answer["condition"] in (True, 1)
    assert answer["result"]["code"] == 200
    answer = await ok(lab, road, "ifelse", {"if": {"hf_at_least": [19], "v_before": [1]}, "then": info})
    assert answer["condition"] in (False, 0)
    assert "result" not in answer
    inner = {"method": "ifelse", "params": {"if": {"height_before": 0}, "then": info, "else": info}}
    answer = await ok(lab, road, "ifelse", {"if": {"v_at_least": [2, 8]}, "then": inner})
    assert answer["result"]["body"]["condition"] in (False, 0)
    bad = {
        "method": "batch",
        "params": {"requests": [{"method": "retrieve", "params": hand.retrieve(lab.stranger_to(1))}]},
    }
    answer = await ok(lab, road, "ifelse", {"if": {"height_at_least": 0}, "then": bad})
    assert answer["result"]["code"] == 200
    assert answer["result"]["body"]["results"][0]["code"] == 421


# -- wrong swarm (04.2.1) ----------------------------------------------------------------------------------------


async def test_wrong_swarm_comes_before_everything_else(lab: Lab, road: Road) -> None:
    who = lab.stranger_to(1)
    swarm = await ok(lab, road, "get_swarm", {"pubkey": who.id})
    late = now_ms() - 1_000_000
    nobody = "A" * 86
    key = who.ed25519.hex()
    signed: Json = {"pubkey": who.id, "signature": nobody, "pubkey_ed25519": key}
    name = "A" * 43
    for method, params in (
        ("store", {"pubkey": who.id, "data": "", "timestamp": late, "ttl": 1}),
        ("retrieve", {**signed, "timestamp": late}),
        ("delete", {**signed, "messages": [name]}),
        ("delete_all", {**signed, "timestamp": late}),
        ("delete_before", {**signed, "before": now_ms() + DAY}),
        ("expire", {**signed, "messages": [name], "expiry": late}),
        ("expire_all", {**signed, "expiry": late}),
        ("get_expiries", {**signed, "messages": [name], "timestamp": late}),
        ("revoke_subaccount", {**signed, "revoke": ["00" * 36], "timestamp": late}),
        ("unrevoke_subaccount", {**signed, "unrevoke": ["00" * 36], "timestamp": late}),
        ("revoked_subaccounts", {"pubkey": who.id, "signature": nobody, "timestamp": late}),
    ):
        code, body = await road(lab, 1, method, params)
        assert (method, code) == (method, 421)
        assert body["snodes"] == swarm["snodes"]
        assert body["swarm"] == swarm["swarm"]
        assert body.keys() == swarm.keys()
