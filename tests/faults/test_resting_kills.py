"""kill -9 at any moment of migrating a store of a past release, and of restoring a backup.

A store has everything it had after each kill, at the version of one release or the other, and is migrated by whoever
comes next. A restore that was killed has made a profile with everything in it, or none, and then goes on.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

import pytest

from tests.faults.killing import ROUNDS, Moment, Told, Zygote, kinds, say, source, zygote
from tests.faults.recovery import check_store
from tests.faults.resting_victim import key_of
from tests.faults.test_trim_kills import ACCOUNT, FILES
from tests.faults.test_trim_kills import PASSPHRASE as STORE_PASSPHRASE
from tests.faults.test_trim_kills import make as make_store_with_files
from tests.unit.store.frozen.fill_1 import PASSPHRASE as FROZEN_PASSPHRASE
from tests.unit.store.samples import PASSPHRASE
from tests.unit.store.test_frozen_stores import RELEASED, expected, rows, thawed
from veery.runtime.randomness import random_bytes
from veery.store.backup import create_backup
from veery.store.database import FILES_NAME, Store, exists
from veery.store.migrations import MIGRATIONS

WHOLE = Moment(1, 0, None, 60)  # of a victim that is let live


async def whole(zygote: Zygote, kind: str, directory: Path, **rest: str) -> int:
    """Let somebody do the work to its end; gives the steps that it takes."""
    told = await zygote.kill(WHOLE, kind, directory, **rest)
    assert "done" in told.words, told.status
    return told.words["done"][0]


async def killed(zygote: Zygote, chances: Random, steps: int, kind: str, directory: Path, **rest: str) -> Told:
    """Let somebody die at one of so many steps: half of them anywhere, half of them close to the end."""
    to_go = int(steps ** chances.random()) if chances.random() < 0.5 else chances.randrange(steps)
    told = await zygote.kill(Moment(1, 0, max(1, steps - to_go), 60), kind, directory, **rest)
    assert told.killed or "done" in told.words, told.status
    return told


def found_migrated(number: int, place: Path, *, done: bool) -> bool:
    """A store after a kill, or in the end; tells whether it has arrived."""
    kept = expected(number)
    check_version, found = rows(place, kept["columns"])
    assert number <= check_version <= len(MIGRATIONS)
    assert found == kept["rows"]
    if check_version == len(MIGRATIONS):
        check_store(place, FROZEN_PASSPHRASE)
    return done or check_version == len(MIGRATIONS)


@pytest.mark.slow
@pytest.mark.timeout(300 + 5 * ROUNDS)
async def test_a_migration_survives_kills(tmp_path: Path) -> None:
    chances = source("migrate")
    async with zygote(tmp_path) as forks:
        steps, places = {}, {}

        def fresh(number: int, name: str) -> Path:
            (tmp_path / name).mkdir()
            return thawed(number, tmp_path / name)

        for number in RELEASED:
            steps[number] = await whole(forks, "migrate", fresh(number, f"whole {number}"))
            assert steps[number] > 100
            places[number] = fresh(number, f"{number}")
        versions, deaths = set(), 0
        rounds = len(kinds(chances, "migrate"))
        for round_ in itertools.count():
            if deaths == rounds:
                break
            number = RELEASED[round_ % len(RELEASED)]
            told = await killed(forks, chances, steps[number], "migrate", places[number])
            deaths += told.killed
            versions.add(rows(places[number], {})[0])
            if found_migrated(number, places[number], done="done" in told.words):
                await whole(forks, "migrate", places[number])
                found_migrated(number, places[number], done=True)
                places[number] = fresh(number, f"{number} after {round_}")
        say({"migrate": deaths, "steps": steps, "versions": sorted(versions)})
        assert len(versions) > 5 or ROUNDS < 100  # found at most points of the way


async def backup_made(directory: Path) -> Path:
    """A backup of a store with messages and files."""
    target = directory / "backup"
    await make_store_with_files(directory / "profile")
    for number in range(FILES // 2):
        (directory / "profile" / FILES_NAME / f"file{number}").write_bytes(bytes([number]) * 50_000)
    async with await Store.open(directory / "profile", STORE_PASSPHRASE) as store:
        files = directory / "profile" / FILES_NAME
        await store.snapshot(
            lambda connection: create_backup(connection, files, target, PASSPHRASE, 0, random_bytes, lambda _: None)
        )
    return target


async def found_restored(place: Path) -> None:
    """A profile that a restore has made: everything that was in the backup, and no other file."""
    check_store(place, key_of(place))
    held = {each.name: each.read_bytes() for each in (place / FILES_NAME).iterdir()}
    assert held == {f"file{number}": bytes([number]) * 50_000 for number in range(FILES // 2)}
    async with await Store.open(place, key_of(place)) as store:
        bodies = await store.read(lambda tables: tables.messages.page(ACCOUNT.account_id.hex, 1_000))
        assert sorted(each.body for each in bodies) == sorted(f"text {number}" for number in range(FILES))
        assert await store.read(lambda tables: tables.attachments.all_files()) == held.keys()


@pytest.mark.slow
@pytest.mark.timeout(300 + 5 * ROUNDS)
async def test_a_restore_survives_kills(tmp_path: Path) -> None:
    chances, backup = source("restore"), str(await backup_made(tmp_path))
    async with zygote(tmp_path) as forks:
        steps = await whole(forks, "restore", tmp_path / "whole", backup=backup)
        await found_restored(tmp_path / "whole")
        place, deaths, made = tmp_path / "first", 0, 0
        while deaths < len(kinds(chances, "restore")):
            told = await killed(forks, chances, steps, "restore", place, backup=backup)
            deaths += told.killed
            if exists(place):
                # Whoever opens the profile finishes what the kill left; nothing is restored into it again.
                await (await Store.open(place, key_of(place))).close()
                await found_restored(place)
                place, made = tmp_path / f"after {deaths}", made + 1
        if not exists(place):
            await whole(forks, "restore", place, backup=backup)
        await found_restored(place)
        say({"restore": deaths, "steps": steps, "made": made})
        assert made or ROUNDS < 100
