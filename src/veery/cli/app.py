"""`veery app`: the engine of a profile as a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred
from veery.cli.service_options import add_log_option

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
The engine of a profile sends what waits and fetches what comes. Commands open it for as long as they take; when it
runs as a service, they use that one, are quicker, and ask for no passphrase."""
_RUN: Final = """\
Keep the engine of the profile running until it is told to stop (SIGTERM or Ctrl-C). When it is ready it says so on
standard output; with --json as one object with `role`, `account_id`, `profile`, `socket`. Logs go to standard
error."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "app", None, summary=summary, about=_ABOUT, example="veery app run")
    verbs = noun.add_commands()
    start = add_command(
        verbs,
        "run",
        deferred("app_service", "run"),
        summary="run the engine of the profile",
        about=_RUN,
        example="veery app run --profile work",
    )
    add_log_option(start)
