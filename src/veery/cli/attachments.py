"""`veery attachments`: files that came and went with messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Files of messages lie encrypted on a file server for two weeks, and encrypted here once they were fetched. Send them
with `veery send --attach`."""
_LIST: Final = """\
List the files of a conversation, or of all, newest first: number, what it is, and whether it is here."""
_SAVE: Final = """\
Write a file where you want it, fetched over the network if it is not here yet. Its name is made harmless, and nothing
is overwritten. What is saved is no longer encrypted. Pictures have a thumbnail beside them, which stays here when
`veery storage trim` takes the picture; videos have none. Contacts are told of saved files only if you switch that on:
`veery settings set tell-saved on`."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(
        commands, "attachments", None, summary=summary, about=_ABOUT, example="veery attachments list Alice"
    )
    verbs = noun.add_commands()
    show = add_command(
        verbs,
        "list",
        deferred("attachments_commands", "list_attachments"),
        summary="list files of messages",
        about=_LIST,
        example="veery attachments list Alice",
    )
    show.add_argument("conversation", metavar="ID", nargs="?", help="Account ID, name, or beginning (default: all)")
    show.add_argument("--limit", type=int, default=100, metavar="NUMBER", help="list no more (default: 100)")
    save = add_command(
        verbs,
        "save",
        deferred("attachments_commands", "save"),
        summary="write a file to a place of yours",
        about=_SAVE,
        example="veery attachments save 12 -o ~/Downloads",
    )
    save.add_argument("attachment", metavar="NUMBER", type=int, help="its number in `veery attachments list`")
    save.add_argument("--thumbnail", action="store_true", help="write the small picture that is here in its place")
    save.add_argument(
        "-o", "--output", metavar="PATH", default=".", help="file or directory (default: the current directory)"
    )
