"""Full-text search: what is found, in which scripts, and that the index follows the messages."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.unit.store.samples import ALICE, BOB, NOW, received, sent, with_conversation
from veery.client.apply_control import ACCEPTED_NOTICE, MISSED_CALL
from veery.client.groups.writing import NOTICE as GROUP_NOTICE
from veery.client.levels.notices import LEVEL_NOTICE
from veery.client.timers import TIMER_NOTICE
from veery.client.views import TEXT
from veery.protocol.constants import DAY_MS
from veery.protocol.content import DataExtractionType
from veery.store.message_values import Deleted, Expiration, NewAttachment
from veery.store.search import KINDS, PERIOD_MS, WITH_FILE, KindUnknown, Search, SearchWrong
from veery.store.search_words import index_words, match_expression
from veery.store.tables import Tables


def found(tables: Tables, *phrases: str, limit: int = 50, now_ms: int = NOW, **filters: object) -> list[str]:
    search = replace(Search(phrases), **filters)  # type: ignore[arg-type]
    return [each.body for each in tables.search.page(search, limit, now_ms)]


def keep(tables: Tables, *bodies: str) -> list[int]:
    with_conversation(tables, ALICE)
    ids = [tables.messages.insert(received(NOW + at, body)) for at, body in enumerate(bodies)]
    return [id_ for id_ in ids if id_ is not None]


@pytest.mark.parametrize(
    ("body", "typed"),
    [
        ("Good morning, Bob", "morning"),
        ("Good morning, Bob", "MORN"),
        ("Wir treffen uns im Café", "cafe"),
        ("Wir treffen uns im Cafe\u0301", "café"),
        ("Straße nach München", "munch"),
        ("Straße nach München", "strasse"),
        ("Straße nach München", "STRAẞE"),
        ("Strasse nach Muenchen", "straße"),
        ("DIE STRASSE", "straß"),
        ("das Œuvre", "oeuvre"),
        ("ein oeuvre", "œuv"),
        ("Ærø og Smørrebrød", "aero"),
        ("Smorrebrod", "smørrebrød"),
        ("Łódź jutro", "lodz"),
        ("die ﬁnale Fassung", "final"),
        ("İstanbul'da buluşalım", "istanbul"),
        ("ISTANBUL", "İstanbul"),
        ("i̇stanbul", "İSTANBUL"),
        ("ISPARTA", "ısparta"),
        ("ılık su", "ILIK"),
        ("ᲒᲐᲛᲐᲠᲯᲝᲑᲐ", "გამარჯობა"),
        ("գնում եւ գալիս", "և"),
        ("Встреча завтра", "ВСТР"),
        ("Ώρα καλή", "ωρα"),
        ("我明天去北京看你", "北京"),
        ("我明天去北京看你", "京"),
        ("我明天去北京看你", "你"),
        ("我明天去北京看你", "去北京看"),
        ("東京タワーで会いましょう", "タワー"),
        ("ＡＢＣ ｶﾞ", "abc"),
        ("ＡＢＣ ｶﾞ", "ガ"),
        ("내일 서울에서 만나자", "서울"),
        ("내일 서울에서 만나자", "울에"),
        ("พรุ่งนี้เจอกันที่กรุงเทพ", "กรุงเทพ"),
        ("พรุ่งนี้เจอกันที่กรุงเทพ", "เจอกัน"),
        ("ພົບກັນມື້ອື່ນ", "ມື້ອື່ນ"),
        ("ជួបគ្នាថ្ងៃស្អែក", "ស្អែក"),
        ("قرأت الكتاب أمس", "كتاب"),
        ("قَرَأتُ الكِتابَ", "الكتاب"),
        ("أحمد هنا", "احمد"),
        ("הלכתי לבית הספר", "בית"),
        ("שָׁלוֹם", "שלום"),
        ("हिन्दी में संदेश", "हिन्द"),
        ("good night 🌙😴", "😴"),
        ("good night 🌙😴", "🌙"),
        ("I ❤️ you", "❤"),
        ("👍🏽 fine", "👍"),
        ("see https://example.org/a-page?x=1", "example.org"),
        ("mail me@example.org", "me@example"),
        ("version 2.10.3 is out", "2.10"),
        ("Tokyo東京2026", "東京"),
        ("Tokyo東京2026", "京2026"),
        ("it's", "it's"),
        ('a "quoted" word', '"quoted"'),
        ("a OR b", "or"),
        ("words:place near(x)", "near("),
        ("100% * sure", "100%"),
    ],
)
def test_every_script_is_found(tables: Tables, body: str, typed: str) -> None:
    keep(tables, "nothing of it", body, "別のこと others آخر")
    assert found(tables, typed) == [body]


@pytest.mark.parametrize(
    ("body", "typed"),
    [
        ("Good morning", "orning"),  # only the beginnings of words that are written apart
        ("北京", "京北"),
        ("北海 海京", "北海京"),
        ("Good morning", "morning good"),  # one argument is one phrase
        ("a very good morning", "good very"),
        ("good night", "u1f600x"),
    ],
)
def test_what_is_not_there_is_not_found(tables: Tables, body: str, typed: str) -> None:
    keep(tables, body)
    assert found(tables, typed) == []


def test_phrases_and_words(tables: Tables) -> None:
    keep(tables, "a very good morning", "good is the very morning", "北京 good")
    assert found(tables, "good mor") == ["a very good morning"]
    assert found(tables, "morning", "good") == ["good is the very morning", "a very good morning"]
    assert found(tables, "good", "北") == ["北京 good"]
    assert found(tables, "北京 go") == ["北京 good"]


@pytest.mark.parametrize("typed", ["", " ", "!!!", "…", '"', "*", "\u200d", "-"])
def test_nothing_to_look_for_is_said(tables: Tables, typed: str) -> None:
    keep(tables, "hello")
    with pytest.raises(SearchWrong):
        found(tables, typed)


def test_too_much_is_refused(tables: Tables) -> None:
    for phrases in (("a",) * 33, ("a" * 1_001,)):
        with pytest.raises(SearchWrong):
            found(tables, *phrases)


def test_filters(tables: Tables) -> None:
    with_conversation(tables, ALICE, BOB)
    tables.messages.insert(received(NOW + 1, "tea with alice"))
    tables.messages.insert(received(NOW + 2, "tea with bob", BOB))
    tables.messages.insert(sent(NOW + 3, "tea is gone", ALICE))
    tables.messages.insert(replace(received(NOW + 4, "tea call"), kind="missed_call"))
    tables.messages.insert(
        replace(received(NOW + 5, "tea picture", BOB), attachments=(NewAttachment("https://x/file/1"),))
    )
    assert found(tables, "tea") == ["tea picture", "tea call", "tea is gone", "tea with bob", "tea with alice"]
    assert found(tables, "tea", conversation=ALICE.hex) == ["tea call", "tea is gone", "tea with alice"]
    assert found(tables, "tea", conversation="05" + "00" * 32) == []
    assert found(tables, "tea", since_ms=NOW + 2, until_ms=NOW + 3) == ["tea is gone", "tea with bob"]
    assert found(tables, "tea", kind="missed_call") == ["tea call"]
    assert found(tables, "tea", kind=WITH_FILE) == ["tea picture"]
    for place in ("c1", f"p{NOW // PERIOD_MS}"):
        assert found(tables, place) == []  # the places of messages are no words


def test_a_kind_that_does_not_exist_is_refused(tables: Tables) -> None:
    keep(tables, "tea")
    with pytest.raises(KindUnknown, match=r"text, timer, .*file"):
        found(tables, "tea", kind="nonsense")


def test_the_kinds_are_those_that_are_kept() -> None:
    notices = {each.name.lower() for each in DataExtractionType}
    kept = {TEXT, TIMER_NOTICE, LEVEL_NOTICE, GROUP_NOTICE, ACCEPTED_NOTICE, MISSED_CALL, *notices}
    assert set(KINDS) == kept | {WITH_FILE}


@pytest.mark.parametrize("body", ["", "my plan", "Straße"])
def test_names_of_files_are_found(tables: Tables, body: str) -> None:
    with_conversation(tables, ALICE)
    files = (
        NewAttachment("https://x/1", file_name="Budget_2026.ods"),
        NewAttachment("https://x/2", file_name="Übersicht"),
    )
    picture = NewAttachment("https://x/3", file_name="picture of a page", preview=True)
    id_ = tables.messages.insert(replace(received(NOW, body), attachments=(*files, picture)))
    assert id_ is not None
    for typed in ("budget", "2026.ods", "ubersicht", *body.split()):
        assert found(tables, typed) == [body]
    assert found(tables, "picture") == []
    tables.attachments.delete_of(id_)
    assert found(tables, "budget") == []
    assert found(tables, *body.split()) == [body] if body else True
    tables.search.check()


def cased() -> list[str]:
    """Every letter that has another case and that an index can tell apart from a gap; but those of old Greek, whose
    capitals are spelt otherwise.
    """
    letters = map(chr, range(0x80, 0x110000))
    old_greek = re.compile("[\u0370-\u03ff\u1f00-\u1fff]")
    return [each for each in letters if each.lower() != each.upper() and each.isalpha() and not old_greek.match(each)]


def test_case_never_matters(tables: Tables) -> None:
    letters = cased()
    keep(tables, *(f"x{letter} tea" for letter in letters))
    for at, letter in enumerate(letters):
        for typed in {letter.lower(), letter.upper(), letter.casefold()} - {letter}:
            where = {"since_ms": NOW + at, "until_ms": NOW + at}
            assert found(tables, f"x{typed} tea", **where) == [f"x{letter} tea"], f"U+{ord(letter):04x} as {typed}"


def test_spans_of_time_are_exact_over_years(tables: Tables) -> None:
    with_conversation(tables, ALICE)
    times = [NOW - number * 17 * DAY_MS - number for number in range(300)]
    for at in times:
        tables.messages.insert(received(at, f"tea {at}"))
    for since, until in ((NOW - 40 * DAY_MS, NOW), (NOW - 4_000 * DAY_MS, NOW - 700 * DAY_MS), (0, NOW - 730 * DAY_MS)):
        expected = [at for at in reversed(times) if since <= at <= until]
        assert found(tables, "tea", since_ms=since, until_ms=until, limit=500) == [f"tea {at}" for at in expected]
    assert found(tables, "tea", since_ms=times[9], until_ms=times[9]) == [f"tea {times[9]}"]
    assert found(tables, "tea", since_ms=NOW + 1) == []
    assert found(tables, "tea", until_ms=times[-1] - 1) == []
    tables.search.check()


def test_pages_follow_each_other_without_gap_or_repeat(tables: Tables) -> None:
    ids = keep(tables, *(f"tea number {n}" for n in range(25)))
    seen: list[int] = []
    search = Search(("tea",))
    while page := tables.search.page(search, 10, NOW):
        seen += [each.id for each in page]
        search = replace(search, before=page[-1].id)
        tables.messages.insert(received(NOW + 1_000 + len(seen), "tea arrives meanwhile"))
    assert seen == ids[::-1]


def test_the_index_follows_deletion_placeholder_and_disappearing(tables: Tables) -> None:
    ids = keep(tables, "tea one", "tea two", "tea three", "北京 tea")
    tables.messages.delete(ids[:1])
    tables.messages.replace_by_placeholder(ids[1], Deleted.EVERYWHERE)
    tables.messages.replace_by_placeholder(ids[3], Deleted.HERE)
    tables.reading.set_expiration(ids[2], Expiration(1, 10, NOW, NOW + 10))
    assert found(tables, "tea") == ["tea three"]
    assert found(tables, "tea", now_ms=NOW + 10) == []
    assert found(tables, "北") == []
    tables.search.check()
    tables.conversations.delete(ALICE.hex)
    assert found(tables, "tea") == []
    tables.search.check()


def test_a_message_that_was_there_twice_is_indexed_once(tables: Tables) -> None:
    keep(tables, "tea")
    assert tables.messages.insert(received(NOW, "tea again")) is None
    assert found(tables, "tea") == ["tea"]
    tables.search.check()


def test_plain_text_is_indexed_as_it_is() -> None:
    assert index_words("Good morning") is None
    assert index_words("Привет, мир") == "Привет мир"
    assert index_words("北京市") == "北京 京市 市"


def test_expressions_cannot_be_broken_out_of() -> None:
    assert match_expression(('a" OR "b',)) == '"a OR b" *'
    assert match_expression(("x", "北京")) == '"x" * AND "北京"'
    assert match_expression(("  ",)) is None
