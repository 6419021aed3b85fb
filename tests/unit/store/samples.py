"""A store's tables on a database in memory, and values to put into them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from sqlcipher3 import dbapi2

from veery.protocol.account import Account, AccountId
from veery.runtime.sqlite import migrate
from veery.store.conversations import CONTACT
from veery.store.database import NewProfile, Store
from veery.store.keys import Cost, Passphrase
from veery.store.message_values import NewMessage
from veery.store.migrations import MIGRATIONS
from veery.store.tables import Tables

NOW = 1_764_000_000_000


def account_id(name: str) -> AccountId:
    return AccountId(b"\x05" + hashlib.sha256(name.encode()).digest())


ME, ALICE, BOB = account_id("me"), account_id("alice"), account_id("bob")


def memory() -> dbapi2.Connection:
    connection = dbapi2.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection, MIGRATIONS)
    return connection


def received(timestamp_ms: int, body: str = "hello", author: AccountId = ALICE) -> NewMessage:
    return NewMessage(
        conversation=author.hex,
        author=author,
        timestamp_ms=timestamp_ms,
        outgoing=False,
        kind="text",
        body=body,
        content=b"\x0a\x07" + body.encode(),
        received_ms=NOW,
    )


def sent(timestamp_ms: int, body: str = "hi", to: AccountId = ALICE) -> NewMessage:
    return replace(received(timestamp_ms, body), conversation=to.hex, author=ME, outgoing=True)


CHEAP = Cost(ops=1, memory=8 * 1024)
PASSPHRASE = Passphrase.of("correct horse", CHEAP)


def profile(name: str = "Me") -> NewProfile:
    return NewProfile(Account.from_seed(bytes(range(16))), name, 1_764_000_000, "[network]\nname = 'test'\n")


async def make_store(directory: Path) -> Store:
    return await Store.create(directory, PASSPHRASE, profile(), NOW)


def with_conversation(tables: Tables, *accounts: AccountId) -> Tables:
    for each in accounts:
        tables.conversations.ensure(each.hex, CONTACT, NOW)
    return tables
