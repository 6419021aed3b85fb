"""On which line of a TOML text each key stands; the standard parser does not say.

A plain scan of lines: it follows table headers and knows strings over several lines. For spellings that it does not
follow, a key has no line, and an error names the file alone.
"""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*(?P<name>[A-Za-z0-9_\-.\"' ]+?)\s*=")
_FENCES = ('"""', "'''")


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The first line (from 1) of each key and table header, by its full path."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            fence = "" if line.count(fence) % 2 else fence
            continue
        if found := _HEADER.match(line):
            table = _parts(found["name"])
            lines.setdefault(table, number)
        elif found := _KEY.match(line):
            lines.setdefault((*table, *_parts(found["name"])), number)
            fence = next((mark for mark in _FENCES if line.count(mark) % 2), "")
    return lines


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in name.split("."))
