"""`veery name`: whom a registered name stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Look up who has registered a name. Three nodes are asked over the network, which do not learn who asks, and must say the
same. A name is only what somebody has paid for: compare the fingerprint with the person before you trust it. Networks
without a chain have no names."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    parser = add_command(
        commands,
        "name",
        deferred("name_commands", "resolve"),
        summary=summary,
        about=_ABOUT,
        example="veery name alice",
    )
    parser.add_argument("name", metavar="NAME", help="letters, digits, dashes and underscores")
