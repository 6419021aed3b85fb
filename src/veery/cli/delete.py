"""`veery delete`: messages removed from this device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Delete messages on this device alone; nothing is sent. What they said is erased, and a placeholder stays; deleting a
placeholder or a notice removes it. With --media the text stays, and the files go with the keys to them. `veery unsend`
deletes a message for everyone."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands,
        "delete",
        deferred("message_commands", "delete"),
        summary=summary,
        about=_ABOUT,
        example="veery delete 12 14\nveery delete 12 --media",
    )
    parser.add_argument("messages", type=int, nargs="+", metavar="ID", help="numbers of the messages")
    parser.add_argument("--media", action="store_true", help="delete the files only")
