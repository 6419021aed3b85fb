"""The tables of a node by themselves: what is swept, remembered and given up, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from veery.node import deleted_table as deleted
from veery.node import message_table as table
from veery.node import replication_table as owed
from veery.node.message_table import StoredMessage
from veery.protocol.constants import DAY_MS, REVOKED_MAX
from veery.runtime.sqlite import Connection, open_plain
from veery.runtime.sqlite.migrate import migrate

NOW = 1_700_000_000_000
ACCOUNT = b"\x05" + bytes(32)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    connection = open_plain(tmp_path / "messages.sqlite")
    migrate(connection, table.MIGRATIONS)
    yield connection
    connection.close()


def message(at: int, *, account: bytes = ACCOUNT, namespace: int = 0, expiry: int = NOW + DAY_MS) -> StoredMessage:
    return StoredMessage(account, namespace, f"{at:043d}", NOW + at, expiry, b"data")


def names(db: Connection) -> list[str]:
    return [found.hash for _, found in table.batch_after(db, 0, 2**60, 0, 1_000)]


# -- messages ----------------------------------------------------------------------------------------------------


def test_expired_messages_go_in_pieces(db: Connection) -> None:
    for at in range(10):
        table.store(db, message(at, expiry=NOW + at))
    assert table.remove_expired(db, NOW + 6, 3) == 3
    assert table.remove_expired(db, NOW + 6, 3) == 3
    assert table.remove_expired(db, NOW + 6, 3) == 1
    assert names(db) == [message(at).hash for at in (7, 8, 9)]


def test_numbers_are_never_given_twice(db: Connection) -> None:
    """`last_hash` and dumps lean on it: the highest number is not given again after its message is gone (05.9)."""
    table.store(db, message(1))
    newest = table.newest_id(db)
    assert table.delete(db, ACCOUNT, [message(1).hash], NOW) == [message(1).hash]
    table.store(db, message(2))
    assert table.newest_id(db) > newest


def test_accounts_without_messages_are_forgotten_a_page_at_a_time(db: Connection) -> None:
    for at in range(10):
        table.store(db, message(at, account=b"\x05" + bytes([at]) * 32))
        if at % 2:
            table.delete(db, b"\x05" + bytes([at]) * 32, [message(at).hash], NOW)
    seen, pages = table.forget_empty_owners(db, 0, 4), 1
    while seen:
        seen, pages = table.forget_empty_owners(db, seen, 4), pages + 1
    assert pages == 4
    assert [account[1] for _, account in table.accounts(db)] == [0, 2, 4, 6, 8]
    assert table.forget_empty_owners(db, 0, 4) > 0
    assert len(names(db)) == 5


def test_revocations_outlive_messages_and_only_the_newest_stay(db: Connection) -> None:
    tokens = [bytes([at]) * 36 for at in range(REVOKED_MAX + 10)]
    for at, token in enumerate(tokens):
        table.revoke(db, ACCOUNT, [token], NOW + at)
    table.forget_empty_owners(db, 0)
    assert table.revoked(db, ACCOUNT) == frozenset(tokens[10:])
    table.revoke(db, ACCOUNT, tokens[10:11], NOW + 1_000)  # again: renewed
    table.revoke(db, ACCOUNT, [b"x" * 36], NOW + 2_000)
    assert tokens[10] in table.revoked(db, ACCOUNT)
    assert tokens[11] not in table.revoked(db, ACCOUNT)
    assert table.unrevoke(db, ACCOUNT, [tokens[10], b"y" * 36]) == 1


def test_an_outbox_keeps_the_newest_of_each_account(db: Connection) -> None:
    other = b"\x03" + bytes(32)
    table.store(db, message(5, namespace=-21))
    table.store(db, message(6, namespace=-21, account=other))
    assert table.store(db, message(4, namespace=-21)).already
    assert table.store(db, message(7, namespace=-21)).inserted
    table.store(db, message(1, namespace=-1))
    assert names(db) == [message(at).hash for at in (6, 7, 1)]


# -- deletions ---------------------------------------------------------------------------------------------------


def test_a_pushed_message_is_taken_unless_it_was_deleted_since(db: Connection) -> None:
    assert table.store_pushed(db, [message(1), message(2)]) == 2
    table.delete(db, ACCOUNT, [message(1).hash], NOW + 10)
    assert table.store_pushed(db, [message(1), message(2)]) == 0
    again = StoredMessage(ACCOUNT, 0, message(1).hash, NOW + 11, NOW + DAY_MS, b"data")
    assert table.store_pushed(db, [again]) == 1
    assert table.store_pushed(db, [message(1)]) == 0
    assert sorted(names(db)) == [message(1).hash, message(2).hash]


def test_a_deletion_of_what_comes_later_counts_for_a_while(db: Connection) -> None:
    assert table.delete(db, ACCOUNT, [message(1).hash], NOW + 10) == []
    assert table.store_pushed(db, [message(1)]) == 0
    deleted.forget(db, NOW + 10 + DAY_MS, 1_000)
    assert table.store_pushed(db, [message(1)]) == 1


def test_one_request_does_not_fill_the_memory_of_deletions(db: Connection) -> None:
    hashes = [message(at).hash for at in range(5_000)]
    table.delete(db, ACCOUNT, hashes, NOW)
    assert len(deleted.times(db, hashes)) == 100


def test_a_message_of_the_future_stays_deleted(db: Connection) -> None:
    """Senders' clocks may be ahead by some seconds: the deletion is not older than the message."""
    ahead = message(9_000)
    table.store(db, ahead)
    table.delete(db, ACCOUNT, [ahead.hash], NOW)
    assert table.store_pushed(db, [ahead]) == 0


def test_deletions_are_remembered_as_long_as_the_messages_would_have_lived(db: Connection) -> None:
    table.store(db, message(1, expiry=NOW + 1_000))
    table.store(db, message(2, expiry=NOW + 2_000))
    assert len(table.delete_where(db, ACCOUNT, None, NOW)) == 2
    deleted.forget(db, NOW + 1_000, 1_000)
    assert deleted.times(db, [message(1).hash, message(2).hash]).keys() == {message(2).hash}


def test_deletions_are_bounded(db: Connection) -> None:
    gone = [(message(at).hash, NOW, NOW + 1_000 + at) for at in range(50)]
    deleted.remember(db, gone, NOW)
    deleted.forget(db, NOW, 20)
    assert sorted(deleted.times(db, [name for name, _, _ in gone])) == [message(at).hash for at in range(30, 50)]


# -- what is owed ------------------------------------------------------------------------------------------------


def test_the_older_half_is_given_up(db: Connection) -> None:
    for at in range(10):
        owed.add_repair(db, b"ab"[at % 2 : at % 2 + 1], "push", b"x" * at, NOW)
    given_up = owed.give_up_repairs(db)
    assert 5 <= len(given_up) <= 6
    assert {peer for peer, _ in given_up} == {b"a", b"b"}
    assert [size for _, size in given_up] == [*range(len(given_up))]
    count, size = owed.repairs_size(db)
    assert (count, size) == (10 - len(given_up), sum(range(len(given_up), 10)))
    while owed.repairs_size(db)[0]:
        assert owed.give_up_repairs(db)
    assert owed.give_up_repairs(db) == []


def test_repairs_keep_their_order(db: Connection) -> None:
    for at in range(5):
        owed.add_repair(db, b"a", "delete", bytes([at]), NOW)
        owed.add_repair(db, b"b", "push", bytes([at]), NOW)
    rows = owed.repairs_of(db, b"a", 3)
    assert [row.body[0] for row in rows] == [0, 1, 2]
    owed.drop_repairs(db, [rows[1].id])
    assert [row.body[0] for row in owed.repairs_of(db, b"a", 9)] == [0, 2, 3, 4]
    owed.drop_repairs_of(db, b"b")
    assert owed.peers_to_repair(db) == [b"a"]


def test_dumps_of_swarms_beyond_63_bits(db: Connection) -> None:
    row = owed.DumpRow(b"a" * 32, 2**64 - 2, 5, 9)
    owed.save_dump(db, row)
    owed.save_dump(db, owed.DumpRow(b"a" * 32, 2**64 - 2, 7, 9))
    assert owed.dumps(db) == [owed.DumpRow(b"a" * 32, 2**64 - 2, 7, 9)]
    owed.begin_dump(db, b"a" * 32, 2**64 - 2, 11)
    assert owed.dumps(db) == [owed.DumpRow(b"a" * 32, 2**64 - 2, 0, 11)]
    owed.drop_dump(db, b"a" * 32, 2**64 - 2)
    assert owed.dumps(db) == []
