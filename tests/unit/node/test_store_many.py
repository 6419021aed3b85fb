"""Storing many messages by few statements gives what storing them one by one gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from veery.node import message_table as table
from veery.node.message_table import StoredMessage
from veery.runtime.sqlite import Connection, migrate, open_plain

ACCOUNTS = [bytes([5, number]) + bytes(31) for number in range(3)]
NAMESPACES = [0, 2, -21]  # the last one is an outbox, which keeps its newest message


def message(account: int, namespace: int, body: int, time: int) -> StoredMessage:
    text = f"{account}.{namespace}.{body}".rjust(43, "h")
    return StoredMessage(ACCOUNTS[account], namespace, text, time, time + 10, b"%d" % body)


MESSAGES = st.lists(
    st.builds(message, st.integers(0, 2), st.sampled_from(NAMESPACES), st.integers(0, 3), st.integers(0, 4)),
    max_size=40,
)


def opened(path: Path) -> Connection:
    connection = open_plain(path)
    migrate(connection, table.MIGRATIONS)
    return connection


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, Connection]]:
    directory = tmp_path_factory.mktemp("many")
    pair = opened(directory / "one.sqlite"), opened(directory / "many.sqlite")
    yield pair
    for connection in pair:
        connection.close()


def content(db: Connection) -> list[tuple[object, ...]]:
    return db.execute(
        "SELECT account, namespace, hash, timestamp, expiry, data FROM messages JOIN owners ON owners.id = owner"
        " ORDER BY account, namespace, hash"
    ).fetchall()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(before=MESSAGES, messages=MESSAGES.filter(bool))
def test_as_one_by_one(
    databases: tuple[Connection, Connection], before: list[StoredMessage], messages: list[StoredMessage]
) -> None:
    one, many = databases
    for db in databases:
        db.execute("BEGIN")
        for each in before:
            table.store(db, each)
    try:
        assert table.store_many(many, messages) == [table.store(one, each) for each in messages]
        assert content(many) == content(one)
    finally:
        for db in databases:
            db.execute("ROLLBACK")


def test_insertion_numbers_follow_the_order_of_arrival(tmp_path: Path) -> None:
    db = opened(tmp_path / "a.sqlite")
    messages = [message(number % 3, 0, number, 1) for number in range(9, 0, -1)]
    results = table.store_many(db, messages)
    assert all(result.inserted and not result.already for result in results)
    assert [row[0] for row in db.execute("SELECT hash FROM messages ORDER BY id")] == [each.hash for each in messages]
    db.close()
