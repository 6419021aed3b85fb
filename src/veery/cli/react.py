"""`veery react`: an emoji on a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Put an emoji on a message, or take yours away again. The other side sees it as it sees a message; several different
ones may stand on one message, and a client sends at most twenty in a minute."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands,
        "react",
        deferred("message_commands", "react"),
        summary=summary,
        about=_ABOUT,
        example="veery react 12 👍",
    )
    parser.add_argument("message", type=int, metavar="ID", help="number of the message, as `veery messages` shows it")
    parser.add_argument("emoji", metavar="EMOJI", help="one emoji")
    parser.add_argument("--remove", action="store_true", help="take it away")
