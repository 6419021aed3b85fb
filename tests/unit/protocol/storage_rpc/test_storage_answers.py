"""Answers as values: written by nodes in both encodings, read by clients that trust nobody."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.protocol.storage_rpc.people import ALICE, GROUP, HASHES, NOW, TOKEN
from veery.protocol.storage_rpc import (
    ActiveNodesBin,
    Answer,
    AnswerMalformed,
    Batch,
    Conditions,
    Delete,
    Encoding,
    ExpiriesAnswer,
    GetExpiries,
    GetSwarm,
    IfElse,
    IfElseAnswer,
    Info,
    InfoAnswer,
    ListAnswer,
    OxendAnswer,
    OxendRequest,
    Request,
    Retrieve,
    RetrieveAnswer,
    RevokedAnswer,
    RevokedSubaccounts,
    RpcError,
    Sequence,
    StoredMessage,
    SubAnswer,
    SwarmInfo,
    decode_answer,
    encode_body,
    read_answer,
    read_retrieve,
    read_swarm_info,
)
from veery.protocol.swarm.nodes import ServiceNode

NODE = ServiceNode(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, "203.0.113.5", 22021, 22020, swarm_id=0xABC)
SILENT = ServiceNode(b"\x04" * 32, b"\x05" * 32, b"\x06" * 32, "0.0.0.0", 0, 0, swarm_id=0xABC)
MESSAGES = tuple(StoredMessage(name, NOW, NOW + 5, bytes((0, 255, place))) for place, name in enumerate(HASHES))
DAEMON: dict[str, Any] = {"service_node_states": [{"a": 1.5, "b": None, "swarm_id": 2**64 - 1}], "status": "OK"}

PAIRS: list[tuple[Request, Answer]] = [
    (Info(), InfoAnswer((2, 11, 0), NOW, t=NOW, hf=(19, 4))),
    (GetSwarm(ALICE), SwarmInfo((NODE, SILENT), 0xABC, t=NOW, hf=(20, 0))),
    (GetSwarm(ALICE), SwarmInfo((), 2**64 - 1)),
    (OxendRequest("get_service_nodes"), OxendAnswer(DAEMON, t=NOW, hf=(19, 4))),
    (Retrieve(ALICE), RetrieveAnswer(MESSAGES, more=True, t=NOW, hf=(19, 4))),
    (Retrieve(ALICE), RetrieveAnswer(())),
    (GetExpiries(ALICE, HASHES, NOW), ExpiriesAnswer({HASHES[0]: NOW})),
    (RevokedSubaccounts(GROUP, NOW), RevokedAnswer((TOKEN,), t=NOW, hf=(19, 4))),
    (
        IfElse(Conditions(height_before=5), Info(), None),
        IfElseAnswer((19, 4), (2, 11, 0), 4, True, SubAnswer(200, {"a": 1})),
    ),
    (IfElse(Conditions(height_before=5), Info(), None), IfElseAnswer((19, 4), (2, 11, 0), 6, False)),
]


@pytest.mark.parametrize(("request_", "answer"), PAIRS)
def test_answers_come_back_from_json(request_: Request, answer: Answer) -> None:
    assert read_answer(request_, decode_answer(encode_body(answer.body()))) == answer


@pytest.mark.parametrize(("request_", "answer"), PAIRS[:8] + PAIRS[9:])
def test_answers_come_back_bencoded(request_: Request, answer: Answer) -> None:
    body = encode_body(answer.body(Encoding.BENCODED), Encoding.BENCODED)
    assert read_answer(request_, decode_answer(body, Encoding.BENCODED), Encoding.BENCODED) == answer


def test_the_swarm_is_written_as_the_chapter_says() -> None:
    body = SwarmInfo((NODE,), 0xABC, t=NOW, hf=(19, 4)).body()
    assert body == {
        "snodes": [
            {
                "address": NODE.address,
                "ip": "203.0.113.5",
                "port": "22021",
                "port_https": 22021,
                "port_omq": 22020,
                "port_quic": 22020,
                "pubkey_legacy": "01" * 32,
                "pubkey_x25519": "03" * 32,
                "pubkey_ed25519": "02" * 32,
            }
        ],
        "swarm": "abc",
        "t": NOW,
        "hf": (19, 4),
    }
    assert SwarmInfo((), 0).body()["swarm"] == "0"


def test_bytes_are_base64_in_json_and_raw_in_bencoded_answers() -> None:
    answer = RetrieveAnswer(MESSAGES[:1])
    assert b'"data":"AP8A"' in encode_body(answer.body())
    assert b"4:data3:\x00\xff\x00" in encode_body(answer.body(), Encoding.BENCODED)
    assert b"4:morei0e" in encode_body(answer.body(), Encoding.BENCODED)


def test_a_wrong_swarm_is_an_error_with_the_swarm_as_body() -> None:
    refused = RpcError(421, SwarmInfo((NODE,), 0xABC, t=NOW, hf=(19, 4)).body())
    assert isinstance(refused.body, dict)
    assert read_swarm_info(decode_answer(encode_body(refused.body))).nodes == (NODE,)


def test_parts_of_a_batch_keep_code_and_body() -> None:
    batch = Batch((Info(), Retrieve(ALICE), Delete(GROUP, HASHES)))
    answer = ListAnswer(
        (
            SubAnswer(200, InfoAnswer((2, 11, 0), NOW).body()),
            SubAnswer(200, RetrieveAnswer(MESSAGES).body()),
            SubAnswer(401, "delete_msgs signature verification failed"),
        )
    )
    read = read_answer(batch, decode_answer(encode_body(answer.body())))
    assert [part.code for part in read.results] == [200, 200, 401]
    assert read_answer(Retrieve(ALICE), read.results[1].content).messages == MESSAGES
    assert read.results[2].content == "delete_msgs signature verification failed"


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize(
    "parts",
    [None, 5, [], [{}], [{"code": 200}], [{"code": 99, "body": "x"}], [{"code": "200", "body": "x"}], [5]],
)
def test_parts_that_are_nonsense(parts: Any, encoding: Encoding) -> None:
    with pytest.raises(AnswerMalformed):
        read_answer(Batch((Info(),)), {"results": parts}, encoding)


def test_a_batch_answers_every_request_and_a_sequence_may_stop() -> None:
    one = {"results": [{"code": 401, "body": "x"}]}
    assert len(read_answer(Sequence((Info(), Info())), one).results) == 1
    with pytest.raises(AnswerMalformed):
        read_answer(Batch((Info(), Info())), one)
    with pytest.raises(AnswerMalformed):
        read_answer(Sequence((Info(),)), {"results": one["results"] * 2})


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_bytes_that_do_not_decode(body: bytes) -> None:
    for encoding in Encoding:
        with pytest.raises(AnswerMalformed):
            decode_answer(body, encoding)


@pytest.mark.parametrize("request_", [request for request, _ in PAIRS] + [Delete(ALICE, HASHES), ActiveNodesBin()])
@pytest.mark.parametrize("value", [None, 5, "x", [], {}, b"x", {"swarm": 5}, {"messages": {}}, {"result": []}])
def test_answers_of_a_wrong_form(request_: Request, value: Any) -> None:
    for encoding in Encoding:
        with pytest.raises(AnswerMalformed):
            read_answer(request_, value, encoding)


def message(**changes: Any) -> dict[str, Any]:
    return {"hash": HASHES[0], "timestamp": NOW, "expiration": NOW, "data": "AAAA"} | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"hash": 5},
        {"hash": "h" * 100},
        {"timestamp": "x"},
        {"timestamp": -1},
        {"timestamp": True},
        {"expiration": None},
        {"data": "*"},
        {"data": None},
        {"data": "A" * 102_404},
    ],
)
def test_messages_that_are_nonsense(changes: dict[str, Any]) -> None:
    assert read_retrieve({"messages": [message()], "unknown": 5}).messages[0].data == b"\0\0\0"
    with pytest.raises(AnswerMalformed):
        read_retrieve({"messages": [message(**changes)]})


def test_more_messages_than_fit_one_answer() -> None:
    with pytest.raises(AnswerMalformed) as refused:
        read_retrieve({"messages": [None] * 60_000})
    assert refused.value.kind == "protocol.storage_rpc.answer.count"


@pytest.mark.parametrize(
    "stamps", [{"t": "x"}, {"t": -1}, {"hf": 19}, {"hf": [19]}, {"hf": [19, 4, 1]}, {"hf": ["19"]}]
)
def test_stamps_that_are_nonsense(stamps: dict[str, Any]) -> None:
    with pytest.raises(AnswerMalformed):
        read_retrieve({"messages": [], **stamps})


def snode(**changes: Any) -> dict[str, Any]:
    entry = {
        "ip": "203.0.113.5",
        "port": "22021",
        "pubkey_legacy": "01" * 32,
        "pubkey_x25519": "03" * 32,
        "pubkey_ed25519": "02" * 32,
    } | changes
    return {name: value for name, value in entry.items() if value is not None}


def swarm(*entries: dict[str, Any], swarm_id: Any = "abc") -> dict[str, Any]:
    return {"snodes": list(entries), "swarm": swarm_id}


def test_old_and_new_forms_of_a_swarm_member() -> None:
    assert read_swarm_info(swarm(snode())).nodes[0].https_port == 22021
    assert read_swarm_info(swarm(snode())).nodes[0].queue_port == 0
    new = snode(port=None, port_https=1, port_quic=2, pubkey_legacy=None)
    (node,) = read_swarm_info(swarm(new)).nodes
    assert (node.https_port, node.queue_port, node.legacy) == (1, 2, b"")


@pytest.mark.parametrize(
    "changes",
    [
        {"ip": "example.org"},
        {"ip": "::1"},
        {"ip": "224.0.0.1"},
        {"ip": None},
        {"port": "x"},
        {"port": "70000"},
        {"port": "000022021"},
        {"port_https": 70_000},
        {"port_https": "1"},
        {"pubkey_ed25519": "02" * 31},
        {"pubkey_ed25519": "zz" * 32},
        {"pubkey_x25519": 5},
    ],
)
def test_swarm_members_that_are_nonsense(changes: dict[str, Any]) -> None:
    with pytest.raises(AnswerMalformed):
        read_swarm_info(swarm(snode(**changes)))


@pytest.mark.parametrize("swarm_id", ["", "x", "0x1", "-1", "1" * 17, 5, None])
def test_swarm_ids_that_are_nonsense(swarm_id: Any) -> None:
    with pytest.raises(AnswerMalformed):
        read_swarm_info(swarm(swarm_id=swarm_id))


def test_a_swarm_does_not_name_a_key_twice_or_hold_thousands() -> None:
    with pytest.raises(AnswerMalformed):
        read_swarm_info(swarm(snode(), snode(ip="203.0.113.6")))
    with pytest.raises(AnswerMalformed):
        read_swarm_info({"snodes": [snode()] * 1_001, "swarm": "abc"})


def test_tokens_of_a_wrong_size() -> None:
    with pytest.raises(AnswerMalformed):
        read_answer(RevokedSubaccounts(GROUP, NOW), {"revoked_subaccounts": ["AAAA"]})
