"""What the devices of an account share, and how far it has come."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.questions import answer
from veery.cli.text import ago, clock_time, count, now_ms, one_line, printable
from veery.client.reasons import reason_of
from veery.protocol.constants import ACCOUNT_ID_HEX
from veery.secret import shorten

_HEAD: Final = ("WHAT", "NUMBER", "STATE", "STORED", "MERGED", "SET ASIDE")
_NAMES: Final = {
    "profile": "profile",
    "contacts": "contacts",
    "read_positions": "read positions",
    "groups": "groups",
    "group_info": "name and settings",
    "group_members": "members",
}
_TOLD_MAX: Final = 5  # changes of a document in one line


def status(options: Namespace, console: Console) -> int:
    """Show how each document stands."""
    return _show(console, answer(options, console, "sync_status"))


def now(options: Namespace, console: Console) -> int:
    """Fetch and store now."""
    return _show(console, answer(options, console, "sync_now"))


def _show(console: Console, found: Mapping[str, Any]) -> int:
    documents = [*found["documents"], *found["groups"]]
    if console.as_json:
        shared = {name: value for name, value in found.items() if name not in ("documents", "groups")}
        for each in documents:
            console.record({**each, **shared})
        return Exit.DONE
    moment = now_ms()
    console.table(_HEAD, [_row(each, moment) for each in documents])
    for line in _general(found):
        console.talk(line)
    for each in documents:
        for line in (*_differences(each, moment), *_remarks(each)):
            console.talk(f"{_name(each)}: {line}")
    return Exit.DONE


def _general(found: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    if found["restored"]:
        lines.append("This account was restored and has not read what its other devices share; nothing is stored yet.")
    if found["unwritten"]:
        lines.append("Something was changed here just now, and stands in no document yet.")
    if found["error"]:
        lines.append(f"The last attempt to store failed: {reason_of(str(found['error'])).said}. It is repeated.")
    if away := found["away"]:
        span = f"{clock_time(away['since'])} to {clock_time(away['until'])}"
        lines.append(
            f"This device was away from {span}: messages that the network had forgotten by then did not come here."
        )
    return lines


def _row(each: Mapping[str, Any], moment: int) -> tuple[str, ...]:
    aside = sum(each["set_aside"].values())
    number = str(each["seqno"] or "-")
    return _name(each), number, _state(each), ago(each["pushed"], moment), ago(each["merged"], moment), str(aside or "")


def _name(each: Mapping[str, Any]) -> str:
    name = _NAMES.get(str(each["document"]), str(each["document"]))
    group = each.get("group")
    return name if group is None else f"{one_line(str(each['group_name'])) or shorten(str(group))}: {name}"


def _state(each: Mapping[str, Any]) -> str:
    if each["refused"]:
        return "cannot be stored"
    if each["pending"]:
        return f"{count(each['changes'], 'change')} not stored" if each["changes"] else "not stored"
    return "nothing yet" if each["state"] == "nothing" else "stored"


# -- what this device has that others do not, and the other way round ------------------------------------------


def _differences(each: Mapping[str, Any], moment: int) -> list[str]:
    lines: list[str] = []
    if each["waiting"]:
        lines.append(f"only here, not stored yet: {_named(each['waiting'])}")
    elif each["pending"] and (each["forgotten"] or 0) <= (each["pushed"] or 0):
        lines.append("not stored yet: what this device has read, brought together, without a change of its own")
    if each["brought"]:
        newest = max(change["at"] for change in each["brought"])
        last = [change for change in each["brought"] if change["at"] == newest]
        lines.append(f"from {last[0]['by']}, {ago(newest, moment)}: {_named(last)}")
    if each["given_up"]:
        lines.append(f"given up: {_named(each['given_up'])}")
    return lines


def _named(changes: Sequence[Mapping[str, Any]]) -> str:
    """A few changes in words, and how many more there are."""
    shown = [each for each in changes if each["field"] != "further"][:_TOLD_MAX]
    rest = sum(each["number"] for each in changes) - sum(each["number"] for each in shown)
    words = [_words(each) for each in shown]
    return ", ".join([*words, f"{rest} more"] if rest else words)


def _words(change: Mapping[str, Any]) -> str:
    field, subject = printable(str(change["field"])), change["subject"]
    if subject is None:
        return "an entry removed" if field == "removed" else field
    whose = shorten(subject) if len(subject) == ACCOUNT_ID_HEX else one_line(str(subject))
    return f"{whose} {field}" if field in ("added", "removed") else f"{field} of {whose}"


def _remarks(each: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    if each["refused"]:
        found.append(f"too large, or not allowed ({reason_of(str(each['refused'])).said})")
    if each["forgotten"]:
        again = "" if each["read_only"] else "; stored again from here"
        found.append(f"the network had forgotten it on {clock_time(each['forgotten'])}{again}")
    if each["changes_lost"]:
        lost = clock_time(each["changes_lost"])
        found.append(f"changes of this device were too old on {lost} and were given up for newer ones")
    if each["incomplete"]:
        found.append(f"{count(each['incomplete'], 'part')} here of a document whose other parts have not come")
    aside: Counter[str] = Counter()
    for reason, number in each["set_aside"].items():
        aside[reason_of(str(reason)).said] += number
    found += [f"{count(number, 'item')} set aside ({said})" for said, number in sorted(aside.items())]
    return found
