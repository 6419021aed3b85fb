"""`veery sync`: what the devices of an account share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
All devices of an account share its name, its contacts, how far conversations are read, and its groups. They do so by
small encrypted documents in the swarm of the account; what is changed on one device is brought there within seconds,
whenever an engine runs, and merged by the others."""
_STATUS: Final = """\
For each document: its number (every change makes it higher), what of it this device has not brought to the network yet,
when it was last stored and last merged with a change of another device, and what was set aside because it could not be
read. The documents of groups follow under the names of these. Below the table stands what was changed here alone, what
came last from elsewhere, and what the network has forgotten; the device then stores its own copy again. A document does
not say which device has written it, so what came from elsewhere is from "another device", or from "an admin" of a
group. --json shows all changes, with whole Account IDs."""
_NOW: Final = """\
Fetch what other devices have changed and store what was changed here, without waiting for the engine to do so."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "sync", None, summary=summary, about=_ABOUT, example="veery sync status")
    verbs = noun.add_commands()
    for name, what, about in (
        ("status", "show how each document stands", _STATUS),
        ("now", "fetch and store now", _NOW),
    ):
        add_command(
            verbs, name, deferred("sync_commands", name), summary=what, about=about, example=f"veery sync {name}"
        )
