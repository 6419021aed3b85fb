"""Key files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from veery.errors import RuntimeFault
from veery.runtime.faults import FileMissing, FilePresent, FileUnsafe
from veery.runtime.identity import KeyFileBroken, create_key_file, load_key_file, store_key_file
from veery.secret import Secret


def test_create_and_load(tmp_path: Path) -> None:
    place = tmp_path / "key"
    made = create_key_file(place)
    assert len(made) == 32
    assert place.read_bytes() == made.reveal() == load_key_file(place).reveal()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert create_key_file(tmp_path / "other").reveal() != made.reveal()


def test_randomness_is_an_argument(tmp_path: Path) -> None:
    assert create_key_file(tmp_path / "key", random=lambda count: b"\x07" * count).reveal() == b"\x07" * 32


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    made = create_key_file(tmp_path / "key")
    with pytest.raises(FilePresent):
        create_key_file(tmp_path / "key")
    with pytest.raises(FilePresent):
        store_key_file(tmp_path / "key", Secret(bytes(32)))
    assert load_key_file(tmp_path / "key").reveal() == made.reveal()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o777])
def test_files_that_others_can_use_are_refused_with_a_remedy(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "key"
    create_key_file(place)
    place.chmod(mode)
    with pytest.raises(FileUnsafe, match="chmod 600"):
        load_key_file(place)


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_key_file(tmp_path / "key")
    owner = (tmp_path / "key").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(FileUnsafe, match="another user"):
        load_key_file(tmp_path / "key")


@pytest.mark.parametrize("size", [0, 31, 33, 64, 1_000])
def test_files_of_another_size_are_refused(tmp_path: Path, size: int) -> None:
    place = tmp_path / "key"
    place.write_bytes(bytes(size))
    place.chmod(0o600)
    with pytest.raises(RuntimeFault) as caught:
        load_key_file(place)
    assert caught.value.kind == ("runtime.key_file" if size <= 33 else "runtime.file.long")


def test_no_file_and_no_plain_file(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        load_key_file(tmp_path / "none")
    with pytest.raises(FileUnsafe):
        load_key_file(tmp_path)


def test_only_keys_of_the_right_size_are_stored(tmp_path: Path) -> None:
    with pytest.raises(KeyFileBroken):
        store_key_file(tmp_path / "key", Secret(bytes(16)))
    assert not (tmp_path / "key").exists()
