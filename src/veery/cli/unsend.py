"""`veery unsend`: a message taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Delete a message of yours for everyone: its copy in your own swarm goes first, then your other devices and the other
side are asked to delete theirs. Whoever has read it has read it, and a client that does not follow the rules may keep
it. A note to yourself goes from all your devices, and in a group an admin may delete what others wrote. When your swarm
cannot be reached, nothing is changed."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands,
        "unsend",
        deferred("message_commands", "unsend"),
        summary=summary,
        about=_ABOUT,
        example="veery unsend 12",
    )
    parser.add_argument("message", type=int, metavar="ID", help="number of the message, as `veery messages` shows it")
