from __future__ import annotations

import pytest

from veery.errors import Misuse, Retry
from veery.protocol.constants import ONION_CODES
from veery.protocol.onion import refusals
from veery.protocol.onion.refusals import OnionRefused, OtherRefusal, named_node, passed_code, read_refusal

KEY = bytes(range(32))

TABLE: list[tuple[OnionRefused, int, str]] = [
    (refusals.RequestUnreadable("why"), 400, "Error parsing onion request: why"),
    (refusals.CiphertextInvalid(), 400, "Invalid ciphertext"),
    (refusals.PathTooLong(), 400, "onion request max path length exceeded"),
    (refusals.HopRequestUnreadable("why"), 400, "Invalid internal onion request: why"),
    (refusals.ContentLengthInvalid(), 400, "invalid Content-Length"),
    (refusals.BodyTooLarge(), 413, "Request body too large"),
    (refusals.HopReplyUnreadable(), 500, "Invalid response from snode"),
    (refusals.NextNodeNotFound(KEY), 502, f"Next node not found: {KEY.hex()}"),
    (refusals.NextNodeUnreachable(KEY), 502, f"Next node is currently unreachable: {KEY.hex()}"),
    (refusals.NodeNotReady(KEY), 503, f"Snode not ready: {KEY.hex()}"),
    (refusals.GuardNotReady.because(["a", "b"]), 503, "Service node is not ready: a; b\n"),
    (refusals.GuardBusy(), 503, "Server busy, try again later"),
    (refusals.NextHopCongested(), 503, "Next hop congested"),
    (refusals.NextHopTimedOut(), 504, "Request time out"),
]


@pytest.mark.parametrize(("refusal", "code", "text"), TABLE, ids=lambda value: type(value).__name__)
def test_the_table_of_the_chapter(refusal: OnionRefused, code: int, text: str) -> None:
    assert (refusal.code, refusal.text) == (code, text)
    again = read_refusal(code, text.encode())
    assert type(again) is type(refusal)
    assert (again.code, again.text, again.kind) == (code, text, refusal.kind)


def test_every_leaf_has_a_kind_of_its_own() -> None:
    leaves = [value for value in vars(refusals).values() if isinstance(value, type) and issubclass(value, OnionRefused)]
    assert len({leaf.default_kind for leaf in leaves}) == len(leaves) == 19


def test_server_texts_are_the_transports() -> None:
    assert (refusals.ServerUnreachable("no route").code, refusals.ServerUnreachable("no route").text) == (
        502,
        "no route",
    )
    assert refusals.ServerTimedOut("slow").code == 504
    assert type(read_refusal(502, b"no route")) is OtherRefusal


def test_keys_are_read_in_either_case_and_anywhere() -> None:
    for text in (f"Next node not found: {KEY.hex().upper()}", f"502 Bad Gateway\n\nNext node not found: {KEY.hex()}"):
        found = read_refusal(502, text.encode())
        assert isinstance(found, refusals.NextNodeNotFound)
        assert found.key == KEY


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (502, f"Next node not found: {KEY.hex()[:-1]}"),
        (502, f"Next node not found: {KEY.hex()}0"),
        (502, f"next node not found: {KEY.hex()}"),
        (200, f"Next node not found: {KEY.hex()}"),
        (502, f"Snode not ready: {KEY.hex()}"),
        (503, "Service node"),
        (400, "Invalid response from snode"),
        (425, "clock"),
        (599, ""),
    ],
)
def test_all_else_keeps_code_and_text(code: int, text: str) -> None:
    found = read_refusal(code, text.encode())
    assert type(found) is OtherRefusal
    assert (found.code, found.text) == (code, text)


def test_texts_of_strangers_are_bounded() -> None:
    found = read_refusal(502, b"\xff" * 100_000)
    assert len(found.text) == 1_000
    assert len(str(found)) < 1_100


def test_a_key_inside_a_decrypted_text() -> None:
    found = named_node(f'{{"error":"Next node not found: {KEY.hex()}"}}')
    assert isinstance(found, refusals.NextNodeNotFound)
    assert found.key == KEY
    assert named_node("Next node not found") is None


def test_a_named_key_has_32_bytes() -> None:
    with pytest.raises(Misuse):
        refusals.NodeNotReady(b"short")


def test_codes_that_relays_pass() -> None:
    assert {passed_code(code) for code in range(-1, 1_000)} == ONION_CODES
    assert [passed_code(code) for code in (200, 421, 301, 425, 0)] == [200, 421, 500, 500, 500]


def test_retry() -> None:
    assert refusals.NextNodeNotFound(KEY).retry is Retry.ELSEWHERE
    assert refusals.PathTooLong().retry is Retry.NEVER
