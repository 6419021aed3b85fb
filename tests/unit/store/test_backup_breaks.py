"""Restoring that is broken off, by a kill or a full disk, and what a wrong backup leaves: nothing."""

from __future__ import annotations

import errno
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.store.samples import ALICE, NOW, PASSPHRASE, make_store
from tests.unit.store.test_backup import FILES, SPARE, filled, ignore, write
from veery.errors import VeeryError
from veery.policy import device_group
from veery.policy.device_group import DeviceInfo
from veery.runtime.randomness import random_bytes
from veery.store.backup import BackupIncomplete, BackupWrong, Progress, restore_backup
from veery.store.backup.create import BackupDiskFull
from veery.store.backup.format import (
    BackupKeyWrong,
    FilePart,
    FrameReader,
    FrameWriter,
    Record,
    Rows,
    backup_key,
    read_header,
)
from veery.store.database import FILES_NAME, Store
from veery.store.tables import Tables

ROOT = Path(__file__).parents[3]
_VICTIM = """
import os, resource, signal, sys
from pathlib import Path
from tests.unit.store.samples import PASSPHRASE
from tests.unit.store.test_backup import SPARE
from veery.runtime.randomness import random_bytes
from veery.store.backup import restore_backup
source, target, moment = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
def tell(progress):
    global moment
    moment -= 1
    if moment == 0:
        os.kill(os.getpid(), signal.SIGKILL)
restore_backup(source, SPARE, target, PASSPHRASE, random_bytes, tell)
"""


def places(directory: Path) -> set[str]:
    """Every file below, but the lock."""
    return {str(each.relative_to(directory)) for each in directory.rglob("*") if each.is_file()} - {"store.lock"}


async def made(tmp_path: Path) -> Path:
    target = tmp_path / "veery.backup"
    async with await filled(tmp_path / "old") as store:
        await write(store, target)
    return target


def killed_at(source: Path, target: Path, moment: int) -> None:
    command = [sys.executable, "-c", _VICTIM, str(source), str(target), str(moment)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


async def assert_restored(directory: Path) -> None:
    async with await Store.open(directory, PASSPHRASE) as store:
        assert await store.read(lambda tables: len(tables.messages.page(ALICE.hex, 10))) == 3
    assert {each.name: each.read_bytes() for each in (directory / FILES_NAME).iterdir()} == FILES


@pytest.mark.parametrize("moment", [1, 2, 4, 5, 7, 9])
async def test_a_restore_that_was_killed_is_made_again(tmp_path: Path, moment: int) -> None:
    source, new = await made(tmp_path), tmp_path / "new"
    killed_at(source, new, moment)
    assert not (new / "store.json").exists()
    restore_backup(source, SPARE, new, PASSPHRASE, random_bytes, ignore)
    await assert_restored(new)
    assert not [each for each in places(new) if each.endswith(".new")]


async def test_what_is_unpacked_is_not_unpacked_again(tmp_path: Path) -> None:
    source, new = await made(tmp_path), tmp_path / "new"

    def stop(progress: Progress) -> None:
        if progress.rows:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_backup(source, SPARE, new, PASSPHRASE, random_bytes, stop)
    assert places(new) == {f"{FILES_NAME}/{name}" for name in FILES}
    before = {each.name: each.stat().st_mtime_ns for each in (new / FILES_NAME).iterdir()}
    restore_backup(source, SPARE, new, PASSPHRASE, random_bytes, ignore)
    assert {each.name: each.stat().st_mtime_ns for each in (new / FILES_NAME).iterdir()} == before
    await assert_restored(new)


async def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    source, new = await made(tmp_path), tmp_path / "new"
    # A limit on the size of files stands for a disk that is full in the middle of the first one.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
    try:
        with pytest.raises(VeeryError) as caught:
            restore_backup(source, SPARE, new, PASSPHRASE, random_bytes, ignore)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert caught.value.kind.startswith("runtime.file")
    assert places(new) == set()
    restore_backup(source, SPARE, new, PASSPHRASE, random_bytes, ignore)
    await assert_restored(new)


async def test_a_backup_onto_a_full_disk_says_which_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "veery.backup"
    whole = FrameWriter.write

    def full(frames: FrameWriter, record: Record) -> int:
        if isinstance(record, Rows):
            raise OSError(errno.ENOSPC, "no space")
        return whole(frames, record)

    async with await filled(tmp_path / "old") as store:
        with monkeypatch.context() as patch, pytest.raises(BackupDiskFull, match="the backup veery"):
            patch.setattr(FrameWriter, "write", full)
            await write(store, target)
        assert not target.exists()
        told: list[Progress] = []
        await write(store, target, told.append)
    assert told[0].files == len(FILES)  # all of them are there already


async def test_a_wrong_backup_leaves_nothing(tmp_path: Path) -> None:
    source, new = await made(tmp_path), tmp_path / "new"
    whole = source.read_bytes()
    flipped = bytearray(whole)
    flipped[-40] ^= 1
    cases: list[tuple[bytes, type[BackupWrong]]] = [
        (bytes(flipped), BackupWrong),
        (whole[:-1], BackupIncomplete),
        (whole[: len(whole) // 2], BackupIncomplete),
    ]
    for data, wanted in cases:
        source.write_bytes(data)
        with pytest.raises(wanted):
            restore_backup(source, SPARE, new, PASSPHRASE, random_bytes, ignore)
        assert places(new) == set()
    source.write_bytes(whole)
    with pytest.raises(BackupKeyWrong):
        restore_backup(source, PASSPHRASE, new, PASSPHRASE, random_bytes, ignore)
    assert places(new) == set()
    # What lies there from an attempt with another backup does not stay.
    (new / FILES_NAME / "d4").write_bytes(b"of another backup")
    restore_backup(source, SPARE, new, PASSPHRASE, random_bytes, ignore)
    await assert_restored(new)


async def test_no_seed_of_a_device_is_in_a_backup(tmp_path: Path) -> None:
    """R7 of 06: whatever opens messages to this device stays on it."""
    target = tmp_path / "veery.backup"
    state = device_group.generated(DeviceInfo("one", "c", 1), NOW, random_bytes)
    seeds = [key.seed for key in state.device_keys] + [key.seed for key in state.account_keys]
    assert len(seeds) >= 2
    async with await make_store(tmp_path / "old") as store:
        await store.run(lambda tables: tables.devices.save(state))
        held = await store.read(_device_tables)
        recovery = await store.read(lambda tables: tables.accounts.get().seed)
        await write(store, target)
    assert all(seed.reveal() in held for seed in seeds)  # so looking for them finds them where they are
    stream = decrypted(target)
    assert recovery.reveal() in stream
    for seed in seeds:
        raw = seed.reveal()
        for form in (raw, raw[:16], raw[16:], raw.hex().encode(), raw[::-1]):
            assert form not in stream
    assert state.own_id not in stream


def _device_tables(tables: Tables) -> bytes:
    state = tables.devices.group()
    assert state is not None
    return b"".join(key.seed.reveal() for key in [*state.device_keys, *state.account_keys])


def decrypted(source: Path) -> bytes:
    """Everything that a backup says to who has its passphrase."""
    found = bytearray()
    with source.open("rb") as file:
        header, line = read_header(file)
        for record in FrameReader(file, backup_key(header, SPARE), line):
            match record:
                case FilePart(data=data):
                    found += data
                case Rows(rows=rows):
                    for row in rows:
                        for cell in row:
                            found += cell if isinstance(cell, bytes) else str(cell).encode()
                            found += b"\0"
    return bytes(found)
