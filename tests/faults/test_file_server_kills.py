"""kill -9 at any moment: an upload that was answered is there, whole; no row lacks its blob; garbage is found."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from random import Random

import pytest

from tests.faults.file_server_victim import MOMENTS, NO_ROW, NOT_ANSWERED, NOT_UNLINKED, SOURCE, blob_of
from tests.unit.fileserver.rooms import Rooms, rooms
from tests.unit.fileserver.storages import Storage, as_environment
from veery.fileserver.blobs import UPLOADS
from veery.fileserver.database import DATABASE
from veery.fileserver.settings import FileServerSettings
from veery.protocol.attachments import FileId, http_id

ROOT = Path(__file__).parents[2]
FAR_MS = 2**53  # later than any expiry


class Server:
    """A file server that is killed and opened again, over one storage."""

    def __init__(self, directory: Path, storage: Storage) -> None:
        self.directory = directory
        self._settings = storage(FileServerSettings())
        self.rounds = 25 if self._settings.postgres is None else 8  # every file is fetched after each: slow over HTTP

    def victim(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.faults.file_server_victim", str(self.directory), *arguments]
        environment = os.environ | as_environment(self._settings)
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def opened(self) -> AbstractAsyncContextManager[Rooms]:
        return rooms(self.directory, self._settings)


@pytest.fixture
def server(tmp_path: Path, storage: Storage) -> Server:
    return Server(tmp_path / "server", storage)


def killed_after(server: Server, start: int, answers: int) -> list[int]:
    """Let it upload until so many answers came, kill it, and give every number that was answered."""
    process = server.victim("upload", str(start))
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(answers)]
    process.kill()
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    return [int(line) for line in b"".join([*lines, rest]).decode().split()]


async def blobs(found: Rooms) -> set[str]:
    return {file_id.text async for batch in found.blobs.batches() for file_id in batch}


async def check(found: Rooms, server: Server) -> set[str]:
    """What must hold after any kill; gives the ids of all files."""
    kept = set(await found.metadata.expired(FAR_MS, FAR_MS))
    assert kept <= await blobs(found)
    for file_id in kept:
        blob = await found.blobs.get(FileId(file_id))
        assert blob is not None
        assert http_id(blob).text == file_id
    await found.files.remove_orphans()
    assert await blobs(found) == kept
    uploads = server.directory / "blobs" / UPLOADS
    assert not uploads.exists() or list(uploads.iterdir()) == []
    return kept


async def killed_again_and_again(server: Server, rounds: list[int]) -> None:
    answered: set[str] = set()
    start = 1
    for answers in rounds:
        numbers = killed_after(server, start, answers)
        answered |= {http_id(blob_of(number)).text for number in numbers}
        start = max(numbers) + 1
        async with server.opened() as found:
            assert answered <= await check(found, server)
    database = server.directory / DATABASE
    if database.exists():
        with closing(sqlite3.connect(database)) as opened:
            assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_what_was_answered_survives_a_kill(server: Server) -> None:
    await killed_again_and_again(server, [4, 40])


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_what_was_answered_survives_many_kills(server: Server) -> None:
    source = Random(21)
    await killed_again_and_again(server, [source.randrange(1, 150) for _ in range(server.rounds)])


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_kill_in_the_middle(server: Server, moment: str) -> None:
    process = server.victim(moment)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    first, second = http_id(blob_of(1)).text, http_id(blob_of(2)).text
    left = {NOT_UNLINKED: set(), NOT_ANSWERED: {first, second}}.get(moment, {first})
    async with server.opened() as found:
        assert (second in await blobs(found)) is (moment in (NO_ROW, NOT_ANSWERED))
        assert await check(found, server) == left
        await found.files.upload(blob_of(2), None, SOURCE)
        assert await found.blobs.get(FileId(second)) == blob_of(2)
