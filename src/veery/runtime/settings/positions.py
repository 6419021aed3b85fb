"""On which line of a TOML text each key stands; the standard parser does not say.

A scan of lines for texts that the parser has taken: it follows table headers, and knows where a string or an array goes
over several lines. For spellings that it does not follow, a key has no line, and an error names the file alone.
"""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*(?P<name>[A-Za-z0-9_\-.\"' ]+?)\s*=")
_TOKEN = re.compile(r"""\"{3}|'{3}|"(?:[^"\\]|\\.)*"|'[^']*'|\#.*|[\[\]{}]""")
_CLOSING = {'"""': re.compile(r'(?:[^\\]|\\.)*?"{3,5}'), "'''": re.compile(r".*?'{3,5}")}


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The first line (from 1) of each key and table header, by its full path."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    fence, depth = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not fence and not depth:
            if header := _HEADER.match(line):
                table = _parts(header["name"])
                lines.setdefault(table, number)
                continue
            if key := _KEY.match(line):
                lines.setdefault((*table, *_parts(key["name"])), number)
        fence, depth = _state_after(line, fence, depth)
    return lines


def _state_after(line: str, fence: str, depth: int) -> tuple[str, int]:
    """The open string fence and the depth of open brackets at the end of a line, given those at its start."""
    at = 0
    while True:
        found = (_CLOSING[fence] if fence else _TOKEN).search(line, at)
        if found is None:
            return fence, depth
        at = found.end()
        if fence:
            fence = ""
        elif found[0] in _CLOSING:
            fence = found[0]
        elif found[0] in "[{":
            depth += 1
        elif found[0] in "]}":
            depth -= 1


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in name.split("."))
