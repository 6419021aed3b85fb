"""Completion for zsh: one function a command, each a call of `_arguments`."""

from __future__ import annotations

from veery.cli.completions.tree import Command, Kind, Option, Value

_COMMANDS = """\
{function}() {{
  local curcontext="$curcontext" state line
  _arguments -C{options} \\
    '1: :{function}_commands' '*:: :->below'
  if [[ $state == below ]]; then
    case $line[1] in
{cases}
    esac
  fi
}}

{function}_commands() {{
  local -a commands=(
{listed}
  )
  _describe 'command' commands
}}
"""
_LEAF = """\
{function}() {{
  _arguments{specs}
}}
"""


def zsh_script(tree: Command) -> str:
    """The script that zsh reads, as a file `_veery` in its function path or through `source`."""
    functions = [_group(command) if command.commands else _leaf(command) for command in tree.walk()]
    return "\n".join(["#compdef veery\n", *functions, 'if [ "$funcstack[1]" = "_veery" ]; then', '  _veery "$@"']) + (
        "\nelse\n  compdef _veery veery\nfi\n"
    )


def _function(command: Command) -> str:
    return "_" + "_".join(part.replace("-", "_") for part in command.path)


def _group(command: Command) -> str:
    cases = [f"      ({below.path[-1]}) {_function(below)} ;;" for below in command.commands]
    listed = [f"    {_quoted(f'{below.path[-1]}:{_colons(below.summary)}')}" for below in command.commands]
    return _COMMANDS.format(
        function=_function(command),
        options="".join(map(_next, map(_option, command.options))),
        cases="\n".join(cases),
        listed="\n".join(listed),
    )


def _leaf(command: Command) -> str:
    specs = [_option(option) for option in command.options]
    specs += [_argument(index, value) for index, value in enumerate(command.arguments, 1)]
    return _LEAF.format(function=_function(command), specs="".join(map(_next, specs)))


def _next(spec: str) -> str:
    return f" \\\n    {spec}"


def _option(option: Option) -> str:
    help_text = _quoted(f"[{_brackets(option.help)}]{'' if option.value is None else _value(option.value)}")
    others = " ".join(option.names)
    if len(option.names) == 1:
        return f"{option.names[0]}{help_text}"
    return f"'({others})'{{{','.join(option.names)}}}{help_text}"


def _argument(index: int, value: Value) -> str:
    return _quoted(f"{'*' if value.many else index}{_value(value)}")


def _value(value: Value) -> str:
    action = {Kind.FILE: "_files", Kind.DIRECTORY: "_files -/", Kind.OTHER: " "}.get(value.kind)
    return f":{_colons(value.name)}:{action or '(' + ' '.join(value.choices) + ')'}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _colons(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")


def _brackets(text: str) -> str:
    return _colons(text).replace("[", "\\[").replace("]", "\\]")
