"""What the operating system says becomes a leaf of the tree."""

from __future__ import annotations

import errno
import os

import pytest

from veery.errors import Retry, RuntimeFault
from veery.runtime.faults import (
    DiskFull,
    FileDenied,
    FileFault,
    FileMissing,
    FilePresent,
    file_fault,
    files_mapped,
)


@pytest.mark.parametrize(
    ("number", "leaf"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EACCES, FileDenied),
        (errno.EROFS, FileDenied),
        (errno.ENOENT, FileMissing),
        (errno.ENOTDIR, FileMissing),
        (errno.EEXIST, FilePresent),
        (errno.EIO, FileFault),
    ],
)
def test_leaves(number: int, leaf: type[RuntimeFault]) -> None:
    with pytest.raises(leaf) as caught, files_mapped("The file x"):
        raise OSError(number, os.strerror(number))
    assert type(caught.value) is leaf
    assert str(caught.value).startswith("The file x ")
    assert isinstance(caught.value.__cause__, OSError)


def test_a_full_disk_may_pass_later_with_a_remedy() -> None:
    fault = file_fault(OSError(errno.ENOSPC, "x"), "The file x")
    assert fault.retry is Retry.LATER
    assert "space" in fault.remedy


def test_too_many_open_files_names_the_limit() -> None:
    fault = file_fault(OSError(errno.EMFILE, "x"), "The file x")
    assert fault.kind == "runtime.file.limit"
    assert "ulimit" in str(fault)
