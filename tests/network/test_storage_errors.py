"""Every error of chapter 04 from real nodes: codes, texts and the order of checks, over each road."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.network import by_hand as hand
from tests.network.by_hand import Member, bencode, now_ms, raw
from tests.network.by_hand_roads import onion_to_node
from tests.network.labs import ROADS, Lab, Road, lab_of
from tests.network.storage_error_rows import FIELDS, Params, Row, got, group, person, stored, without
from tests.network.storage_limit_rows import TIMES

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """One swarm, which holds every account."""
    async with lab_of(Path(tmp_path_factory.mktemp("errors")), 5) as running:
        yield running


# On the queue an unknown name is an unknown command, and has no answer of chapter 04.
JSON_ROWS = [
    pytest.param(name, row, id=f"{row[0]}-{name}")
    for name in ("https", "onion", "queue-json")
    for row in (*FIELDS, *TIMES)
    if not (row[1] == "nosuch" and name == "queue-json")
]


@pytest.mark.parametrize(("name", "row"), JSON_ROWS)
async def test_errors_in_json(lab: Lab, name: str, row: Row) -> None:
    _, method, params, code, text = row
    assert await ROADS[name](lab, 1, method, params()) == (code, text)


@pytest.mark.parametrize("row", TIMES, ids=[row[0] for row in TIMES])
async def test_errors_of_checks_in_bencode(lab: Lab, row: Row) -> None:
    _, method, params, code, text = row
    assert await ROADS["queue-bt"](lab, 1, method, params()) == (code, text)


@pytest.mark.parametrize(
    ("method", "params", "reason"),
    [
        (
            "retrieve",
            lambda: {**raw(got()), "signature": bytes(63)},
            "invalid signature: expected 64-byte Ed25519 signature",
        ),
        (
            "retrieve",
            lambda: {**raw(got()), "subaccount": bytes(35), "subaccount_sig": bytes(64)},
            "invalid subaccount token: invalid token length",
        ),
        ("batch", lambda: {"requests": [b"a"]}, "Invalid batch request: requests must be dicts"),
        ("batch", lambda: {"requests": [{"params": {}}]}, "Invalid batch request: subrequests must have a method"),
        (
            "batch",
            lambda: {"requests": [{"method": "info"}]},
            "Invalid batch request: subrequests must have a params dict",
        ),
        ("batch", lambda: {"requests": []}, 'Invalid batch request: empty "requests" list'),
        ("store", lambda: raw(without(stored(), "data")), "Required field 'data' missing"),
    ],
)
async def test_errors_of_fields_in_bencode(lab: Lab, method: str, params: Params, reason: str) -> None:
    queue = await lab.queue(1)
    answer = await queue.ask(f"storage.{method}", bencode(params()))
    assert answer == [b"400", f"invalid request: {reason}".encode()]


@pytest.mark.parametrize("road", [ROADS["https"], ROADS["onion"]], ids=["https", "onion"])
@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "invalid json"),
        (b"{", "invalid json"),
        (b"\xff", "invalid json"),
        (b"[" * 100_000, "invalid json"),
        (b"[]", "invalid json: no `method` field"),
        (b"{}", "invalid json: no `method` field"),
        (b'{"method":1,"params":{}}', "invalid json: no `method` field"),
        (b'{"method":"info"}', "invalid json: no `params` field"),
        (b'{"method":"info","params":[]}', "invalid json: no `params` field"),
        (b'{"method":"info","params":null}', "invalid json: no `params` field"),
    ],
)
async def test_bodies_that_are_no_request(lab: Lab, road: Road, body: bytes, text: str) -> None:
    if road is ROADS["https"]:
        answer = await lab.https(1).send("/storage_rpc/v1", body)
        assert (answer.code, answer.text) == (400, text)
        assert answer.headers["Content-Type"] == "text/plain"
        return
    guard, hops = lab.path_to(1)
    onion = onion_to_node(hops, lab.hop(1), body)
    answer = await lab.https(guard).send("/onion_req/v2", onion.body)
    assert onion.open(answer.body) == {"status": 400, "body": text}


async def test_jsonrpc_and_id_are_ignored(lab: Lab) -> None:
    body = {"jsonrpc": "2.0", "id": 7, "method": "info", "params": {}, "more": 1}
    answer = await lab.https(1).send("/storage_rpc/v1", json.dumps(body).encode())
    assert answer.code == 200
    assert answer.value.keys() == {"version", "timestamp", "t", "hf"}


async def test_the_testing_namespace(lab: Lab) -> None:
    code, text = await ROADS["https"](lab, 1, "store", hand.store(person, b"x", -3741))
    assert (code, "namespace" in text) == (403, True)
    code, body = await ROADS["https"](lab, 1, "retrieve", {"pubkey": person.id, "namespace": -3741})
    assert (code, body["messages"], body["more"]) == (200, [], False)


@pytest.mark.parametrize("method", ["revoke_subaccount", "unrevoke_subaccount"])
async def test_a_token_cannot_revoke(lab: Lab, method: str) -> None:
    member = Member(group, 15)
    at, undo = now_ms(), method.startswith("un")
    params = hand.revoke(group, [bytes(36)], undo=undo, at=at)
    text = f"{method}{at}".encode() + bytes(36)
    params = {**member.act(params), "signature": hand.b64(member.key.sign(text).signature)}
    code, _ = await ROADS["https"](lab, 1, method, params)
    assert code in (400, 401)


# -- the queue's own (04.1, 15.4.1) ------------------------------------------------------------------------------


async def test_parts_of_a_queue_request(lab: Lab) -> None:
    queue = await lab.queue(1)
    assert await queue.ask("storage.info", b"{}", b"{}", b"") == [
        b"400",
        b"Invalid request: expected 1 message parts, received 3",
    ]
    for body in (b"[]", b"1", b"x", b"d1:ae", b'"text"'):
        assert await queue.ask("storage.info", body) == [b"400", b"invalid body: expected json or bt_dict"]
    for parts in ((), (b"",), (b"{}",), (b"de",)):
        assert len(await queue.ask("storage.info", *parts)) == 1


async def test_keys_of_a_bencoded_request_out_of_order_are_not_found(lab: Lab) -> None:
    queue = await lab.queue(1)
    fields = raw(stored())
    body = (
        b"d"
        + b"".join(hand.bencode(name) + hand.bencode(fields[name]) for name in ("pubkey", "data", "timestamp", "ttl"))
        + b"e"
    )
    assert await queue.ask("storage.store", body) == [b"400", b"invalid request: Required field 'data' missing"]
