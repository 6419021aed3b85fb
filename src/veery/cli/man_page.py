"""The manual page, in the language of `man`."""

from __future__ import annotations

from argparse import Action, Namespace
from collections.abc import Iterator
from typing import Final

from veery import __version__
from veery.cli.command import COMMON, Exit, Parser, value_name
from veery.cli.console import Console
from veery.cli.parser import GROUPS, Root, build
from veery.cli.variables import VARIABLES

_EXITS: Final = (
    ("0", "done"),
    ("1", "failed; standard error says why"),
    ("2", "the command line cannot be understood"),
    ("3", "`receive --wait`: no message came in that time"),
    ("130", "Ctrl-C"),
    ("141", "whoever read standard output has stopped"),
    ("143", "SIGTERM"),
)


def print_manual(_options: Namespace, console: Console) -> int:
    """Print the page."""
    text = man_page(build())
    if console.as_json:
        console.record({"manual": text})
    else:
        console.lines(text.splitlines())
    return Exit.DONE


def man_page(root: Root) -> str:
    """The whole page."""
    lines = [f'.TH VEERY 1 "" "veery {__version__}" "User commands"', ".SH NAME", "veery \\- a messenger"]
    lines += [".SH SYNOPSIS", _bold(root.short_usage()), ".SH DESCRIPTION", _text(root.about)]
    lines += [".SH OPTIONS", "These stand before or after any command."]
    lines += [line for action in root.actions() if action.option_strings for line in _option(action)]
    for title, nouns in GROUPS:
        lines.append(f".SH {_text(title.upper())}")
        lines += [line for name, _ in nouns for line in _command(root.commands[name])]
    lines += [".SH ENVIRONMENT", *(line for name, text in VARIABLES.items() for line in _pair(name, text))]
    lines += [".SH EXIT STATUS", *(line for code, text in _EXITS for line in _pair(code, text))]
    return "\n".join(lines) + "\n"


def _command(parser: Parser) -> Iterator[str]:
    yield f'.SS "{_text(parser.short_usage())}"'
    yield _text(parser.about)
    for action in parser.actions():
        if action.dest not in (*COMMON, "help") and not parser.commands:
            yield from _option(action)
    yield from (".PP", "Example:", ".PP", ".nf", ".RS", *map(_text, parser.example.splitlines()), ".RE", ".fi")
    for below in parser.commands.values():
        yield from _command(below)


def _option(action: Action) -> Iterator[str]:
    names = ", ".join(action.option_strings) or value_name(action)
    value = f" {value_name(action)}" if action.option_strings and action.nargs != 0 else ""
    yield from _pair(names + value, action.help or "")


def _pair(name: str, text: str) -> Iterator[str]:
    yield from (".TP", _bold(name), _text(text))


def _bold(text: str) -> str:
    return f".B {_text(text)}"


def _text(text: str) -> str:
    """Text that the formatter takes as it stands."""
    plain = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain
