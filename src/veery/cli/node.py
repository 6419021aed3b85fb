"""`veery node`: a service node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred
from veery.cli.service_options import add_log_option, add_settings_options

if TYPE_CHECKING:
    from veery.cli.command import Commands, Parser

_ABOUT: Final = """\
A service node passes on onion requests and keeps messages for the accounts of its swarm until they expire. It needs a
network file, two ports that others can reach, and a disk."""
_INIT: Final = """\
Write a commented settings file and the keys of a new node. Nothing that exists is overwritten. Tell the key that it
prints to who runs the seeds, if they list only nodes that they know."""
_RUN: Final = """\
Run the node until it is told to stop (SIGTERM or Ctrl-C). When it listens it says so on standard output; with --json
as one object with `role`, `address`, `https_port`, `queue_port`, `ed25519` and `x25519`. Logs go to standard error."""
_STATUS: Final = """\
Ask the node that runs on this machine how it stands: whether it serves clients, and if not why; its swarm, messages
and connections."""
_EXAMPLE: Final = "veery node init --network network.toml --host 0.0.0.0 --public-ip 203.0.113.7"


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "node", None, summary=summary, about=_ABOUT, example=_EXAMPLE)
    verbs = noun.add_commands()
    init = add_command(
        verbs,
        "init",
        deferred("node_service", "init"),
        summary="write settings and keys",
        about=_INIT,
        example=_EXAMPLE,
    )
    start = add_command(
        verbs,
        "run",
        deferred("node_service", "run"),
        summary="run the node",
        about=_RUN,
        example="veery node run --config node.toml",
    )
    add_log_option(start)
    status = add_command(
        verbs,
        "status",
        deferred("node_service", "status"),
        summary="ask the node that runs here",
        about=_STATUS,
        example="veery node status",
    )
    for verb in (init, start):
        _add_settings(verb)
    for verb in (init, start, status):
        add_settings_options(verb)


def _add_settings(parser: Parser) -> None:
    parser.add_argument("--network", metavar="FILE_OR_SEED_URL", help="network file, or the URL of a seed")
    parser.add_argument("--host", metavar="ADDRESS", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--https-port", metavar="NUMBER", help="HTTPS port (default: 22021; 0 takes a free one)")
    parser.add_argument("--queue-port", metavar="NUMBER", help="queue port (default: 22020; 0 takes a free one)")
    parser.add_argument("--public-ip", metavar="ADDRESS", help="IPv4 address that others reach this node at")
