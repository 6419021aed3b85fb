"""The name service (01.8)."""

from __future__ import annotations

import base64

import pytest

from veery.errors import Retry
from veery.protocol import crypto
from veery.protocol.account import Account, AccountId
from veery.protocol.names import Name, NameAnswerWrong, NameNotRecognised, NameSearchFailed, agree

USER = Account.from_seed(bytes(range(16))).account_id
OTHER = Account.from_seed(bytes(range(1, 17))).account_id
NONCE = bytes(range(24))
NAME = Name.parse("alice")


def encrypted(plain: bytes, name: Name = NAME) -> bytes:
    key = crypto.blake2b(32, name.text.encode(), key=crypto.blake2b(32, name.text.encode()))
    return crypto.xchacha_encrypt(key, NONCE, plain)


def answer(plain: bytes = USER.raw) -> dict[str, object]:
    return {"result": {"encrypted_value": encrypted(plain).hex(), "nonce": NONCE.hex()}, "t": 1, "hf": [19, 4]}


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("alice", "alice"),
        (" Alice\n", "alice"),
        ("a-b_c-9", "a-b_c-9"),
        ("_", "_"),
        ("x" * 1_024, "x" * 1_024),
        ("bücher", "xn--bcher-kva"),
        ("例え", "xn--r8jz45g"),
    ],
)
def test_names_are_trimmed_ascii_and_lower_case(typed: str, text: str) -> None:
    assert Name.parse(typed).text == text


@pytest.mark.parametrize(
    "typed",
    ["", " ", "-a", "a-", "a b", "a.b", "a\nb", "bü cher", "bü.cher", "bü\u3002cher", "a!", "\ud800", "x" * 1_025],
)
def test_other_texts_cannot_be_names(typed: str) -> None:
    with pytest.raises(NameNotRecognised) as wrong:
        Name.parse(typed)
    assert wrong.value.kind == "name.pattern"


def test_a_request_tells_the_hash_and_not_the_name() -> None:
    hashed = base64.b64encode(crypto.blake2b(32, b"alice")).decode()
    assert NAME.request() == {"endpoint": "ons_resolve", "params": {"type": 0, "name_hash": hashed}}


def test_an_answer_opens_to_the_account_id() -> None:
    assert NAME.read_answer(answer()) == USER
    assert NAME.decrypt(encrypted(USER.raw), NONCE) == USER


@pytest.mark.parametrize("result", [{}, {"nonce": NONCE.hex()}, {"encrypted_value": ""}, {"encrypted_value": None}])
def test_a_name_without_a_value_is_not_registered(result: dict[str, object]) -> None:
    assert NAME.read_answer({"result": result}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        "text",
        {},
        {"result": None},
        {"result": []},
        {"result": {"encrypted_value": encrypted(USER.raw).hex()}},
        {"result": {"encrypted_value": 7, "nonce": NONCE.hex()}},
        {"result": {"encrypted_value": encrypted(USER.raw).hex(), "nonce": "zz" * 24}},
        {"result": {"encrypted_value": encrypted(USER.raw).hex(), "nonce": NONCE.hex()[1:]}},
        {"result": {"encrypted_value": encrypted(USER.raw).hex() + " ", "nonce": NONCE.hex()}},
        {"result": {"encrypted_value": "00" * 1_000_000, "nonce": NONCE.hex()}},
        {"result": {"encrypted_value": "00" * 49, "nonce": NONCE.hex()}},
        answer(USER.raw[:-1]),
        answer(USER.raw + b"\0"),
        answer(b"\x03" + USER.key),
        answer(b"\x15" + USER.key),
        answer(b"\x99" + USER.key),
    ],
)
def test_other_answers_are_refused_and_another_node_may_help(wrong: object) -> None:
    with pytest.raises(NameAnswerWrong) as caught:
        NAME.read_answer(wrong)
    assert caught.value.retry is Retry.ELSEWHERE


def test_the_value_of_another_name_does_not_open() -> None:
    with pytest.raises(NameAnswerWrong):
        Name.parse("bob").decrypt(encrypted(USER.raw), NONCE)


def test_three_equal_answers_are_believed() -> None:
    assert agree([USER, AccountId(USER.raw), USER]) == USER


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(NameNotRecognised) as wrong:
        agree([None, None, None])
    assert wrong.value.kind == "name.not_registered"


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([], "name.unanswered"),
        ([USER, USER], "name.unanswered"),
        ([None], "name.unanswered"),
        ([USER, USER, OTHER], "name.disagreement"),
        ([USER, None, USER], "name.disagreement"),
        ([None, None, USER], "name.disagreement"),
        ([USER, USER, USER, OTHER], "name.disagreement"),
    ],
)
def test_missing_and_different_answers_fail_the_search(answers: list[AccountId | None], kind: str) -> None:
    with pytest.raises(NameSearchFailed) as wrong:
        agree(answers)
    assert wrong.value.kind == kind
    assert wrong.value.retry is Retry.LATER
