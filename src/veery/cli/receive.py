"""`veery receive`: messages as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Fetch what is new and print it, each message once: what was printed is acknowledged and not printed again. Without
--follow or --wait it asks the swarm once and ends. With --json every event is one object a line: `event` (message,
state, conversation, …), `id`, `conversation`, `sender`, `text`, `sent_at` and `received_at` (ms), `hash`, `protocol`,
`attachments`, `expires`. Messages that no key of this device opens are told in one line; with --json each is an
event `unreadable`. With --wait the exit code is 3 when no message came in that time."""
_EXAMPLE: Final = """\
veery receive --follow --json
veery receive --wait 60"""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands, "receive", deferred("receive_commands", "receive"), summary=summary, about=_ABOUT, example=_EXAMPLE
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    how.add_argument("--wait", type=float, metavar="SECONDS", help="end at the first message, or after that time")
    own = "print own messages, reactions and deletions too, also those of other devices"
    parser.add_argument("--own", action="store_true", help=own)
