"""`veery lab`: a whole network on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
A lab is a seed and service nodes on loopback, the same as those of a real network, for trying things out and for
tests. It keeps its keys and messages in a directory, and comes back from there as the same network."""
_UP: Final = """\
Run a lab until Ctrl-C or `veery lab down`. When every node is listed it prints one line a part and then where its
network file is; with --json one object a part, and at the end `ready`, `seed_url` and `network_file`."""
_STATUS: Final = """\
Print which parts of a running lab there are: address, ports, swarm, process."""
_KILL: Final = """\
Stop a node of a running lab without asking it, as a machine that loses its power."""
_RESTART: Final = """\
Start a node of a running lab again, with the keys and messages that it had, and wait until it is listed."""
_DOWN: Final = """\
End a running lab. What it holds stays in its directory."""
_DEMO: Final = """\
Run a network of 16 nodes in a directory that is gone afterwards, make accounts for Alice and Bob, and send a message
each way: its path, its swarm and its times are shown. Then type as either of them, or leave at once with --exit."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "lab", None, summary=summary, about=_ABOUT, example="veery lab up --nodes 16")
    verbs = noun.add_commands()
    up = add_command(
        verbs,
        "up",
        deferred("lab_commands", "up"),
        summary="run a lab",
        about=_UP,
        example="veery lab up --nodes 16 --dir lab",
    )
    up.add_argument("--nodes", type=int, metavar="NUMBER", help="nodes of a new lab (default: 16)")
    up.add_argument("--processes", action="store_true", help="each part in a process of its own")
    up.add_argument("--host-per-node", action="store_true", help="each node at its own loopback address")
    status = add_command(
        verbs,
        "status",
        deferred("lab_commands", "status"),
        summary="list the parts of a running lab",
        about=_STATUS,
        example="veery lab status",
    )
    down = add_command(
        verbs, "down", deferred("lab_commands", "down"), summary="end a lab", about=_DOWN, example="veery lab down"
    )
    for verb in (up, status, down):
        verb.add_argument("--dir", metavar="DIRECTORY", help="directory of the lab (default: lab, with your data)")
    for name, summary_, about in (("kill", "stop a node hard", _KILL), ("restart", "start a node again", _RESTART)):
        verb = add_command(
            verbs,
            name,
            deferred("lab_commands", name),
            summary=summary_,
            about=about,
            example=f"veery lab {name} 7",
        )
        verb.add_argument("node", type=int, metavar="NODE", help="number of the node, from 1")
        verb.add_argument("--dir", metavar="DIRECTORY", help="directory of the lab (default: lab, with your data)")
    demo = add_command(
        verbs,
        "demo",
        deferred("lab_commands", "demo"),
        summary="watch two accounts talk over a network",
        about=_DEMO,
        example="veery lab demo --exit",
    )
    demo.add_argument("--exit", action="store_true", help="end after the exchange")
