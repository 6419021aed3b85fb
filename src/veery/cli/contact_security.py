"""How well a conversation is protected, for a person."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Final

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.questions import answers
from veery.cli.shown import Json, name_of, titles
from veery.cli.text import ago, now_ms

_LEVELS: Final = {
    "v2": "v2: forward secret, and safe from quantum computers",
    "v2-fallback": "v2-fallback: under the long-term key",
    "v1": "v1: under the long-term key",
}
_MARKS: Final = {
    "unconfirmed": "with the last keys that were seen, which are not confirmed",
    "switched_off": "the contact switched protection off",
    "chosen": "because you chose so",
}
_REASONS: Final = {
    "client.keys.waiting": "waits for keys",
    "client.keys.required": "waits: you require v2, and this contact was never seen to publish keys",
}
_ECHOES: Final = {
    "confirmed": "confirmed: their messages are made for keys of yours",
    "foreign": "FOREIGN: somebody gave them keys in your name. Your recovery phrase has leaked",
    "unknown": "unknown: perhaps keys that another of your devices published",
    "denied": "denied: they were told that you publish no keys",
}


def contact_security(options: Namespace, console: Console) -> int:
    """Show what is known, after a change if one is asked for."""
    question: tuple[str, dict[str, Any]] = ("contact_security", {"conversation": options.conversation})
    if options.require_v2 is not None:
        question = ("require_v2", {"conversation": options.conversation, "required": options.require_v2})
    names = [("conversations", {"hidden": True}), ("requests", {})]
    shown, known, asking = answers(options, console, [question, *names])
    if console.as_json:
        console.record(shown)
        return Exit.DONE
    console.line(name_of(str(shown["conversation"]), titles([*known, *asking])))
    console.fields(_fields(shown))
    return Exit.DONE


def _fields(shown: Json) -> list[tuple[str, str]]:
    now = now_ms()
    fields = [
        ("conversation", _LEVELS.get(str(shown["protocol"]), "no message yet")),
        ("next message", _next(shown["next"])),
        ("you require v2", "yes" if shown["require_v2"] else "no"),
        ("their keys", _seen(shown, now)),
    ]
    if shown["withdrawn_at"] is not None:
        fields.append(("switched off", ago(shown["withdrawn_at"], now)))
    if shown["waiting"]:
        fields.append(("waiting", f"{shown['waiting']}; see `veery outbox`"))
    echo = _ECHOES.get(str(shown["echo"]), "nothing yet")
    fields.append(("your keys there", echo if shown["echo_at"] is None else f"{echo} ({ago(shown['echo_at'], now)})"))
    own = shown["own_record"]
    fields.append(("your keys", "none are published" if own is None else str(own["fingerprint"])))
    return fields


def _next(outlook: Json) -> str:
    if outlook["protocol"] is None:
        return _REASONS.get(str(outlook["reason"]), str(outlook["reason"]))
    mark = _MARKS.get(str(outlook["mark"]))
    level = str(outlook["protocol"])
    return level if mark is None else f"{level}, {mark}"


def _seen(shown: Json, now: int) -> str:
    if shown["first_seen_at"] is None:
        return "never seen"
    record = "none now" if shown["record"] is None else str(shown["record"]["fingerprint"])
    return f"{record}, first seen {ago(shown['first_seen_at'], now)}, last {ago(shown['last_seen_at'], now)}"
