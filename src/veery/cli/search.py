"""`veery search`: find what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Find messages that hold every one of the words, or whose files are called so, the newest last. A word is found by its
beginning, whatever its case and accents; several words in one pair of quotes must follow each other. In scripts that
write no spaces, such as Chinese, Japanese or Thai, and in Arabic and Hebrew, every part of a text is found. To go
further back, give the number of the first message shown to --before."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands,
        "search",
        deferred("search_commands", "search"),
        summary=summary,
        about=_ABOUT,
        example="veery search 'good morning' --in Alice --since 30d",
    )
    add = parser.add_argument
    add("words", nargs="+", metavar="WORDS", help="what to look for")
    add("--in", dest="conversation", metavar="CONVERSATION", help="only there: Account ID, or a contact's name")
    add("--since", metavar="WHEN", help="not older: a day (2026-11-25), or so long ago (90min, 12h, 30d)")
    add("--until", metavar="WHEN", help="not newer; a day counts whole")
    add(
        "--kind",
        metavar="KIND",
        help="only messages of this kind: text, or that of a notice; file: what carries a file",
    )
    add("--limit", type=int, default=20, metavar="NUMBER", help="how many, the latest (default: 20)")
    add("--before", type=int, metavar="ID", help="those that came before this message")
