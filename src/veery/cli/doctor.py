"""`veery doctor`: where the road ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Walk the way of a message step by step, from the clock of this machine over seeds, nodes and a path to a test message
in your own swarm, and tell the first step that does not hold and what to do. The output names no account and no
address, so it can be shown to others."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    add_command(
        commands,
        "doctor",
        deferred("road_commands", "doctor"),
        summary=summary,
        about=_ABOUT,
        example="veery doctor",
    )
