"""A process that keeps files until it is killed: from outside, or by itself at a named moment.

python -m tests.faults.file_server_victim DIRECTORY upload START    uploads for ever, a number on stdout for each
python -m tests.faults.file_server_victim DIRECTORY MOMENT          kills itself at the moment

The environment names its storage, as it does for a server.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.unit.fileserver.rooms import Rooms, rooms
from tests.unit.fileserver.storages import from_environment

SOURCE = "192.0.2.1"
TTL_S = 1_000  # of what the moments upload
NOT_RENAMED, NO_ROW, NOT_ANSWERED, NOT_UNLINKED = MOMENTS = (
    "upload: not renamed",
    "upload: no row",
    "upload: not answered",
    "sweep: not unlinked",
)


def die(*_: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def blob_of(number: int) -> bytes:
    """The blob of a number; some are large, so that kills meet half of one."""
    return b"%d," % number * (20_000 if number % 5 == 0 else 20)


async def upload(found: Rooms, start: int) -> None:
    async def worker(number: int) -> None:
        while True:
            await found.files.upload(blob_of(number), None, f"source {number}")
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            number += 3

    async with asyncio.TaskGroup() as tasks:
        for number in range(start, start + 3):
            tasks.create_task(worker(number))


async def die_at(found: Rooms, moment: str) -> None:
    await found.files.upload(blob_of(1), TTL_S, SOURCE)
    if moment == NOT_UNLINKED:
        found.clock.move(TTL_S)
        found.blobs.before = die
        await found.files.sweep()
    elif moment == NOT_RENAMED:  # in an object store: not put
        patch.object(Path, "replace", die).start()
        found.blobs.before = die if from_environment().s3.bucket else found.blobs.before
    else:
        wanted = "keep" if moment == NO_ROW else "kept"
        found.metadata.before = lambda verb, file_id: die() if verb == wanted else None
    await found.files.upload(blob_of(2), TTL_S, SOURCE)


async def main(directory: str, moment: str, start: str = "1") -> None:
    async with rooms(Path(directory), from_environment()) as found:
        await (upload(found, int(start)) if moment == "upload" else die_at(found, moment))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
