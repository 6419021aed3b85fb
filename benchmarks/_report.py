"""How benchmarks tell what they measured: a table for people, or one JSON object a figure for programs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, beside the reference of the same run if there is one; ratio = value / reference."""

    name: str
    value: float
    unit: str
    reference: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the reference."""
        return self.value / self.reference if self.reference else None


def arguments(description: str) -> argparse.Namespace:
    """The options that every benchmark has; `parser` options of its own are added by `parser`."""
    return parser(description).parse_args()


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--json", action="store_true", help="print one JSON object a figure")
    made.add_argument("--quick", action="store_true", help="shorter, and less to be trusted")
    return made


def report(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print figures."""
    if as_json:
        for figure in figures:
            print(json.dumps({**asdict(figure), "ratio": figure.ratio}))
        return
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        line = f"{figure.name:<{width}}  {figure.value:>10,.4g} {figure.unit:<10}"
        if figure.reference is not None:
            line += f"  reference {figure.reference:>10,.4g}   ratio {figure.ratio:.2f}"
        print(line.rstrip())
