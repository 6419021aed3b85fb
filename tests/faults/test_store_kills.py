"""kill -9 at any moment: what was answered is there, what was not is whole or absent, and the store opens."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.faults.store_victim import MOMENTS, NODE, fetched, record, unlock_of
from tests.unit.store.samples import ALICE, ME, NOW, profile
from veery.runtime.sqlite import open_encrypted
from veery.store.database import DATABASE_NAME, Store, exists
from veery.store.header import open_header, read_header
from veery.store.keys import KeyFile
from veery.store.outbox import CopyState
from veery.store.tables import Tables

ROOT = Path(__file__).parents[2]


def victim(directory: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.faults.store_victim", str(directory), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def killed_at(directory: Path, moment: str) -> None:
    process = victim(directory, moment)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors.decode()


def killed_after(directory: Path, start: int, answers: int) -> dict[str, set[int]]:
    """Let it write until so many answers came, kill it, and give every number that was answered, by writer."""
    process = victim(directory, "write", str(start))
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(answers)]
    process.kill()
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    found: dict[str, set[int]] = {"record": set(), "send": set()}
    for line in b"".join([*lines, rest]).decode().splitlines():
        name, number = line.split()
        found[name].add(int(number))
    return found


async def make(directory: Path) -> None:
    await (await Store.create(directory, unlock_of(directory), profile(), NOW)).close()


def assert_intact(directory: Path) -> None:
    key = open_header(read_header(directory), unlock_of(directory))
    connection = open_encrypted(directory / DATABASE_NAME, key)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA cipher_integrity_check").fetchall() == []
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def check_received(tables: Tables, answered: set[int]) -> int:
    """Every answered batch is there, each batch is whole, nothing doubled; gives the newest number."""
    bodies = [each.body for each in tables.messages.page(ALICE.hex, 10**6, newest_first=False) if not each.outgoing]
    events = [event.payload["hash"] for event in tables.events.after(0, 10**6).events]
    numbers = {int(body.partition("-")[0]) for body in bodies}
    assert sorted(bodies) == sorted(item.hash for number in numbers for item in fetched(number).items)
    assert sorted(events) == sorted(bodies)
    assert answered <= numbers
    newest = max(numbers, default=0)
    assert tables.inbox.last_hash(NODE, ME, 0) == (fetched(newest).last_hash if numbers else None)
    assert all(tables.inbox.is_seen(body) for body in bodies)
    return newest


def check_sent(tables: Tables, answered: set[int]) -> int:
    own = [each for each in tables.messages.page(ALICE.hex, 10**6) if each.outgoing]
    numbers = {each.timestamp_ms - NOW for each in own}
    assert len(numbers) == len(own)
    assert answered <= numbers
    for message in own:
        recipient, mirror = tables.outbox.of(message.id)
        assert recipient.sealed == b"sealed %d" % (message.timestamp_ms - NOW)
        assert (recipient.state, mirror.state, mirror.after) == (CopyState.SEALED, CopyState.WAITING, recipient.id)
    return max(numbers, default=0)


async def killed_again_and_again(directory: Path, rounds: list[int]) -> None:
    await make(directory)
    answered: dict[str, set[int]] = {"record": set(), "send": set()}
    start = 1
    for answers in rounds:
        for name, numbers in killed_after(directory, start, answers).items():
            answered[name] |= numbers
        async with await Store.open(directory, unlock_of(directory)) as store:
            received = await store.read(lambda tables: check_received(tables, answered["record"]))
            sent = await store.read(lambda tables: check_sent(tables, answered["send"]))
        assert_intact(directory)
        start = max(received, sent) + 1


async def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    await killed_again_and_again(tmp_path / "store", [7, 60])


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_what_was_answered_survives_many_kills(tmp_path: Path) -> None:
    source = Random(20)
    await killed_again_and_again(tmp_path / "store", [source.randrange(1, 250) for _ in range(25)])


async def test_a_kill_inside_a_batch_leaves_nothing_of_it_and_a_repeat_completes_it(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    await make(directory)
    killed_at(directory, "batch")
    async with await Store.open(directory, unlock_of(directory)) as store:
        assert await store.read(lambda tables: check_received(tables, {1})) == 1
        for _ in range(2):
            await store.run(lambda tables: record(tables, 2))
            assert await store.read(lambda tables: check_received(tables, {1, 2})) == 2
    assert_intact(directory)


@pytest.mark.parametrize("moment", [moment for moment in MOMENTS if moment.startswith("create")])
async def test_a_kill_during_creation_leaves_a_store_or_none(tmp_path: Path, moment: str) -> None:
    directory = tmp_path / "store"
    killed_at(directory, moment)
    if not exists(directory):
        await make(directory)
    async with await Store.open(directory, unlock_of(directory)) as store:
        account = await store.read(lambda tables: tables.accounts.get())
    assert account.account_id == profile().account.account_id
    assert_intact(directory)


@pytest.mark.parametrize("moment", [moment for moment in MOMENTS if moment.startswith("rewrap")])
async def test_a_kill_while_the_way_in_changes_leaves_the_old_or_the_new(tmp_path: Path, moment: str) -> None:
    directory = tmp_path / "store"
    await make(directory)
    before = read_header(directory)
    killed_at(directory, moment)
    changed = read_header(directory) != before
    assert changed is (moment == "rewrap: old way not retired")
    unlock = KeyFile(tmp_path / "other.key") if changed else unlock_of(directory)
    await (await Store.open(directory, unlock)).close()
