"""What goes to standard output and standard error."""

from __future__ import annotations

import json
from io import StringIO

import pytest

from veery.cli.console import Console, coloured, sentence, to_json
from veery.cli.progress import Progress
from veery.errors import VeeryError


class Terminal(StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("message", "remedy", "said"),
    [
        ("the file is broken", "Mend it", "The file is broken. Mend it."),
        ("node.toml is broken", "", "node.toml is broken."),
        ("It is not a word", "Did you mean abbey?", "It is not a word. Did you mean abbey?"),
        ("two\nlines", "", "Two lines."),
    ],
)
def test_errors_are_one_line(message: str, remedy: str, said: str) -> None:
    assert sentence(VeeryError(message, remedy=remedy)) == said


def test_an_error_is_a_line_and_with_json_an_object_after_it() -> None:
    error = VeeryError("it is full", kind="store.full", remedy="Free some space")
    plain, talked = Console(out=StringIO(), err=(err := StringIO())), "veery: It is full. Free some space.\n"
    plain.error(error)
    assert err.getvalue() == talked
    as_json = Console(as_json=True, out=(out := StringIO()), err=(err := StringIO()))
    as_json.error(error)
    first, second = err.getvalue().splitlines()
    assert first + "\n" == talked
    assert json.loads(second) == {"error": {"kind": "store.full", "message": "it is full", "remedy": "Free some space"}}
    assert out.getvalue() == ""


def test_json_is_one_line_that_no_terminal_obeys() -> None:
    text = to_json({"text": "a\nb\x1b\x9b\u2028ü"})
    assert text == '{"text": "a\\nb\\u001b\\u009b\\u2028ü"}'
    assert json.loads(text) == {"text": "a\nb\x1b\x9b\u2028ü"}


def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured(Terminal())
    assert not coloured(StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not coloured(Terminal())


def test_talk_is_made_safe() -> None:
    console = Console(out=StringIO(), err=(err := StringIO()))
    console.talk("a\x1b[2Jb")
    assert err.getvalue() == "a\\x1b[2Jb\n"


def test_progress_shows_after_half_a_second_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("veery.cli.progress.SHOWN_AFTER_S", 0.01)
    drawn = _Signalling()
    with Progress(drawn, "Asking", shown=True):
        assert drawn.written.wait(10)
    assert drawn.getvalue().startswith("\r\x1b[KAsking (0 s)")
    assert drawn.getvalue().endswith("\r\x1b[K")


def test_progress_tells_what_it_is_told_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("veery.cli.progress.SHOWN_AFTER_S", 0.01)
    drawn = _Signalling()
    with Progress(drawn, "Asking", shown=True, look=lambda: "Uploading a\x1b[2J"):
        assert drawn.written.wait(10)
    assert drawn.getvalue().startswith("\r\x1b[KUploading a\\x1b[2J (0 s)")
    silent = _Signalling()
    with Progress(silent, "Asking", shown=True, look=lambda: None):
        assert silent.written.wait(10)
    assert silent.getvalue().startswith("\r\x1b[KAsking (0 s)")


def test_progress_of_quick_work_and_without_terminal_is_silent() -> None:
    quick, piped = Terminal(), StringIO()
    with Progress(quick, "Asking", shown=True), Progress(piped, "Asking", shown=False):
        pass
    assert quick.getvalue() == piped.getvalue() == ""


class _Signalling(Terminal):
    def __init__(self) -> None:
        import threading

        super().__init__()
        self.written = threading.Event()

    def flush(self) -> None:
        super().flush()
        self.written.set()
