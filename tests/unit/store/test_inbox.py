"""What was fetched: recorded once, refused alone, kept for later, trimmed."""

from __future__ import annotations

import sqlite3

import pytest

from tests.unit.store.samples import ALICE, BOB, ME, NOW, received, with_conversation
from veery.errors import Malformed
from veery.protocol.constants import DAY_MS, TTL_MAX_PRIVATE_MS
from veery.store import inbox
from veery.store.inbox import SEEN_SLACK_MS, FetchedBatch, FetchedItem, ItemMalformed, Refused, Undecoded
from veery.store.message_values import Expiration
from veery.store.tables import Tables

NODE, OTHER = b"n" * 32, b"o" * 32


def item(number: int, expires_ms: int = NOW + DAY_MS) -> FetchedItem:
    return FetchedItem(f"{number:043}", b"data %d" % number, NOW + number, expires_ms)


def batch(*numbers: int, node: bytes = NODE, namespace: int = 0) -> FetchedBatch:
    items = tuple(item(number) for number in numbers)
    return FetchedBatch(node, ME, namespace, items, items[-1].hash if items else None)


def store(tables: Tables, each: FetchedItem) -> None:
    tables.messages.insert(received(each.timestamp_ms, each.data.decode()))


def bodies(tables: Tables) -> list[str]:
    return [each.body for each in tables.messages.page(ALICE.hex, 100, newest_first=False)]


@pytest.fixture
def alice(tables: Tables) -> Tables:
    return with_conversation(tables, ALICE)


def test_a_batch_is_applied_in_order_and_moves_the_cursor(alice: Tables) -> None:
    result = alice.inbox.record_fetched(batch(1, 2, 3), lambda each: store(alice, each), NOW)
    assert result.applied == tuple(item(number).hash for number in (1, 2, 3))
    assert (result.undecoded, result.refused, result.repeated) == ((), (), 0)
    assert bodies(alice) == ["data 1", "data 2", "data 3"]
    assert alice.inbox.last_hash(NODE, ME, 0) == item(3).hash


def test_the_same_items_count_once_from_whichever_node(alice: Tables) -> None:
    alice.inbox.record_fetched(batch(1, 2), lambda each: store(alice, each), NOW)
    again = alice.inbox.record_fetched(batch(2, 3, 1, node=OTHER), lambda each: store(alice, each), NOW)
    assert (len(again.applied), again.repeated) == (1, 2)
    assert bodies(alice) == ["data 1", "data 2", "data 3"]


def test_cursors_are_kept_for_each_node_account_and_namespace(alice: Tables) -> None:
    alice.inbox.record_fetched(batch(1), lambda each: None, NOW)
    alice.inbox.record_fetched(batch(2, node=OTHER), lambda each: None, NOW + 1)
    alice.inbox.record_fetched(batch(3, namespace=-10), lambda each: None, NOW + 2)
    assert alice.inbox.last_hash(NODE, ME, 0) == item(1).hash
    assert alice.inbox.last_hash(OTHER, ME, 0) == item(2).hash
    assert alice.inbox.last_hash(NODE, ME, -10) == item(3).hash
    assert alice.inbox.last_hash(NODE, BOB, 0) is None
    assert alice.inbox.forget_cursors(ME, NOW + 1) == 1
    assert alice.inbox.last_hash(NODE, ME, 0) is None
    assert alice.inbox.forget_cursors(ME) == 2


def test_an_answer_without_messages_leaves_the_cursor(alice: Tables) -> None:
    alice.inbox.record_fetched(batch(1), lambda each: None, NOW)
    alice.inbox.record_fetched(batch(), lambda each: None, NOW)
    assert alice.inbox.last_hash(NODE, ME, 0) == item(1).hash


def test_one_refused_item_is_undone_alone_and_not_tried_again(alice: Tables) -> None:
    def apply(each: FetchedItem) -> None:
        store(alice, each)
        if each.hash == item(2).hash:
            raise Malformed("broken", kind="content.protobuf")

    result = alice.inbox.record_fetched(batch(1, 2, 3), apply, NOW)
    assert result.refused == (Refused(item(2).hash, "content.protobuf"),)
    assert bodies(alice) == ["data 1", "data 3"]
    assert alice.inbox.record_fetched(batch(2), apply, NOW).repeated == 1


def test_values_of_the_wire_that_no_column_holds_are_refused(alice: Tables) -> None:
    def apply(each: FetchedItem) -> None:
        if each.hash == item(1).hash:
            alice.reading.set_expiration(2**64, Expiration())
        elif each.hash == item(2).hash:
            alice.accounts.set_setting("text", "half \ud800")
        else:
            received(2**64 - 1)

    result = alice.inbox.record_fetched(batch(1, 2, 3), apply, NOW)
    assert [each.kind for each in result.refused] == ["store.value", "store.value", "store.timestamp"]


def test_any_other_error_passes_through(alice: Tables) -> None:
    def apply(each: FetchedItem) -> None:
        raise sqlite3.OperationalError("no room")

    with pytest.raises(sqlite3.OperationalError):
        alice.inbox.record_fetched(batch(1), apply, NOW)


def test_what_cannot_be_read_yet_is_kept_with_its_reason(alice: Tables) -> None:
    result = alice.inbox.record_fetched(batch(1, 2), lambda each: Undecoded("unknown_version"), NOW)
    assert result.undecoded == (item(1).hash, item(2).hash)
    kept = alice.inbox.kept(10)
    assert [(each.item, each.reason, each.account, each.namespace, each.received_ms) for each in kept] == [
        (item(1), "unknown_version", ME, 0, NOW),
        (item(2), "unknown_version", ME, 0, NOW),
    ]
    assert [each.item for each in alice.inbox.kept(1, after=kept[0].id)] == [item(2)]
    alice.inbox.release(kept[0].id)
    assert [each.item for each in alice.inbox.kept(10)] == [item(2)]
    assert alice.inbox.record_fetched(batch(1, 2), lambda each: None, NOW).repeated == 2


def test_what_is_set_aside_is_counted_by_its_reason(alice: Tables) -> None:
    for namespace, numbers, reason in ((0, (1, 2), "one"), (0, (3,), "other"), (3, (4,), "one")):
        alice.inbox.record_fetched(batch(*numbers, namespace=namespace), lambda _, why=reason: Undecoded(why), NOW)  # type: ignore[misc]
    assert alice.inbox.set_aside(ME, 0) == {"one": 2, "other": 1}
    assert alice.inbox.set_aside(ME, 3) == {"one": 1}
    assert alice.inbox.set_aside(ALICE, 0) == {}


def test_strangers_cannot_fill_the_disk_with_what_cannot_be_read(
    alice: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "UNDECODED_MAX", 3)
    alice.inbox.record_fetched(batch(*range(1, 6)), lambda each: Undecoded("x"), NOW)
    assert [each.item for each in alice.inbox.kept(10)] == [item(3), item(4), item(5)]
    monkeypatch.setattr(inbox, "UNDECODED_BYTES_MAX", len(item(6).data) * 2)
    alice.inbox.record_fetched(batch(6), lambda each: Undecoded("x"), NOW)
    assert [each.item for each in alice.inbox.kept(10)] == [item(5), item(6)]


def test_hashes_are_forgotten_after_their_messages_expired(alice: Tables) -> None:
    absurd = FetchedItem("absurd", b"", NOW, 2**80)
    past = FetchedItem("past", b"", NOW, -(2**80))
    alice.inbox.record_fetched(
        FetchedBatch(NODE, ME, 0, (item(1), absurd, past), None), lambda each: Undecoded("x"), NOW
    )
    alice.inbox.trim(NOW)
    assert not alice.inbox.is_seen("past")
    alice.inbox.trim(NOW + DAY_MS + SEEN_SLACK_MS)
    assert alice.inbox.is_seen(item(1).hash)
    assert [each.item.hash for each in alice.inbox.kept(10)] == ["absurd"]
    alice.inbox.trim(NOW + DAY_MS + SEEN_SLACK_MS + 1)
    assert not alice.inbox.is_seen(item(1).hash)
    assert alice.inbox.is_seen("absurd")
    alice.inbox.trim(NOW + TTL_MAX_PRIVATE_MS + SEEN_SLACK_MS + 1)
    assert not alice.inbox.is_seen("absurd")
    assert alice.inbox.kept(10) == ()


def test_seeing_again_never_shortens_the_memory(alice: Tables) -> None:
    alice.inbox.mark_seen("h", NOW + 5)
    alice.inbox.mark_seen("h", NOW)
    alice.inbox.trim(NOW + 5 + SEEN_SLACK_MS)
    assert alice.inbox.is_seen("h")


@pytest.mark.parametrize("hash_", ["", "é", "\ud800", "h" * 129])
def test_what_is_no_hash_is_refused(hash_: str) -> None:
    with pytest.raises(ItemMalformed):
        FetchedItem(hash_, b"", NOW, NOW)
    with pytest.raises(ItemMalformed):
        FetchedBatch(NODE, ME, 0, (), hash_)


def test_what_was_seen_in_an_earlier_version_counts_for_messages_alone(alice: Tables) -> None:
    alice.inbox.mark_seen("h", NOW)
    assert [alice.inbox.is_seen("h", each) for each in (0, 11, 21, 5, 12)] == [True, True, False, False, False]
    alice.inbox.mark_seen("h", NOW, 21)
    assert alice.inbox.is_seen("h", 21)
