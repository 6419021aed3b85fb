"""A process that works with a store until it is killed: from outside, or by itself at a named moment.

    python -m tests.faults.store_victim DIRECTORY write START     writes for ever, a line on stdout for each answer
    python -m tests.faults.store_victim DIRECTORY MOMENT          kills itself at the moment

The store opens with the key file DIRECTORY.key.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.unit.store.samples import ALICE, ME, NOW, profile, received, sent, with_conversation
from veery.protocol.constants import DAY_MS
from veery.store import database, header
from veery.store.database import Store
from veery.store.inbox import FetchedBatch, FetchedItem
from veery.store.keys import KeyFile
from veery.store.outbox import CopyRole, NewCopy
from veery.store.tables import Tables

NODE = b"n" * 32


def unlock_of(directory: Path) -> KeyFile:
    return KeyFile(directory.with_name(f"{directory.name}.key"))


def die(*_: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def fetched(number: int) -> FetchedBatch:
    items = tuple(
        FetchedItem(f"{number}-{each}", b"", NOW + 1_000 * number + each, NOW + DAY_MS * 10) for each in range(5)
    )
    return FetchedBatch(NODE, ME, 0, items, items[-1].hash)


def record(tables: Tables, number: int, before: Callable[[FetchedItem], object] = lambda item: None) -> None:
    def apply(item: FetchedItem) -> None:
        before(item)
        tables.messages.insert(received(item.timestamp_ms, item.hash))
        tables.events.append("message", {"hash": item.hash}, NOW)

    tables.inbox.record_fetched(fetched(number), apply, NOW)


def send(tables: Tables, number: int) -> None:
    copies = [
        NewCopy(CopyRole.RECIPIENT, ALICE, 0, NOW + number, DAY_MS, b"content"),
        NewCopy(CopyRole.SYNC, ME, 0, NOW + number, DAY_MS, b"content"),
    ]
    queued = tables.deliveries.queue(sent(NOW + number, f"own {number}"), copies, NOW)
    assert queued is not None
    tables.deliveries.seal(queued.copies[0], b"sealed %d" % number, f"hash {number}", "v1", NOW)


async def write(directory: Path, start: int) -> None:
    """Two writers at once, so that commits are shared."""
    async with await Store.open(directory, unlock_of(directory)) as store:
        await store.run(lambda tables: with_conversation(tables, ALICE) and None)

        async def forever(name: str, work: Callable[..., None]) -> None:
            number = start
            while True:
                await store.run(partial(work, number=number))
                os.write(sys.stdout.fileno(), b"%s %d\n" % (name.encode(), number))
                number += 1

        await asyncio.gather(forever("record", record), forever("send", send))


async def in_a_batch(directory: Path) -> None:
    """Dies in the transaction, with half of a batch applied."""
    async with await Store.open(directory, unlock_of(directory)) as store:
        await store.run(lambda tables: record(with_conversation(tables, ALICE), 1))
        await store.run(lambda tables: record(tables, 2, lambda item: die() if item.hash == "2-3" else None))


async def creating(directory: Path) -> None:
    await Store.create(directory, unlock_of(directory), profile(), NOW)


async def rewrapping(directory: Path) -> None:
    async with await Store.open(directory, unlock_of(directory)) as store:
        await store.change_unlock(unlock_of(directory), KeyFile(directory.with_name("other.key")))


MOMENTS: dict[str, tuple[object, str, Callable[[Path], Any]]] = {
    "create: database not filled": (database, "migrate", creating),
    "create: header not written": (database, "write_header", creating),
    "create: database not named": (database, "_name_database", creating),
    "rewrap: header not written": (header, "write_header", rewrapping),
    "rewrap: old way not retired": (header, "retire_way", rewrapping),
}


def main(directory: Path, moment: str, *rest: str) -> None:
    if moment == "write":
        asyncio.run(write(directory, int(rest[0])))
    elif moment == "batch":
        asyncio.run(in_a_batch(directory))
    else:
        module, name, work = MOMENTS[moment]
        setattr(module, name, die)
        asyncio.run(work(directory))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
