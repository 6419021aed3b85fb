"""Lock files, also against real processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from veery.runtime.clock import ManualClock
from veery.runtime.faults import FileMissing
from veery.runtime.locks import FileLock, LockHeld

HOLDER = """
import sys
from pathlib import Path
from veery.runtime.locks import FileLock
FileLock(Path(sys.argv[1])).acquire_now()
print("held", flush=True)
sys.stdin.read()
"""


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert [first.held, second.held] == [False, False]
    with first:
        assert [first.held, second.held] == [True, False]
        assert not second.try_acquire()
        assert not first.try_acquire()
        assert first.owner_pid() == os.getpid()
        with pytest.raises(LockHeld, match=f"process {os.getpid()}"):
            second.acquire_now()
    assert [first.held, second.held] == [False, False]
    assert second.owner_pid() is None
    with second:
        assert [first.held, second.held] == [False, True]
    first.release()


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert not lock.try_acquire()
        assert lock.owner_pid() == holder.pid
        holder.kill()
    assert lock.try_acquire()
    lock.release()


async def test_waiting_ends_when_the_holder_is_done(tmp_path: Path) -> None:
    clock = ManualClock()
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    first.acquire_now()
    waiting = asyncio.create_task(second.acquire(10, clock))
    await clock.advance(1)
    assert not waiting.done()
    first.release()
    await clock.advance(0.1)
    await waiting
    assert second.held
    second.release()


async def test_waiting_ends_at_the_time_out(tmp_path: Path) -> None:
    clock = ManualClock()
    with FileLock(tmp_path / "lock"):
        waiting = asyncio.create_task(FileLock(tmp_path / "lock").acquire(2, clock))
        await clock.advance(1.9)
        assert not waiting.done()
        await clock.advance(0.1)
        with pytest.raises(LockHeld, match="after 2 s"):
            await waiting


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="lock"):
        FileLock(tmp_path / "none" / "lock").acquire_now()
    assert FileLock(tmp_path / "none" / "lock").owner_pid() is None
