"""`veery network`: what a network file says, and whether its seeds agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
A network file names the seeds, and the file, push and TURN servers of one network. Whoever runs a network gives it
out."""
_SHOW: Final = """\
Print what a network file says, without asking anybody."""
_CHECK: Final = """\
Ask every seed that a network file names for the list of service nodes, and tell whether they agree."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(
        commands, "network", None, summary=summary, about=_ABOUT, example="veery network check network.toml"
    )
    verbs = noun.add_commands()
    show = add_command(
        verbs,
        "show",
        deferred("network_commands", "show"),
        summary="print what it says",
        about=_SHOW,
        example="veery network show network.toml",
    )
    check = add_command(
        verbs,
        "check",
        deferred("network_commands", "check"),
        summary="ask its seeds for the node list",
        about=_CHECK,
        example="veery network check https://seed.example.org:8017",
    )
    for verb in (show, check):
        verb.add_argument("network", metavar="FILE_OR_SEED_URL", help="network file, or the URL of a seed")
