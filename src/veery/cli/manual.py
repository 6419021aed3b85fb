"""`veery manual`: all commands as one page for `man`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Print the manual page of every command, in the form that `man` reads. It is written from the commands themselves."""
_EXAMPLE: Final = """\
veery manual | man -l -
veery manual > veery.1"""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    add_command(
        commands, "manual", deferred("man_page", "print_manual"), summary=summary, about=_ABOUT, example=_EXAMPLE
    )
