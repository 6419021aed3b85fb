"""What the devices of an account share, and how far it has come."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Final

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.questions import answer
from veery.cli.text import ago, clock_time, count, now_ms, printable

_HEAD: Final = ("WHAT", "NUMBER", "STATE", "STORED", "MERGED", "SET ASIDE")
_NAMES: Final = {
    "profile": "profile",
    "contacts": "contacts",
    "read_positions": "read positions",
    "groups": "groups",
}


def status(options: Namespace, console: Console) -> int:
    """Show how each document stands."""
    return _show(console, answer(options, console, "sync_status"))


def now(options: Namespace, console: Console) -> int:
    """Fetch and store now."""
    return _show(console, answer(options, console, "sync_now"))


def _show(console: Console, found: Mapping[str, Any]) -> int:
    if console.as_json:
        shared = {name: value for name, value in found.items() if name != "documents"}
        for each in found["documents"]:
            console.record({**each, **shared})
        return Exit.DONE
    moment = now_ms()
    console.table(_HEAD, [_row(each, moment) for each in found["documents"]])
    if found["restored"]:
        console.talk("This account was restored and has not read what its other devices share; nothing is stored yet.")
    if found["error"]:
        console.talk(f"The last attempt to store failed ({printable(str(found['error']))}); it is repeated.")
    for each in found["documents"]:
        for line in _remarks(each):
            console.talk(line)
    return Exit.DONE


def _row(each: Mapping[str, Any], moment: int) -> tuple[str, ...]:
    aside = sum(each["set_aside"].values())
    name = _NAMES.get(str(each["document"]), str(each["document"]))
    number = str(each["seqno"] or "-")
    return name, number, _state(each), ago(each["pushed"], moment), ago(each["merged"], moment), str(aside or "")


def _state(each: Mapping[str, Any]) -> str:
    if each["refused"]:
        return "cannot be stored"
    if each["pending"]:
        return f"{count(each['changes'], 'change')} not stored" if each["changes"] else "not stored"
    return "nothing yet" if each["state"] == "nothing" else "stored"


def _remarks(each: Mapping[str, Any]) -> list[str]:
    name = _NAMES.get(str(each["document"]), str(each["document"]))
    found: list[str] = []
    if each["refused"]:
        found.append(f"{name}: too large, or not allowed ({printable(str(each['refused']))})")
    if each["forgotten"]:
        found.append(f"{name}: the network had forgotten it on {clock_time(each['forgotten'])}; stored again from here")
    if each["changes_lost"]:
        lost = clock_time(each["changes_lost"])
        found.append(f"{name}: changes of this device were too old on {lost} and were given up for newer ones")
    found += [
        f"{name}: {count(number, 'item')} set aside ({printable(str(reason))})"
        for reason, number in sorted(each["set_aside"].items())
    ]
    return found
