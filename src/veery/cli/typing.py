"""`veery typing`: an indicator that somebody types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Tell a contact that you are typing, as programs do that show a keyboard: they call it at every key stroke, and the
engine sends what is due. A running engine also tells when it has stopped; otherwise the indicator is shown for 15
seconds. Does nothing unless `veery settings set typing on` was said."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands,
        "typing",
        deferred("message_commands", "typing"),
        summary=summary,
        about=_ABOUT,
        example="veery typing Alice",
    )
    parser.add_argument("conversation", metavar="CONVERSATION", help="Account ID, or a contact's name")
    parser.add_argument("--stopped", action="store_true", help="tell that you have stopped")
