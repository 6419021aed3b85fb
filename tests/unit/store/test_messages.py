"""Messages: identity, paging, state, placeholders, attachments, reactions, reading and disappearing."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from tests.unit.store.samples import ALICE, BOB, ME, NOW, memory, received, sent, with_conversation
from veery.secret import Secret
from veery.store.conversations import NoConversation
from veery.store.message_values import (
    AFTER_ALL,
    AttachmentState,
    Deleted,
    Delivery,
    DeliveryState,
    Expiration,
    NewAttachment,
    Position,
    SyncState,
    TimestampRefused,
)
from veery.store.messages import SELECT
from veery.store.tables import Tables


def put(tables: Tables, *timestamps: int) -> list[int]:
    ids = [tables.messages.insert(received(each)) for each in timestamps]
    return [each for each in ids if each is not None]


@pytest.fixture
def alice(tables: Tables) -> Tables:
    return with_conversation(tables, ALICE, BOB)


def test_every_field_is_kept(alice: Tables) -> None:
    new = replace(
        sent(NOW),
        storage_hash="h" * 43,
        server_expiry_ms=NOW + 9,
        delivery=Delivery(DeliveryState.FAILED, "network.unreachable", 3, 5, SyncState.FAILED),
        level="v2",
        late=True,
        expiration=Expiration(2, 3600, NOW, NOW + 3_600_000),
    )
    id_ = alice.messages.insert(new)
    assert id_ is not None
    held = alice.messages.get(id_)
    assert held is not None
    for field in fields(new):
        if field.name not in ("attachments", "read"):
            assert getattr(held, field.name) == getattr(new, field.name), field.name
    assert held.read
    assert held.deleted is Deleted.NO


def test_a_message_of_the_same_author_and_time_is_kept_once(alice: Tables) -> None:
    assert alice.messages.insert(received(NOW, "first")) == 1
    assert alice.messages.insert(received(NOW, "second")) is None
    assert alice.messages.insert(received(NOW, author=BOB)) is not None
    held = alice.messages.find(ALICE, NOW)
    assert held is not None
    assert held.body == "first"


def test_a_local_id_is_never_used_again(alice: Tables) -> None:
    (first,) = put(alice, NOW)
    alice.messages.delete([first])
    (second,) = put(alice, NOW)
    assert second > first


def test_a_message_without_conversation_is_an_error(tables: Tables) -> None:
    with pytest.raises(NoConversation):
        tables.messages.insert(received(NOW))


@pytest.mark.parametrize("timestamp", [-1, 2**63, 2**64 - 1])
def test_a_time_that_no_column_holds_is_refused(alice: Tables, timestamp: int) -> None:
    with pytest.raises(TimestampRefused):
        received(timestamp)
    assert alice.messages.find(ALICE, timestamp) is None


@pytest.mark.parametrize("id_", [0, -1, 2**63, 2**80, -(2**80)])
def test_an_id_that_was_never_given_finds_nothing(alice: Tables, id_: int) -> None:
    put(alice, NOW)
    assert alice.messages.get(id_) is None
    assert alice.attachments.get(id_) is None
    assert alice.outbox.get(id_) is None


def test_words_and_conversations_do_not_print() -> None:
    shown = repr(received(NOW, "very private"))
    assert "private" not in shown
    assert ALICE.hex not in shown


def test_a_message_is_found_by_the_hash_of_its_copy(alice: Tables) -> None:
    (id_,) = put(alice, NOW)
    assert alice.messages.find_by_hash("h") is None
    alice.messages.set_storage(id_, "h", 2**70)
    held = alice.messages.find_by_hash("h")
    assert held is not None
    assert (held.id, held.server_expiry_ms) == (id_, 2**63 - 1)


def test_activity_is_raised_and_never_lowered(alice: Tables) -> None:
    put(alice, NOW, NOW - 5)
    held = alice.conversations.get(ALICE.hex)
    assert held is not None
    assert held.active_ms == NOW


def test_pages_follow_the_time_then_the_local_id(alice: Tables) -> None:
    put(alice, NOW + 2, NOW, NOW + 1)
    alice.messages.insert(replace(received(NOW + 1), author=BOB))

    def times(newest_first: bool) -> list[tuple[int, int]]:
        page = alice.messages.page(ALICE.hex, 10, newest_first=newest_first)
        return [(each.timestamp_ms - NOW, each.id) for each in page]

    assert times(False) == [(0, 2), (1, 3), (1, 4), (2, 1)]
    assert times(True) == [(2, 1), (1, 4), (1, 3), (0, 2)]
    newest = alice.messages.newest(ALICE.hex)
    assert newest is not None
    assert newest.id == 1
    assert alice.messages.newest(BOB.hex) is None


def test_a_page_lies_between_its_bounds(alice: Tables) -> None:
    put(alice, *range(NOW, NOW + 10))

    def page(**bounds: Position | None) -> list[int]:
        found = alice.messages.page(ALICE.hex, 3, after=bounds.get("after"), before=bounds.get("before"))
        return [each.timestamp_ms - NOW for each in found]

    assert page() == [9, 8, 7]
    assert page(before=Position(NOW + 5)) == [4, 3, 2]
    assert page(before=Position(NOW + 5, AFTER_ALL)) == [5, 4, 3]
    assert page(after=Position(NOW + 7, AFTER_ALL)) == [9, 8]
    assert page(after=Position(NOW + 3), before=Position(NOW + 5)) == [4, 3]
    assert page(before=Position(2**80, 2**80)) == [9, 8, 7]
    assert page(after=Position(-(2**80), -(2**80))) == [9, 8, 7]


def test_a_page_reads_only_its_own_part_of_the_index() -> None:
    plan = memory().execute(
        "EXPLAIN QUERY PLAN " + SELECT + " WHERE c.id = ? AND (timestamp_ms, m.id) > (?, ?)"
        " AND (timestamp_ms, m.id) < (?, ?) ORDER BY timestamp_ms DESC, m.id DESC LIMIT 50",
        ("x", 0, 0, 1, 1),
    )
    steps = " | ".join(str(row[3]) for row in plan)
    assert "messages_by_time (conversation=? AND timestamp_ms>? AND timestamp_ms<?)" in steps
    assert "TEMP B-TREE" not in steps


def test_the_fate_of_a_message_can_change(alice: Tables) -> None:
    id_ = alice.messages.insert(sent(NOW))
    assert id_ is not None
    fate = Delivery(DeliveryState.STORED, None, 4, 7, SyncState.STORED)
    alice.messages.set_delivery(id_, fate)
    held = alice.messages.get(id_)
    assert held is not None
    assert held.delivery == fate


def test_a_placeholder_keeps_nothing_and_counts_as_read(alice: Tables) -> None:
    id_ = alice.messages.insert(
        replace(received(NOW), attachments=(NewAttachment("u", file="a", state=AttachmentState.STORED),))
    )
    assert id_ is not None
    alice.reactions.add(id_, "+", BOB, NOW)
    assert alice.messages.replace_by_placeholder(id_, Deleted.EVERYWHERE) == ("a",)
    held = alice.messages.get(id_)
    assert held is not None
    assert (held.body, held.content, held.read, held.deleted) == ("", b"", True, Deleted.EVERYWHERE)
    assert alice.attachments.of(id_) == ()
    assert not alice.reactions.of([id_])
    assert alice.messages.insert(received(NOW)) is None


def test_clearing_removes_the_messages_up_to_a_time(alice: Tables) -> None:
    put(alice, NOW, NOW + 1, NOW + 2)
    alice.messages.delete(alice.messages.oldest(ALICE.hex, 10, until_ms=NOW + 1))
    assert [each.timestamp_ms for each in alice.messages.page(ALICE.hex, 9)] == [NOW + 2]
    alice.messages.delete(alice.messages.oldest(ALICE.hex, 10))
    assert alice.messages.page(ALICE.hex, 9) == ()
    assert alice.conversations.get(ALICE.hex) is not None


def test_attachments_keep_their_order_and_fields(alice: Tables) -> None:
    full = NewAttachment(
        url="http://files/7",
        content_type="image/png",
        file_name="a.png",
        size=17,
        flags=1,
        width=2,
        height=3,
        caption="c",
        key=Secret(b"k" * 32),
        digest=b"d" * 32,
        state=AttachmentState.WANTED,
    )
    id_ = alice.messages.insert(replace(received(NOW), attachments=(full, NewAttachment("second"))))
    assert id_ is not None
    first, second = alice.attachments.of(id_)
    assert second.pointer.url == "second"
    assert (first.message, first.position, second.position) == (id_, 0, 1)
    for field in fields(full):
        held, given = getattr(first.pointer, field.name), getattr(full, field.name)
        assert (held.reveal() if isinstance(held, Secret) else held) == (
            given.reveal() if isinstance(given, Secret) else given
        ), field.name
    assert [each.id for each in alice.attachments.in_state(AttachmentState.WANTED, 5)] == [first.id]


def test_a_stored_attachment_forgets_the_pointers_key(alice: Tables) -> None:
    new = NewAttachment("u", key=Secret(b"k" * 64), digest=b"d" * 32)
    id_ = alice.messages.insert(replace(received(NOW), attachments=(new,)))
    assert id_ is not None
    (held,) = alice.attachments.of(id_)
    alice.attachments.set_stored(held.id, "file-1", Secret(b"l" * 32))
    stored = alice.attachments.get(held.id)
    assert stored is not None
    assert (stored.pointer.state, stored.pointer.file) == (AttachmentState.STORED, "file-1")
    assert stored.pointer.key is None
    assert stored.pointer.digest is None
    assert stored.pointer.file_key is not None
    assert stored.pointer.file_key.reveal() == b"l" * 32
    alice.attachments.set_state(held.id, AttachmentState.FAILED)
    assert alice.messages.delete([id_]) == ("file-1",)


def test_reactions_are_sets_of_people_for_each_emoji(alice: Tables) -> None:
    (id_,) = put(alice, NOW)
    assert alice.reactions.add(id_, "+", BOB, NOW + 2)
    assert alice.reactions.add(id_, "+", ME, NOW + 1)
    assert alice.reactions.add(id_, "-", BOB, 2**64 - 1)
    assert not alice.reactions.add(id_, "+", BOB, NOW + 9)
    assert [(each.emoji, each.author) for each in alice.reactions.of([id_])[id_]] == [("+", ME), ("+", BOB), ("-", BOB)]
    assert alice.reactions.remove(id_, "+", BOB)
    assert not alice.reactions.remove(id_, "+", BOB)
    assert [(each.emoji, each.author) for each in alice.reactions.of([id_, 99])[id_]] == [("+", ME), ("-", BOB)]


def test_reading_marks_up_to_a_time_and_only_moves_forward(alice: Tables) -> None:
    put(alice, NOW, NOW + 1, NOW + 2)
    alice.conversations.update(ALICE.hex, lambda held: replace(held, marked_unread=True))
    assert [each.timestamp_ms - NOW for each in alice.reading.mark_read(ALICE.hex, NOW + 1)] == [0, 1]
    assert alice.reading.mark_read(ALICE.hex, NOW) == ()
    held = alice.conversations.get(ALICE.hex)
    assert held is not None
    assert (held.unread, held.last_read_ms, held.marked_unread) == (1, NOW + 1, False)


def test_what_arrives_late_below_the_mark_is_read(alice: Tables) -> None:
    alice.reading.mark_read(ALICE.hex, NOW)
    below, above = put(alice, NOW - 1, NOW + 1)
    held_below, held_above = alice.messages.get(below), alice.messages.get(above)
    assert held_below is not None
    assert held_above is not None
    assert held_below.read
    assert not held_above.read


def test_a_receipt_counts_for_own_messages_of_that_conversation_alone(alice: Tables) -> None:
    ours, to_bob = alice.messages.insert(sent(NOW)), alice.messages.insert(sent(NOW + 1, to=BOB))
    put(alice, NOW + 2)
    times = [NOW, NOW + 1, NOW + 2, NOW + 3, -1, 2**64 - 1]
    assert alice.reading.receipt(ALICE.hex, ME, times) == (ours,)
    assert alice.reading.receipt(ALICE.hex, ME, times) == ()
    assert to_bob is not None
    held = alice.messages.get(to_bob)
    assert held is not None
    assert held.delivery.state is DeliveryState.RECEIVED


def test_disappearing_messages_are_due_in_order(alice: Tables) -> None:
    first, second, third = put(alice, NOW, NOW + 1, NOW + 2)
    assert alice.reading.next_expiry() is None
    alice.reading.set_expiration(first, Expiration(1, 60, NOW, NOW + 60_000))
    alice.reading.set_expiration(second, Expiration(2, 30, NOW, NOW + 30_000))
    alice.reading.set_expiration(third, Expiration(1, 30))
    assert alice.reading.next_expiry() == NOW + 30_000
    assert [each.id for each in alice.reading.expired(NOW + 29_999, 9)] == []
    assert [each.id for each in alice.reading.expired(NOW + 60_000, 9)] == [second, first]
    assert [each.id for each in alice.reading.expired(NOW + 60_000, 1)] == [second]
    alice.messages.delete([first, second])
    assert alice.reading.next_expiry() is None
