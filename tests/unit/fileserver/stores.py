"""A real PostgreSQL and a real S3 server for tests, started at the first need and ended with the run.

Where the machine has none, tests are skipped; in continuous integration they fail.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

BUCKET = "veery-files"
_READY_S = 60.0


def missing(what: str) -> NoReturn:
    """Skip a test for want of a tool; in continuous integration every tool has to be there."""
    if os.environ.get("CI"):
        pytest.fail(f"needs {what}")
    pytest.skip(f"needs {what}")


def needs_package(name: str) -> None:
    if find_spec(name) is None:
        missing(f"the package {name}")


@contextmanager
def postgres_server() -> Iterator[str]:
    """The directory of the socket that a new PostgreSQL listens on. Superuser: postgres."""
    needs_package("asyncpg")
    initdb, server = _program("initdb"), _program("postgres")
    directory = Path(tempfile.mkdtemp(prefix="veery-pg-"))
    try:
        user = _unprivileged(directory)
        data = directory / "data"
        subprocess.run(
            [initdb, "--pgdata", data, "--username", "postgres", "--auth", "trust", "--no-sync", "--encoding", "UTF8"],
            check=True,
            capture_output=True,
            user=user,
            cwd=directory,
        )
        options = {
            "listen_addresses": "",
            "unix_socket_directories": directory,
            "fsync": "off",
            "shared_buffers": "16MB",
        }
        command = [
            server,
            "-D",
            str(data),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ]
        with _running(command, r"ready to accept connections", user=user, cwd=directory):
            yield str(directory)
    finally:
        shutil.rmtree(directory)


@contextmanager
def s3_server() -> Iterator[str]:
    """The URL of a new S3 server with a bucket."""
    for package in ("obstore", "moto", "flask"):
        needs_package(package)
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with _running(command, r"Running on (http://127\.0\.0\.1:\d+)") as found:
        url = found[1]
        request = urllib.request.Request(f"{url}/{BUCKET}", method="PUT")
        urllib.request.urlopen(request, timeout=_READY_S).close()
        yield url


@contextmanager
def _running(
    command: Sequence[str], ready: str, *, user: str | None = None, cwd: Path | None = None
) -> Iterator[re.Match[str]]:
    """A server that has said on standard error that it is ready: how it said so."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, user=user, cwd=cwd, text=True
    ) as process:
        assert process.stderr is not None
        try:
            found = _line_like(process.stderr, ready)
            # What it says afterwards is read away, so that it is never held up.
            with subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL):
                try:
                    yield found
                finally:
                    process.send_signal(signal.SIGINT)
                    process.wait(_READY_S)
        finally:
            process.kill()


def _program(name: str) -> str:
    places = [str(path.parent) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)]
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(places) or "/nonexistent")
    return found or missing("PostgreSQL (on Debian: apt-get install postgresql)")


def _unprivileged(directory: Path) -> str | None:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return None
    shutil.chown(directory, "nobody")
    return "nobody"


def _line_like(lines: Iterable[str], pattern: str) -> re.Match[str]:
    said = []
    for line in lines:
        if found := re.search(pattern, line):
            return found
        said.append(line)
    raise AssertionError("".join(said))
