"""What is settled about conversations: place, notifications, disappearing messages, and emptying."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.questions import answer
from veery.cli.shown import Json, disappears_words, name_of, titles
from veery.cli.text import count, now_ms, read_duration


def pin(options: Namespace, console: Console) -> int:
    """Let a conversation stand above the others."""
    return _change(options, console, "pin", "{name} stands above the others.")


def unpin(options: Namespace, console: Console) -> int:
    """Let it stand among the others."""
    return _change(options, console, "unpin", "{name} stands among the others.")


def unread(options: Namespace, console: Console) -> int:
    """Mark a conversation as one to come back to."""
    return _change(options, console, "mark_unread", "{name} is marked unread.")


def mute(options: Namespace, console: Console) -> int:
    """Do not notify of its messages."""
    if options.time is None:
        return _change(options, console, "mute", "Messages of {name} do not notify.")
    seconds = read_duration(options.time)
    if not seconds:
        raise UsageWrong("--for takes a time above 0", remedy="Write it as in --for 8h")
    until = now_ms() + 1_000 * seconds
    return _change(options, console, "mute", f"Messages of {{name}} do not notify for {options.time}.", until=until)


def unmute(options: Namespace, console: Console) -> int:
    """Notify of its messages again."""
    return _change(options, console, "unmute", "Messages of {name} notify again.")


def hide(options: Namespace, console: Console) -> int:
    """Keep a conversation out of the list."""
    return _change(options, console, "hide", "{name} is hidden until a message comes.")


def show(options: Namespace, console: Console) -> int:
    """Put a conversation back into the list."""
    return _change(options, console, "show", "{name} is in the list again.")


def clear(options: Namespace, console: Console) -> int:
    """Remove the messages of a conversation."""
    return _change(options, console, "clear", "{removed} with {name} removed from this device.")


def remove(options: Namespace, console: Console) -> int:
    """Remove the messages of a conversation, and it from the list."""
    return _change(options, console, "remove", "{removed} with {name} removed from this device; it left the list.")


def forget(options: Namespace, console: Console) -> int:
    """Remove a contact."""
    return _change(
        options, console, "forget", "{name} is removed from this device, with all messages; nothing was sent."
    )


def disappear(options: Namespace, console: Console) -> int:
    """Let messages disappear."""
    seconds = None if options.time is None else read_duration(options.time)
    if options.time is not None and (seconds is None or options.mode in ("off", "follow")):
        raise UsageWrong(
            f"`{options.mode} {options.time}` says no time",
            remedy="Write it as in `veery disappear Alice after-read 12h`",
        )
    mode = options.mode.replace("-", "_")
    changed = answer(options, console, "disappear", conversation=options.conversation, mode=mode, seconds=seconds)
    if console.as_json:
        console.record(changed)
    else:
        name = "yourself" if changed["note_to_self"] else name_of(str(changed["id"]), titles([changed]))
        console.talk(f"What you write to {name} {disappears_words(changed['disappears'])}.")
    return Exit.DONE


def _change(options: Namespace, console: Console, method: str, said: str, **params: Any) -> int:
    changed: Json = answer(options, console, method, conversation=options.conversation, **params)
    if console.as_json:
        console.record(changed)
    else:
        removed = count(int(changed.get("removed") or 0), "message")
        console.talk(said.format(name=name_of(str(changed["id"]), titles([changed])), removed=removed))
    return Exit.DONE
