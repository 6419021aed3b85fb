"""Running `veery` as a person or a script does: a process of its own, without a terminal, in a home of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

VEERY = Path(sys.executable).with_name("veery")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def record(self) -> dict[str, Any]:
        """The one JSON object that it wrote."""
        (found,) = self.records
        return found

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON objects that it wrote, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """The error object on the last line of standard error."""
        found: dict[str, Any] = json.loads(self.err.splitlines()[-1])["error"]
        return found


@dataclass(frozen=True, slots=True)
class Home:
    """A directory that takes the place of a person's home."""

    path: Path

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables of a command: nothing of this process but its path."""
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return {**kept, "VEERY_HOME": str(self.path), "TZ": "UTC", "LANG": "C.UTF-8", **(more or {})}

    def command(self, *args: str) -> list[str]:
        """The words of a command line."""
        return [str(VEERY), *args]

    def veery(self, *args: str, typed: str = "", env: Mapping[str, str] | None = None, timeout_s: float = 60) -> Ran:
        """Run a command to its end. typed: its standard input."""
        done = subprocess.run(
            self.command(*args),
            input=typed.encode(),
            capture_output=True,
            env=self.environment(env),
            start_new_session=True,  # no controlling terminal: nothing can ask
            timeout=timeout_s,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def network(self, text: str = '[network]\nname = "example"\nseeds = ["http://127.0.0.1:1"]\n') -> Path:
        """A network file whose seed nobody runs."""
        file = self.path / "network.toml"
        file.write_text(text)
        return file


class Service:
    """A command that runs until it is stopped, and tells by one JSON line that it listens."""

    def __init__(self, home: Home, *args: str) -> None:
        self._process = subprocess.Popen(
            home.command(*args, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=home.environment(),
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(self._process.communicate(timeout=30)[1].decode())
        self.told: dict[str, Any] = json.loads(line)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        self._process.send_signal(number)
        self._process.communicate(timeout=60)
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self.stop()


class Terminal:
    """A command with a terminal of its own, as a person has it."""

    def __init__(self, home: Home, *args: str, env: Mapping[str, str] | None = None) -> None:
        self._master, slave = os.openpty()
        self._process = subprocess.Popen(
            home.command(*args),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=home.environment({"TERM": "xterm", **(env or {})}),
            preexec_fn=lambda: os.login_tty(slave),
        )
        os.close(slave)
        self.shown = ""
        self._answered = 0

    def read_until(self, text: str) -> None:
        """Read what is shown after the last answer until a text stands at its end."""
        while not self.shown[self._answered :].endswith(text):
            chunk = self._chunk()
            if not chunk:
                raise AssertionError(f"ended before {text!r}: {self.shown!r}")
            self.shown += chunk

    def type(self, text: str) -> None:
        """Type a line."""
        self._answered = len(self.shown)
        os.write(self._master, text.encode() + b"\n")

    def press(self, key: bytes) -> None:
        """Press one key."""
        os.write(self._master, key)

    def finish(self) -> int:
        """Read to the end; gives the exit code."""
        while chunk := self._chunk():
            self.shown += chunk
        os.close(self._master)
        return self._process.wait(60)

    def _chunk(self) -> str:
        try:
            return os.read(self._master, 65_536).decode()
        except OSError:  # the other side is closed
            return ""
