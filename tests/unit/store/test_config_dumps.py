"""Documents of the store, and the marks that triggers set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.engines import account_of
from tests.unit.store.samples import make_store
from veery.store.config_dumps import ConfigRow, Mark
from veery.store.conversations import CONTACT, Conversation
from veery.store.database import Store
from veery.store.tables import Tables

OWN = account_of(1).account_id
BOB = account_of(2).account_id.hex


async def marks_after(store: Store, work: Callable[[Tables], Any]) -> dict[Mark, tuple[str, ...]]:
    def run(tables: Tables) -> dict[Mark, tuple[str, ...]]:
        tables.configs.unmark()
        work(tables)
        return {what: found for what in Mark if (found := tables.configs.marks(what))}

    return await store.run(run)


async def test_a_document_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    row = ConfigRow(OWN, 3, b"dump", 7, 5, True, 1, 2, 3, 4, 5, 6, 7, 8)
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: tables.configs.save(row))
        await store.run(lambda tables: tables.configs.save(replace(row, namespace=2, stored_ms=None)))
        assert await store.read(lambda tables: tables.configs.get(OWN, 3)) == row
        assert await store.read(lambda tables: tables.configs.stored_ms(OWN, 3)) == 5
        assert await store.read(lambda tables: tables.configs.stored_ms(OWN, 2)) is None
        assert [each.namespace for each in await store.read(lambda tables: tables.configs.all(OWN))] == [2, 3]
        await store.run(lambda tables: tables.configs.forget(OWN))
        assert await store.read(lambda tables: tables.configs.all(OWN)) == ()


async def test_obsolete_hashes_stay_until_they_are_dropped(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: tables.configs.add_obsolete(OWN, 3, ["b", "a"], 10))
        await store.run(lambda tables: tables.configs.add_obsolete(OWN, 2, ["c"], 5))
        assert await store.read(lambda tables: tables.configs.obsolete(OWN, 2)) == ("c", "a")
        await store.run(lambda tables: tables.configs.drop_obsolete(OWN, ["a", "unknown"]))
        assert await store.run(lambda tables: tables.configs.trim(10)) == 1
        assert await store.read(lambda tables: tables.configs.obsolete(OWN, 9)) == ("b",)


def _with(**changed: Any) -> Callable[[Tables], Any]:
    def change(held: Conversation) -> Conversation:
        return replace(held, **changed)

    return lambda tables: tables.conversations.update(BOB, change)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "Bob"},
        {"nickname": "Bobby"},
        {"approved": True},
        {"approved_me": True},
        {"blocked": True},
        {"priority": 3},
        {"expiration_type": 1},
        {"expiration_timer_s": 60},
        {"muted_until_ms": 5},
        {"profile_s": 9},
        {"picture_url": "https://example.org/1"},
    ],
)
async def test_what_documents_hold_is_marked(tmp_path: Path, changed: dict[str, Any]) -> None:
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: tables.conversations.ensure(BOB, CONTACT, 1))
        assert await marks_after(store, _with(**changed)) == {Mark.CONTACT: (BOB,)}
        assert await marks_after(store, _with(**changed)) == {}


async def test_reading_and_what_no_document_holds(tmp_path: Path) -> None:
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: tables.conversations.ensure(BOB, CONTACT, 1))
        assert await marks_after(store, lambda tables: tables.reading.mark_read(BOB, 5)) == {Mark.READ: (BOB,)}
        assert await marks_after(store, lambda tables: tables.reading.mark_read(BOB, 4)) == {}
        assert await marks_after(store, _with(active_ms=77)) == {}


async def test_coming_and_going_and_the_profile(tmp_path: Path) -> None:
    both = {Mark.CONTACT: (BOB,), Mark.READ: (BOB,)}
    async with await make_store(tmp_path) as store:
        assert await store.read(lambda tables: tables.configs.marks(Mark.PROFILE)) == ("",)
        assert await marks_after(store, lambda tables: tables.conversations.ensure(BOB, CONTACT, 1)) == {
            **both,
            Mark.MADE: (BOB,),
        }
        assert await marks_after(store, lambda tables: tables.conversations.delete(BOB)) == both
        assert await marks_after(store, lambda tables: tables.accounts.set_profile("new", 99)) == {Mark.PROFILE: ("",)}
        assert await marks_after(store, lambda tables: tables.accounts.set_restored(True)) == {}
