"""Counting wrong passphrases, and wiping the profile after too many: only where the user has asked for it.

`store.tries`, beside the header, holds the limit and the wrong tries since the last right one. A try is counted, on the
disk, before it is made, and the count is cleared after a right one: a kill in between costs a try, it never gains one.
Tries are made one at a time, whatever process makes them.

Wiping overwrites and removes the header first. Without the wrapped key in it nothing of the database can be read any
more, whatever happens next; then everything else goes. A wipe that was cut short is completed by the next who comes.

What this protects against: a person who sits at the device and types. What it cannot: whoever copies the files first
tries as often as the copy is worth to them, and can put the count back; against that only a long passphrase helps.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from veery.errors import StoreError, WrongKey
from veery.runtime.faults import FileMissing, files_mapped
from veery.runtime.paths import read_bounded, write_atomic
from veery.secret import Secret

TRIES_NAME: Final = "store.tries"
LIMIT_MIN: Final = 3
LIMIT_MAX: Final = 100
_HEADER: Final = "store.json"  # `header.HEADER_NAME`; that module imports this one
_KEPT: Final = frozenset({TRIES_NAME, "store.lock"})  # the mark of the wipe goes last; a lock may be held
_SIZE_MAX: Final = 1_024  # bytes


class StoreWiped(StoreError):
    """Too many wrong passphrases, after which the user wanted everything gone."""

    default_kind = "store.wiped"
    default_remedy = "Restore the account with its recovery password or a backup"


class LimitWrong(StoreError):
    """A number of tries that makes no sense."""

    default_kind = "store.tries"
    default_remedy = f"Choose from {LIMIT_MIN} to {LIMIT_MAX} tries, or off"


class Tries(msgspec.Struct, frozen=True):
    """What `store.tries` holds. limit: wrong tries after which all goes; wiping: it is going."""

    limit: int
    wrong: int = 0
    wiping: bool = False


def read_tries(directory: Path) -> Tries | None:
    """The count of a profile; None where nothing is counted. A file that cannot be read counts as none."""
    try:
        found = msgspec.json.decode(read_bounded(directory / TRIES_NAME, _SIZE_MAX), type=Tries)
    except (FileMissing, msgspec.MsgspecError):
        return None
    return found if found.limit >= 1 else None


def set_limit(directory: Path, limit: int | None) -> None:
    """Wipe after so many wrong passphrases in a row, or never. Raises LimitWrong, FileFault."""
    if limit is None:
        with files_mapped(f"The file {TRIES_NAME}"):
            (directory / TRIES_NAME).unlink(missing_ok=True)
        return
    if not LIMIT_MIN <= limit <= LIMIT_MAX:
        raise LimitWrong(f"a profile cannot be wiped after {limit} wrong passphrases")
    _write(directory, Tries(limit))


def counted(directory: Path, attempt: Callable[[], Secret]) -> Secret:
    """Make one try with a passphrase, counted if the user wants that. Raises WrongKey, StoreWiped, what it raises."""
    if read_tries(directory) is None:
        return attempt()
    with _alone(directory):
        tries = read_tries(directory)
        if tries is None:
            return attempt()
        _write(directory, msgspec.structs.replace(tries, wrong=tries.wrong + 1))
        try:
            key = attempt()
        except WrongKey as error:
            left = tries.limit - tries.wrong - 1
            if left <= 0:
                wipe(directory)
                raise StoreWiped("too many wrong passphrases: this profile was wiped") from None
            again = f"{left} more wrong passphrase{'' if left == 1 else 's'} and this profile is wiped"
            raise WrongKey(f"{error.message}; {again}", kind=error.kind) from None
        except BaseException:
            _write(directory, tries)  # the passphrase was not looked at
            raise
        _write(directory, Tries(tries.limit))
        return key


def wipe(directory: Path) -> None:
    """Remove everything of a profile, the header first. Raises FileFault; then the rest goes the next time."""
    _write(directory, Tries(1, 1, wiping=True))
    header = directory / _HEADER
    with files_mapped(f"The files of {directory}"):
        if header.exists():
            with header.open("r+b") as file:
                file.write(bytes(os.fstat(file.fileno()).st_size))
                file.flush()
                os.fsync(file.fileno())
            header.unlink()
        for each in sorted(directory.iterdir()):
            if each.name in _KEPT:
                continue
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()
        (directory / TRIES_NAME).unlink()


def finish_wipe(directory: Path) -> bool:
    """Complete a wipe that was cut short; tells whether there was one. Raises FileFault."""
    tries = read_tries(directory)
    if tries is None or not tries.wiping:
        return False
    wipe(directory)
    return True


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    with files_mapped(f"The directory {directory}"):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(directory: Path, tries: Tries) -> None:
    write_atomic(directory / TRIES_NAME, msgspec.json.encode(tries) + b"\n")
