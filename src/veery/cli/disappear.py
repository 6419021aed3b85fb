"""`veery disappear`: messages that disappear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Let the messages that you write in a conversation from now on disappear on both sides: a while after they were sent, or
a while after each was read. The other side is told, and has a setting of its own for what it writes; `follow` takes
over what its last notice says. Messages that exist stay as they are. The time is 10 seconds to 14 days, as in 30min,
12h or 1d; other clients offer 12h, 1d, 7d and 14d, and 5min and 1h after reading. Notes to yourself know after-send
only, and so do groups, where an admin sets it for everybody."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands,
        "disappear",
        deferred("arrangement_commands", "disappear"),
        summary=summary,
        about=_ABOUT,
        example="veery disappear Alice after-read 12h\nveery disappear Alice off",
    )
    parser.add_argument("conversation", metavar="CONVERSATION", help="Account ID, or a contact's name")
    parser.add_argument(
        "mode",
        metavar="WHEN",
        choices=("off", "after-send", "after-read", "follow"),
        help="off, after-send, after-read or follow",
    )
    parser.add_argument(
        "time", metavar="TIME", nargs="?", help="how long (default: 1d after sending, 12h after reading)"
    )
