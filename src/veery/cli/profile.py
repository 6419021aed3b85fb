"""`veery profile`: what others see of you."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Your profile is the name that travels with your messages. Contacts see a new one with the next message that you send
them."""
_SHOW: Final = """\
Print the Account ID and the name that others see."""
_SET: Final = """\
Change the name that others see: at most 100 bytes. Contacts see it with your next message."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(
        commands, "profile", None, summary=summary, about=_ABOUT, example="veery profile set-name 'Alice B.'"
    )
    verbs = noun.add_commands()
    add_command(
        verbs,
        "show",
        deferred("profile_commands", "show"),
        summary="print the own profile",
        about=_SHOW,
        example="veery profile show",
    )
    rename = add_command(
        verbs,
        "set-name",
        deferred("profile_commands", "set_name"),
        summary="change the name that others see",
        about=_SET,
        example="veery profile set-name 'Alice B.'",
    )
    rename.add_argument("name", metavar="NAME", help="the new name")
