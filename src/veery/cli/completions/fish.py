"""Completion for fish: one line an option, command and argument, each with the path at which it holds."""

from __future__ import annotations

from collections.abc import Iterator

from veery.cli.completions.tree import Command, Kind, Option, Value

_HEAD = """\
# fish completion for veery
function __veery_at
    set -l path
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if contains -- $word {valued}
            set skip 1
        else if not string match -q -- '-*' $word
            set -a path $word
        end
    end
    set -l wanted (count $argv)
    test $wanted = 0; and return (test (count $path) = 0; echo $status)
    test (count $path) -ge $wanted; and test "$path[1..$wanted]" = "$argv"
end

function __veery_exactly
    __veery_at $argv; or return 1
    not __veery_below $argv
end

function __veery_below
    for name in (__veery_commands $argv)
        __veery_at $argv $name; and return 0
    end
    return 1
end

function __veery_commands
    switch "$argv"
{commands}
    end
end

complete -c veery -f
"""


def fish_script(tree: Command) -> str:
    """The script that fish reads."""
    valued = " ".join(sorted({name for command in tree.walk() for name in command.valued}))
    known = [line for command in tree.walk() if command.commands for line in _known(command)]
    lines = [line for command in tree.walk() for line in _lines(command)]
    return "\n".join([_HEAD.format(valued=valued, commands="\n".join(known)), *lines]) + "\n"


def _known(command: Command) -> Iterator[str]:
    names = " ".join(below.path[-1] for below in command.commands)
    yield f"        case '{' '.join(command.path[1:])}'"
    yield f"            printf '%s\\n' {names}"


def _lines(command: Command) -> Iterator[str]:
    here = _condition(command)
    for below in command.commands:
        yield f"complete -c veery -n {here} -a {below.path[-1]} -d {_quoted(below.summary)}"
    for option in command.options:
        yield f"complete -c veery -n {here} {_option(option)} -d {_quoted(option.help)}"
    for value in command.arguments:
        if offered := _offered(value):
            yield f"complete -c veery -n {here} {offered}"


def _condition(command: Command) -> str:
    return _quoted(" ".join(["__veery_exactly", *command.path[1:]]))


def _option(option: Option) -> str:
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    if option.value is None:
        return " ".join(names)
    return " ".join([*names, "-r", _offered(option.value)]).rstrip()


def _offered(value: Value) -> str:
    if value.kind is Kind.CHOICE:
        return f"-a {_quoted(' '.join(value.choices))}"
    if value.kind is Kind.DIRECTORY:
        return "-a '(__fish_complete_directories)'"
    return "-F" if value.kind is Kind.FILE else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
