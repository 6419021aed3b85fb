"""What a command costs before it does anything: `veery` beside the bare interpreter, measured in turn."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from _report import Figure, arguments, report

VEERY = Path(sys.executable).with_name("veery")
BARE = (sys.executable, "-c", "pass")
LINES = ("--help", "--version", "send --help", "completion bash", "account show", "conversations")
NETWORK = '[network]\nname = "bench"\nseeds = ["http://127.0.0.1:1"]\n'


def main() -> None:
    """Measure and report."""
    options = arguments("What a command costs before it does anything; the reference is `python -c pass`.")
    with TemporaryDirectory() as home:
        environment = {**os.environ, "VEERY_HOME": home}
        network = Path(home) / "network.toml"
        network.write_text(NETWORK)
        _taken_ms([str(VEERY), "account", "create", "--network", str(network), "--no-passphrase"], environment)
        rounds = 7 if options.quick else 25
        figures = [_figure(line, environment, rounds=rounds) for line in LINES]
        with _engine(environment):
            figures.append(_figure("conversations", environment, rounds=rounds, note=" (engine runs)"))
    report(figures, as_json=options.json)


def _figure(line: str, environment: Mapping[str, str], *, rounds: int, note: str = "") -> Figure:
    """The median of a command line, with the interpreter's of the same rounds."""
    command = [str(VEERY), *line.split()]
    _taken_ms(command, environment)
    pairs = [(_taken_ms(BARE, environment), _taken_ms(command, environment)) for _ in range(rounds)]
    return Figure(f"veery {line}{note}", median(taken for _, taken in pairs), "ms", median(bare for bare, _ in pairs))


@contextmanager
def _engine(environment: Mapping[str, str]) -> Iterator[None]:
    """A running engine of the profile."""
    process = subprocess.Popen([str(VEERY), "app", "run", "--json"], env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _taken_ms(command: Sequence[str], environment: Mapping[str, str]) -> float:
    began = perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return (perf_counter() - began) * 1_000


if __name__ == "__main__":
    main()
