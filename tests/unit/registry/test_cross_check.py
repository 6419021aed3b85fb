"""Majorities among seeds."""

from __future__ import annotations

import pytest

from tests.unit.registry.world import NETWORK, NOW, Chronicle, key_of, signer
from veery.errors import Retry
from veery.registry.cross_check import Answer, Dispute, SeedsDisputed, agree
from veery.registry.history import History
from veery.registry.signed_snapshot import encode_answer, open_answer
from veery.registry.snapshot import Snapshot


def plain(name: str, block: int, height: int = 5) -> Answer:
    return Answer(name, Snapshot(height, bytes([block]) * 32))


def signed(name: str, history: History, late_ms: int = 0) -> Answer:
    data = encode_answer(history, seed=key_of(50), sign=signer(50), nonce=bytes(32), now_ms=NOW - late_ms)
    opened = open_answer(data, nonce=bytes(32), seed=None, writer=None, known=None, known_hash=b"")
    return Answer(name, opened.snapshot, opened)


def test_one_seed_agrees_with_itself() -> None:
    answer = plain("a", 1)
    assert agree([answer]).answer is answer


def test_the_majority_is_taken_and_the_others_are_named() -> None:
    agreement = agree([plain("a", 1), plain("b", 2), plain("c", 2)])
    assert agreement.answer.seed in ("b", "c")
    assert agreement.disputes == (Dispute("a", "its list is another one"),)


@pytest.mark.parametrize("blocks", [(1, 2), (1, 2, 3), (1, 1, 2, 2)])
def test_without_a_majority_nothing_is_taken(blocks: tuple[int, ...]) -> None:
    with pytest.raises(SeedsDisputed) as disputed:
        agree([plain(f"seed{n}", block) for n, block in enumerate(blocks)])
    assert "seed0, seed1" in str(disputed.value)
    assert disputed.value.retry is Retry.LATER


def test_a_seed_that_is_late_agrees() -> None:
    chronicle = Chronicle()
    chronicle.join(1)
    late = signed("late", History.replay(chronicle.entries()))
    chronicle.join(2)
    ahead = signed("ahead", chronicle.history)
    with pytest.raises(SeedsDisputed):
        agree([late, ahead])
    agreement = agree([late, ahead], {late.claim: ahead.claim})
    assert (agreement.answer, agreement.disputes) == (ahead, ())


def test_claims_that_lead_in_a_circle_end() -> None:
    answers = [plain("a", 1), plain("b", 2)]
    with pytest.raises(SeedsDisputed):
        agree([*answers, plain("c", 3)], {answers[0].claim: answers[1].claim, answers[1].claim: answers[0].claim})


def test_signed_answers_go_before_plain_ones() -> None:
    answer = signed("a", Chronicle().history)
    agreement = agree([plain("x", 9), plain("y", 9), answer])
    assert agreement.answer is answer
    assert [dispute.seed for dispute in agreement.disputes] == ["x", "y"]


def test_another_network_with_the_same_name_is_another_claim() -> None:
    mine, theirs = Chronicle().history, History.found(NETWORK, key_of(1), signer(1), NOW)
    with pytest.raises(SeedsDisputed):
        agree([signed("a", mine), signed("b", theirs)])


def test_the_middle_height_is_taken() -> None:
    answers = [plain("a", 1, 10), plain("b", 1, 2**50), plain("c", 1, 11)]
    assert agree(answers).answer.snapshot.height == 11
