"""What `node` and `seed` share: where their settings come from, the file that `init` writes, and how they run.

A service keeps `run.json` in its directory while it runs: process id and addresses, for `status`. It is only as true
as the lock that the service holds in the same directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.variables import NOT_SETTINGS
from veery.errors import RuntimeFault, SettingsError
from veery.runtime.faults import FilePresent
from veery.runtime.lifecycle import Service, serve
from veery.runtime.locks import FileLock
from veery.runtime.logs import configure, log_uncaught
from veery.runtime.loop import run
from veery.runtime.paths import directories, private_directory, read_bounded, write_atomic, write_new
from veery.runtime.settings import Loaded, load, write_commented_toml

T = TypeVar("T")
RUN_FILE = "run.json"
_RUN_FILE_MAX = 65_536  # bytes
_LINE_MAX = 4_096  # bytes that a supervisor reads at once


@dataclass(frozen=True)
class Role(Generic[T]):
    """A kind of service. schema: class of its settings; flags: name of an option to the key that it sets."""

    name: str
    schema: type[T]
    flags: Mapping[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        """Where it keeps its keys and data unless told otherwise."""
        return directories().data / self.name

    @property
    def settings_file(self) -> Path:
        """Where its settings are unless told otherwise."""
        return directories().config / f"{self.name}.toml"


class NotRunning(RuntimeFault):
    """The service does not run, or not in this directory."""

    default_kind = "cli.not_running"


class Announced:
    """A service that tells when it listens, and leaves `run.json` while it does."""

    def __init__(
        self, inner: Service, directory: Path, facts: Callable[[], Mapping[str, Any]], tell: Callable[[], None]
    ) -> None:
        self._inner = inner
        self._file = directory / RUN_FILE
        self._facts = facts
        self._tell = tell

    async def start(self) -> None:
        """Start, write `run.json`, tell."""
        await self._inner.start()
        content = json.dumps({"pid": os.getpid(), **self._facts()}, indent=2)
        write_atomic(self._file, content.encode() + b"\n")
        notify_supervisor("READY=1")
        self._tell()

    async def run_until_stopped(self) -> None:
        """See `Service`."""
        await self._inner.run_until_stopped()

    async def close(self) -> None:
        """Take `run.json` away, then close."""
        notify_supervisor("STOPPING=1")
        self._file.unlink(missing_ok=True)
        await self._inner.close()


def load_settings(role: Role[T], options: Namespace) -> Loaded[T]:
    """Settings of a service: defaults < file < environment < flags. Raises SettingsError, UsageWrong."""
    file: Path | None = settings_file(role, options)
    if file is not None and options.config is None and not file.exists():
        file = None
    try:
        return load(
            role.schema, file=file, environment=os.environ, flags=flags_of(role, options), not_settings=NOT_SETTINGS
        )
    except SettingsError as error:
        if error.kind == "runtime.settings.missing" and file is None:
            error.remedy = f"Give it as a flag, or write a settings file with `veery {role.name} init`"
        raise


def new_settings(role: Role[T], options: Namespace) -> T:
    """Settings that `init` is about to write: defaults < flags. Raises FilePresent, SettingsError, UsageWrong."""
    file = settings_file(role, options).absolute()
    if file.exists():
        raise FilePresent(f"The settings file {file} exists already", remedy="Edit it, or name another with --config")
    try:
        return load(role.schema, flags=flags_of(role, options)).values
    except SettingsError as error:
        if error.kind == "runtime.settings.missing":
            error.remedy = "Give it as a flag"
        raise


def settings_file(role: Role[T], options: Namespace) -> Path:
    """The settings file that the options name."""
    return Path(options.config).expanduser() if options.config else role.settings_file


def data_directory(role: Role[T], options: Namespace) -> Path:
    """Where the service keeps its keys and data."""
    return Path(options.directory).expanduser().absolute() if options.directory else role.directory


def run_line(role: Role[T], options: Namespace) -> str:
    """The command that runs what `init` has just made."""
    places = [f"--{name} {shlex.quote(given)}" for name in ("config", "directory") if (given := getattr(options, name))]
    return " ".join([f"veery {role.name} run", *places])


def flags_of(role: Role[T], options: Namespace) -> dict[str, object]:
    """What was given as options. Raises UsageWrong for a `--set` that is no pair."""
    given: dict[str, object] = {key: getattr(options, name, None) for name, key in role.flags.items()}
    for text in options.set:
        key, mark, value = text.partition("=")
        if not mark or not key:
            raise UsageWrong(f"--set takes KEY=VALUE, not `{text}`", remedy="Write it as in --set limits.rate=100")
        given[key] = value
    return {key: value for key, value in given.items() if value is not None}


def write_settings(role: Role[T], options: Namespace) -> Path:
    """Write the commented settings file with what the options set; gives its place. Raises FilePresent."""
    values = new_settings(role, options)
    file = settings_file(role, options).absolute()
    private_directory(file.parent)
    head = (
        f"# Settings of a Veery {role.name}. `veery {role.name} run` reads them; flags and VEERY_… variables win.\n\n"
    )
    write_new(file, (head + write_commented_toml(role.schema, values)).encode())
    return file


def run_service(console: Console, service: Service, *, log_json: bool) -> int:
    """Run until SIGTERM, SIGINT or its own end. Logs go to standard error."""
    configure(verbose=console.verbose, as_json=log_json, stream=console.err)
    log_uncaught()
    run(serve(service))
    return Exit.DONE


def running(role: Role[T], directory: Path, lock_name: str) -> dict[str, Any]:
    """What a running service says of itself in `run.json`. Raises NotRunning."""
    lock = FileLock(directory / lock_name)
    absent = NotRunning(
        f"No {role.name} runs in {directory}",
        remedy=f"Start it with `veery {role.name} run`, or name its directory with --directory",
    )
    if not (directory / RUN_FILE).exists():
        raise absent
    if lock.try_acquire():
        lock.release()
        raise absent
    found = json.loads(read_bounded(directory / RUN_FILE, _RUN_FILE_MAX))
    return dict(found)


def notify_supervisor(state: str) -> None:
    """Tell systemd, if it started this process, that it is ready or stopping. A deaf supervisor is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")) or len(state) > _LINE_MAX:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
