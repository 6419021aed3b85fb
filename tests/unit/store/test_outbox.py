"""The outbox, and the fate of own messages: sealed once, mirrored after, counted, given up, revived."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.store.samples import ALICE, ME, NOW, memory, sent, with_conversation
from veery.store.delivery import Queued
from veery.store.message_values import Deleted, Delivery, DeliveryState, Expiration, SyncState
from veery.store.outbox import Copy, CopyRole, CopyState, NewCopy, NoCopy
from veery.store.tables import Tables

SEEN_UNTIL = NOW + 1_000


def copy(role: CopyRole, timestamp_ms: int = NOW) -> NewCopy:
    to = ME if role is CopyRole.SYNC else ALICE
    return NewCopy(role, to, 0, timestamp_ms, 14 * 86_400_000, b"content for " + role.value.encode())


def queued(tables: Tables, timestamp_ms: int = NOW) -> Queued:
    with_conversation(tables, ALICE, ME)
    copies = (copy(CopyRole.RECIPIENT, timestamp_ms), copy(CopyRole.SYNC, timestamp_ms))
    found = tables.deliveries.queue(sent(timestamp_ms), copies, NOW)
    assert found is not None
    return found


def fate(tables: Tables, message: int) -> Delivery:
    held = tables.messages.get(message)
    assert held is not None
    return held.delivery


def due(tables: Tables, now_ms: int = NOW) -> list[int]:
    return [each.id for each in tables.outbox.due(now_ms, 10)]


def test_a_new_copy_keeps_every_field(tables: Tables) -> None:
    new = replace(copy(CopyRole.CONTROL), namespace=-11)
    (id_,) = tables.deliveries.queue_control([new], NOW + 5)
    held = tables.outbox.get(id_)
    assert held == Copy(
        id=id_,
        message=None,
        role=CopyRole.CONTROL,
        after=None,
        destination=ALICE,
        namespace=-11,
        timestamp_ms=NOW,
        ttl_ms=new.ttl_ms,
        content=new.content,
        sealed=None,
        sealed_hash=None,
        level=None,
        state=CopyState.WAITING,
        attempts=0,
        next_attempt_ms=NOW + 5,
        last_error=None,
        created_ms=NOW + 5,
    )
    assert tables.outbox.next_due() == NOW + 5
    assert due(tables, NOW + 4) == []
    assert due(tables, NOW + 5) == [id_]


def test_message_and_copies_are_written_together(tables: Tables) -> None:
    found = queued(tables)
    assert fate(tables, found.message) == Delivery(DeliveryState.QUEUED, sync=SyncState.WAITING)
    assert [each.id for each in tables.outbox.of(found.message)] == list(found.copies)


def test_a_taken_time_queues_nothing(tables: Tables) -> None:
    queued(tables)
    assert tables.deliveries.queue(sent(NOW), [copy(CopyRole.RECIPIENT)], NOW) is None
    assert len(due(tables)) == 1


def test_the_mirror_waits_until_the_recipients_copy_is_stored(tables: Tables) -> None:
    found = queued(tables)
    recipient, sync = found.copies
    assert due(tables) == [recipient]
    tables.deliveries.seal(recipient, b"sealed", "hash-r", "v1", SEEN_UNTIL)
    assert due(tables) == [recipient]
    tables.deliveries.stored(recipient, 5, 7)
    assert due(tables) == [sync]


def test_sealing_happens_once(tables: Tables) -> None:
    recipient, _ = queued(tables).copies
    first = tables.deliveries.seal(recipient, b"first", "hash-1", "v1", SEEN_UNTIL)
    second = tables.deliveries.seal(recipient, b"second", "hash-2", "v2", SEEN_UNTIL)
    assert first == second
    assert (second.sealed, second.sealed_hash, second.level, second.state) == (
        b"first",
        "hash-1",
        "v1",
        CopyState.SEALED,
    )


def test_the_schema_itself_refuses_other_sealed_bytes() -> None:
    connection = memory()
    connection.execute(
        "INSERT INTO outbox (id, role, destination, namespace, timestamp_ms, ttl_ms, content, state, next_attempt_ms,"
        " created_ms) VALUES (1, 'control', x'05', 0, 1, 1, x'', 'waiting', 0, 0)"
    )
    connection.execute("UPDATE outbox SET sealed = x'01', sealed_hash = 'h', level = 'v1' WHERE id = 1")
    with pytest.raises(Exception, match="sealed bytes never change"):
        connection.execute("UPDATE outbox SET sealed = x'02' WHERE id = 1")


def test_a_message_goes_from_queued_to_stored_on_k_of_n(tables: Tables) -> None:
    found = queued(tables)
    recipient, sync = found.copies
    tables.deliveries.seal(recipient, b"r", "hash-r", "v2", SEEN_UNTIL)
    assert fate(tables, found.message).state is DeliveryState.SEALED
    tables.deliveries.stored(recipient, 5, 7)
    assert fate(tables, found.message) == Delivery(DeliveryState.STORED, None, 5, 7, SyncState.WAITING)
    tables.deliveries.seal(sync, b"s", "hash-s", "v2", SEEN_UNTIL)
    tables.deliveries.stored(sync, 2, 7, NOW + 9)
    assert fate(tables, found.message) == Delivery(DeliveryState.STORED, None, 5, 7, SyncState.STORED)
    held = tables.messages.get(found.message)
    assert held is not None
    assert (held.level, held.storage_hash, held.server_expiry_ms) == ("v2", "hash-s", NOW + 9)
    assert tables.outbox.of(found.message) == ()
    assert tables.outbox.next_due() is None


def test_the_own_copy_is_seen_from_the_moment_it_is_sealed(tables: Tables) -> None:
    recipient, sync = queued(tables).copies
    tables.deliveries.seal(recipient, b"r", "hash-r", "v1", SEEN_UNTIL)
    tables.deliveries.seal(sync, b"s", "hash-s", "v1", SEEN_UNTIL)
    assert not tables.inbox.is_seen("hash-r")
    assert tables.inbox.is_seen("hash-s")


def test_note_to_self_follows_its_only_copy(tables: Tables) -> None:
    with_conversation(tables, ME)
    found = tables.deliveries.queue(sent(NOW, to=ME), [copy(CopyRole.SYNC)], NOW)
    assert found is not None
    (only,) = found.copies
    assert due(tables) == [only]
    tables.deliveries.seal(only, b"s", "hash-s", "v1", SEEN_UNTIL)
    assert fate(tables, found.message).state is DeliveryState.SEALED
    tables.deliveries.stored(only, 3, 5, NOW + 9)
    assert fate(tables, found.message) == Delivery(DeliveryState.STORED, None, 3, 5, SyncState.STORED)


def test_a_receipt_that_comes_first_is_not_undone(tables: Tables) -> None:
    found = queued(tables)
    tables.reading.receipt(ALICE.hex, ME, [NOW])
    tables.deliveries.stored(found.copies[0], 5, 7)
    assert fate(tables, found.message) == Delivery(DeliveryState.READ, None, 5, 7, SyncState.WAITING)


def test_a_postponed_copy_is_due_later_and_counts(tables: Tables) -> None:
    recipient, _ = queued(tables).copies
    tables.deliveries.postpone(recipient, NOW + 100, "network.unreachable")
    assert due(tables, NOW + 99) == []
    assert due(tables, NOW + 100) == [recipient]
    assert tables.outbox.next_due() == NOW + 100
    held = tables.outbox.need(recipient)
    assert (held.attempts, held.last_error) == (1, "network.unreachable")


def test_giving_the_recipients_copy_up_fails_the_message_and_its_disappearing(tables: Tables) -> None:
    found = queued(tables)
    tables.reading.set_expiration(found.message, Expiration(2, 60, NOW, NOW + 60_000))
    tables.deliveries.fail(found.copies[0], "network.refused")
    held = tables.messages.get(found.message)
    assert held is not None
    assert (held.delivery.state, held.delivery.reason) == (DeliveryState.FAILED, "network.refused")
    assert held.expiration == Expiration(2, 60)
    assert due(tables, NOW + 10**9) == []
    assert tables.outbox.next_due() is None


def test_a_failed_mirror_leaves_the_message_sent(tables: Tables) -> None:
    found = queued(tables)
    recipient, sync = found.copies
    tables.deliveries.stored(recipient, 5, 7)
    tables.deliveries.fail(sync, "network.unreachable")
    assert fate(tables, found.message) == Delivery(DeliveryState.STORED, None, 5, 7, SyncState.FAILED)
    tables.deliveries.revive(sync, NOW + 1)
    assert fate(tables, found.message).sync is SyncState.WAITING
    assert due(tables, NOW + 1) == [sync]


@pytest.mark.parametrize("sealed", [False, True])
def test_a_revived_message_goes_on_where_it_was(tables: Tables, sealed: bool) -> None:
    found = queued(tables)
    recipient, sync = found.copies
    if sealed:
        tables.deliveries.seal(recipient, b"r", "hash-r", "v1", SEEN_UNTIL)
    tables.deliveries.fail(recipient, "network.unreachable")
    revived = tables.deliveries.revive(recipient, NOW + 1)
    assert revived.sealed == (b"r" if sealed else None)
    assert (revived.attempts, revived.last_error) == (0, None)
    assert fate(tables, found.message).state is (DeliveryState.SEALED if sealed else DeliveryState.QUEUED)
    assert due(tables, NOW + 1) == [recipient]
    tables.deliveries.stored(recipient, 5, 7)
    assert due(tables, NOW + 1) == [sync]


def test_cancelling_takes_what_waits_for_it(tables: Tables) -> None:
    found = queued(tables)
    tables.outbox.cancel(found.copies[0])
    assert tables.outbox.of(found.message) == ()


def test_deleting_a_message_cancels_its_copies(tables: Tables) -> None:
    first, second = queued(tables), queued(tables, NOW + 1)
    tables.messages.delete([first.message])
    tables.messages.replace_by_placeholder(second.message, Deleted.HERE)
    assert due(tables) == []


def test_what_is_gone_is_not_sealed_and_changes_nothing(tables: Tables) -> None:
    found = queued(tables)
    recipient = found.copies[0]
    tables.deliveries.stored(recipient, 5, 7)
    tables.deliveries.stored(recipient, 1, 7)
    tables.deliveries.fail(recipient, "late")
    assert fate(tables, found.message).stored_on == 5
    with pytest.raises(NoCopy):
        tables.deliveries.seal(recipient, b"x", "h", "v1", SEEN_UNTIL)
    with pytest.raises(NoCopy):
        tables.deliveries.revive(recipient, NOW)


def test_the_longest_waiting_is_tried_first_and_the_limit_holds(tables: Tables) -> None:
    one, two, three = (tables.deliveries.queue_control([copy(CopyRole.CONTROL)], NOW + at)[0] for at in (2, 0, 1))
    assert due(tables, NOW + 2) == [two, three, one]
    assert [each.id for each in tables.outbox.due(NOW + 2, 2)] == [two, three]
