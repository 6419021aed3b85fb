"""Wrong passphrases are counted where the user asked for it, and the last one wipes the profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.store.samples import CHEAP, NOW, PASSPHRASE, make_store, profile
from veery.errors import StoreError, WrongKey
from veery.runtime.faults import FileDenied
from veery.store.database import Store, exists
from veery.store.header import HEADER_NAME, rewrap, unlock_store
from veery.store.keys import KeyFile, Passphrase
from veery.store.tries import LIMIT_MAX, TRIES_NAME, LimitWrong, StoreWiped, read_tries, set_limit, wipe

WRONG = Passphrase.of("wrong", CHEAP)


async def try_wrong(directory: Path) -> str:
    with pytest.raises((WrongKey, StoreWiped)) as caught:
        await Store.open(directory, WRONG)
    return caught.value.message


def wrong_tries(directory: Path) -> int:
    found = read_tries(directory)
    assert found is not None
    return found.wrong


def names(directory: Path) -> set[str]:
    return {each.name for each in directory.iterdir()}


async def made(directory: Path) -> Path:
    await (await make_store(directory)).close()
    return directory


async def test_nothing_is_counted_unless_asked_for(tmp_path: Path) -> None:
    await made(tmp_path)
    for _ in range(5):
        await try_wrong(tmp_path)
    assert not (tmp_path / TRIES_NAME).exists()
    await (await Store.open(tmp_path, PASSPHRASE)).close()


async def test_the_last_wrong_try_removes_everything(tmp_path: Path) -> None:
    await made(tmp_path)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a").write_bytes(b"x")
    set_limit(tmp_path, 3)
    assert "2 more wrong passphrases and" in await try_wrong(tmp_path)
    assert "1 more wrong passphrase and" in await try_wrong(tmp_path)
    assert exists(tmp_path)
    assert "wiped" in await try_wrong(tmp_path)
    assert names(tmp_path) == {"store.lock"}
    await made(tmp_path)  # a new profile can take its place


async def test_a_right_passphrase_clears_the_count(tmp_path: Path) -> None:
    await made(tmp_path)
    set_limit(tmp_path, 3)
    for _ in range(4):
        await try_wrong(tmp_path)
        await try_wrong(tmp_path)
        await (await Store.open(tmp_path, PASSPHRASE)).close()
        assert wrong_tries(tmp_path) == 0


async def test_every_door_counts(tmp_path: Path) -> None:
    await made(tmp_path)
    set_limit(tmp_path, 4)
    with pytest.raises(WrongKey):
        unlock_store(tmp_path, WRONG)
    with pytest.raises(WrongKey):
        rewrap(tmp_path, WRONG, WRONG, bytes)
    assert wrong_tries(tmp_path) == 2
    async with await Store.open(tmp_path, PASSPHRASE) as store:
        with pytest.raises(WrongKey):
            await store.change_unlock(WRONG, WRONG)
    assert wrong_tries(tmp_path) == 1


async def test_what_is_no_try_does_not_count(tmp_path: Path) -> None:
    await made(tmp_path)
    set_limit(tmp_path, 3)
    with pytest.raises(WrongKey):
        await Store.open(tmp_path, KeyFile(tmp_path / "key"))
    assert wrong_tries(tmp_path) == 0


async def test_a_try_is_counted_before_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(tmp_path)
    set_limit(tmp_path, 3)
    counts: list[int] = []
    from veery.store import header

    real = header.open_header

    def looking(*args: object) -> object:
        counts.append(wrong_tries(tmp_path))
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("veery.store.header.open_header", looking)
    await try_wrong(tmp_path)
    await (await Store.open(tmp_path, PASSPHRASE)).close()
    assert counts == [1, 2]


async def test_a_try_that_fails_for_another_reason_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(tmp_path)
    set_limit(tmp_path, 3)

    def broken(*_: object) -> object:
        raise StoreError("no memory", kind="store.memory")

    monkeypatch.setattr("veery.store.header.open_header", broken)
    with pytest.raises(StoreError, match="no memory"):
        await Store.open(tmp_path, PASSPHRASE)
    assert wrong_tries(tmp_path) == 0


async def test_a_wipe_that_was_cut_short_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(tmp_path)
    (tmp_path / "files").mkdir()

    def cut(*_: object) -> None:
        raise FileDenied("cut short")

    monkeypatch.setattr("shutil.rmtree", cut)
    with pytest.raises(FileDenied):
        wipe(tmp_path)
    assert not (tmp_path / HEADER_NAME).exists()
    assert (tmp_path / "store.db").exists()
    monkeypatch.undo()
    with pytest.raises(StoreWiped):
        await Store.open(tmp_path, PASSPHRASE)
    assert names(tmp_path) <= {"store.lock"}
    await (await Store.create(tmp_path, PASSPHRASE, profile(), NOW)).close()


def test_limits_that_make_no_sense(tmp_path: Path) -> None:
    for limit in (-1, 0, 2, LIMIT_MAX + 1):
        with pytest.raises(LimitWrong):
            set_limit(tmp_path, limit)
    set_limit(tmp_path, 3)
    set_limit(tmp_path, None)
    assert read_tries(tmp_path) is None
    (tmp_path / TRIES_NAME).write_bytes(b"no JSON")
    assert read_tries(tmp_path) is None
