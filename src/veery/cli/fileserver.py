"""`veery fileserver`: the server that keeps attachments and pictures for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred
from veery.cli.service_options import add_log_option, add_settings_options

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
A file server keeps attachments and profile pictures for two weeks. It gets them encrypted, over three nodes, and keeps
nothing that tells whose they are. The network file of a network names its file server."""
_INIT: Final = """\
Write a commented settings file and the key of a new file server, and print the line that names it in a network file.
Nothing that exists is overwritten."""
_RUN: Final = """\
Run the file server until it is told to stop (SIGTERM or Ctrl-C). When it listens it says so on standard output; with
--json as one object with `role`, `address`, `port`, `url`, `ed25519` and `x25519`. Logs go to standard error."""
_STATUS: Final = """\
Ask the file server that runs on this machine whether it serves."""
_EXAMPLE: Final = "veery fileserver init --host 0.0.0.0 --url http://files.example.org"


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "fileserver", None, summary=summary, about=_ABOUT, example=_EXAMPLE)
    verbs = noun.add_commands()
    init = add_command(
        verbs,
        "init",
        deferred("fileserver_service", "init"),
        summary="write settings and the key",
        about=_INIT,
        example=_EXAMPLE,
    )
    init.add_argument("--url", metavar="URL", help="address by which others reach it (default: from host and port)")
    start = add_command(
        verbs,
        "run",
        deferred("fileserver_service", "run"),
        summary="run the file server",
        about=_RUN,
        example="veery fileserver run --host 0.0.0.0",
    )
    add_log_option(start)
    status = add_command(
        verbs,
        "status",
        deferred("fileserver_service", "status"),
        summary="ask the file server that runs here",
        about=_STATUS,
        example="veery fileserver status",
    )
    for verb in (init, start):
        verb.add_argument("--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)")
        verb.add_argument("--port", metavar="NUMBER", help="port to listen on (default: 8018; 0 takes a free one)")
    for verb in (init, start, status):
        add_settings_options(verb)
