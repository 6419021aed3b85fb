"""What a command costs before it does anything: `veery` beside the bare interpreter, and a read of a profile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from _report import Report, median_ms

VEERY = Path(sys.executable).with_name("veery")
HELP_AT_MOST = 6.0  # times the bare interpreter
NETWORK = '[network]\nname = "bench"\nseeds = ["http://127.0.0.1:1"]\n'


def main() -> int:
    """Measure each command line, in turn with the interpreter."""
    report = Report("start", "what a command costs before it does anything, beside the bare interpreter")
    rounds = report.rounds(25, 7)
    with TemporaryDirectory() as home:
        environment = {**os.environ, "VEERY_HOME": home}
        file = Path(home) / "network.toml"
        file.write_text(NETWORK)
        _run([str(VEERY), "account", "create", "--network", str(file), "--no-passphrase"], environment)
        for line, at_most in (
            ("--help", HELP_AT_MOST),
            ("--version", HELP_AT_MOST),
            ("send --help", HELP_AT_MOST),
            ("completion bash", HELP_AT_MOST),
            ("account show", None),
            ("conversations", None),
        ):
            bare = median_ms(lambda: _run([sys.executable, "-c", "pass"], environment), rounds)
            command = [str(VEERY), *line.split()]
            taken = median_ms(lambda command=command: _run(command, environment), rounds)  # type: ignore[misc]
            report.figure(f"veery {line}", taken, "ms", reference=bare, of="python -c pass", at_most=at_most)
    return report.done()


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env=environment, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
