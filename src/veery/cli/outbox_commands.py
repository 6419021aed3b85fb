"""What is not stored yet."""

from __future__ import annotations

from argparse import Namespace

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.questions import answer
from veery.cli.shown import OUTBOX_HEAD, outbox_row
from veery.cli.text import now_ms, state_words


def outbox(options: Namespace, console: Console) -> int:
    """List what waits."""
    waiting = answer(options, console, "outbox")
    if console.as_json:
        for copy in waiting:
            console.record(copy)
    elif waiting:
        now = now_ms()
        console.table(OUTBOX_HEAD, [outbox_row(copy, now) for copy in waiting])
    else:
        console.talk("Nothing waits: every message is stored.")
    return Exit.DONE


def retry(options: Namespace, console: Console) -> int:
    """Try a message again."""
    tried = answer(options, console, "retry", id=options.message)
    if console.as_json:
        console.record(tried)
    else:
        console.talk(f"Message #{options.message} is tried again ({state_words(tried)}).")
    return Exit.DONE


def drop(options: Namespace, console: Console) -> int:
    """Give a message up."""
    dropped = answer(options, console, "drop", id=options.message)
    if console.as_json:
        console.record(dropped)
    else:
        console.talk(f"Message #{options.message} is given up and removed here.")
    return Exit.DONE
