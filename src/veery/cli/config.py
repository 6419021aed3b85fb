"""`veery config`: whether a settings file would be taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

KINDS: Final = ("node", "seed", "network")
_ABOUT: Final = """\
Settings come from a TOML file, then from environment variables that begin with VEERY_, then from flags; what comes
later wins. A key that is not known is an error."""
_CHECK: Final = """\
Read a settings or network file as a node, a seed or a client would, and say what is wrong with it: the key, the line,
and what is expected there. Nothing is started."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "config", None, summary=summary, about=_ABOUT, example="veery config check node.toml")
    verbs = noun.add_commands()
    check = add_command(
        verbs,
        "check",
        deferred("config_check", "check"),
        summary="say what is wrong with a file",
        about=_CHECK,
        example="veery config check node.toml",
    )
    check.add_argument("file", metavar="FILE", help="settings or network file")
    check.add_argument("--kind", metavar="KIND", choices=KINDS, help="node, seed or network (default: as its keys say)")
