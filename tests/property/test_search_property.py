"""Searching with any text never breaks the database, and finds what is there."""

from __future__ import annotations

from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.store.samples import ALICE, NOW, memory, received, with_conversation
from veery.store.message_values import Deleted
from veery.store.search import Search, SearchWrong
from veery.store.search_words import match_expression
from veery.store.tables import Tables

LETTERS = (
    "aAzZ019éÉßñ" "αΑώΏ" "яЯйё" "नहि्ंदी" "京都大市" "カタがぱ" "한국어" "กรุงเท่" "ကျေး" "ខ្មែរ" "كتابأآـَ" "שלוםָ" "ＡｂｶﾞﬁⅣ"
)  # fmt: skip
SIGNS = " \t\n.,-–…!?'\"()*:^+{}[]\\/%_#@~`|&=<>;、。،؟۔\u200b\u200d\ufe0f\u0301\u00ad🌙😴👍🏽❤€"
TEXTS = st.text(st.sampled_from(LETTERS + SIGNS), max_size=60)
ANYTHING = st.text(max_size=60)
OPERATORS = st.lists(st.sampled_from(["AND", "OR", "NOT", "NEAR(", "words:", "place:", '"', "*", "^", "-", "+", "x"]))


def kept(*bodies: str) -> Tables:
    tables = with_conversation(Tables(memory(), Path("nowhere")), ALICE)
    for at, body in enumerate(bodies):
        tables.messages.insert(received(NOW + at, body))
    return tables


def ids(tables: Tables, *phrases: str) -> list[int]:
    return [each.id for each in tables.search.page(Search(phrases), 10, NOW)]


@given(TEXTS | ANYTHING, TEXTS | ANYTHING | OPERATORS.map(" ".join))
def test_any_words_find_something_nothing_or_are_refused(body: str, typed: str) -> None:
    tables = kept(body, "x")
    try:
        assert set(ids(tables, typed)) <= {1, 2}
    except SearchWrong:
        assert match_expression((typed,)) is None
    tables.search.check()


@given(TEXTS, TEXTS, TEXTS)
def test_a_word_is_found_wherever_it_stands(before: str, word: str, after: str) -> None:
    word = "".join(word.split())
    assume(match_expression((word,)) is not None)
    assert ids(kept(f"{before} {word} {after}"), word) == [1]


@given(TEXTS)
def test_a_text_finds_itself(text: str) -> None:
    assume(match_expression((text,)) is not None)
    assert ids(kept(text), text) == [1]


@given(st.text(st.sampled_from("京都大市カタがぱ한국어"), min_size=1, max_size=20), st.data())
def test_every_part_of_a_text_without_spaces_is_found(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    assert ids(kept(text), text[start:end]) == [1]


@given(st.text(st.sampled_from("abcéяα0"), min_size=1, max_size=12), st.data())
def test_words_are_found_by_their_beginning(word: str, data: st.DataObject) -> None:
    assert ids(kept(f"so {word}."), word[: data.draw(st.integers(1, len(word)))].upper()) == [1]


@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_the_index_is_empty_once_the_messages_are_gone(bodies: list[str]) -> None:
    tables = kept(*bodies)
    for at in range(1, len(bodies) + 1):
        if at % 2:
            tables.messages.delete((at,))
        else:
            tables.messages.replace_by_placeholder(at, Deleted.HERE)
        tables.search.check()
    assert all(ids(tables, body) == [] for body in bodies if match_expression((body,)) is not None)
