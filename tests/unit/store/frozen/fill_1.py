"""Makes a store of schema 1 with something in every table. Runs with the code of the release that had this schema.

python -m tests.unit.store.frozen.fill_1 DIRECTORY
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from veery.protocol.account import Account
from veery.runtime.sqlite import Connection, open_encrypted, transaction
from veery.store.database import DATABASE_NAME, NewProfile, Store
from veery.store.header import open_header, read_header
from veery.store.keys import Cost, Passphrase

PASSPHRASE: Final = Passphrase.of("correct horse", Cost(ops=1, memory=8 * 1024))
SEED: Final = bytes(range(16))
NOW: Final = 1_764_000_000_000
ME, ALICE, BOB = (b"\x05" + bytes([number]) * 32 for number in (1, 2, 3))
_TEXTS: Final = (
    "Good morning",
    "我明天去北京看你",
    "Встреча в кафе",
    "قرأت الكتاب",
    "good night 🌙",
    "Tea at the Café",
)


def message(number: int, **more: Any) -> dict[str, Any]:
    """A row of `messages`."""
    body = _TEXTS[number % len(_TEXTS)]
    row = {
        "conversation": 1 + number % 3,
        "author": ALICE if number % 2 else ME,
        "timestamp_ms": NOW + number,
        "outgoing": 1 - number % 2,
        "kind": "text",
        "body": body,
        "content": b"\x0a" + bytes([len(body.encode())]) + body.encode(),
        "received_ms": NOW + number,
        "storage_hash": f"hash{number}",
        "server_expiry_ms": NOW + 10**9,
        "state": "received" if number % 2 else "stored",
        "stored_on": None if number % 2 else 5,
        "swarm_size": None if number % 2 else 7,
        "sync": "none" if number % 2 else "stored",
        "level": "v1",
        "read": number % 5 != 0,
        "expiration_type": 0,
        "expiration_timer_s": 0,
    }
    return {**row, **more}


def attachment(number: int, **more: Any) -> dict[str, Any]:
    """A row of `attachments`."""
    row = {
        "message": number,
        "position": 0,
        "url": f"http://filev2.example/file/{number}",
        "content_type": "image/png",
        "file_name": f"picture {number}.png",
        "size": 1_000 + number,
        "flags": 0,
        "width": 640,
        "height": 480,
        "caption": "",
        "key": bytes(64),
        "digest": bytes(32),
        "state": "remote",
    }
    return {**row, **more}


STORED: Final = {"state": "stored", "key": None, "digest": None, "file_key": bytes(32)}
ROWS: Final[dict[str, list[dict[str, Any]]]] = {
    "settings": [{"name": "read_receipts", "value": "on"}],
    "conversations": [
        {"id": ALICE.hex(), "kind": "contact", "name": "Alice", "created_ms": NOW, "approved": 1, "active_ms": NOW},
        {"id": BOB.hex(), "kind": "contact", "nickname": "Bobby", "created_ms": NOW, "blocked": 1, "priority": 1},
        {"id": ME.hex(), "kind": "contact", "created_ms": NOW, "expiration_type": 2, "expiration_timer_s": 3600},
    ],
    "messages": [
        *(message(number) for number in range(1, 31)),
        message(31, body="", content=b"", deleted=2, read=1),
        message(32, expiration_type=2, expiration_timer_s=60, expires_ms=NOW * 2, expiration_start_ms=NOW),
        message(33, state="failed", reason="client.send.expired", late=1),
    ],
    "reactions": [{"message": 1, "emoji": "🎉", "author": BOB, "timestamp_ms": NOW}],
    "attachments": [
        attachment(1),
        attachment(2, file="first", **STORED),
        attachment(3, file="first", **STORED),
        attachment(4, file="second", **STORED),
    ],
    "outbox": [
        {
            "message": 33,
            "role": "recipient",
            "destination": ALICE,
            "namespace": 0,
            "timestamp_ms": NOW + 33,
            "ttl_ms": 10**9,
            "content": b"content",
            "sealed": b"sealed",
            "sealed_hash": "sealed hash",
            "level": "v1",
            "state": "failed",
            "attempts": 9,
            "next_attempt_ms": NOW,
            "last_error": "network.unreachable",
            "created_ms": NOW,
        },
        {
            "role": "sync",
            "after": 1,
            "destination": ME,
            "namespace": 0,
            "timestamp_ms": NOW + 33,
            "ttl_ms": 10**9,
            "content": b"content",
            "state": "waiting",
            "next_attempt_ms": NOW,
            "created_ms": NOW,
        },
    ],
    "cursors": [{"node": bytes(32), "account": ME, "namespace": 0, "last_hash": "hash1", "updated_ms": NOW}],
    "seen": [{"hash": "hash1", "forget_ms": NOW * 2}],
    "undecoded": [
        {
            "hash": "hash99",
            "account": ME,
            "namespace": 0,
            "data": b"\x00unknown",
            "timestamp_ms": NOW,
            "expires_ms": NOW * 2,
            "reason": "content.unknown",
            "received_ms": NOW,
        }
    ],
    "events": [{"kind": "message", "payload": '{"id":1}', "created_ms": NOW}],
    "event_consumers": [{"name": "bot", "acknowledged": 1, "updated_ms": NOW}],
    "node_list": [{"only": 1, "nodes": "[]", "height": 7, "fetched_ms": NOW}],
    "guards": [{"node": bytes(32), "first_contact_ms": NOW}],
    "strikes": [{"node": bytes(32), "struck_ms": NOW}],
    "clock": [{"only": 1, "offset_ms": 12, "measured_ms": NOW}],
    "swarms": [{"account": ALICE, "swarm": "{}", "fetched_ms": NOW}],
}


def insert(connection: Connection, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row."""
    marks = ", ".join("?" for _ in row)
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def dumped(connection: Connection, columns: Mapping[str, list[str]]) -> dict[str, list[list[Any]]]:
    """The rows of tables as JSON values: BLOBs as `hex:…`, sorted."""
    found = {}
    for table, names in columns.items():
        rows = connection.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
        found[table] = sorted(([_json(value) for value in row] for row in rows), key=json.dumps)
    return found


def columns_of(connection: Connection) -> dict[str, list[str]]:
    """The columns of every table."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})").fetchall()]
        for (table,) in sorted(tables)
        if not table.startswith("sqlite_")
    }


def _json(value: Any) -> Any:
    return f"hex:{bytes(value).hex()}" if isinstance(value, bytes) else value


async def made(directory: Path) -> None:
    """Make an empty store of the account."""
    profile = NewProfile(Account.from_seed(SEED), "Me", NOW // 1_000, "[network]\nname = 'frozen'\n")
    await (await Store.create(directory, PASSPHRASE, profile, NOW)).close()


def filled(directory: Path, fill: Callable[[Connection], None]) -> None:
    """Fill a store that nobody has open, in one transaction, and write down what is in it then."""
    connection = open_encrypted(directory / DATABASE_NAME, open_header(read_header(directory), PASSPHRASE))
    with transaction(connection):
        fill(connection)
    columns = columns_of(connection)
    kept = {"columns": columns, "rows": dumped(connection, columns)}
    (directory / "rows.json").write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n")
    connection.close()
    (directory / "store.lock").unlink()


def insert_all(connection: Connection, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Insert the rows of tables, in their order."""
    for table, rows in tables.items():
        for row in rows:
            insert(connection, table, row)


if __name__ == "__main__":
    asyncio.run(made(Path(sys.argv[1])))
    filled(Path(sys.argv[1]), lambda connection: insert_all(connection, ROWS))
