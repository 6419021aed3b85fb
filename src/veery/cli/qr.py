"""QR codes in a terminal: two rows of the code in one line of half blocks."""

from __future__ import annotations

from itertools import zip_longest
from typing import Final

import segno

_QUIET: Final = 4  # modules around a code, as its standard demands
_BLOCKS: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
_BLACK_ON_WHITE, _RESET = "\x1b[30;107m", "\x1b[0m"


def qr_lines(text: str, *, coloured: bool) -> list[str]:
    """The lines of a code. Without colours the light modules are drawn, as for a dark terminal."""
    code = segno.make(text, error="m", micro=False, boost_error=False)
    rows = [[bool(module) is coloured for module in row] for row in code.matrix_iter(border=_QUIET)]
    pairs = zip_longest(rows[::2], rows[1::2], fillvalue=[False] * len(rows[0]))  # the number of rows is odd
    lines = ["".join(_BLOCKS[both] for both in zip(*pair, strict=True)) for pair in pairs]
    return [f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in lines] if coloured else lines
