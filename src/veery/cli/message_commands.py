"""What is done with messages after they were written."""

from __future__ import annotations

from argparse import Namespace

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.questions import answer
from veery.cli.text import count, printable


def react(options: Namespace, console: Console) -> int:
    """Put an emoji on a message, or take it away."""
    done = answer(options, console, "react", id=options.message, emoji=options.emoji, remove=options.remove)
    if console.as_json:
        console.record(done)
    elif not done["changed"]:
        console.talk("It is not there." if options.remove else "It is there already.")
    else:
        said = "taken from" if options.remove else "put on"
        console.talk(f"{printable(options.emoji)} is {said} message #{options.message}.")
    return Exit.DONE


def unsend(options: Namespace, console: Console) -> int:
    """Delete a message for everyone."""
    done = answer(options, console, "unsend", id=options.message)
    if console.as_json:
        console.record(done)
    else:
        console.talk(f"Message #{options.message} is deleted, and the others are asked to delete it.")
    return Exit.DONE


def delete(options: Namespace, console: Console) -> int:
    """Delete messages here."""
    done = answer(options, console, "delete", ids=options.messages, media=options.media)
    if console.as_json:
        for each in done:
            console.record(each)
    else:
        what = "The files of " if options.media else ""
        verb = "are" if options.media or len(done) > 1 else "is"
        console.talk(f"{what}{count(len(done), 'message')} {verb} deleted on this device.")
    return Exit.DONE


def typing(options: Namespace, console: Console) -> int:
    """Tell that somebody types."""
    done = answer(options, console, "typing", conversation=options.conversation, stopped=options.stopped)
    if console.as_json:
        console.record(done)
    elif not done["told"]:
        console.talk("Nothing was told; `veery settings show` says whether typing indicators are on.")
    return Exit.DONE
