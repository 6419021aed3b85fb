"""What a command is made of: a parser with a paragraph of help and an example, a function that runs it, exit codes.

`argparse` knows options before or after a command's name only if both parsers have them. So every parser gets the
common options with suppressed defaults, and `with_defaults` fills what was given nowhere.
"""

from __future__ import annotations

import os
import re
from argparse import SUPPRESS, Action, ArgumentParser, Namespace
from collections.abc import Callable
from enum import IntEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from veery.cli.text import printable
from veery.errors import VeeryError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from veery.cli.console import Console

    Commands: TypeAlias = _SubParsersAction["Parser"]

Run: TypeAlias = "Callable[[Namespace, Console], int]"
COMMON: Final = ("profile", "proxy", "json", "verbose")  # options of every command
WIDTH: Final = 80  # columns of help texts, whatever the terminal: help is the same everywhere
PROFILE_VARIABLE: Final = "VEERY_PROFILE"
PROXY_VARIABLE: Final = "VEERY_PROXY"
_INVALID_CHOICE: Final = re.compile(r"argument (?P<where>\S+): invalid choice: '?(?P<given>.*?)'? \(choose from", re.S)
_SAID: Final = (
    (re.compile(r"the following arguments are required: (?P<names>.*)"), "`{command}` needs {names}"),
    (re.compile(r"argument (?P<where>\S+): invalid int value: '(?P<given>.*)'"), "{where} takes a number"),
    (re.compile(r"argument (?P<where>\S+): invalid float value: '(?P<given>.*)'"), "{where} takes a number"),
    (re.compile(r"argument (?P<where>\S+): expected one argument"), "{where} needs a value"),
    (
        re.compile(r"argument (?P<where>\S+): not allowed with argument (?P<other>\S+)"),
        "{other} and {where} exclude each other",
    ),
)


class Exit(IntEnum):
    """How a command ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NONE_CAME = 3  # `receive --wait`: no message came in that time
    INTERRUPTED = 130  # Ctrl-C
    PIPE_CLOSED = 141  # whoever read standard output has stopped reading
    TERMINATED = 143  # SIGTERM


class Terminated(BaseException):
    """SIGTERM came, and what was open is closed. Like KeyboardInterrupt, no part of a program catches it."""


class UsageWrong(VeeryError):
    """The command line cannot be understood."""

    default_kind = "cli.usage"


class Parser(ArgumentParser):
    """A parser that raises UsageWrong, knows no abbreviations, and prints help of a fixed width.

    several: options that can be given again and take all words up to the next option, once a positional one was given;
    before it they take one, since nobody could tell where their values end.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, add_help=False, **options)
        self.commands: dict[str, Parser] = {}
        self.alone = False
        self.summary = ""
        self.about = ""
        self.example = ""
        self.several: tuple[str, ...] = ()
        self.add_argument("-h", "--help", action="help", default=SUPPRESS, help="print this help")

    def error(self, message: str) -> NoReturn:
        raise _usage_wrong(self, message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        return super().parse_known_args(self._spread(list(args)) if self.several and args else args, namespace)

    def _spread(self, words: list[str]) -> list[str]:
        """`--attach A B` as `--attach A --attach B`."""
        found: list[str] = []
        open_option, missing, named = "", 0, False
        for at, word in enumerate(words):
            if word == "--":
                return found + words[at:]
            if word.startswith("-") and word != "-":
                action = self._option_string_actions.get(word)
                missing = 0 if action is None or action.nargs == 0 else 1
                open_option = word if word in self.several and named else ""
            elif missing:
                missing = 0
            elif open_option:
                found.append(open_option)
            else:
                named = True
            found.append(word)
        return found

    def format_help(self) -> str:
        from veery.cli.help import help_page

        return help_page(self)

    def listing(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The commands below, under titles: name and summary."""
        return [("commands", [(name, below.summary) for name, below in self.commands.items()])]

    def notes(self) -> list[str]:
        """Further sections of the help."""
        return []

    def names(self) -> list[str]:
        """The names of the commands below."""
        return list(self.commands)

    def short_usage(self) -> str:
        """How the command is written, its options left out."""
        parts = [self.prog, "[OPTIONS]"]
        if self.commands:
            return " ".join([*parts, "[COMMAND …]" if self.alone else "COMMAND …"])
        for action in self.actions():
            if action.option_strings and action.required:
                parts.append(f"{action.option_strings[0]} {value_name(action)}")
            elif not action.option_strings:
                name = value_name(action)
                name += "…" if action.nargs in ("*", "+") else ""
                parts.append(f"[{name}]" if action.nargs in ("?", "*") else name)
        return " ".join(parts)

    def actions(self) -> list[Action]:
        """Its options and arguments."""
        return [action for action in self._actions if action.help != SUPPRESS]

    def add_commands(self, *, required: bool = True) -> Commands:
        """Begin the commands below this one. Without `required` the command also does something alone."""
        commands = self.add_subparsers(metavar="COMMAND", parser_class=Parser, prog=self.prog)
        self.commands = commands.choices
        self.alone = not required
        self.set_defaults(parser=self)
        return commands


def value_name(action: Action) -> str:
    """What stands for the value of an option or argument: its name, or the values that there are."""
    if action.metavar is None and action.choices is not None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest)


def add_command(commands: Commands, name: str, run: Run | None, *, summary: str, about: str, example: str) -> Parser:
    """Add one command.

    summary: half a line for the list; about: a paragraph; example: command lines that can be run as they stand.
    """
    parser = commands.add_parser(name)
    parser.summary, parser.about, parser.example = summary, about, example.strip()
    parser.set_defaults(run=run, parser=parser)
    add_common(parser)
    return parser


def deferred(module: str, function: str) -> Run:
    """A function of a module of this package, imported when it is called: what it needs is heavy."""

    def run(options: Namespace, console: Console) -> int:
        found = getattr(import_module(f"veery.cli.{module}"), function)
        return int(found(options, console))

    run.target = (module, function)  # type: ignore[attr-defined]  # for the test that looks whether it is there
    return run


def add_common(parser: Parser) -> None:
    """The options that every command takes."""
    add = parser.add_argument
    add("--profile", metavar="NAME", default=SUPPRESS, help="account to use (default: VEERY_PROFILE, else default)")
    add(
        "--proxy",
        metavar="URL",
        default=SUPPRESS,
        help="SOCKS5 proxy, as in socks5://127.0.0.1:9050 (default: VEERY_PROXY)",
    )
    add("--json", action="store_true", default=SUPPRESS, help="write JSON objects, one a line")
    add("--verbose", action="store_true", default=SUPPRESS, help="tell more, and trace errors")


def with_defaults(options: Namespace) -> Namespace:
    """Fill in the common options that were not given: from the environment, else with their defaults."""
    defaults: dict[str, object] = {
        "profile": os.environ.get(PROFILE_VARIABLE) or "default",
        "proxy": os.environ.get(PROXY_VARIABLE) or None,
        "json": False,
        "verbose": False,
    }
    for name, value in defaults.items():
        if not hasattr(options, name):
            setattr(options, name, value)
    return options


def command_missing(parser: Parser) -> UsageWrong:
    """The error for a noun without a verb."""
    names = ", ".join(parser.names())
    return UsageWrong(f"`{parser.prog}` needs a command: {names}", remedy=f"`{parser.prog} --help` explains them")


def _usage_wrong(parser: Parser, message: str) -> UsageWrong:
    """What argparse says, as a person would say it."""
    remedy = f"`{parser.prog} --help` explains the command"
    if found := _INVALID_CHOICE.match(message):
        if found["where"] == "COMMAND":
            return _unknown_command(parser, found["given"])
        choices = ", ".join(_choices(parser, found["where"]))
        return UsageWrong(f"{found['where']} must be one of {choices}, not `{printable(found['given'])}`", remedy="")
    for pattern, said in _SAID:
        if found := pattern.match(message):
            return UsageWrong(said.format(command=parser.prog, **found.groupdict()), remedy=remedy)
    return UsageWrong(message[:1].upper() + message[1:], remedy=remedy)


def _choices(parser: Parser, where: str) -> list[str]:
    for action in parser.actions():
        if action.choices is not None and where in (action.metavar, "/".join(action.option_strings)):
            return [str(choice) for choice in action.choices]
    return []


def _unknown_command(parser: Parser, given: str) -> UsageWrong:
    from difflib import get_close_matches

    near = get_close_matches(given, parser.names(), n=1, cutoff=0.6)
    said = f"Did you mean `{parser.prog} {near[0]}`?" if near else f"`{parser.prog} --help` lists the commands"
    return UsageWrong(f"`{parser.prog}` has no command `{printable(given)}`", remedy=said)


def unknown_option(parser: Parser, given: str) -> UsageWrong:
    """The error for an option or a further argument that a command does not take."""
    from difflib import get_close_matches

    shown = printable(given)
    if not given.startswith("-"):
        return UsageWrong(f"`{parser.prog}` takes no `{shown}`", remedy=f"`{parser.prog} --help` explains the command")
    names = [name for action in parser.actions() for name in action.option_strings]
    if near := get_close_matches(given.partition("=")[0], names, n=1, cutoff=0.75):
        remedy = f"Did you mean `{near[0]}`?"
    elif any(not action.option_strings for action in parser.actions()) and not parser.commands:
        remedy = f"`{parser.prog} --help` lists its options; put -- before a text that begins with a dash"
    else:
        remedy = f"`{parser.prog} --help` lists its options"
    return UsageWrong(f"`{parser.prog}` has no option `{shown}`", remedy=remedy)
