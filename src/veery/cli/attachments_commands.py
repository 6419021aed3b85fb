"""Listing and saving files of messages."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Final

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.profiles import existing_profile
from veery.cli.questions import answer
from veery.cli.shown import Json
from veery.cli.text import ago, now_ms, printable, size
from veery.cli.transferring import fetching_words, files_of

_HEAD: Final = ("FILE", "NAME", "TYPE", "SIZE", "SENT", "MESSAGE", "STATE")
_STATES: Final = {
    "remote": "on the file server",
    "wanted": "being fetched",
    "stored": "here",
    "failed": "lost",
    "trimmed": "trimmed here",
    "uploading": "being uploaded",
}


def list_attachments(options: Namespace, console: Console) -> int:
    """List the files of a conversation."""
    if options.limit < 1:
        raise UsageWrong("--limit takes a number above 0", remedy="Write it as in --limit 50")
    found = answer(options, console, "attachments", conversation=options.conversation, limit=options.limit)
    if console.as_json:
        for each in found:
            console.record(each)
    elif found:
        now = now_ms()
        console.table(_HEAD, [_row(each, now) for each in found])
    else:
        console.talk("There are no files.")
    return Exit.DONE


def save(options: Namespace, console: Console) -> int:
    """Write a file to a place of the user's."""
    to = Path(options.output).expanduser().absolute()
    listed: list[Json] = []

    def look() -> str | None:
        listed.extend([] if listed else files_of(existing_profile(options), "id", options.attachment))
        return fetching_words(listed)

    with console.progress("Fetching the file", look):
        saved = answer(
            options, console, "attachment_save", id=options.attachment, to=str(to), thumbnail=options.thumbnail
        )
    if console.as_json:
        console.record(saved)
    else:
        console.line(str(saved["path"]))
    return Exit.DONE


def _row(each: Json, now: int) -> tuple[str, ...]:
    name = printable(str(each["name"])) or "-"
    kind = "voice message" if int(each["flags"]) & 1 else printable(str(each["content_type"]))
    state = _STATES[str(each["state"])]
    return (
        str(each["id"]),
        name,
        kind,
        size(int(each["size"])),
        ago(int(each["sent_at"]), now),
        f"#{each['message']}",
        state,
    )
