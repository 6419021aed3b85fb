"""`veery completion`: the script that teaches a shell the commands."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from veery.cli.command import Exit, add_command

if TYPE_CHECKING:
    from veery.cli.command import Commands
    from veery.cli.console import Console

_ABOUT = """\
Print a script that completes commands, options and file names in a shell. It is written from the commands
themselves, so print it again after an update. For bash put it into
~/.local/share/bash-completion/completions/veery, for zsh into a file _veery in a directory of $fpath, for fish into
~/.config/fish/completions/veery.fish."""
_EXAMPLE = """\
source <(veery completion bash)"""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(commands, "completion", run, summary=summary, about=_ABOUT, example=_EXAMPLE)
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")


def run(options: Namespace, console: Console) -> int:
    """Print the script of one shell."""
    from veery.cli.completions.bash import bash_script
    from veery.cli.completions.fish import fish_script
    from veery.cli.completions.tree import command_tree
    from veery.cli.completions.zsh import zsh_script
    from veery.cli.parser import build

    scripts = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}
    script = scripts[options.shell](command_tree(build()))
    if console.as_json:
        console.record({"shell": options.shell, "script": script})
    else:
        console.lines(script.splitlines())
    return Exit.DONE
