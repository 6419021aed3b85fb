"""Words for people: safe text, relative times, sizes, states, and tables.

Names and messages come from strangers. What a terminal would obey (escape sequences, controls, marks that turn the
direction of writing) is written out as `\\x1b` or `\\u202e`, so that no message can pretend to be something else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from veery.client.reasons import reason_of

_TURNS: Final = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # embeddings, overrides, isolates
_BREAKS: Final = (0x2028, 0x2029)
_OBEYED: Final = (*range(0x20), *range(0x7F, 0xA0), *_TURNS, *_BREAKS)
_ESCAPED: Final = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _OBEYED}
_ESCAPED_BUT_LINES: Final = {code: text for code, text in _ESCAPED.items() if code not in (0x09, 0x0A)}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SECONDS: Final = {"s": 1, "m": _MINUTE, "min": _MINUTE, "h": _HOUR, "d": _DAY, "w": 7 * _DAY}
_ABSENT: Final = "-"


def now_ms() -> int:
    """Unix time of this machine, ms."""
    return time.time_ns() // 1_000_000


def printable(text: str, *, lines: bool = False) -> str:
    """A text that a terminal shows and does not obey; line breaks and tabs stay if `lines`."""
    return text.translate(_ESCAPED_BUT_LINES if lines else _ESCAPED)


def one_line(text: str) -> str:
    """A text of several lines as one."""
    return printable(" ".join(text.split()))


def ago(then_ms: int | None, now: int) -> str:
    """How long ago a moment was; older than a week: its date."""
    if then_ms is None:
        return _ABSENT
    seconds = (now - then_ms) // 1_000
    if seconds < -_MINUTE:
        return f"in {duration(-seconds)}"
    if seconds < _MINUTE:
        return "just now"
    if seconds >= 7 * _DAY:
        return time.strftime("%Y-%m-%d", time.localtime(then_ms / 1_000))
    return f"{duration(seconds)} ago"


def clock_time(then_ms: int) -> str:
    """A moment in the local time zone, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(then_ms / 1_000))


def duration(seconds: float) -> str:
    """A span of time in its largest unit."""
    for unit, name in ((_DAY, "day"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            count = int(seconds // unit)
            return f"{count} {name}{'s' if name == 'day' and count > 1 else ''}"
    return f"{seconds:.0f} s"


def read_duration(text: str) -> int | None:
    """Seconds of a time that a person typed, as 30s, 5min, 12h, 1d or 2w; None when it is none."""
    found = re.fullmatch(r"(\d{1,6})(s|m|min|h|d|w)", text.strip().lower())
    return None if found is None else int(found[1]) * _SECONDS[found[2]]


def size(count: int) -> str:
    """A number of bytes."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1_024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1_024
    raise AssertionError("the loop ends at GiB")


def count(number: int, one: str, many: str = "") -> str:
    """`1 node`, `2 nodes`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


FOR_KEYS: Final = ("client.keys.waiting", "client.keys.required")  # reasons that `outbox send-anyway` ends


def state_words(fields: Mapping[str, Any]) -> str:
    """The fate of a message: queued, waiting for keys, sealed, stored on 5 of 7, read, failed: reason."""
    state = str(fields.get("state") or "")
    stored_on, swarm_size = fields.get("stored_on"), fields.get("swarm_size")
    if state == "stored" and stored_on is not None:
        return f"stored on {stored_on} of {swarm_size}" if swarm_size else f"stored on {stored_on}"
    if state == "failed" and fields.get("reason"):
        return f"failed: {reason_of(str(fields['reason']), failed=True)}"
    if state == "queued" and fields.get("reason"):
        for_keys = fields["reason"] in FOR_KEYS
        return "waiting for keys" if for_keys else f"waiting: {reason_of(str(fields['reason']))}"
    return state


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Lines of a table with columns two spaces apart. width: columns of the terminal; the last one is cut to it."""
    cells = [[*headers], *([printable(cell) or _ABSENT for cell in row] for row in rows)]
    widths = [max(columns(row[index]) for row in cells) for index in range(len(headers))]
    if width is not None and widths:
        widths[-1] = max(8, min(widths[-1], width - sum(widths[:-1]) - 2 * (len(widths) - 1)))
    lines = []
    for row in cells:
        padded = [_fit(cell, wide) for cell, wide in zip(row, widths, strict=True)]
        lines.append("  ".join(padded).rstrip())
    return lines


def fields_lines(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Lines of names and values, the values below each other."""
    wide = max((len(name) for name, _ in pairs), default=0)
    return [f"{name.ljust(wide)}  {printable(value)}".rstrip() for name, value in pairs]


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    from unicodedata import category, east_asian_width

    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _fit(text: str, width: int) -> str:
    missing = width - columns(text)
    if missing >= 0:
        return text + " " * missing
    kept, used = "", 1
    for character in text:
        used += _columns_of(character)
        if used > width:
            break
        kept += character
    return kept + "…"
