"""`veery conversations`: who there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
List your conversations, pinned ones first and then the latest: name, unread messages, when the last message was, and
the Account ID to use with `send` and `messages`. Message requests are listed by `veery requests` instead."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands,
        "conversations",
        deferred("conversation_commands", "conversations"),
        summary=summary,
        about=_ABOUT,
        example="veery conversations",
    )
    parser.add_argument("--hidden", action="store_true", help="list hidden ones too")
