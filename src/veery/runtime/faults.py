"""Faults of files: what the operating system says, as leaves of the error tree."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from veery.errors import Retry, RuntimeFault


class FileFault(RuntimeFault):
    """A file or directory cannot be used as asked."""

    default_kind = "runtime.file"


class FileMissing(FileFault):
    """There is no such file or directory."""

    default_kind = "runtime.file.missing"
    default_retry = Retry.NEVER


class FilePresent(FileFault):
    """The file is there already and is not replaced."""

    default_kind = "runtime.file.present"
    default_retry = Retry.NEVER


class FileDenied(FileFault):
    """The operating system refuses access."""

    default_kind = "runtime.file.denied"
    default_retry = Retry.NEVER
    default_remedy = "Give the user that runs Veery access to it, or choose another place"


class FileUnsafe(FileFault):
    """Others on this machine could read or replace what must be private."""

    default_kind = "runtime.file.unsafe"
    default_retry = Retry.NEVER


class DiskFull(RuntimeFault):
    """No room is left on the device, or the quota is used up."""

    default_kind = "runtime.disk_full"
    default_remedy = "Free some space on the device, then try again"


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_LIMIT = frozenset({errno.EMFILE, errno.ENFILE})


def file_fault(error: OSError, what: str) -> RuntimeFault:
    """Give the leaf that stands for `error`; `what` names the file in the message."""
    if error.errno in _FULL:
        return DiskFull(f"{what} cannot be written: the device is full")
    if error.errno in _DENIED:
        return FileDenied(f"{what} cannot be used: access is refused")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return FileMissing(f"{what} does not exist")
    if error.errno == errno.EEXIST:
        return FilePresent(f"{what} exists already")
    if error.errno in _LIMIT:
        return FileFault(
            f"{what} cannot be opened: too many files are open",
            kind="runtime.file.limit",
            remedy="Raise the limit of open files (`ulimit -n`, or LimitNOFILE in a systemd unit)",
        )
    return FileFault(f"{what} cannot be used: {error.strerror or type(error).__name__}")


@contextmanager
def files_mapped(what: str) -> Iterator[None]:
    """Raise `RuntimeFault` leaves in place of the OSErrors of the body; `what` names the file."""
    try:
        yield
    except OSError as error:
        raise file_fault(error, what) from error
