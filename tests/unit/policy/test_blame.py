"""Blame: the table of 03.9, newest column, row by row."""

from __future__ import annotations

import pytest

from veery.errors import Retry
from veery.policy.blame import (
    Abandoned,
    Answered,
    Blame,
    DestinationError,
    GuardUnreachable,
    Outcome,
    PathError,
    RequestTimeout,
    Undecryptable,
    Verdict,
    judge,
)

GUARD, MIDDLE, LAST = (bytes([n]) * 32 for n in (1, 2, 3))
TARGET, STRANGER = b"\x0a" * 32, b"\x0b" * 32
HOPS = (GUARD, MIDDLE, LAST)
ELSEWHERE = Verdict.ELSEWHERE

ROWS: list[tuple[Outcome, Blame]] = [
    (Answered(), Blame(Verdict.ANSWERED)),
    (GuardUnreachable(), Blame(ELSEWHERE, path_lost=True)),
    (RequestTimeout(), Blame(ELSEWHERE, silent=True)),
    (Undecryptable(), Blame(ELSEWHERE)),
    (Abandoned(), Blame(ELSEWHERE)),
    # named nodes: on the path, the destination, the guard, a stranger
    (PathError(502, f"Next node not found: {LAST.hex()}"), Blame(ELSEWHERE, removed=LAST, path_failure=True)),
    (PathError(502, f"x Next node not found: {MIDDLE.hex()} y"), Blame(ELSEWHERE, removed=MIDDLE, path_failure=True)),
    (PathError(502, f"Next node not found: {TARGET.hex().upper()}"), Blame(ELSEWHERE, removed=TARGET)),
    (PathError(502, f"Next node not found: {GUARD.hex()}"), Blame(ELSEWHERE, path_failure=True)),
    (PathError(502, f"Next node not found: {STRANGER.hex()}"), Blame(ELSEWHERE, path_failure=True)),
    (PathError(502, "Next node not found: nonsense"), Blame(ELSEWHERE)),
    (PathError(500, f"Next node not found: {LAST.hex()}"), Blame(ELSEWHERE)),
    (
        PathError(502, f"Next node is currently unreachable: {LAST.hex()}"),
        Blame(ELSEWHERE, removed=LAST, path_failure=True),
    ),
    (PathError(502, f"Next node is currently unreachable: {TARGET.hex()}"), Blame(ELSEWHERE, removed=TARGET)),
    (PathError(503, f"Snode not ready: {MIDDLE.hex()}"), Blame(ELSEWHERE, struck=MIDDLE)),
    (PathError(503, f"Snode not ready: {GUARD.hex()}"), Blame(ELSEWHERE, struck=GUARD)),
    (PathError(503, f"Snode not ready: {TARGET.hex()}"), Blame(ELSEWHERE, struck=TARGET)),
    (PathError(503, f"Snode not ready: {STRANGER.hex()}"), Blame(ELSEWHERE, path_failure=True)),
    (PathError(503, "Service node is not ready: not done syncing\n"), Blame(ELSEWHERE, struck=GUARD)),
    (PathError(503, "Server busy, try again later"), Blame(ELSEWHERE, struck=GUARD)),
    (PathError(503, "Next hop congested"), Blame(ELSEWHERE)),
    (PathError(504, "Request time out"), Blame(ELSEWHERE, path_failure=True)),
    (PathError(500, "Invalid response from snode"), Blame(ELSEWHERE, path_failure=True)),
    (PathError(504, "the server did not answer"), Blame(ELSEWHERE)),
    (PathError(400, "Invalid ciphertext"), Blame(ELSEWHERE)),
    (PathError(401, "forged"), Blame(ELSEWHERE)),
    (PathError(406, "clock"), Blame(Verdict.RESYNC)),
    (PathError(425, "clock"), Blame(Verdict.RESYNC)),
    # the destination
    (DestinationError(406), Blame(Verdict.RESYNC)),
    (DestinationError(425), Blame(Verdict.REFUSED)),
    (DestinationError(401), Blame(Verdict.REFUSED)),
    (DestinationError(400), Blame(Verdict.REFUSED)),
    (DestinationError(403), Blame(Verdict.REFUSED)),
    (DestinationError(421), Blame(Verdict.OTHER_MEMBER)),
    (DestinationError(429), Blame(ELSEWHERE)),
    (DestinationError(500, "request failed"), Blame(ELSEWHERE)),
    (DestinationError(502, "oxend returned unparsable data"), Blame(ELSEWHERE, removed=TARGET)),
    (DestinationError(502, f"Next node not found: {LAST.hex()}"), Blame(ELSEWHERE)),
]


@pytest.mark.parametrize(("outcome", "blame"), ROWS, ids=repr)
def test_row(outcome: Outcome, blame: Blame) -> None:
    assert judge(outcome, HOPS, TARGET) == blame


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (425, Verdict.RESYNC),
        (406, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (421, Verdict.REFUSED),
        (429, Verdict.LATER),
        (500, Verdict.LATER),
        (502, Verdict.LATER),
    ],
)
def test_servers_blame_no_node(code: int, verdict: Verdict) -> None:
    assert judge(DestinationError(code, "oxend returned unparsable data", server=True), HOPS, None) == Blame(verdict)


def test_a_named_node_without_a_destination_must_be_on_the_path() -> None:
    error = PathError(502, f"Next node not found: {TARGET.hex()}")
    assert judge(error, HOPS, None) == Blame(ELSEWHERE, path_failure=True)


def test_nothing_that_the_path_says_fails_a_request_for_good() -> None:
    for code in range(201, 600):
        for text in ("", "Request time out", f"Snode not ready: {STRANGER.hex()}"):
            blame = judge(PathError(code, text), HOPS, TARGET)
            assert blame.verdict is not Verdict.REFUSED
            assert blame.removed is None
            assert blame.struck is None


def test_verdicts_say_whether_to_try_again() -> None:
    assert {verdict.name: verdict.retry for verdict in Verdict} == {
        "ANSWERED": Retry.NEVER,
        "ELSEWHERE": Retry.ELSEWHERE,
        "OTHER_MEMBER": Retry.ELSEWHERE,
        "RESYNC": Retry.LATER,
        "LATER": Retry.LATER,
        "REFUSED": Retry.NEVER,
    }
