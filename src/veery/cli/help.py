"""Help pages: usage, a paragraph, commands or arguments, options, and an example.

Written here and not by argparse, whose pages differ among versions of Python and put commands behind the options.
"""

from __future__ import annotations

from argparse import Action
from collections.abc import Sequence
from textwrap import fill, wrap
from typing import Final

from veery.cli.command import COMMON, WIDTH, Parser, value_name

_COLUMN: Final = 26  # where explanations begin
_GAP: Final = 2

Rows = Sequence[tuple[str, str]]


def help_page(parser: Parser) -> str:
    """The help of one command."""
    sections = [(title, rows) for title, rows in _sections(parser) if rows]
    column = min(_COLUMN, max(len(name) for _, rows in sections for name, _ in rows) + 2 * _GAP)
    parts = [f"usage: {parser.short_usage()}", paragraph(parser.about)]
    parts += [section(title, rows, column) for title, rows in sections]
    parts += [*parser.notes(), "\n  ".join(["example:", *parser.example.splitlines()])]
    return "\n\n".join(parts) + "\n"


def paragraph(text: str) -> str:
    """A text in lines of the page's width."""
    return fill(" ".join(text.split()), WIDTH)


def section(title: str, rows: Rows, column: int) -> str:
    """Names and explanations under a title."""
    return "\n".join([f"{title}:", *(line for name, text in rows for line in _row(name, text, column))])


def _sections(parser: Parser) -> list[tuple[str, Rows]]:
    own = [action for action in parser.actions() if action.dest not in COMMON]
    common = [action for action in parser.actions() if action.dest in COMMON]
    arguments = [] if parser.names() else [_argument(action) for action in own if not action.option_strings]
    return [
        *parser.listing(),
        ("arguments", arguments),
        ("options", [_option(action) for action in own if action.option_strings]),
        ("options of every command", [_option(action) for action in common]),
    ]


def _row(name: str, text: str, column: int) -> Sequence[str]:
    lines = wrap(text, WIDTH - column) or [""]
    head = f"{'':{_GAP}}{name}"
    if len(head) + _GAP > column:
        return [head, *(f"{'':{column}}{line}" for line in lines)]
    return [f"{head:{column}}{lines[0]}".rstrip(), *(f"{'':{column}}{line}" for line in lines[1:])]


def _argument(action: Action) -> tuple[str, str]:
    return value_name(action), action.help or ""


def _option(action: Action) -> tuple[str, str]:
    names = ", ".join(action.option_strings)
    return (names if action.nargs == 0 else f"{names} {value_name(action)}"), action.help or ""
