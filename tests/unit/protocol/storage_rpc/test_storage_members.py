"""Results of members: signatures, the swarm dict, and answers that forwarded requests get."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.protocol.storage_rpc.people import ALICE, DAY, GROUP, HASHES, NODE_PUBLIC, NODE_SECRET, NOW, TOKEN
from veery.protocol import bt
from veery.protocol.crypto import CryptoFailed
from veery.protocol.storage_rpc import (
    AnswerMalformed,
    Delete,
    DeleteAll,
    DeleteBefore,
    Encoding,
    Expire,
    ExpireAll,
    ExpireResult,
    HashesResult,
    MemberFailure,
    MemberResult,
    Recursive,
    RecursiveAnswer,
    RevokeResult,
    RevokeSubaccount,
    Store,
    StoreResult,
    UnrevokeSubaccount,
    decode_answer,
    encode_body,
    member_signature_text,
    message_hash,
    read_answer,
    read_forwarded,
    read_member,
    sign_result,
    verify_result,
)
from veery.protocol.storage_rpc.members import MemberSuccess
from veery.secret import Secret

SORTED = tuple(sorted(HASHES))
STORE = Store(ALICE, 0, b"data", NOW, NOW + DAY)

PAIRS: list[tuple[Recursive, MemberSuccess]] = [
    (STORE, StoreResult(message_hash(ALICE, 0, b"data"), NOW + DAY, already=True, t=NOW)),
    (Delete(ALICE, HASHES), HashesResult("deleted", SORTED[:2])),
    (Delete(ALICE, HASHES), HashesResult("deleted", ())),
    (DeleteAll(ALICE, NOW, "all"), HashesResult("deleted", {0: SORTED[1:], -42: SORTED[:1]})),
    (DeleteAll(ALICE, NOW, "all"), HashesResult("deleted", {})),
    (DeleteBefore(ALICE, NOW), HashesResult("deleted", SORTED)),
    (ExpireAll(ALICE, NOW, -21), HashesResult("updated", SORTED)),
    (Expire(ALICE, HASHES, (NOW,)), ExpireResult(SORTED, NOW)),
    (Expire(ALICE, HASHES, (NOW, NOW, NOW), extend=True), ExpireResult(SORTED[:2], (NOW, NOW), {SORTED[2]: NOW})),
    (Expire(ALICE, HASHES, (NOW,), shorten=True), ExpireResult((), NOW, {})),
    (RevokeSubaccount(GROUP, (TOKEN,), NOW), RevokeResult()),
    (UnrevokeSubaccount(GROUP, (TOKEN,), NOW), RevokeResult(count=0)),
]


@pytest.mark.parametrize(("request_", "result"), PAIRS)
def test_results_are_signed_and_come_back_in_both_encodings(request_: Recursive, result: MemberSuccess) -> None:
    signed = sign_result(request_, result, Secret(NODE_SECRET))
    verify_result(request_, signed, NODE_PUBLIC)
    assert read_member(request_, encode_body(signed.body(), Encoding.BENCODED)) == signed
    answer = RecursiveAnswer({NODE_PUBLIC: signed, b"f" * 32: MemberFailure(timeout=True)}, t=NOW, hf=(19, 4))
    for encoding in Encoding:
        body = encode_body(answer.body(encoding), encoding)
        assert read_answer(request_, decode_answer(body, encoding), encoding) == answer


@pytest.mark.parametrize(("request_", "result"), PAIRS)
def test_a_signature_of_another_node_or_result_fails(request_: Recursive, result: MemberSuccess) -> None:
    signed = sign_result(request_, result, Secret(NODE_SECRET))
    with pytest.raises(CryptoFailed):
        verify_result(request_, replace(signed, signature=bytes(64)), NODE_PUBLIC)
    with pytest.raises(CryptoFailed):
        verify_result(request_, replace(signed, signature=b""), NODE_PUBLIC)
    with pytest.raises(CryptoFailed):
        verify_result(request_, signed, b"\x01" * 32)
    with pytest.raises(CryptoFailed):
        verify_result(replace(request_, account=b"\x03" + bytes(32)), signed, NODE_PUBLIC)


def test_a_store_is_verified_by_the_message_that_was_sent() -> None:
    other = sign_result(STORE, StoreResult(HASHES[0], NOW + DAY), Secret(NODE_SECRET))
    with pytest.raises(CryptoFailed) as failed:
        verify_result(STORE, other, NODE_PUBLIC)
    assert failed.value.kind == "protocol.crypto.hash"


def test_signed_texts() -> None:
    account = ALICE.hex().encode()
    asked = "".join(HASHES).encode()
    found = "".join(SORTED).encode()
    unchanged = {SORTED[2]: 7, SORTED[1]: 5}
    shown = f"{SORTED[1]}5{SORTED[2]}7".encode()
    text = member_signature_text
    assert text(STORE, StoreResult(HASHES[0], 0)) == HASHES[0].encode()
    assert text(Delete(ALICE, HASHES), HashesResult("deleted", SORTED)) == account + asked + found
    by_namespace = HashesResult("deleted", {5: SORTED[2:], -1: SORTED[:2]})
    assert text(DeleteAll(ALICE, 9, "all"), by_namespace) == account + b"9" + found
    extend = Expire(ALICE, HASHES, (1,), extend=True)
    assert text(extend, ExpireResult(SORTED[:1], 3, unchanged)) == (account + b"3" + asked + SORTED[0].encode() + shown)
    assert text(extend, ExpireResult(SORTED[:2], (3, 4))) == account + b"34" + asked + found[:86]
    assert text(RevokeSubaccount(ALICE, (TOKEN, TOKEN), 8), RevokeResult()) == account + b"8" + TOKEN * 2


def test_failures_are_written_as_the_chapter_says() -> None:
    assert MemberFailure(timeout=True).body() == {"failed": True, "timeout": True}
    assert MemberFailure(code="421", reason="x").body() == {"failed": True, "code": "421", "reason": "x"}
    assert MemberFailure(bad_peer_response=True).body() == {"failed": True, "bad_peer_response": True}
    failure = MemberFailure(reason="disk full", query_failure=True)
    assert failure.body() == {"failed": True, "query_failure": True, "reason": "disk full"}
    assert read_member(STORE, bt.encode({"failed": 1, "query_failure": 1})) == MemberFailure(query_failure=True)


def test_a_forwarded_request_is_answered_in_one_or_two_parts() -> None:
    result = sign_result(STORE, StoreResult(message_hash(ALICE, 0, b"data"), NOW), Secret(NODE_SECRET))
    assert read_forwarded(STORE, [encode_body(result.body(), Encoding.BENCODED)]) == result
    assert read_forwarded(STORE, [b"406", b"Timestamp error\xff"]) == MemberFailure(
        code="406", reason="Timestamp error\ufffd"
    )
    for parts in ([], [b"a", b"b", b"c"], [b""], [b"{}"], [b"de"], [b"le"]):
        with pytest.raises(AnswerMalformed):
            read_forwarded(STORE, parts)


def good_entry() -> dict[str, Any]:
    return {"hash": HASHES[0], "expiry": NOW, "signature": "A" * 86}


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": None},
        {"signature": "A" * 80},
        {"signature": 5},
        {"hash": None},
        {"hash": ""},
        {"hash": "h" * 100},
        {"hash": "é"},
        {"expiry": None},
        {"expiry": -1},
        {"expiry": 1.5},
        {"expiry": 2**63},
        {"already": "yes"},
        {"t": "now"},
        {"failed": 1},
        {"failed": True, "reason": []},
    ],
)
def test_a_member_that_answers_nonsense_spoils_only_its_own_entry(changes: dict[str, Any]) -> None:
    entries = {"aa" * 32: good_entry(), "bb" * 32: {**good_entry(), **changes}, "cc" * 32: []}
    answer = read_answer(STORE, {"swarm": entries})
    assert isinstance(answer.members[b"\xaa" * 32], StoreResult)
    assert answer.members[b"\xbb" * 32] == MemberFailure(bad_peer_response=True)
    assert answer.members[b"\xcc" * 32] == MemberFailure(bad_peer_response=True)


@pytest.mark.parametrize(
    ("request_", "entry"),
    [
        (Delete(ALICE, HASHES), {"deleted": 5}),
        (Delete(ALICE, HASHES), {"deleted": [5]}),
        (DeleteAll(ALICE, NOW, "all"), {"deleted": {"x": []}}),
        (DeleteAll(ALICE, NOW, "all"), {"deleted": {"00": []}}),
        (DeleteAll(ALICE, NOW, "all"), {"deleted": {"-0": []}}),
        (DeleteAll(ALICE, NOW, "all"), {"deleted": {"40000": []}}),
        (DeleteAll(ALICE, NOW, "all"), {"deleted": {"٣": []}}),
        (DeleteAll(ALICE, NOW, "all"), {"deleted": {"5": "x"}}),
        (ExpireAll(ALICE, NOW), {"deleted": []}),
        (Expire(ALICE, HASHES, (NOW,)), {"updated": [HASHES[0]], "expiry": [NOW, NOW]}),
        (Expire(ALICE, HASHES, (NOW,)), {"updated": [HASHES[0]]}),
        (Expire(ALICE, HASHES, (NOW,)), {"updated": [], "expiry": NOW, "unchanged": []}),
        (Expire(ALICE, HASHES, (NOW,)), {"updated": [], "expiry": NOW, "unchanged": {HASHES[0]: "x"}}),
        (UnrevokeSubaccount(ALICE, (TOKEN,), NOW), {"count": -1}),
    ],
)
def test_results_of_other_methods_that_are_nonsense(request_: Recursive, entry: dict[str, Any]) -> None:
    answer = read_answer(request_, {"swarm": {"aa" * 32: {**entry, "signature": "A" * 86}}})
    assert answer.members == {b"\xaa" * 32: MemberFailure(bad_peer_response=True)}


def test_a_number_as_code_is_read_as_text() -> None:
    failed = {"failed": True, "code": 406, "reason": "clock"}
    answer = read_answer(STORE, {"swarm": {"aa" * 32: failed}})
    assert answer.members == {b"\xaa" * 32: MemberFailure(code="406", reason="clock")}


def answer_of(*results: MemberResult) -> RecursiveAnswer:
    return RecursiveAnswer({bytes((number,)) * 32: result for number, result in enumerate(results)})


def test_codes_of_recursive_answers() -> None:
    stored, failed = StoreResult(HASHES[0], NOW), MemberFailure(timeout=True)
    assert answer_of(stored, failed).code(STORE) == 200
    assert answer_of(failed, failed).code(STORE) == 500
    none, some = HashesResult("deleted", ()), HashesResult("deleted", HASHES)
    assert answer_of(none, failed).code(Delete(ALICE, HASHES)) == 200
    assert answer_of(none, failed).code(Delete(ALICE, HASHES, required=True)) == 404
    assert answer_of(none, some).code(Delete(ALICE, HASHES, required=True)) == 200
    assert answer_of(failed).code(Delete(ALICE, HASHES, required=True)) == 500
