"""The whole tree of commands. Building it imports the heads of the nouns and nothing that is heavy."""

from __future__ import annotations

from argparse import SUPPRESS
from textwrap import fill
from types import ModuleType
from typing import Final

from veery.cli import completion, config, network, node, seed
from veery.cli.command import WIDTH, Parser, add_common

GROUPS: Final[tuple[tuple[str, tuple[ModuleType, ...]], ...]] = (
    ("run a part of the network", (node, seed, network)),
    ("set up", (config, completion)),
)
ABOUT: Final = (
    "Veery is a messenger whose network nobody owns: messages are end-to-end encrypted, travel over three nodes that"
    " know either sender or recipient but never both, and no phone number or e-mail address is asked for."
)
EXAMPLE: Final = """\
veery account create --name Alice --network network.toml
veery send 057f… 'Good morning'
veery receive --follow"""
_EXITS: Final = "0 done, 1 failed, 2 usage, 3 `receive --wait`: none came, 130 Ctrl-C"


class Root(Parser):
    """The parser of `veery` itself, whose help shows the commands in groups."""

    def __init__(self) -> None:
        super().__init__(prog="veery", description=fill(ABOUT, WIDTH))
        self.groups: list[tuple[str, list[Parser]]] = []

    def format_help(self) -> str:
        """The usage, the commands in groups, the options, an example."""
        parts = [f"usage: {self.short_usage()}", self.description or ""]
        for title, parsers in self.groups:
            listed = [f"  {parser.prog.split()[-1]:<15}{parser.summary}" for parser in parsers]
            parts.append("\n".join([f"{title}:", *listed]))
        parts += [self._options_help(), f"exit codes:\n  {_EXITS}"]
        parts.append("example:\n" + "\n".join(f"  {line}" for line in EXAMPLE.splitlines()))
        return "\n\n".join(parts) + "\n"

    def _options_help(self) -> str:
        """The options as argparse formats them, without the list of commands."""
        bare = Parser(prog="veery")
        bare.add_argument("--version", action="store_true", help="print the version")
        add_common(bare)
        return bare.format_help().partition("\n\n")[2].strip()


def build() -> Root:
    """The parser of every command."""
    root = Root()
    root.add_argument("--version", action="store_true", default=SUPPRESS, help="print the version")
    add_common(root)
    commands = root.add_commands()
    for title, modules in GROUPS:
        before = set(root.commands)
        for module in modules:
            module.add(commands)
        root.groups.append((title, [parser for name, parser in root.commands.items() if name not in before]))
    return root
