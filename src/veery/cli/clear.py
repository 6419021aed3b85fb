"""`veery clear`: a conversation emptied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Remove all messages of a conversation from this device. Nothing is sent, and the conversation stays in the list. What
was not sent yet is given up."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands,
        "clear",
        deferred("arrangement_commands", "clear"),
        summary=summary,
        about=_ABOUT,
        example="veery clear Alice",
    )
    parser.add_argument("conversation", metavar="CONVERSATION", help="Account ID, or a contact's name")
