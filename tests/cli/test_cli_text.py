"""Words, times and tables."""

from __future__ import annotations

import pytest

from veery.cli.text import ago, columns, count, duration, one_line, printable, size, state_words, table

NOW = 1_764_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (0, "just now"),
        (59_999, "just now"),
        (MINUTE, "1 min ago"),
        (59 * MINUTE, "59 min ago"),
        (HOUR, "1 h ago"),
        (DAY - 1, "23 h ago"),
        (DAY, "1 day ago"),
        (6 * DAY, "6 days ago"),
        (-30_000, "just now"),
        (-5 * MINUTE, "in 5 min"),
    ],
)
def test_relative_times(before: int, said: str) -> None:
    assert ago(NOW - before, NOW) == said


def test_old_times_are_dates_and_absent_ones_a_dash() -> None:
    assert ago(NOW - 400 * DAY, NOW).startswith("2024-10-")
    assert ago(None, NOW) == "-"


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (86_400 * 2, "2 days")])
def test_durations(seconds: int, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 bytes"), (1_023, "1023 bytes"), (1_536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 40, "3072.0 GiB")],
)
def test_sizes(number: int, said: str) -> None:
    assert size(number) == said


def test_counts() -> None:
    assert [count(0, "node"), count(1, "node"), count(2, "node")] == ["0 nodes", "1 node", "2 nodes"]
    assert count(2, "copy", "copies") == "2 copies"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"state": "queued"}, "queued"),
        ({"state": "sealed", "stored_on": None}, "sealed"),
        ({"state": "stored", "stored_on": 5, "swarm_size": 7}, "stored on 5 of 7"),
        ({"state": "stored", "stored_on": None}, "stored"),
        ({"state": "read", "stored_on": 5, "swarm_size": 7}, "read"),
        (
            {"state": "failed", "reason": "network.unreachable"},
            "failed: nobody answers; try again with `veery outbox retry`; `veery doctor` shows where the way ends",
        ),
    ],
)
def test_states_in_words(fields: dict[str, object], said: str) -> None:
    assert state_words(fields) == said


def test_a_terminal_obeys_no_stranger() -> None:
    hostile = "a\x1b[31mb\x07\x9b2J\u202egpj.exe\r\n\u2066x"
    assert printable(hostile) == "a\\x1b[31mb\\x07\\x9b2J\\u202egpj.exe\\x0d\\x0a\\u2066x"
    assert printable("one\ttwo\nthree\x0b", lines=True) == "one\ttwo\nthree\\x0b"
    assert one_line(" a\n\tb  c ") == "a b c"
    assert printable("Grüße, 漢字 👋 שלום") == "Grüße, 漢字 👋 שלום"


def test_columns_of_wide_and_combining_characters() -> None:
    assert columns("abc") == 3
    assert columns("漢字") == 4
    assert columns("e\u0301") == 1
    assert columns("👋") == 2


def test_tables_align_and_cut_the_last_column() -> None:
    rows = [("漢字", "1", "short"), ("a", "22", "a very long text that does not fit")]
    assert table(("NAME", "N", "TEXT"), rows) == [
        "NAME  N   TEXT",
        "漢字  1   short",
        "a     22  a very long text that does not fit",
    ]
    cut = table(("NAME", "N", "TEXT"), rows, 22)
    assert cut[2] == "a     22  a very long…"
    assert max(map(columns, cut)) == 22


def test_tables_show_absent_values_and_keep_lines_together() -> None:
    assert table(("A", "B"), [("", "x\ny")])[1] == "-  x\\x0ay"
