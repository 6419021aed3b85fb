"""One process at a time in a profile or data directory.

An `flock` on a lock file: the kernel drops it when its holder ends, however it ends, so nothing stale is left over.
The file keeps the holder's process id for messages alone; it is not deleted, because deleting a locked file lets two
processes hold two files of one name.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from veery.errors import RuntimeFault
from veery.runtime.clock import Clock, SystemClock, sleep
from veery.runtime.faults import files_mapped
from veery.runtime.paths import FILE_MODE

_POLL_S: Final = 0.05  # a waiting flock call could not be cancelled


class LockHeld(RuntimeFault):
    """Another process, or another part of this one, holds the lock."""

    default_kind = "runtime.lock_held"
    default_remedy = "Stop that process, or choose another profile or directory"


class FileLock:
    """An exclusive lock on a file. `with FileLock(path):` takes it at once or raises LockHeld."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._handle is not None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; tell whether it was. Raises FileDenied, FileMissing and the like."""
        if self.held:
            return False
        with files_mapped(f"The lock file {self.path}"):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(handle, 0)
                os.pwrite(handle, b"%d\n" % os.getpid(), 0)
            except BlockingIOError:
                os.close(handle)
                return False
            except OSError:
                os.close(handle)
                raise
        self._handle = handle
        return True

    def acquire_now(self) -> None:
        """Take the lock. Raises LockHeld, which names the holder's process id, if it is not free."""
        if not self.try_acquire():
            raise LockHeld(f"{self.path} is held by {self._holder_words()}")

    async def acquire(self, timeout_s: float, clock: Clock | None = None) -> None:
        """Wait for the lock up to `timeout_s` seconds, then raise LockHeld. Can be cancelled."""
        clock = SystemClock() if clock is None else clock
        deadline = clock.monotonic() + timeout_s
        while not self.try_acquire():
            left = deadline - clock.monotonic()
            if left <= 0:
                raise LockHeld(f"{self.path} is still held by {self._holder_words()} after {timeout_s:g} s")
            await sleep(clock, min(_POLL_S, left))

    def release(self) -> None:
        """Give the lock up. Does nothing if it is not held."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            with files_mapped(f"The lock file {self.path}"):
                try:
                    os.ftruncate(handle, 0)
                finally:
                    os.close(handle)

    def owner_pid(self) -> int | None:
        """The process id that the holder wrote; None if the file says nothing. Only for messages."""
        try:
            text = self.path.read_bytes()[:20].strip()
        except OSError:  # gone, or not ours to read: nothing is known
            return None
        return int(text) if text.isdigit() else None

    def __enter__(self) -> Self:
        self.acquire_now()
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()

    def _holder_words(self) -> str:
        pid = self.owner_pid()
        return "another process" if pid is None else f"process {pid}"
