"""Looking names up."""

from __future__ import annotations

from argparse import Namespace

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.questions import answer


def resolve(options: Namespace, console: Console) -> int:
    """Print whom a name stands for."""
    with console.progress("Asking three nodes"):
        found = answer(options, console, "resolve_name", name=options.name)
    if console.as_json:
        console.record(found)
    else:
        console.fields(
            [("Name", found["name"]), ("Account ID", found["account_id"]), ("Fingerprint", found["fingerprint"])]
        )
    return Exit.DONE
