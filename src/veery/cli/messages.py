"""`veery messages`: what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Print the messages of a conversation, the oldest first: number, time, who, state, and text. States are queued, sealed
(encrypted, not stored yet), stored on so many nodes of the swarm, read, or failed with the reason."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands,
        "messages",
        deferred("conversation_commands", "messages"),
        summary=summary,
        about=_ABOUT,
        example="veery messages Alice --limit 10",
    )
    parser.add_argument("conversation", metavar="CONVERSATION", help="Account ID, or a contact's name")
    parser.add_argument("--limit", type=int, default=20, metavar="NUMBER", help="how many, the latest (default: 20)")
    parser.add_argument("--before", type=int, metavar="ID", help="those before this message")
    parser.add_argument("--mark-read", action="store_true", help="mark the conversation as read")
