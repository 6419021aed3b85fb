"""The settings of the account."""

from __future__ import annotations

from argparse import Namespace

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.questions import answer

_HEAD = ("NAME", "VALUE", "MEANING")


def show(options: Namespace, console: Console) -> int:
    """Print the settings."""
    found = answer(options, console, "settings")
    if console.as_json:
        for each in found:
            console.record(each)
    else:
        console.table(_HEAD, [(str(each["name"]), str(each["value"]), str(each["about"])) for each in found])
    return Exit.DONE


def change(options: Namespace, console: Console) -> int:
    """Change a setting."""
    changed = answer(options, console, "set_setting", name=options.name, value=options.value)
    if console.as_json:
        console.record(changed)
    else:
        console.talk(f"{changed['name']} is {changed['value']}.")
    return Exit.DONE
