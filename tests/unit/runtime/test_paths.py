"""Directories and the writing of private files."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from veery.runtime import paths
from veery.runtime.faults import DiskFull, FileFault, FileMissing, FilePresent, FileUnsafe
from veery.runtime.paths import directories, private_directory, read_bounded, write_atomic, write_new


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_veery_home_moves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEERY_HOME", str(tmp_path))
    found = directories()
    for place in (found.config, found.data, found.state, found.cache, found.runtime):
        assert place.parent == tmp_path
    assert len({found.config, found.data, found.state, found.cache, found.runtime}) == 5
    assert directories(tmp_path / "other").data == tmp_path / "other" / "data"


def test_xdg_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VEERY_HOME", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    found = directories()
    assert found.config == tmp_path / "config" / "veery"
    assert found.data == tmp_path / "data" / "veery"
    assert found.state == tmp_path / "state" / "veery"
    assert found.cache == tmp_path / "cache" / "veery"
    assert found.runtime == tmp_path / "state" / "veery" / "run"
    assert not found.data.exists()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "session"))
    assert directories().runtime == tmp_path / "session" / "veery"


def test_directories_are_made_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made = private_directory(tmp_path / "a" / "b")
    finally:
        os.umask(old)
    assert mode(made) == mode(tmp_path / "a") == 0o700
    assert private_directory(made) == made


def test_directories_that_others_may_write_are_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(FileUnsafe, match="chmod go-w"):
        private_directory(tmp_path / "open")


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(FileUnsafe, match="another user"):
        private_directory(tmp_path)


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileFault):
        private_directory(tmp_path / "file")
    with pytest.raises(FileFault):
        private_directory(tmp_path / "file" / "below")


def test_atomic_write_replaces_and_is_private(tmp_path: Path) -> None:
    place = tmp_path / "x"
    write_atomic(place, b"one")
    write_atomic(place, b"two")
    assert place.read_bytes() == b"two"
    assert mode(place) == 0o600
    assert list(tmp_path.iterdir()) == [place]


def test_atomic_write_brings_file_and_directory_to_the_disk_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        steps.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        real_fsync(handle)

    def replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_atomic(tmp_path / "x", b"one")
    assert steps == ["file", "rename", "directory"]


def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "x"
    write_atomic(place, b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        write_atomic(place, b"new")
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


def test_write_to_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        write_atomic(tmp_path / "none" / "x", b"")


def test_write_new_does_not_overwrite(tmp_path: Path) -> None:
    place = tmp_path / "x"
    write_new(place, b"one")
    with pytest.raises(FilePresent):
        write_new(place, b"two")
    assert place.read_bytes() == b"one"
    assert mode(place) == 0o600
    assert list(tmp_path.iterdir()) == [place]


def test_write_new_on_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    write_new(tmp_path / "x", b"one")
    with pytest.raises(FilePresent):
        write_new(tmp_path / "x", b"two")
    assert (tmp_path / "x").read_bytes() == b"one"
    assert mode(tmp_path / "x") == 0o600


def test_read_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert read_bounded(tmp_path / "x", 5) == b"12345"
    with pytest.raises(FileFault, match="longer than 4 bytes"):
        read_bounded(tmp_path / "x", 4)
    with pytest.raises(FileMissing):
        read_bounded(tmp_path / "y", 4)


def test_modes_are_the_documented_ones() -> None:
    assert (paths.DIRECTORY_MODE, paths.FILE_MODE) == (0o700, 0o600)
