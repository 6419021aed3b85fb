"""Draw what a command printed, ANSI colours and all, as an SVG: `… | python tools/terminal_svg.py > docs/demo.svg`."""

from __future__ import annotations

import re
import sys
from html import escape

_COLOURS = {"31": "#e5534b", "32": "#57ab5a", "33": "#c69026", "36": "#39c5cf", "2": "#768390", "1": "#ffffff"}
_CODE = re.compile(r"\x1b\[(\d+)m")
_LINE, _CHAR, _MARGIN = 20, 8.4, 16


def spans(line: str) -> str:
    """One line as tspans."""
    out, colour, bold = [], "#adbac7", False
    for at, piece in enumerate(_CODE.split(line)):
        if at % 2:
            bold = piece == "1"
            colour = "#adbac7" if piece == "0" else _COLOURS.get(piece, "#adbac7")
        elif piece:
            weight = ' font-weight="bold"' if bold else ""
            out.append(f'<tspan fill="{colour}"{weight}>{escape(piece)}</tspan>')
    return "".join(out)


def draw(text: str) -> str:
    """The whole picture."""
    lines = text.rstrip("\n").split("\n")
    width = max(len(_CODE.sub("", line)) for line in lines) * _CHAR + 2 * _MARGIN
    height = len(lines) * _LINE + 2 * _MARGIN
    rows = "\n".join(
        f'<text x="{_MARGIN}" y="{_MARGIN + _LINE * (at + 1) - 6}" xml:space="preserve">{spans(line)}</text>'
        for at, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">\n'
        f'<rect width="100%" height="100%" rx="8" fill="#1c2128"/>\n{rows}\n</svg>\n'
    )


if __name__ == "__main__":
    sys.stdout.write(draw(sys.stdin.read()))
