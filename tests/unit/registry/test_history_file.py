"""The history on disk: restarts, torn lines, damage."""

from __future__ import annotations

import errno
import os
from base64 import b64encode
from pathlib import Path

import pytest

from tests.unit.registry.world import Chronicle
from veery.registry.history import History
from veery.registry.history_file import HistoryFile, HistoryFileBroken
from veery.runtime.faults import DiskFull, FileMissing, FilePresent


@pytest.fixture
def chronicle() -> Chronicle:
    found = Chronicle()
    found.join(1, 2)
    found.join(3)
    return found


@pytest.fixture
def path(tmp_path: Path, chronicle: Chronicle) -> Path:
    with HistoryFile.create(tmp_path / "history", chronicle.history):
        return tmp_path / "history"


def load(path: Path) -> tuple[History, int]:
    file, history, torn = HistoryFile.load(path)
    file.close()
    return history, torn


def test_a_restart_finds_everything(path: Path, chronicle: Chronicle) -> None:
    file, history, torn = HistoryFile.load(path)
    with file:
        assert torn == 0
        assert history.state == chronicle.history.state
        entry = chronicle.join(4)
        history.extend([entry], commit=lambda: file.append([entry]))
    assert load(path)[0].head == entry
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_a_torn_last_line_is_cut_off_and_said(
    path: Path, chronicle: Chronicle, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    history, torn = load(path)
    assert torn == len(whole.splitlines(keepends=True)[-1]) - cut
    assert history.head == chronicle.entries()[1]
    assert "torn line" in caplog.text
    assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:-1])
    assert load(path)[1] == 0


def test_zeros_at_the_end_are_a_torn_line_too(path: Path, chronicle: Chronicle) -> None:
    path.write_bytes(path.read_bytes() + bytes(4096))
    history, torn = load(path)
    assert torn == 4096
    assert history.head == chronicle.history.head


def test_damage_in_the_middle_refuses_to_start(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = [
        [lines[0], lines[2]],
        [lines[0], lines[2], lines[1]],
        [lines[1], lines[2]],
        [lines[0], b"not base64!\n", lines[2]],
        [lines[0], b"\n", lines[1], lines[2]],
        [lines[0], b64encode(b"le") + b"\n"],
        [lines[0], lines[1], lines[1]],
        [lines[0][:50]],
        [],
    ]
    for content in damaged:
        path.write_bytes(b"".join(content))
        before = path.read_bytes()
        with pytest.raises(HistoryFileBroken, match="fetch the history again"):
            load(path)
        assert path.read_bytes() == before


def test_one_flipped_bit_refuses_to_start(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(HistoryFileBroken):
        load(path)


def test_a_full_disk_leaves_the_file_as_it_was(
    path: Path, chronicle: Chronicle, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    file, history, _ = HistoryFile.load(path)
    entry = chronicle.join(9)
    really_write = os.write

    def half(descriptor: int, data: bytes) -> int:
        really_write(descriptor, bytes(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, "full")

    with file:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", half)
            with pytest.raises(DiskFull):
                history.extend([entry], commit=lambda: file.append([entry]))
        assert path.read_bytes() == before
        assert history.head != entry
        history.extend([entry], commit=lambda: file.append([entry]))
    assert load(path)[0].head == entry


def test_files_that_are_there_or_not(path: Path, chronicle: Chronicle, tmp_path: Path) -> None:
    with pytest.raises(FilePresent):
        HistoryFile.create(path, chronicle.history)
    with pytest.raises(FileMissing):
        HistoryFile.load(tmp_path / "nothing")
