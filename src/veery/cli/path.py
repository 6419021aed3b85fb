"""`veery path`: the way that messages take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Show the paths in use: each message goes over three nodes, of which the first knows your address and the last your
request, and none knows both. With --new they are built again over other nodes."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands, "path", deferred("road_commands", "path"), summary=summary, about=_ABOUT, example="veery path --new"
    )
    parser.add_argument("--new", action="store_true", help="build new paths now")
