"""What a completion script must know of the parser: for each command its options, commands below and arguments.

What an option or argument completes to follows from its metavar: `FILE…` a file, `DIRECTORY` a directory; otherwise
its choices, or nothing.
"""

from __future__ import annotations

from argparse import Action
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from veery.cli.command import Parser


class Kind(Enum):
    """What a value is."""

    FILE = "file"
    DIRECTORY = "directory"
    CHOICE = "choice"
    OTHER = "other"  # nothing to offer


class Value(NamedTuple):
    """What stands for an option's value or an argument. choices: for CHOICE alone. many: it may be repeated."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()
    many: bool = False


class Option(NamedTuple):
    """An option. value: None for a flag."""

    names: tuple[str, ...]
    help: str
    value: Value | None


class Command(NamedTuple):
    """A command. path: its words, `veery` first."""

    path: tuple[str, ...]
    summary: str
    options: tuple[Option, ...]
    arguments: tuple[Value, ...]
    commands: tuple[Command, ...]

    def walk(self) -> Iterator[Command]:
        """This command and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()

    @property
    def valued(self) -> tuple[str, ...]:
        """The names of the options that take a value."""
        return tuple(name for option in self.options if option.value is not None for name in option.names)


def command_tree(parser: Parser) -> Command:
    """Read a parser with everything below it."""
    options, arguments = [], []
    for action in parser.actions():
        if action.option_strings:
            value = None if action.nargs == 0 else _value(action)
            options.append(Option(tuple(action.option_strings), action.help or "", value))
        elif not parser.commands:
            arguments.append(_value(action))
    below = tuple(command_tree(each) for each in parser.commands.values())
    return Command(tuple(parser.prog.split()), parser.summary, tuple(options), tuple(arguments), below)


def _value(action: Action) -> Value:
    name = str(action.metavar or action.dest)
    many = action.nargs in ("*", "+")
    if action.choices is not None:
        return Value(name, Kind.CHOICE, tuple(str(choice) for choice in action.choices), many)
    if name.startswith("FILE"):
        return Value(name, Kind.FILE, (), many)
    return Value(name, Kind.DIRECTORY if name == "DIRECTORY" else Kind.OTHER, (), many)
