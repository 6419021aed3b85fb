"""`veery status`: how the account stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Show how the account stands: its network, paths and clock, unread messages, requests, and what waits to be sent."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    add_command(
        commands, "status", deferred("road_commands", "status"), summary=summary, about=_ABOUT, example="veery status"
    )
