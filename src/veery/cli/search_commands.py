"""Finding what was said."""

from __future__ import annotations

import re
import time
from argparse import Namespace
from datetime import datetime, timedelta
from typing import Any, Final

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.questions import answer, answers
from veery.cli.shown import message_lines, name_of, titles
from veery.cli.text import now_ms

_PAGE: Final = 100
_SPAN: Final = re.compile(r"(\d{1,6})\s*(min|h|d)")
_UNITS_MS: Final = {"min": 60_000, "h": 3_600_000, "d": 86_400_000}
_FORMS: Final = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")


def search(options: Namespace, console: Console) -> int:
    """Print what is found."""
    if options.limit < 1:
        raise UsageWrong("--limit takes a number above 0", remedy="Write it as in --limit 50")
    asked = {
        "words": options.words,
        "conversation": options.conversation,
        "since": None if options.since is None else moment(options.since, "--since"),
        "until": None if options.until is None else moment(options.until, "--until", end=True),
        "kind": options.kind,
    }
    first = {**asked, "before": options.before, "limit": min(options.limit, _PAGE)}
    found, known, asking = answers(
        options, console, [("search", first), ("conversations", {"hidden": True}), ("requests", {})]
    )
    found = _further(options, console, asked, list(found))
    names = titles([*known, *asking])
    for message in reversed(found):
        if console.as_json:
            console.record(message)
        else:
            console.lines(_lines(message, names))
    if not found and not console.as_json:
        console.talk("Nothing was found.")
    return Exit.DONE


def _further(options: Namespace, console: Console, asked: dict[str, Any], found: list[Any]) -> list[Any]:
    """What follows a first page, up to the limit."""
    page = found
    while len(page) == _PAGE and len(found) < options.limit:
        limit = min(options.limit - len(found), _PAGE)
        page = answer(options, console, "search", **asked, before=found[-1]["id"], limit=limit)
        found = [*found, *page]
    return found


def _lines(message: Any, names: dict[str, str]) -> list[str]:
    """A message with the conversation that it is in, where the sender does not tell that."""
    head, *rest = message_lines(message, names)
    if message["conversation"] != message["sender"]:
        head = f"{head} in {name_of(str(message['conversation']), names)}"
    return [head, *rest]


def moment(text: str, option: str, *, end: bool = False) -> int:
    """A moment that a person typed, Unix ms; with `end` a day means its last moment. Raises UsageWrong."""
    if span := _SPAN.fullmatch(text.strip()):
        return max(0, now_ms() - int(span[1]) * _UNITS_MS[span[2]])
    for form in _FORMS:
        try:
            found = datetime.strptime(text.strip(), form)  # noqa: DTZ007 - of the local time zone, as it is typed
        except ValueError:
            continue
        if end and form == _FORMS[0]:
            found += timedelta(days=1)
            return int(time.mktime(found.timetuple())) * 1_000 - 1
        return max(0, int(time.mktime(found.timetuple())) * 1_000)
    raise UsageWrong(
        f"{option} takes a day or how long ago, not `{text}`",
        remedy=f"Write it as in {option} 2026-11-25, {option} '2026-11-25 14:30' or {option} 30d",
    )
