"""`veery seed`: the server that tells who the service nodes are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred
from veery.cli.service_options import add_log_option, add_settings_options

if TYPE_CHECKING:
    from veery.cli.command import Commands, Parser

_ABOUT: Final = """\
A seed takes the proofs of service nodes, writes the history of who they are, and tells the list of nodes to whoever
asks. A network has one seed that writes, and as many as you like that follow it."""
_INIT: Final = """\
Write a commented settings file, the keys of a new seed, and the network file that nodes and clients need to find it.
Nothing that exists is overwritten."""
_RUN: Final = """\
Run the seed until it is told to stop (SIGTERM or Ctrl-C). When it listens it says so on standard output; with --json
as one object with `role`, `address`, `port`, `url`, `ed25519` and `certificate_sha256`. Logs go to standard error."""
_STATUS: Final = """\
Ask the seed that runs on this machine how it stands: the height of its history, and the nodes that it lists."""
_EXAMPLE: Final = "veery seed init --network example --url https://seed.example.org:8017"


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "seed", None, summary=summary, about=_ABOUT, example=_EXAMPLE)
    verbs = noun.add_commands()
    init = add_command(
        verbs,
        "init",
        deferred("seed_service", "init"),
        summary="write settings, keys and the network file",
        about=_INIT,
        example=_EXAMPLE,
    )
    init.add_argument("--url", metavar="URL", help="address by which others reach it (default: from host and port)")
    start = add_command(
        verbs,
        "run",
        deferred("seed_service", "run"),
        summary="run the seed",
        about=_RUN,
        example="veery seed run --host 0.0.0.0",
    )
    add_log_option(start)
    status = add_command(
        verbs,
        "status",
        deferred("seed_service", "status"),
        summary="ask the seed that runs here",
        about=_STATUS,
        example="veery seed status",
    )
    for verb in (init, start):
        _add_settings(verb)
    for verb in (init, start, status):
        add_settings_options(verb)


def _add_settings(parser: Parser) -> None:
    parser.add_argument("--network", metavar="NAME", help="name of the network")
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", metavar="NUMBER", help="port to listen on (default: 8017; 0 takes a free one)")
    parser.add_argument("--leader", metavar="URL", help="seed to follow (default: none, this one writes)")
