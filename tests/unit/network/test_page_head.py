"""The head of a page: what is read of it, and that no page holds the reader up or brings it down."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veery.network import page_head
from veery.network.page_head import PageHead, read_head

PIECES = ("<", "</", "<!--", "-->", "<![", "<![foo[", "<!DOCTYPE [", "<?", ">", "/", "=", '"', "'", "&#", "&amp", " ")
NAMES = ("title", "TITLE", "meta ", "script", "svg", "property", "content", "og:title", "og:image", "9" * 5_000, "x")


@pytest.mark.parametrize(
    ("page", "head"),
    [
        ("<title>a &amp; b</TITLE>", PageHead("a & b")),
        ("<title>a <b>c</b></title>", PageHead("a <b>c</b>")),
        ("<!-- <title>no</title> --><title>yes</title>", PageHead("yes")),
        ("<script>'<title>no</title>'</script><title>yes</title>", PageHead("yes")),
        ("<a b='<title>no</title>'><title>yes</title>", PageHead("yes")),
        ("<META content=T PROPERTY = og:title />", PageHead(preview_title="T")),
        ("<meta property='og:title' content='1'><meta property='og:title' content='2'>", PageHead(preview_title="1")),
        ("<meta property='og:image' content=' /a?b=1&amp;c=2 '>", PageHead(picture="/a?b=1&c=2")),
        ("<meta content='/p' property=og:image:secure_url><title></title><title>t</title>", PageHead("t", "", "/p")),
        ("<![foo[ <title>t</title>", PageHead("t")),  # what html.parser gives up at
    ],
)
def test_what_a_page_says_of_itself(page: str, head: PageHead) -> None:
    assert read_head(page) == head


@given(st.lists(st.sampled_from(PIECES + NAMES), max_size=60).map("".join))
def test_whatever_a_page_holds_it_is_read(page: str) -> None:
    read_head(page)


@pytest.mark.parametrize("piece", ["<a ", "<a b='", "<!--", "<title", "<title>", "<meta x", "<script></", "<", "<svg>"])
def test_the_work_grows_with_the_page_alone(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0

    class Counting:
        def __init__(self, pattern: re.Pattern[str]) -> None:
            self.pattern = pattern

        def match(self, *given: Any) -> re.Match[str] | None:
            nonlocal steps
            steps += 1
            return self.pattern.match(*given)

    monkeypatch.setattr(page_head, "_PART", Counting(page_head._PART))
    page = piece * 20_000
    read_head(page)
    assert steps <= len(page)
