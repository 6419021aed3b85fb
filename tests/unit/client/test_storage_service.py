"""Making room: rules, files on the disk, and what a kill leaves behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conversations.engines import Device, store_of
from tests.unit.store.raw_pages import decrypted
from veery.errors import NotFound
from veery.protocol.constants import DAY_MS
from veery.runtime.clock import ManualClock
from veery.secret import Secret
from veery.store.conversations import CONTACT
from veery.store.database import FILES_NAME
from veery.store.message_values import AttachmentState, NewAttachment, NewMessage
from veery.store.search import Search
from veery.store.tables import Tables


def files(device: Device) -> set[str]:
    return {each.name for each in (directory(device)).iterdir()}


def directory(device: Device) -> Path:
    return device.profile.directory / FILES_NAME


async def keep(device: Device, clock: ManualClock, name: str, *, days: int = 0) -> int:
    """A received message with a local file."""
    directory(device).mkdir(exist_ok=True)
    (directory(device) / name).write_bytes(b"x" * 100)
    own = device.client.account
    attachment = NewAttachment(
        "https://x/file/1",
        file_name=name,
        size=100,
        state=AttachmentState.STORED,
        file=name,
        file_key=Secret(bytes(32)),
    )
    at = clock.now_ms() - days * DAY_MS

    def work(tables: Tables) -> int:
        tables.conversations.ensure(own.hex, CONTACT, at)
        new = NewMessage(own.hex, own, at + len(tables.blobs.names()), True, "text", f"Needle {name}", b"", at)
        id_ = tables.messages.insert(replace(new, attachments=(attachment,)))
        assert id_ is not None
        return id_

    return await store_of(device.client).run(work)


async def test_nothing_is_trimmed_without_a_rule(alice: Device, clock: ManualClock) -> None:
    await keep(alice, clock, "a", days=5_000)
    assert (await alice.client.storage.trim()).files == ()
    await alice.client.storage.tidy()
    assert files(alice) == {"a"}
    assert (await alice.client.storage.show()).fitting == 0


async def test_a_rule_takes_files_and_leaves_messages(alice: Device, clock: ManualClock) -> None:
    message = await keep(alice, clock, "old", days=40)
    await keep(alice, clock, "young")
    rule = await alice.client.storage.set_rule(None, 30 * DAY_MS, None)
    assert await alice.client.storage.rules() == (rule,)
    state = await alice.client.storage.show()
    assert (state.files, state.file_bytes, state.fitting, state.fitting_bytes) == (2, 200, 1, 100)
    tried = await alice.client.storage.trim(dry_run=True)
    assert [each.name for each in tried.files] == ["old"]
    assert files(alice) == {"old", "young"}
    done = await alice.client.storage.trim()
    assert (done.freed_bytes, [each.message for each in done.files]) == (100, [message])
    assert files(alice) == {"young"}
    (event,) = [each for each in await alice.client.events.page(0, 100) if each["event"] == "storage"]
    assert (event["trimmed"], event["messages"]) == (1, [message])
    assert len(await alice.client.search(Search(("needle",)))) == 2
    await alice.client.storage.remove_rule(rule.id)
    with pytest.raises(NotFound):
        await alice.client.storage.remove_rule(rule.id)


async def test_housekeeping_applies_rules(alice: Device, clock: ManualClock) -> None:
    await keep(alice, clock, "old", days=40)
    await alice.client.storage.set_rule(None, 30 * DAY_MS, None)
    await alice.client.storage.tidy()
    assert files(alice) == set()


async def test_files_that_nobody_needs_go_with_their_messages(alice: Device, clock: ManualClock) -> None:
    first, _ = await keep(alice, clock, "a"), await keep(alice, clock, "b")
    await store_of(alice.client).run(lambda tables: tables.messages.delete((first,)))
    assert await alice.client.storage.sweep() == 1
    assert files(alice) == {"b"}


async def test_what_a_kill_left_behind_is_removed_at_the_start(alice: Device, clock: ManualClock) -> None:
    gone, _ = await keep(alice, clock, "gone"), await keep(alice, clock, "kept")
    (directory(alice) / "nobody's").write_bytes(b"x")
    (directory(alice) / "begun").write_bytes(b"x")
    await store_of(alice.client).run(lambda tables: tables.blobs.add("begun", 1, clock.now_ms()))
    await store_of(alice.client).run(
        lambda tables: tables.messages.delete((gone,))
    )  # killed before its file was removed
    await alice.client.storage.begin()
    assert files(alice) == {"kept"}
    assert await alice.client.read(lambda tables: tables.blobs.names()) == {"kept"}


async def test_a_name_never_leads_out_of_the_directory(alice: Device, clock: ManualClock) -> None:
    await keep(alice, clock, "a")
    outside = alice.profile.directory / "outside"
    outside.write_bytes(b"x")
    await store_of(alice.client).run(lambda tables: tables.blobs.add("../outside", 1, clock.now_ms()))
    await alice.client.storage.begin()
    assert outside.exists()


async def test_what_was_deleted_is_written_over_once_a_day(alice: Device, clock: ManualClock) -> None:
    async def anew() -> str | None:
        await alice.client.storage.tidy()
        return await alice.client.read(lambda tables: tables.accounts.setting("written_anew_ms"))

    assert await anew() is None
    message = await keep(alice, clock, "a")
    await store_of(alice.client).run(lambda tables: tables.messages.delete((message,)))
    first = await anew()
    assert first is not None
    assert b"Needle" not in decrypted(alice.profile.directory, alice.profile.unlock)
    message = await keep(alice, clock, "b")
    await store_of(alice.client).run(lambda tables: tables.messages.delete((message,)))
    assert await anew() == first
    await clock.advance(DAY_MS / 1_000)
    assert await anew() != first
