"""`veery send`: a message to somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Send a text to an Account ID, and wait until nodes of the recipient's swarm have stored it: how many of how many is
told. The message is kept here before anything is sent, so neither Ctrl-C nor a network that is down loses it; it goes
out the next time. A contact or a group can also be named by the nickname or name that `veery conversations` shows, or
by the beginning of the ID, if that fits one alone.
Files are encrypted and uploaded to the file server of the network, over three nodes as everything; pictures lose their
metadata and name first."""
_EXAMPLE: Final = """\
veery send 0512ab…cd 'Good morning'
echo 'Good morning' | veery send Alice -
veery send Alice 'Look' --attach photo.jpg map.png"""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands, "send", deferred("send_commands", "send"), summary=summary, about=_ABOUT, example=_EXAMPLE
    )
    parser.add_argument(
        "to", metavar="TO", help="Account ID, or the name of a contact or group, or the beginning of the ID"
    )
    parser.add_argument(
        "text", metavar="TEXT", nargs="?", help="the message; - reads it from standard input (not needed with --attach)"
    )
    parser.add_argument(
        "--attach",
        metavar="FILE",
        action="append",
        default=[],
        help="file to send along, up to 10 MB, or more with `veery settings set large-files`; several after TO",
    )
    parser.several = ("--attach",)
    parser.add_argument("--voice", action="store_true", help="the files are voice messages, of up to 5 minutes")
    parser.add_argument("--keep-names", action="store_true", help="send the names of pictures and recordings as well")
    parser.add_argument("--no-wait", action="store_true", help="only queue the message, and do not wait")
    parser.add_argument(
        "--timeout", type=float, default=120.0, metavar="SECONDS", help="wait no longer than that (default: 120)"
    )
    parser.add_argument(
        "--reply", "--quote", dest="quote", type=int, metavar="ID", help="message of the same conversation to answer to"
    )
