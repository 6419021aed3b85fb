"""What a command writes: data to standard output, talk to standard error.

Colour is used only on a terminal that wants it (`NO_COLOR`, `TERM=dumb`). Progress shows only after half a second, and
only where it can be wiped away again. JSON is written as UTF-8 whatever the locale says.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Final, TextIO

from veery.cli.text import fields_lines, printable, table
from veery.errors import VeeryError

if TYPE_CHECKING:
    from veery.cli.progress import Progress

_STYLES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_CONTROLS: Final = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}


class OutputFailed(VeeryError):
    """Standard output takes nothing more."""

    default_kind = "cli.output"


class Console:
    """The two streams of a command."""

    def __init__(
        self, *, as_json: bool = False, verbose: bool = False, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self.verbose = verbose
        self.out = sys.stdout if out is None else out
        self.err = sys.stderr if err is None else err
        for stream in (self.out, self.err):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(encoding="utf-8" if as_json else None, errors="backslashreplace")

    def flush(self) -> None:
        """Bring standard output to its reader. Raises OutputFailed; BrokenPipeError when the reader is gone."""
        self._write("", flush=True)

    def _write(self, text: str, *, flush: bool = False) -> None:
        try:
            self.out.write(text)
            if flush:
                self.out.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputFailed(f"Standard output cannot be written ({error.strerror})") from error

    # -- data --------------------------------------------------------------------------------------------------

    def line(self, text: str = "") -> None:
        """Write one line for people; its maker has made it safe."""
        self._write(text + "\n")

    def lines(self, texts: Sequence[str]) -> None:
        """Write lines for people."""
        for text in texts:
            self.line(text)

    def record(self, fields: Mapping[str, Any]) -> None:
        """Write one JSON object as a line, and let it go at once: a program may wait for it."""
        self._write(to_json(fields) + "\n", flush=True)

    def fields(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Write names and values below each other."""
        self.lines(fields_lines(pairs))

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table, cut to the width of the terminal if there is one."""
        width = shutil.get_terminal_size().columns if self.out.isatty() else None
        head, *rest = table(headers, rows, width)
        self.line(self.style(head, "dim"))
        self.lines(rest)

    def style(self, text: str, style: str) -> str:
        """The text in a style, if standard output is a terminal with colours."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if coloured(self.out) else text

    # -- talk --------------------------------------------------------------------------------------------------

    def talk(self, text: str) -> None:
        """Tell a person something that is no data."""
        self.err.write(printable(text, lines=True) + "\n")
        self.err.flush()

    def error(self, error: VeeryError) -> None:
        """Tell of an error: one line; with `--json` the same as an object, on the line after it."""
        self.talk(f"veery: {sentence(error)}")
        if self.as_json:
            told = {"kind": error.kind, "message": error.message, "remedy": error.remedy}
            self.err.write(to_json({"error": told}) + "\n")
            self.err.flush()

    def progress(self, text: str, look: Callable[[], str | None] | None = None) -> AbstractContextManager[Progress]:
        """Show that something goes on, while the body runs: after half a second, on a terminal.

        look: what is to be said in place of the text, asked again and again from another thread.
        """
        from veery.cli.progress import Progress

        return Progress(self.err, text, shown=self.err.isatty() and os.environ.get("TERM") != "dumb", look=look)


def coloured(stream: TextIO) -> bool:
    """Whether a stream takes colours."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in ("dumb", "", None)


def sentence(error: VeeryError) -> str:
    """Fault and remedy in one line, each ended by a mark."""
    parts = [_begun(part.strip()) for part in (error.message, error.remedy) if part.strip()]
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts).replace("\n", " ")


def _begun(text: str) -> str:
    """With a capital letter, unless the first word is a name such as `node.toml`."""
    return text[:1].upper() + text[1:] if text.split(None, 1)[0].isalpha() else text


def to_json(fields: Mapping[str, Any]) -> str:
    """One JSON object in one line; what a terminal would obey is escaped."""
    return json.dumps(fields, ensure_ascii=False, separators=(", ", ": ")).translate(_CONTROLS)
