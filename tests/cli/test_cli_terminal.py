"""What is asked and shown where there is a terminal."""

from __future__ import annotations

import re

from tests.cli.harness import Home, Terminal

PROMPTS = ("New passphrase: ", "The same again: ")


def create(home: Home, *typed: str) -> Terminal:
    """`account create` with a passphrase that is typed at each prompt in turn."""
    terminal = Terminal(home, "account", "create", "--name", "Alice", "--network", str(home.network()))
    for number, text in enumerate(typed):
        terminal.read_until(PROMPTS[number % 2])
        terminal.type(text)
    return terminal


def test_a_passphrase_is_asked_for_twice_and_not_shown(home: Home) -> None:
    terminal = create(home, "correct horse", "correct horse")
    assert terminal.finish() == 0
    assert "correct horse" not in terminal.shown
    assert "Account ID   05" in terminal.shown
    shown = Terminal(home, "account", "show")
    shown.read_until("Passphrase of `default`: ")
    shown.type("correct horse")
    assert shown.finish() == 0
    assert "Name         Alice\r\n" in shown.shown


def test_a_slip_is_forgiven(home: Home) -> None:
    terminal = create(home, "one", "two")
    terminal.read_until("The two differ.\r\nNew passphrase: ")
    terminal.type("one")
    terminal.read_until("The same again: ")
    terminal.type("one")
    assert terminal.finish() == 0


def test_no_passphrase_typed_is_refused_in_the_end(home: Home) -> None:
    terminal = Terminal(home, "account", "create", "--network", str(home.network()))
    for _ in range(3):
        terminal.read_until("New passphrase: ")
        terminal.type("")
    assert terminal.finish() == 1
    assert terminal.shown.endswith("veery: No passphrase was set. Try again, or choose --no-passphrase.\r\n")
    assert not (home.path / "data").exists()


def test_ctrl_c_at_the_prompt_leaves_nothing(home: Home) -> None:
    terminal = Terminal(home, "account", "create", "--network", str(home.network()))
    terminal.read_until("New passphrase: ")
    terminal.press(b"\x03")
    assert terminal.finish() == 130
    assert not (home.path / "data").exists()


def test_words_are_asked_for(home: Home) -> None:
    words = home.veery("account", "create", "--network", str(home.network()), "--no-passphrase", "--json").record
    terminal = Terminal(
        home, "account", "restore", "--profile", "two", "--network", str(home.network()), "--no-passphrase"
    )
    terminal.read_until("Type the 13 words of the recovery password, then Enter:\r\n")
    terminal.type(str(words["words"]))
    assert terminal.finish() == 0
    assert str(words["account_id"]) in terminal.shown


def test_colours_and_who_wants_none(home: Home) -> None:
    home.veery("account", "create", "--network", str(home.network()), "--no-passphrase")
    coloured = Terminal(home, "account", "list")
    assert coloured.finish() == 0
    assert coloured.shown.startswith("\x1b[2mPROFILE")
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = Terminal(home, "account", "list", env=env)
        assert plain.finish() == 0
        assert "\x1b" not in plain.shown


def test_tables_fit_the_terminal_and_codes_are_black_on_white(home: Home) -> None:
    home.veery("account", "create", "--network", str(home.network()), "--no-passphrase")
    narrow = Terminal(home, "account", "list", env={"COLUMNS": "40"})
    narrow.finish()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", narrow.shown).split("\r\n")
    assert max(map(len, lines)) <= 40
    assert lines[1].endswith("…")
    code = Terminal(home, "account", "show", "--qr")
    code.finish()
    assert "\x1b[30;107m" in code.shown
