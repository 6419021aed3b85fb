"""Options of commands that make a profile: what it will open with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veery.cli.command import Parser


def add_ways(parser: Parser) -> None:
    """The options that `unlock.new_unlock` reads."""
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--no-passphrase", action="store_true", help="keep the key in a file that only you can read")
    ways.add_argument("--keyring", action="store_true", help="keep the key in the desktop's keyring")
