"""The tree of commands: every one has help, an example that parses, and a function to run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import import_module

import pytest

from veery.cli.command import Parser, UsageWrong, with_defaults
from veery.cli.parser import GROUPS, NOUNS, build

ROOT = build()


def walk(parser: Parser) -> Iterator[Parser]:
    """A parser and all below it."""
    yield parser
    for below in parser.commands.values():
        yield from walk(below)


COMMANDS = [parser for parser in walk(ROOT) if parser is not ROOT]
by_name = pytest.mark.parametrize("parser", COMMANDS, ids=lambda parser: parser.prog)


def examples(parser: Parser) -> list[str]:
    """The command lines of a parser's example."""
    assert parser.format_help().endswith("example:\n  " + parser.example.replace("\n", "\n  ") + "\n")
    return parser.example.splitlines()


@by_name
def test_every_value_has_a_name(parser: Parser) -> None:
    assert "None" not in parser.format_help()


@by_name
def test_every_command_says_what_it_does(parser: Parser) -> None:
    text = parser.format_help()
    assert text.startswith(f"usage: {parser.prog} [OPTIONS]")
    assert parser.about.strip().endswith(".")
    assert len(parser.about.split()) >= 8
    assert parser.summary
    assert not parser.summary.endswith(".")
    assert parser.summary[0].islower()
    assert max(map(len, text.splitlines())) <= 100


@by_name
def test_every_command_has_an_example_that_parses(parser: Parser) -> None:
    found = examples(parser)
    assert found
    for line in found:
        command = re.sub(r"[<>] *\S+$", "", line.removeprefix("source <(").rstrip(")"))
        words = shlex.split(next(part for part in command.split(" | ") if part.startswith("veery ")))
        options = ROOT.parse(words[1:])
        assert options.run is not None, line
        assert options.parser.prog.startswith(parser.prog)


@by_name
def test_every_command_runs_a_function_that_is_there(parser: Parser) -> None:
    run = parser.get_default("run")
    if parser.commands and not parser.alone:
        assert run is None
        return
    assert callable(run)
    if hasattr(run, "target"):
        module, function = run.target
        assert callable(getattr(import_module(f"veery.cli.{module}"), function))


@by_name
def test_every_option_and_argument_has_help(parser: Parser) -> None:
    for action in parser.actions():
        assert parser.commands or action.help, action


@by_name
def test_every_command_takes_the_common_options(parser: Parser) -> None:
    names = {name for action in parser.actions() for name in action.option_strings}
    assert names >= {"--help", "--profile", "--proxy", "--json", "--verbose"}


def test_the_list_in_the_help_is_the_tree() -> None:
    assert list(ROOT.commands) == list(NOUNS) == [name for _, nouns in GROUPS for name, _ in nouns]
    text = ROOT.format_help()
    for name, summary in NOUNS.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", text, re.M)
        assert ROOT.commands[name].summary == summary


def test_common_options_stand_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VEERY_PROFILE", raising=False)
    for line in ("--profile work --json account list", "account --profile work list --json", "account list"):
        options = with_defaults(ROOT.parse(line.split()))
        assert options.json is ("--json" in line)
        assert options.profile == ("work" if "work" in line else "default")
    monkeypatch.setenv("VEERY_PROFILE", "env")
    assert with_defaults(ROOT.parse(["account", "list"])).profile == "env"


def test_only_named_nouns_are_built() -> None:
    assert list(build(["--json", "seed", "run"]).commands) == ["seed"]
    assert list(build([]).commands) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("acount list", "`veery` has no command `acount`. Did you mean `veery account`?"),
        ("xyzzy", "`veery` has no command `xyzzy`. `veery --help` lists the commands"),
        ("seed rum", "`veery seed` has no command `rum`. Did you mean `veery seed run`?"),
        ("completion", "`veery completion` needs SHELL. `veery completion --help` explains the command"),
        ("completion tcsh", "SHELL must be one of bash, zsh, fish, not `tcsh`"),
        (
            "account list --frob",
            "`veery account list` has no option `--frob`. `veery account list --help` lists its options",
        ),
        ("account list --jso", "`veery account list` has no option `--jso`. Did you mean `--json`?"),
        ("account list more", "`veery account list` takes no `more`. `veery account list --help` explains the command"),
        ("account list --profile", "--profile needs a value. `veery account list --help` explains the command"),
        (
            "network show -x f",
            "`veery network show` has no option `-x`. `veery network show --help` lists its options;"
            " put -- before a text that begins with a dash",
        ),
        ("--jsn", "`veery` has no option `--jsn`. Did you mean `--json`?"),
        (
            "account create --network x --keyring --no-passphrase",
            "--keyring and --no-passphrase exclude each other. `veery account create --help` explains the command",
        ),
    ],
)
def test_what_usage_errors_say(line: str, said: str) -> None:
    with pytest.raises(UsageWrong) as caught:
        build(line.split()).parse(line.split())
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("line", "to", "text", "files"),
    [
        ("send Bob hi --attach a b c", "Bob", "hi", ["a", "b", "c"]),
        ("send Bob --attach a b", "Bob", None, ["a", "b"]),
        ("send Bob hi --attach a --no-wait --attach b c", "Bob", "hi", ["a", "b", "c"]),
        ("send --attach a Bob hi", "Bob", "hi", ["a"]),
        ("send --attach a --timeout 5 --attach b Bob hi", "Bob", "hi", ["a", "b"]),
        ("send --timeout 5 --attach a Bob hi", "Bob", "hi", ["a"]),
        ("send --attach a -- Bob -5", "Bob", "-5", ["a"]),
        ("send Bob - --attach a b", "Bob", "-", ["a", "b"]),
    ],
)
def test_files_after_the_recipient_belong_to_one_option(line: str, to: str, text: str | None, files: list[str]) -> None:
    options = with_defaults(ROOT.parse_args(shlex.split(line)))
    assert (options.to, options.text, options.attach) == (to, text, files)
