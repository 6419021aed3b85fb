"""Where Veery keeps things, and how private files are written.

Without `VEERY_HOME` the directories are those of the XDG specification. With it, everything lies below that one
directory. Directories are made with mode 0700, files with 0600. A file that is replaced is never seen half written:
a new file beside it is filled, brought to the disk and renamed over it, and the directory is brought to the disk.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from platformdirs import PlatformDirs

from veery.runtime.faults import FileFault, FileUnsafe, files_mapped

HOME_VARIABLE = "VEERY_HOME"
DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP})  # from file systems without hard links


@dataclass(frozen=True, slots=True)
class Directories:
    """The five places: settings, lasting data, state (logs, history), what can be made again, and sockets.

    The path of a Unix socket holds at most 107 bytes, so `runtime` should stay short.
    """

    config: Path
    data: Path
    state: Path
    cache: Path
    runtime: Path


def directories(home: Path | None = None) -> Directories:
    """Find the directories: below `home`, else below `VEERY_HOME`, else where XDG says. Creates nothing."""
    named = os.environ.get(HOME_VARIABLE, "")
    if home is None and named:
        home = Path(named).expanduser()
    if home is not None:
        root = home.absolute()
        return Directories(root / "config", root / "data", root / "state", root / "cache", root / "run")
    found = PlatformDirs("veery", appauthor=False)
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    # Without a session directory: below our own state, never at a name in /tmp that others could take first.
    sockets = Path(session) / "veery" if session else found.user_state_path / "run"
    return Directories(
        found.user_config_path,
        found.user_data_path,
        found.user_state_path,
        found.user_cache_path,
        sockets,
    )


def private_directory(path: Path) -> Path:
    """Make the directory, and those above that are missing, with mode 0700; give it back.

    One that exists is left as it is. Raises FileUnsafe if it belongs to somebody else or others may write to it,
    FileFault if it is no directory or cannot be made.
    """
    with files_mapped(f"The directory {path}"):
        missing = list(takewhile(lambda place: not place.exists(), [path, *path.parents]))
        for place in reversed(missing):
            with suppress(FileExistsError):  # somebody else was quicker
                place.mkdir(mode=DIRECTORY_MODE)
        found = path.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise FileFault(f"{path} is not a directory", kind="runtime.file.no_directory")
    if os.geteuid() not in (0, found.st_uid):
        raise FileUnsafe(f"The directory {path} belongs to another user", remedy="Choose another directory")
    if found.st_mode & _OTHERS_WRITE:
        raise FileUnsafe(f"Others may write to the directory {path}", remedy=f"Run `chmod go-w {path}`")
    return path


def write_atomic(path: Path, content: bytes) -> None:
    """Put `content` (mode 0600) in the place of `path`: after a crash the old or the new file is there, whole.

    Raises DiskFull, FileDenied and the other leaves of FileFault; then the old file is untouched.
    """
    with _filled_beside(path, content) as beside, files_mapped(f"The file {path}"):
        beside.replace(path)
    _sync_directory(path.parent)


def write_new(path: Path, content: bytes) -> None:
    """Create `path` (mode 0600) with `content`, whole or not at all. Raises FilePresent if it exists."""
    with _filled_beside(path, content) as beside, files_mapped(f"The file {path}"):
        try:
            path.hardlink_to(beside)  # unlike a rename, a link does not replace what is there
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _write_and_sync(path, content)
    _sync_directory(path.parent)


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes. Raises FileMissing, FileDenied, FileFault."""
    with files_mapped(f"The file {path}"), path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise FileFault(f"The file {path} is longer than {limit} bytes", kind="runtime.file.long")
    return content


@contextmanager
def _filled_beside(path: Path, content: bytes) -> Iterator[Path]:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        with files_mapped(f"The file {path}"):
            _write_and_sync(beside, content)
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def _write_and_sync(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, FILE_MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    with files_mapped(f"The directory {path}"):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
