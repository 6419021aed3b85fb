"""The own profile."""

from __future__ import annotations

from argparse import Namespace

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.questions import answer
from veery.cli.shown import Json


def show(options: Namespace, console: Console) -> int:
    """Print the own profile."""
    return _told(console, answer(options, console, "account"))


def set_name(options: Namespace, console: Console) -> int:
    """Change the name that others see."""
    return _told(console, answer(options, console, "set_name", name=options.name))


def _told(console: Console, own: Json) -> int:
    if console.as_json:
        console.record(own)
    else:
        console.fields([("Account ID", str(own["account_id"])), ("Name", str(own["name"]))])
    return Exit.DONE
