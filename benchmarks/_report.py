"""What all benchmarks share: two flags, one form of figures, and a reference beside each of them.

    reporter = Report("start", "what a command costs before it does anything")
    reporter.figure("veery --help", 48.2, "ms", reference=15.6, of="python -c pass", at_most=6)
    sys.exit(reporter.done())

`--json` writes one object a figure: `benchmark`, `name`, `value`, `unit`, `reference`, `of`, `ratio` (value divided by
reference; null without one), `at_most`, `at_least`, `met` (null without a bound). `--quick` asks for fewer rounds.
Figures are for people to compare; the exit code is 0 unless a bound is given and missed with `--strict`.
"""

from __future__ import annotations

import json
import statistics
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. ratio: value to reference; at_most, at_least: bounds of the ratio (without one: the value)."""

    benchmark: str
    name: str
    value: float
    unit: str
    reference: float | None
    of: str
    ratio: float | None
    at_most: float | None
    at_least: float | None
    met: bool | None


class Report:
    """Collects and prints the figures of one benchmark."""

    def __init__(self, name: str, about: str, argv: Sequence[str] | None = None) -> None:
        parser = ArgumentParser(prog=f"benchmarks/{name}.py", description=about)
        parser.add_argument("--quick", action="store_true", help="fewer rounds")
        parser.add_argument("--json", action="store_true", help="write one JSON object a figure")
        parser.add_argument("--strict", action="store_true", help="fail when a figure misses its bound")
        options = parser.parse_args(argv)
        self.name = name
        self.quick: bool = options.quick
        self._json: bool = options.json
        self._strict: bool = options.strict
        self._missed = 0
        if not self._json:
            print(f"{name}: {about}")

    def rounds(self, many: int, few: int) -> int:
        """How often to measure: `few` times with `--quick`."""
        return few if self.quick else many

    def figure(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        reference: float | None = None,
        of: str = "",
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> Figure:
        """Print one figure. reference: the same unit, of what `of` names; bounds are of the ratio, if there is one."""
        ratio = value / reference if reference else None
        judged = value if ratio is None else ratio
        bounded = at_most is not None or at_least is not None
        good = (at_most is None or judged <= at_most) and (at_least is None or judged >= at_least)
        found = Figure(self.name, name, value, unit, reference, of, ratio, at_most, at_least, good if bounded else None)
        self._missed += bounded and not good
        print(json.dumps(asdict(found), ensure_ascii=False) if self._json else _line(found), flush=True)
        return found

    def done(self) -> int:
        """The exit code."""
        return 1 if self._strict and self._missed else 0


def median_ms(work: Callable[[], object], rounds: int) -> float:
    """The median time of a call, ms; one call before is not counted."""
    work()
    times = []
    for _ in range(rounds):
        began = perf_counter()
        work()
        times.append((perf_counter() - began) * 1_000)
    return statistics.median(times)


def _line(figure: Figure) -> str:
    text = f"  {figure.name:<44} {figure.value:>12,.2f} {figure.unit}"
    if figure.ratio is not None:
        text += f"   {figure.ratio:.2f}x of {figure.of} ({figure.reference:,.2f})"
    if figure.met is None:
        return text
    bounds = [f"at most {figure.at_most:g}"] if figure.at_most is not None else []
    bounds += [f"at least {figure.at_least:g}"] if figure.at_least is not None else []
    return f"{text}   {'good' if figure.met else 'MISSED'}: {' and '.join(bounds)}"
