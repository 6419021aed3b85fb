"""Rules for trimming: nothing goes without one, and what each takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.store.samples import ALICE, BOB, NOW, received, with_conversation
from veery.protocol.account import AccountId
from veery.protocol.constants import DAY_MS
from veery.secret import Secret
from veery.store.conversations import NoConversation
from veery.store.message_values import AttachmentState, NewAttachment
from veery.store.tables import Tables

MIB = 1024**2


def add(
    tables: Tables,
    name: str,
    *,
    size: int = 10,
    days: int = 0,
    author: AccountId = ALICE,
    content_type: str = "image/png",
    state: AttachmentState = AttachmentState.STORED,
) -> int:
    with_conversation(tables, author)
    tables.blobs.add(name, size, NOW)
    attachment = NewAttachment(
        "https://x/file/1",
        content_type=content_type,
        file_name=name,
        size=size,
        state=state,
        file=name,
        file_key=Secret(bytes(32)),
    )
    number = tables.usage.get().messages
    new = replace(received(NOW - number, "text", author), received_ms=NOW - days * DAY_MS, attachments=(attachment,))
    id_ = tables.messages.insert(new)
    assert id_ is not None
    return id_


def trimmed(tables: Tables) -> list[str]:
    return [each.name for each in tables.trimming.fitting(NOW, 100)]


def test_without_a_rule_nothing_is_ever_trimmed(tables: Tables) -> None:
    add(tables, "a", size=10**9, days=5_000)
    assert trimmed(tables) == []
    assert tables.trimming.trim(NOW, 100) == ()
    assert tables.trimming.fitting_total(NOW) == (0, 0)
    assert tables.trimming.shares(NOW)[-1].freed == 0


def test_rules_by_age_and_size(tables: Tables) -> None:
    add(tables, "old", days=31)
    add(tables, "young", days=29)
    add(tables, "large", size=2 * MIB)
    add(tables, "old and large", size=2 * MIB, days=31)
    by_age = tables.trimming.set_rule(None, 30 * DAY_MS, None, NOW)
    assert trimmed(tables) == ["old", "old and large"]
    tables.trimming.set_rule(None, None, MIB, NOW)
    assert trimmed(tables) == ["old", "large", "old and large"]
    assert tables.trimming.remove_rule(by_age.id)
    assert not tables.trimming.remove_rule(by_age.id)
    assert trimmed(tables) == ["large", "old and large"]
    for rule in tables.trimming.rules():
        tables.trimming.remove_rule(rule.id)
    tables.trimming.set_rule(None, 30 * DAY_MS, MIB, NOW)
    assert trimmed(tables) == ["old and large"]


def test_a_conversation_with_rules_of_its_own_has_no_default(tables: Tables) -> None:
    add(tables, "alice", days=100)
    add(tables, "bob", days=100, author=BOB)
    tables.trimming.set_rule(None, 30 * DAY_MS, None, NOW)
    keep = tables.trimming.set_rule(ALICE.hex, None, None, NOW)
    assert trimmed(tables) == ["bob"]
    tables.trimming.remove_rule(keep.id)
    tables.trimming.set_rule(BOB.hex, 365 * DAY_MS, None, NOW)
    assert trimmed(tables) == ["alice"]


def test_a_rule_is_not_doubled_and_needs_its_conversation(tables: Tables) -> None:
    first = tables.trimming.set_rule(None, DAY_MS, None, NOW)
    assert tables.trimming.set_rule(None, DAY_MS, None, NOW + 1) == first
    assert tables.trimming.rules() == (first,)
    with pytest.raises(NoConversation):
        tables.trimming.set_rule(ALICE.hex, DAY_MS, None, NOW)
    with_conversation(tables, ALICE)
    tables.trimming.set_rule(ALICE.hex, DAY_MS, None, NOW)
    tables.conversations.delete(ALICE.hex)
    assert tables.trimming.rules() == (first,)


def test_trimming_takes_the_file_alone(tables: Tables) -> None:
    message = add(tables, "a", days=10)
    add(tables, "b", days=10)
    tables.trimming.set_rule(None, DAY_MS, None, NOW)
    assert [each.name for each in tables.trimming.trim(NOW, 1)] == ["a"]
    held = tables.messages.get(message)
    assert held is not None
    assert held.body == "text"
    (attachment,) = tables.attachments.of(message)
    assert attachment.pointer.state is AttachmentState.TRIMMED
    assert (attachment.pointer.file, attachment.pointer.file_key) == (None, None)
    assert attachment.pointer.file_name == "a"
    assert tables.blobs.unreferenced(10) == ("a",)
    assert trimmed(tables) == ["b"]


def test_what_is_still_to_be_uploaded_stays(tables: Tables) -> None:
    add(tables, "a", days=10, state=AttachmentState.UPLOADING)
    tables.trimming.set_rule(None, DAY_MS, None, NOW)
    assert trimmed(tables) == []


def test_a_shared_file_is_not_counted_as_freed_by_one_of_its_messages(tables: Tables) -> None:
    add(tables, "a", days=10)
    add(tables, "a", days=0)
    tables.trimming.set_rule(None, DAY_MS, None, NOW)
    assert tables.trimming.fitting_total(NOW) == (1, 0)
    tables.trimming.trim(NOW, 10)
    assert tables.blobs.unreferenced(10) == ()
    add(tables, "b", days=10)
    add(tables, "b", days=11)
    assert tables.trimming.fitting_total(NOW) == (2, 10)


def test_shares_by_conversation_kind_and_age(tables: Tables) -> None:
    add(tables, "a", size=100, days=400)
    add(tables, "b", size=10, days=400)
    add(tables, "c", size=1, days=40, content_type="audio/ogg")
    add(tables, "d", size=1_000, author=BOB, content_type="application/pdf")
    tables.trimming.set_rule(None, 365 * DAY_MS, None, NOW)
    found = {
        (each.conversation, each.kind, each.age): (each.count, each.size, each.freed)
        for each in tables.trimming.shares(NOW)
    }
    text = len(b"\x0a\x07text") + len(b"text")
    assert found == {
        (ALICE.hex, "text", 1): (1, text, 0),
        (ALICE.hex, "text", 2): (2, 2 * text, 0),
        (BOB.hex, "text", 0): (1, text, 0),
        (ALICE.hex, "image", 2): (2, 110, 110),
        (ALICE.hex, "audio", 1): (1, 1, 0),
        (BOB.hex, "file", 0): (1, 1_000, 0),
    }
    assert tables.trimming.fitting_total(NOW) == (2, 110)
