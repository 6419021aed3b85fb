"""Recovery words (01.3)."""

from __future__ import annotations

import hashlib

import pytest

from veery.errors import Misuse
from veery.protocol import recovery
from veery.protocol.recovery import RecoveryWordsWrong
from veery.protocol.words_english import WORDS

SEED = bytes(range(16))
LIST = recovery.encode(SEED).split()
OVERFLOW = [WORDS[0], WORDS[1625], WORDS[1624]]  # stands for 1626^3 - 1626, above 2^32


def wrong(words: list[str] | str, *, checksum: bool = True) -> RecoveryWordsWrong:
    text = words if isinstance(words, str) else " ".join(words)
    with pytest.raises(RecoveryWordsWrong) as caught:
        recovery.decode(text, checksum=checksum)
    return caught.value


def test_the_word_list_is_the_one_of_the_book() -> None:
    written = "".join(f"{word}\n" for word in WORDS).encode()
    assert hashlib.sha256(written).hexdigest() == "eaa6bce7dd92f4d6dd74f224264e0ef4ad21095d68ec77616b26ceb599baf4f7"


def test_three_characters_are_enough() -> None:
    assert len({word[:3] for word in WORDS}) == len(WORDS) == 1626
    assert recovery.decode(" ".join(word[:3] for word in LIST)) == SEED


def test_case_and_white_space_do_not_matter() -> None:
    assert recovery.decode("\n  " + " \t ".join(LIST).upper() + " ") == SEED


def test_what_is_written_is_lower_case_with_single_spaces() -> None:
    assert recovery.encode(SEED) == " ".join(LIST).lower()
    assert LIST[12] in LIST[:12]


@pytest.mark.parametrize("count", [0, 1, 11, 12])
def test_too_few(count: int) -> None:
    found = wrong(LIST[:count])
    assert found.kind == "account.words.too_few"
    assert "13 words" in str(found)
    assert (found.position, found.word, found.near) == (None, None, ())


@pytest.mark.parametrize("count", [14, 25, 2_000])
def test_too_many(count: int) -> None:
    assert wrong([*LIST, *LIST * 200][:count]).kind == "account.words.too_many"


def test_a_real_25_word_password_is_too_many() -> None:
    assert wrong(recovery.encode(bytes(range(32)))).kind == "account.words.too_many"


def test_an_unknown_word_is_named_with_near_ones() -> None:
    found = wrong([*LIST[:3], "Etrance", *LIST[4:]])
    assert (found.kind, found.position, found.word) == ("account.words.unknown_word", 4, "etrance")
    assert "entrance" in found.near
    assert 1 <= len(found.near) <= 3
    assert 'word 4, "etrance"' in str(found)
    assert all(word in str(found) for word in found.near)
    assert LIST[0] not in str(found)


@pytest.mark.parametrize(
    ("typed", "meant"), [("buffett", "buffet"), ("tigre", "tiger"), ("ymptoms", "symptoms"), ("pyhton", "python")]
)
def test_near_words(typed: str, meant: str) -> None:
    assert meant in recovery.near_words(typed)


def test_a_word_like_no_other_has_no_near_ones() -> None:
    found = wrong(["1234567890", *LIST[1:]])
    assert found.near == ()
    assert "Did you mean" not in str(found)


def test_short_words_are_unknown() -> None:
    assert wrong(["am", *LIST[1:]]).kind == "account.words.unknown_word"


def test_a_wrong_word_is_shown_printable_and_cut() -> None:
    found = wrong(["\x1b[31m" + "x" * 500, *LIST[1:]])
    assert found.word is not None
    assert found.word.isprintable()
    assert len(found.word) <= 24


def test_a_number_above_32_bits_is_refused() -> None:
    assert wrong([*OVERFLOW * 4, "abbey"]).kind == "account.words.bad_encoding"
    assert wrong(OVERFLOW, checksum=False).kind == "account.words.bad_encoding"


def test_the_greatest_number_is_read() -> None:
    assert recovery.decode(recovery.encode(b"\xff" * 16)) == b"\xff" * 16


def test_a_wrong_last_word() -> None:
    other = next(word for word in LIST[:12] if word != LIST[12])
    found = wrong([*LIST[:12], other])
    assert (found.kind, found.position) == ("account.words.bad_checksum", None)


def test_an_unknown_last_word_is_a_checksum_error_that_names_it() -> None:
    found = wrong([*LIST[:12], "fxed"])
    assert (found.kind, found.position, found.word) == ("account.words.bad_checksum", 13, "fxed")
    assert "faxed" in found.near


def test_checks_come_in_the_order_of_the_book() -> None:
    unknown = ["qqq", *OVERFLOW[1:], *OVERFLOW * 3]
    assert wrong(unknown).kind == "account.words.too_few"
    assert wrong([*unknown, "qqq", "qqq"]).kind == "account.words.too_many"
    assert wrong([*OVERFLOW * 3, *OVERFLOW[:2], "qqq", "qqq"]).kind == "account.words.unknown_word"
    assert wrong([*OVERFLOW * 4, "qqq"]).kind == "account.words.bad_encoding"
    assert wrong([*LIST[:12], "qqq"]).kind == "account.words.bad_checksum"


def test_without_a_checksum_any_whole_groups_are_read() -> None:
    for size in (4, 16, 32, 64):
        data = bytes(range(size))
        assert recovery.decode(recovery.encode(data, checksum=False), checksum=False) == data


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_without_a_checksum_parts_of_groups_are_refused(count: int) -> None:
    assert wrong(LIST[:count], checksum=False).kind == "account.words.too_few"


def test_both_ways_are_bounded() -> None:
    assert wrong(LIST * 100, checksum=False).kind == "account.words.too_many"
    with pytest.raises(Misuse):
        recovery.encode(bytes(1_028))


@pytest.mark.parametrize("size", [0, 1, 15, 17])
def test_other_sizes_have_no_words(size: int) -> None:
    with pytest.raises(Misuse):
        recovery.encode(bytes(size))
