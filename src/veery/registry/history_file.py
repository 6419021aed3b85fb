"""The history on disk: one entry a line, in base64, brought to the disk before anybody learns of it.

A crash while a line is written leaves a line without its end. Such a line was never told to anybody; it is cut off at
the next start, and said. Everything else that is wrong with the file stops the start: a history that lost or changed an
entry in the middle must come back from another seed.
"""

from __future__ import annotations

import binascii
import logging
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Self

from veery.protocol.constants import ENTRY_MAX
from veery.registry.entries import Entry, EntryMalformed, decode_entry
from veery.registry.history import History
from veery.registry.membership import HistoryBroken
from veery.runtime.faults import files_mapped
from veery.runtime.paths import write_new

log = logging.getLogger(__name__)

_LINE_MAX: Final = ENTRY_MAX // 3 * 4 + 8
_REMEDY: Final = "Stop this seed, move the file away, and fetch the history again from another seed of the network"


class HistoryFileBroken(HistoryBroken):
    """The file of the history is damaged in a way that no crash explains."""

    default_kind = "registry.history.file"
    default_remedy = _REMEDY


class HistoryFile:
    """An open history file. One process at a time: the caller holds the lock of the directory."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: Path, history: History) -> HistoryFile:
        """Begin a file with all entries of a history. Raises FilePresent and other leaves of RuntimeFault."""
        entries = history.after(None) or ()
        write_new(path, b"".join(map(_line, entries)))
        return cls._open(path)

    @classmethod
    def load(cls, path: Path) -> tuple[HistoryFile, History, int]:
        """Open a file and follow its entries; gives as third the bytes of a torn last line that were cut off.

        Raises FileMissing, HistoryFileBroken, HistoryBroken.
        """
        file = cls._open(path)
        try:
            whole, torn = file._whole_and_torn()
            history = _followed(path, file._entries(whole))
            if torn:
                file._cut(whole)
                log.warning("The history ended in a torn line of %d bytes, never told to anybody; it was cut off", torn)
        except BaseException:
            file.close()
            raise
        return file, history, torn

    @classmethod
    def _open(cls, path: Path) -> HistoryFile:
        with files_mapped(f"The history {path}"):
            return cls(path, os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW))

    def append(self, entries: Iterable[Entry]) -> None:
        """Bring entries to the disk. Raises DiskFull and other leaves of RuntimeFault; then nothing was written."""
        lines = b"".join(map(_line, entries))
        with files_mapped(f"The history {self.path}"):
            size = os.fstat(self._descriptor).st_size
            try:
                _write_all(self._descriptor, lines)
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, size)
                raise

    def close(self) -> None:
        """Close the file. Does nothing the second time."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _whole_and_torn(self) -> tuple[int, int]:
        """The length up to the end of the last whole line, and the length of what follows."""
        with files_mapped(f"The history {self.path}"):
            size = os.fstat(self._descriptor).st_size
            tail = os.pread(self._descriptor, min(size, _LINE_MAX), max(0, size - _LINE_MAX))
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        if torn == len(tail) and torn == _LINE_MAX:
            raise HistoryFileBroken("The history ends in a line that is too long for an entry")
        return size - torn, torn

    def _cut(self, length: int) -> None:
        with files_mapped(f"The history {self.path}"):
            os.ftruncate(self._descriptor, length)
            os.fsync(self._descriptor)

    def _entries(self, length: int) -> Iterator[Entry]:
        with files_mapped(f"The history {self.path}"), self.path.open("rb") as file:
            number = 0
            while file.tell() < length:
                number += 1
                line = file.readline(_LINE_MAX)
                try:
                    entry = decode_entry(b64decode(line.removesuffix(b"\n"), validate=True))
                except (binascii.Error, EntryMalformed) as error:
                    reason = error.message if isinstance(error, EntryMalformed) else "it is not base64"
                    raise HistoryFileBroken(f"Line {number} of the history is damaged: {reason}") from error
                yield entry


def _followed(path: Path, entries: Iterator[Entry]) -> History:
    try:
        return History.replay(entries)
    except HistoryFileBroken:
        raise
    except HistoryBroken as error:
        raise HistoryFileBroken(f"{error.message} (in {path})", kind=error.kind) from error


def _line(entry: Entry) -> bytes:
    return b64encode(entry.encoded) + b"\n"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
