"""What is not stored yet."""

from __future__ import annotations

import re
from argparse import Namespace
from typing import Final

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.questions import answer, answers
from veery.cli.quick import Questions
from veery.cli.shown import NOTICE_MARK, OUTBOX_HEAD, Json, outbox_row, titles
from veery.cli.text import FOR_KEYS, now_ms, state_words
from veery.client.reasons import reason_of

_NAMES: Final[Questions] = (("conversations", {"hidden": True}), ("requests", {}))
_CHOICES: Final = """\
What waits for keys goes out when new keys of the recipient are seen: keep waiting, or send it with long-term keys this
once, with `veery outbox send-anyway ID`."""
_NAMED: Final = re.compile(rf"(#|{NOTICE_MARK})?(\d{{1,18}})")


def outbox(options: Namespace, console: Console) -> int:
    """List what waits."""
    waiting, known, asking = answers(options, console, [("outbox", {}), *_NAMES])
    if console.as_json:
        for copy in waiting:
            console.record(copy)
    elif waiting:
        now, names = now_ms(), titles([*known, *asking])
        console.table(OUTBOX_HEAD, [outbox_row(copy, names, now) for copy in waiting])
        if any(copy["reason"] in FOR_KEYS for copy in waiting):
            console.talk(_CHOICES)
        errors = dict.fromkeys(str(copy["last_error"]) for copy in waiting if copy["last_error"])
        for reason in map(reason_of, (each for each in errors if each not in FOR_KEYS)):
            console.talk(f"{reason.said[0].upper()}{reason.said[1:]}: {reason.remedy}.")
    else:
        console.talk("Nothing waits: every message is stored.")
    return Exit.DONE


def retry(options: Namespace, console: Console) -> int:
    """Try a message again."""
    tried = answer(options, console, "retry", **_named(options.message))
    if console.as_json:
        console.record(tried)
    else:
        console.talk(f"{_title(tried)} is tried again ({state_words(tried)}).")
    return Exit.DONE


def drop(options: Namespace, console: Console) -> int:
    """Give a message up."""
    dropped = answer(options, console, "drop", **_named(options.message))
    if console.as_json:
        console.record(dropped)
    else:
        console.talk(f"{_title(dropped)} is given up and removed here.")
    return Exit.DONE


def send_anyway(options: Namespace, console: Console) -> int:
    """Send a message that waits for keys without them."""
    sent = answer(options, console, "send_anyway", conversation=options.conversation, **_named(options.message))
    if console.as_json:
        console.record(sent)
    else:
        console.talk(f"{_title(sent)} goes out with long-term keys, this once.")
        if options.conversation:
            console.talk("So does what is written to this contact until their keys are seen again.")
    return Exit.DONE


def _named(typed: str) -> dict[str, int]:
    """What a person names as in 12, #12 or n7: a message, or a copy that no message shows."""
    found = _NAMED.fullmatch(typed.strip())
    if found is None:
        raise UsageWrong("ID takes a number", remedy="Write it as `veery outbox` shows it, 12 or n7")
    return {"copy" if found[1] == NOTICE_MARK else "id": int(found[2])}


def _title(done: Json) -> str:
    return f"Message #{done['id']}" if "id" in done else f"Notice {NOTICE_MARK}{done['copy']}"
