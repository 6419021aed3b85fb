"""kill -9 at any moment: an upload that was answered is there, whole; no row lacks its blob; garbage is found."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.faults.file_server_victim import MOMENTS, SOURCE, blob_of
from tests.unit.fileserver.rooms import Rooms, rooms
from veery.fileserver.blobs import UPLOADS
from veery.protocol.attachments import FileId, http_id
from veery.runtime.sqlite import Connection

ROOT = Path(__file__).parents[2]


def victim(directory: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.faults.file_server_victim", str(directory), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def killed_after(directory: Path, start: int, answers: int) -> list[int]:
    """Let it upload until so many answers came, kill it, and give every number that was answered."""
    process = victim(directory, "upload", str(start))
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(answers)]
    process.kill()
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    return [int(line) for line in b"".join([*lines, rest]).decode().split()]


def rows(db: Connection) -> set[str]:
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return {str(row[0]) for row in db.execute("SELECT id FROM files")}


async def blobs(found: Rooms) -> set[str]:
    return {file_id.text async for batch in found.blobs.batches() for file_id in batch}


async def check(found: Rooms, directory: Path) -> set[str]:
    """What must hold after any kill; gives the ids of all files."""
    kept = found.database.read(rows)
    assert kept <= await blobs(found)
    for file_id in kept:
        blob = await found.blobs.get(FileId(file_id))
        assert blob is not None
        assert http_id(blob).text == file_id
    await found.files.remove_orphans()
    assert await blobs(found) == kept
    assert list((directory / "blobs" / UPLOADS).iterdir()) == []
    return kept


async def killed_again_and_again(directory: Path, rounds: list[int]) -> None:
    answered: set[str] = set()
    start = 1
    for answers in rounds:
        numbers = killed_after(directory, start, answers)
        answered |= {http_id(blob_of(number)).text for number in numbers}
        start = max(numbers) + 1
        async with rooms(directory) as found:
            assert answered <= await check(found, directory)


async def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    await killed_again_and_again(tmp_path / "server", [4, 40])


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_what_was_answered_survives_many_kills(tmp_path: Path) -> None:
    source = Random(21)
    await killed_again_and_again(tmp_path / "server", [source.randrange(1, 150) for _ in range(25)])


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_kill_in_the_middle(tmp_path: Path, moment: str) -> None:
    directory = tmp_path / "server"
    process = victim(directory, moment)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    first, second = http_id(blob_of(1)).text, http_id(blob_of(2)).text
    async with rooms(directory) as found:
        assert (second in await blobs(found)) is (moment == "upload: no row")
        assert await check(found, directory) == (set() if moment.startswith("sweep") else {first})
        await found.files.upload(blob_of(2), None, SOURCE)
        assert await found.blobs.get(FileId(second)) == blob_of(2)
