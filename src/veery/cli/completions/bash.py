"""Completion for bash: one function that walks the words typed so far, and one that knows the commands."""

from __future__ import annotations

from collections.abc import Iterator

from veery.cli.completions.tree import Command, Kind, Value

_HEAD = """\
# bash completion for veery
_veery_knows() {
    case $1 in"""
_WALK = """\
    *) commands= options= valued= ;;
    esac
}

_veery_value() {
    case $1 in"""
_TAIL = """\
    esac
}

_veery() {
    local commands options valued path=veery word count=0 i
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    _veery_knows "$path"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ " $valued " == *" $word "* ]]; then
            ((i++))
        elif [[ " $commands " == *" $word "* ]]; then
            path+=" $word"
            _veery_knows "$path"
        elif [[ $word != -* ]]; then
            ((count++))
        fi
    done
    if [[ " $valued " == *" $prev "* ]]; then
        _veery_value "$path $prev"
    elif [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
    elif [[ -n $commands ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$cur"))
    else
        _veery_value "$path $count"
    fi
}

complete -F _veery veery
"""


def bash_script(tree: Command) -> str:
    """The script that bash reads."""
    knows = [line for command in tree.walk() for line in _knows(command)]
    values = [line for command in tree.walk() for line in _values(command)]
    return "\n".join([_HEAD, *knows, _WALK, *values, _TAIL])


def _knows(command: Command) -> Iterator[str]:
    commands = " ".join(below.path[-1] for below in command.commands)
    options = " ".join(name for option in command.options for name in option.names)
    yield f"    '{' '.join(command.path)}')"
    yield f"        commands='{commands}'"
    yield f"        options='{options}'"
    yield f"        valued='{' '.join(command.valued)}' ;;"


def _values(command: Command) -> Iterator[str]:
    path = " ".join(command.path)
    for option in command.options:
        if option.value is not None and (line := _completed(option.value)):
            yield f"    {'|'.join(repr(f'{path} {name}') for name in option.names)}) {line} ;;"
    for index, value in enumerate(command.arguments):
        if line := _completed(value):
            yield f"    '{path} {index}'{'*' if value.many else ''}) {line} ;;"


def _completed(value: Value) -> str:
    if value.kind is Kind.CHOICE:
        return f"""COMPREPLY=($(compgen -W '{" ".join(value.choices)}' -- "$cur"))"""
    if value.kind is Kind.OTHER:
        return ""
    flag = "-f" if value.kind is Kind.FILE else "-d"
    return f'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen {flag} -- "$cur")'
