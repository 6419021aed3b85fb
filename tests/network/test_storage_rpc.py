"""Every method of chapter 04 against real nodes, over each road that leads to them.

The client is the one of `by_hand`: signed strings, hashes and signatures of members are written down anew there.
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.network import by_hand as hand
from tests.network.by_hand import Json, Member, Someone, now_ms, verifies
from tests.network.labs import ROADS, Lab, Road, lab_of

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """14 nodes are two swarms of seven (05.3)."""
    async with lab_of(Path(tmp_path_factory.mktemp("rpc")), 14) as running:
        assert len(running.swarms) == 2
        yield running


@pytest.fixture(params=[*ROADS])
def road(request: pytest.FixtureRequest) -> Road:
    return ROADS[request.param]


async def ok(lab: Lab, road: Road, method: str, params: Json, number: int = 1) -> Any:
    code, body = await road(lab, number, method, params)
    assert code == 200, body
    return body


def swarm_of_answer(lab: Lab, answer: Json, number: int = 1) -> dict[str, Json]:
    """The members' results, after checking that all are there, none failed, and `t` is where it belongs."""
    wanted = {lab.node(each).view.keys.ed25519.hex() for each in lab.members(number)}
    assert answer["swarm"].keys() == wanted
    assert not any("failed" in each for each in answer["swarm"].values())
    assert abs(answer["t"] - now_ms()) < 60_000
    assert answer["hf"] >= [19, 4]
    found: dict[str, Json] = answer["swarm"]
    return found


async def stored(lab: Lab, who: Someone, data: bytes, namespace: int = 0, **more: Any) -> str:
    answer = await ok(lab, ROADS["https"], "store", hand.store(who, data, namespace, **more))
    return str(answer["hash"])


# -- without signature (04.6.1, 04.6.3) --------------------------------------------------------------------------


async def test_info(lab: Lab, road: Road) -> None:
    answer = await ok(lab, road, "info", {})
    assert answer.keys() == {"version", "timestamp", "t", "hf"}
    assert len(answer["version"]) == 3
    assert abs(answer["timestamp"] - now_ms()) < 60_000


@pytest.mark.parametrize("method", ["get_swarm", "get_snodes_for_pubkey"])
@pytest.mark.parametrize("name", ["pubkey", "pubKey"])
async def test_get_swarm_of_any_account_at_any_node(lab: Lab, road: Road, method: str, name: str) -> None:
    for who in (lab.someone_at(1), lab.stranger_to(1)):
        answer = await ok(lab, road, method, {name: who.id})
        swarm = hand.swarm_of(who.account, lab.swarms)
        assert answer["swarm"] == f"{swarm:x}"
        members = [number for number in lab.numbers if lab.swarm_of(number) == swarm]
        assert {each["pubkey_ed25519"] for each in answer["snodes"]} == {
            lab.hop(each).ed25519.hex() for each in members
        }
        for each in answer["snodes"]:
            assert each["port"] == str(each["port_https"])
            assert each["port_omq"] == each["port_quic"]
            assert each["ip"] == "127.0.0.1"
            assert each["address"].endswith(".snode")
            assert len(each["address"]) == 52 + 6
            assert each["pubkey_legacy"] == each["pubkey_ed25519"]
            assert len(each["pubkey_x25519"]) == 64


async def test_service_nodes_through_oxend_request(lab: Lab) -> None:
    fields = {"public_ip": True, "storage_port": True, "pubkey_x25519": True, "pubkey_ed25519": True}
    params = {"endpoint": "get_service_nodes", "params": {"active_only": True, "fields": fields}}
    for name in ("https", "onion", "queue-json"):
        answer = await ok(lab, ROADS[name], "oxend_request", params)
        states = answer["result"]["service_node_states"]
        assert len(states) == 14
        assert all(each.keys() == fields.keys() for each in states)
        assert {each["storage_port"] for each in states} == {node.https_port for node in lab.nodes}


async def test_oxend_params_are_a_json_string_in_bencode(lab: Lab) -> None:
    params = {"endpoint": "get_service_nodes", "params": '{"limit":3,"fields":["swarm_id"]}'}
    answer = await ok(lab, ROADS["queue-bt"], "oxend_request", params)
    assert "service_node_states" in str(answer["result"])


async def test_names_are_not_registered_here(lab: Lab) -> None:
    asked = {"endpoint": "ons_resolve", "params": {"type": 0, "name_hash": base64.b64encode(bytes(32)).decode()}}
    answer = await ok(lab, ROADS["https"], "oxend_request", asked)
    assert "encrypted_value" not in answer["result"]


async def test_other_oxend_endpoints(lab: Lab, road: Road) -> None:
    params = {"endpoint": "stop_daemon", "params": "{}" if road is ROADS["queue-bt"] else {}}
    assert await road(lab, 1, "oxend_request", params) == (
        400,
        "invalid request: Invalid oxend endpoint 'stop_daemon'",
    )


async def test_active_nodes_bin(lab: Lab) -> None:
    answer = await lab.https(1).rpc("active_nodes_bin", {})
    assert answer.headers["Content-Type"] == "application/octet-stream"
    records = {answer.body[at : at + 51] for at in range(0, len(answer.body), 51)}
    assert len(answer.body) == 14 * 51
    for number in lab.numbers:
        node, hop = lab.node(number), lab.hop(number)
        wanted = hop.ed25519 + node.view.own_swarm.to_bytes(8, "big") + bytes((127, 0, 0, 1))
        wanted += node.https_port.to_bytes(2, "big") + node.queue_port.to_bytes(2, "big")
        assert any(record.startswith(wanted) for record in records)
    code, text = await ROADS["onion"](lab, 1, "active_nodes_bin", {})
    assert code == 200
    assert {base64.b64decode(text)[at : at + 51] for at in range(0, 14 * 51, 51)} == records
    assert await (await lab.queue(1)).ask("storage.active_nodes_bin", b"de") == [answer.body]


# -- store and retrieve (04.6.2) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("namespace", "group"), [(0, False), (2, False), (-10, False), (11, True), (-11, True), (21, False), (-21, False)]
)
async def test_store_and_retrieve(lab: Lab, road: Road, namespace: int, group: bool) -> None:
    who, data, at = lab.someone_at(1, group=group), b"data \x00\xff" * 50, now_ms()
    answer = await ok(lab, road, "store", hand.store(who, data, namespace, at=at))
    name = hand.message_hash(who.account, namespace, data)
    assert answer["hash"] == name
    own = lab.hop(1).ed25519.hex()
    for member, result in swarm_of_answer(lab, answer).items():
        assert result["hash"] == name
        assert result["expiry"] == at + DAY
        assert "already" not in result
        assert ("t" in result) == (member == own)
        assert verifies(member, result["signature"], name)
    for number in lab.members(1):
        got = await ok(lab, road, "retrieve", hand.retrieve(who, namespace), number)
        wanted: Json = {"hash": name, "timestamp": at, "expiration": at + DAY, "data": base64.b64encode(data).decode()}
        assert got["messages"] == [wanted]
        assert got["more"] in (False, 0)
    again = await ok(lab, road, "store", hand.store(who, data, namespace, at=at, ttl=2 * DAY), lab.mate(1))
    for result in again["swarm"].values():
        assert result["already"] in (True, 1)
        assert result["expiry"] == at + 2 * DAY


async def test_store_takes_times_as_texts_and_unpadded_base64(lab: Lab) -> None:
    who, at = lab.someone_at(1), now_ms()
    texts = {"pubKey": who.id.upper(), "data": "YQ", "timestamp": str(at), "ttl": str(DAY)}
    answer = await ok(lab, ROADS["https"], "store", texts)
    assert answer["hash"] == hand.message_hash(who.account, 0, b"a")
    params: Json = {"pubkey": who.id, "data": "Yg==", "timestamp": at, "expiry": at + DAY, "signature": "A" * 86}
    assert (await ok(lab, ROADS["https"], "store", params))["swarm"]  # parsed, and not verified in an inbox


async def test_an_outbox_holds_one_message_that_anybody_may_read(lab: Lab, road: Road) -> None:
    who, at = lab.someone_at(1), now_ms()
    for age, data in ((2_000, b"first"), (1_000, b"second"), (5_000, b"older")):
        await ok(lab, road, "store", hand.store(who, data, -21, at=at - age))
    code, got = await road(lab, lab.mate(1), "retrieve", {"pubkey": who.id, "namespace": -21})
    assert code == 200
    assert [base64.b64decode(each["data"]) for each in got["messages"]] == [b"second"]


async def test_legacy_groups_are_open(lab: Lab, road: Road) -> None:
    who = lab.someone_at(1)
    await ok(lab, road, "store", hand.store(who, b"open", -10))
    code, got = await road(lab, 1, "retrieve", {"pubkey": who.id, "namespace": -10})
    assert (code, len(got["messages"])) == (200, 1)


async def test_windows_of_retrieve(lab: Lab, road: Road) -> None:
    who = lab.someone_at(1)
    names = [await stored(lab, who, bytes([number]) * 3_000) for number in range(6)]

    async def got(**more: Any) -> tuple[list[str], bool]:
        answer = await ok(lab, road, "retrieve", hand.retrieve(who, **more))
        return [each["hash"] for each in answer["messages"]], bool(answer["more"])

    assert await got() == (names, False)
    assert await got(last_hash=names[2]) == (names[3:], False)
    assert await got(lastHash=names[2], max_count=2) == (names[3:5], True)
    assert await got(last_hash="") == (names, False)
    assert await got(last_hash="A" * 43) == (names, False)
    assert await got(max_count=-5) == (names[:1], True)
    assert await got(max_size=1) == (names[:1], True)
    assert await got(max_size=2 * 4_143) == (names[:2], True)
    assert await got(max_size=2 * 4_143 - 1) == (names[:1], True)
    assert await got(max_size=-1) == (names, False)
    assert await got(max_size=-1_000) == (names[:1], True)
    assert await got(last_hash=names[-1]) == ([], False)
    assert await got(reverse_direction=True) == (names[::-1], False)


async def test_one_answer_never_holds_more_than_the_chapter_allows(lab: Lab) -> None:
    who = lab.someone_at(1)
    for _ in range(4):  # 80 messages count for 8.2 MB
        stores = [{"method": "store", "params": hand.store(who, os.urandom(76_800))} for _ in range(20)]
        await ok(lab, ROADS["https"], "batch", {"requests": stores})
    answer = await ok(lab, ROADS["https"], "retrieve", hand.retrieve(who, max_size=-1))
    assert len(answer["messages"]) == 7_800_000 // (143 + 102_400)
    assert answer["more"] is True
    many = {"requests": [{"method": "retrieve", "params": hand.retrieve(who, max_size=-1)}] * 20}
    whole = await lab.https(1).rpc("batch", many)
    assert len(whole.body) < 10_485_760
    assert all(each["body"]["messages"] and each["body"]["more"] for each in whole.value["results"])


# -- deleting and expiry (04.6.4, 04.6.5) ------------------------------------------------------------------------


async def test_delete(lab: Lab, road: Road) -> None:
    who = lab.someone_at(1)
    kept, *gone = [await stored(lab, who, data) for data in (b"kept", b"1", b"2", b"3")]
    asked = [gone[2], hand.message_hash(who.account, 0, b"unknown"), gone[0], gone[1]]
    answer = await ok(lab, road, "delete", hand.delete(who, asked))
    for member, result in swarm_of_answer(lab, answer).items():
        assert result["deleted"] == sorted(gone)
        assert verifies(member, result["signature"], who.id, *asked, *sorted(gone))
    for number in lab.members(1):
        got = await ok(lab, road, "retrieve", hand.retrieve(who), number)
        assert [each["hash"] for each in got["messages"]] == [kept]
    code, body = await road(lab, 1, "delete", hand.delete(who, gone, required=True))
    assert code == 404
    assert all(each["deleted"] == [] for each in body["swarm"].values())
    assert (await road(lab, 1, "delete", hand.delete(who, gone)))[0] == 200


async def test_delete_all_of_one_namespace_and_of_all(lab: Lab, road: Road) -> None:
    who = lab.someone_at(1)
    names = {space: await stored(lab, who, b"x", space) for space in (0, 2, 3, -10)}
    at = now_ms()
    answer = await ok(lab, road, "delete_all", hand.delete_all(who, at=at))
    for member, result in swarm_of_answer(lab, answer).items():
        assert result["deleted"] == [names[0]]
        assert verifies(member, result["signature"], who.id, at, names[0])
    answer = await ok(lab, road, "delete_all", hand.delete_all(who, 2, at=at))
    assert all(each["deleted"] == [names[2]] for each in answer["swarm"].values())
    answer = await ok(lab, road, "delete_all", hand.delete_all(who, "all", at=at))
    rest = sorted((names[3], names[-10]))
    for member, result in swarm_of_answer(lab, answer).items():
        assert result["deleted"] == {"3": [names[3]], "-10": [names[-10]]}
        assert verifies(member, result["signature"], who.id, at, *rest)
    answer = await ok(lab, road, "delete_all", hand.delete_all(who, "all", at=at))
    assert all(each["deleted"] == {} for each in answer["swarm"].values())


async def test_delete_before(lab: Lab, road: Road) -> None:
    who, at = lab.someone_at(1), now_ms()
    old = [await stored(lab, who, bytes([age]), at=at - age * 1000) for age in (30, 20)]
    spaced = await stored(lab, who, b"spaced", 3, at=at - 30_000)
    new = await stored(lab, who, b"new", at=at - 10_000)
    before = at - 20_000
    answer = await ok(lab, road, "delete_before", hand.delete_before(who, before))
    for member, result in swarm_of_answer(lab, answer).items():
        assert result["deleted"] == sorted(old)
        assert verifies(member, result["signature"], who.id, before, *sorted(old))
    answer = await ok(lab, road, "delete_before", hand.delete_before(who, before, "all"))
    assert all(each["deleted"] == {"3": [spaced]} for each in answer["swarm"].values())
    got = await ok(lab, road, "retrieve", hand.retrieve(who))
    assert [each["hash"] for each in got["messages"]] == [new]


async def test_expire_sets_lowers_and_raises(lab: Lab, road: Road) -> None:
    who, at = lab.someone_at(1), now_ms()
    names = [await stored(lab, who, data, at=at) for data in (b"1", b"2")]
    unknown = hand.message_hash(who.account, 0, b"unknown")
    asked = [names[1], unknown, names[0]]
    answer = await ok(lab, road, "expire", hand.expire(who, asked, at + 2 * DAY))
    for member, result in swarm_of_answer(lab, answer).items():
        assert result["updated"] == sorted(names)
        assert result["expiry"] == at + 2 * DAY
        assert "unchanged" not in result
        assert verifies(member, result["signature"], who.id, at + 2 * DAY, *asked, *sorted(names))
    answer = await ok(lab, road, "expire", hand.expire(who, names, [at + HOUR, at + 3 * DAY], "shorten"))
    for member, result in swarm_of_answer(lab, answer).items():
        assert result["updated"] == names[:1]
        assert result["expiry"] == [at + HOUR]
        assert result["unchanged"] == {names[1]: at + 2 * DAY}
        unchanged = (names[1], at + 2 * DAY)
        assert verifies(member, result["signature"], who.id, at + HOUR, *names, names[0], *unchanged)
    answer = await ok(lab, road, "expire", hand.expire(who, names, at + 2 * DAY, "extend"))
    for result in answer["swarm"].values():
        assert result["updated"] == names[:1]
        assert result["expiry"] == at + 2 * DAY
        assert result["unchanged"] == {names[1]: at + 2 * DAY}
    got = await ok(lab, road, "get_expiries", hand.get_expiries(who, [*names, unknown]))
    assert got == {"expiries": dict.fromkeys(names, at + 2 * DAY)}


async def test_expiry_is_capped_at_30_days(lab: Lab, road: Road) -> None:
    who = lab.someone_at(1)
    name = await stored(lab, who, b"long")
    answer = await ok(lab, road, "expire", hand.expire(who, [name], now_ms() + 100 * DAY))
    for result in answer["swarm"].values():
        assert abs(result["expiry"] - now_ms() - 30 * DAY) < 60_000


async def test_expire_all_only_lowers(lab: Lab, road: Road) -> None:
    who, at = lab.someone_at(1), now_ms()
    long = await stored(lab, who, b"long", at=at, ttl=3 * DAY)
    short = await stored(lab, who, b"short", at=at, ttl=HOUR)
    spaced = await stored(lab, who, b"spaced", 4, at=at, ttl=3 * DAY)
    answer = await ok(lab, road, "expire_all", hand.expire_all(who, at + DAY))
    for member, result in swarm_of_answer(lab, answer).items():
        assert result["updated"] == [long]
        assert verifies(member, result["signature"], who.id, at + DAY, long)
    answer = await ok(lab, road, "expire_all", hand.expire_all(who, at + DAY, "all"))
    assert all(each["updated"] == {"4": [spaced]} for each in answer["swarm"].values())
    got = await ok(lab, road, "get_expiries", hand.get_expiries(who, [long, short, spaced]), lab.mate(1))
    assert got["expiries"] == {long: at + DAY, short: at + HOUR, spaced: at + DAY}


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
