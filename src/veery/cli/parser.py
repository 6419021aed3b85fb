"""The whole tree of commands.

A command line needs one noun of it, so only the nouns that stand in argv are built; the rest is known by its summary.
Completion scripts and tests build them all.
"""

from __future__ import annotations

from argparse import SUPPRESS, Namespace
from collections.abc import Container, Sequence
from importlib import import_module
from typing import Final

from veery.cli.command import Parser, add_common, unknown_option

# Each noun is a module of this package with a function `add(commands, summary)`.
GROUPS: Final = (
    (
        "talk",
        (
            ("send", "send a message"),
            ("receive", "print messages as they come"),
            ("conversations", "list conversations"),
            ("messages", "print the messages of a conversation"),
            ("search", "find what was said"),
            ("react", "put an emoji on a message"),
            ("unsend", "delete a message for everyone"),
            ("delete", "delete messages on this device"),
            ("disappear", "let messages disappear"),
            ("clear", "remove all messages of a conversation"),
            ("conversation", "pin, mute, hide or remove a conversation"),
            ("typing", "tell that you are typing"),
            ("requests", "answer people who write for the first time"),
            ("group", "make, join and change groups"),
            ("contact", "block, rename or remove a contact"),
            ("attachments", "list and save files of messages"),
            ("outbox", "look at what is not sent yet"),
            ("name", "look up whom a name stands for"),
        ),
    ),
    (
        "your account and its road",
        (
            ("account", "create, restore and show your account"),
            ("device", "link, list and remove your devices"),
            ("profile", "change your name, and what protects your files"),
            ("settings", "say what others are told, and who may write"),
            ("status", "show how the account stands"),
            ("sync", "see what your devices share, and bring it up to date"),
            ("storage", "see what takes space, and make room"),
            ("backup", "write, check and restore backups"),
            ("transfer", "move a profile to another device"),
            ("path", "show or renew the path of messages"),
            ("doctor", "find out where the road ends"),
            ("app", "keep the engine running"),
        ),
    ),
    (
        "run a part of the network",
        (
            ("node", "run a service node"),
            ("seed", "run a seed, which tells who the service nodes are"),
            ("fileserver", "run a file server, which keeps attachments"),
            ("network", "look at a network file, and ask its seeds"),
            ("lab", "run a whole network on this machine"),
        ),
    ),
    (
        "set up",
        (
            ("config", "check a settings file"),
            ("completion", "print completions for a shell"),
            ("manual", "print the manual page"),
        ),
    ),
)
NOUNS: Final = {name: summary for _, nouns in GROUPS for name, summary in nouns}
ABOUT: Final = """\
Veery is a messenger whose network nobody owns: messages are end-to-end encrypted, travel over three nodes none of
which knows both sender and recipient, and no phone number or e-mail address is asked for."""
EXAMPLE: Final = """\
veery account create --name Alice --network network.toml
veery send 057f… 'Good morning'
veery receive --follow"""
EXITS: Final = "0 done, 1 failed, 2 usage, 3 `receive --wait`: none came, 130 Ctrl-C"


class Root(Parser):
    """The parser of `veery` itself, whose help shows the commands in groups."""

    def listing(self) -> list[tuple[str, list[tuple[str, str]]]]:
        return [(title, list(nouns)) for title, nouns in GROUPS]

    def notes(self) -> list[str]:
        return [f"exit codes:\n  {EXITS}"]

    def parse(self, arguments: Sequence[str]) -> Namespace:
        """Read a command line; what is left over is told of by the command that was meant. Raises UsageWrong."""
        found: tuple[Namespace, list[str]] = self.parse_known_args(arguments)
        options, rest = found
        if rest:
            raise unknown_option(options.parser, rest[0])
        return options

    def short_usage(self) -> str:
        return f"{self.prog} [OPTIONS] COMMAND …"

    def names(self) -> list[str]:
        return list(NOUNS)


def build(words: Container[str] = NOUNS) -> Root:
    """The parser of every noun that is among the words."""
    root = Root(prog="veery")
    root.about, root.example = ABOUT, EXAMPLE
    root.add_argument("--version", action="store_true", default=SUPPRESS, help="print the version")
    add_common(root)
    root.set_defaults(run=None)
    commands = root.add_commands()
    for name, summary in NOUNS.items():
        if name in words:
            import_module(f"veery.cli.{name}").add(commands, summary)
    return root
