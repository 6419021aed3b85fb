"""A member's answer to a store is read at once; what that gives is what reading it field by field gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from veery.protocol.storage_rpc.answer_fields import AnswerFields, decode_answer
from veery.protocol.storage_rpc.encoding import Encoding, encode_body
from veery.protocol.storage_rpc.errors import AnswerMalformed
from veery.protocol.storage_rpc.members import MemberResult, StoreResult
from veery.protocol.storage_rpc.read_members import _result, read_member
from veery.protocol.storage_rpc.requests import Store

REQUEST = Store(b"\x05" + bytes(32), 0, b"data", 1_700_000_000_000, 1_700_000_060_000)
HASH = st.text("ABCxyz019+/", min_size=43, max_size=43)
RESULTS = st.builds(
    StoreResult,
    HASH,
    st.integers(0, 2**63 - 1),
    st.booleans(),
    st.none() | st.integers(0, 2**63 - 1),
    st.binary(min_size=64, max_size=64),
)


def by_field(body: bytes) -> MemberResult | None:
    try:
        return _result(REQUEST, AnswerFields(decode_answer(body, Encoding.BENCODED), Encoding.BENCODED))
    except AnswerMalformed:
        return None


def at_once(body: bytes) -> MemberResult | None:
    try:
        return read_member(REQUEST, body)
    except AnswerMalformed:
        return None


@given(RESULTS)
def test_what_a_member_writes_comes_back(result: StoreResult) -> None:
    assert read_member(REQUEST, encode_body(result.body(), Encoding.BENCODED)) == result


@given(RESULTS, st.integers(0, 200), st.integers(0, 3), st.binary(max_size=3))
def test_altered_answers_are_read_or_refused_alike(result: StoreResult, at: int, cut: int, put: bytes) -> None:
    body = encode_body(result.body(), Encoding.BENCODED)
    body = body[:at] + put + body[at + cut :]
    assert at_once(body) == by_field(body)
