"""Profile pictures, the own one and those of contacts."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.questions import answer
from veery.cli.text import size


def own(options: Namespace, console: Console) -> int:
    """Change, remove or save the own picture."""
    given = [options.file is not None, options.remove, options.save is not None]
    if sum(given) != 1:
        raise UsageWrong("`veery profile picture` takes a file, --remove or --save FILE", remedy="Give one of them")
    if options.save is not None:
        return _save(console, options, options.save, None)
    with console.progress("Uploading the picture"):
        path = None if options.remove else str(Path(options.file).expanduser().absolute())
        told = answer(options, console, "set_picture", path=path)
    if console.as_json:
        console.record(told)
    elif told["picture"] is None:
        console.talk("Others see no picture of you any more, from your next message on.")
    else:
        made = told["picture"]
        sides = f"{made['width']} by {made['height']} pixels, {size(int(made['size']))}"
        console.talk(f"Others see your new picture ({sides}) with your next message.")
    return Exit.DONE


def contact(options: Namespace, console: Console) -> int:
    """Save the picture of a contact."""
    return _save(console, options, options.output, options.conversation)


def _save(console: Console, options: Namespace, to: str, conversation: str | None) -> int:
    path = str(Path(to).expanduser().absolute())
    with console.progress("Fetching the picture"):
        saved = answer(options, console, "picture_save", to=path, conversation=conversation)
    if console.as_json:
        console.record(saved)
    else:
        console.line(str(saved["path"]))
    return Exit.DONE
