"""Exit codes, closed pipes, faults of Veery itself, and what a command may import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from tests.cli.harness import VEERY, Home
from veery.cli import main
from veery.cli.command import Exit
from veery.cli.console import Console

HEAVY = {
    "asyncio",
    "ssl",
    "aiohttp",
    "sqlite3",
    "sqlcipher3",
    "msgspec",
    "nacl",
    "cryptography",
    "uvloop",
    "zmq",
    "google",
}
LIGHT_LINES = (
    "",
    "--help",
    "--version",
    "--version --json",
    "account create --help",
    "account frobnicate",
    "nonsense",
    "completion bash",
    "completion zsh",
    "completion fish",
)


def test_version(home: Home) -> None:
    assert home.veery("--version").out == "veery 0.1.0\n"
    assert home.veery("--version", "--json").record == {"version": "0.1.0"}


def test_nothing_is_usage_and_explained(home: Home) -> None:
    bare = home.veery()
    assert (bare.code, bare.out) == (2, "")
    assert bare.err == home.veery("--help").out
    noun = home.veery("seed")
    assert noun.code == 2
    assert noun.err == "veery: `veery seed` needs a command: init, run, status. `veery seed --help` explains them.\n"


def test_usage_errors_as_json(home: Home) -> None:
    done = home.veery("--json", "seeed")
    assert (done.code, done.out) == (2, "")
    assert done.error == {
        "kind": "cli.usage",
        "message": "`veery` has no command `seeed`",
        "remedy": "Did you mean `veery seed`?",
    }


@pytest.mark.parametrize("line", LIGHT_LINES)
def test_help_version_and_completion_import_nothing_heavy(line: str) -> None:
    script = (
        "import sys; from veery.cli.main import entry; entry(sys.argv[1:]);"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *line.split()], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_closed_pipe_ends_quietly(home: Home) -> None:
    command = subprocess.Popen(
        home.command("completion", "bash"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.environment()
    )
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    assert command.wait(30) == Exit.PIPE_CLOSED
    assert command.stderr.read() == b""
    command.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this machine")
def test_a_full_output_is_an_error(home: Home) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            home.command("completion", "bash"), stdout=full, stderr=subprocess.PIPE, env=home.environment(), check=False
        )
    assert done.returncode == 1
    assert done.stderr == b"veery: Standard output cannot be written (No space left on device).\n"


def raising(error: BaseException) -> object:
    """A command that raises."""

    def run(_options: Namespace, _console: Console) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (
            ValueError("a foreign message with 05abcdef"),
            1,
            "veery: This should not have happened (ValueError)."
            " Run the command again with --verbose, and report what it prints.\n",
        ),
    ],
)
def test_how_commands_end(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("veery.cli.completion.run", raising(error))
    assert main.entry(["completion", "bash"]) == code
    assert capsys.readouterr().err == said


def test_verbose_traces(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("veery.cli.completion.run", raising(ValueError(f"05{'ab' * 32} at 10.1.2.3")))
    assert main.entry(["completion", "bash", "--verbose"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback (most recent call last):")
    assert "ValueError" in said
    assert "ab" * 32 not in said
    assert "10.1.2.3" not in said
    assert said.splitlines()[-1].startswith("veery: This should not have happened (ValueError).")


def test_ctrl_c_and_sigterm_close_what_is_open(home: Home) -> None:
    script = (
        "import asyncio, sys\n"
        "from veery.cli import completion, main, running\n"
        "async def wait():\n"
        "    try:\n"
        "        print('ready', flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "    finally:\n"
        "        print('closed', flush=True)\n"
        "completion.run = lambda options, console: running.run_coroutine(console, wait())\n"
        "sys.exit(main.entry(['completion', 'bash']))\n"
    )
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.environment()
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (code, b"closed\n", b"")


def test_the_script_is_installed() -> None:
    assert VEERY.exists()
