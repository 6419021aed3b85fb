"""Every method of chapter 04 against real nodes, over each road that leads to them.

The client is the one of `by_hand`: signed strings, hashes and signatures of members are written down anew there.
"""

from __future__ import annotations

import base64
import os
from typing import Any

import pytest

from tests.network import by_hand as hand
from tests.network.by_hand import Json, now_ms, verifies
from tests.network.labs import ROADS, Lab, Road, ok, stored, swarm_of_answer

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

HOUR = 3_600_000
DAY = 24 * HOUR


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
