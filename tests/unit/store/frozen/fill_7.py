"""Makes a store of schema 7 with something in every table. Runs with the code of the release that had this schema.

    python -m tests.unit.store.frozen.fill_7 DIRECTORY

What has a form of its own (devices, documents, groups, keys, what is known of the network) is made by an engine of that
release at work in a lab; the messages that it exchanged give way to those of the store of schema 1 afterwards.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.unit.store.frozen.fill_1 import (
    ALICE,
    BOB,
    ME,
    NOW,
    PASSPHRASE,
    ROWS,
    SEED,
    columns_of,
    filled,
    insert_all,
    message,
)
from veery.client import profile as profiles
from veery.client.client import Client
from veery.lab.network import LabNetwork
from veery.protocol.account import Account
from veery.runtime.randomness import random_bytes
from veery.runtime.sqlite import Connection
from veery.store.search_words import index_words
from veery.store.tables import Tables

_REPLACED: Final = (  # by rows of this file, whatever the engine wrote
    *("config_obsolete", "trim_rules", "settings", "events", "event_consumers", "seen", "cursors", "group_seen"),
    *("undecoded", "outbox", "messages", "conversations"),
)
_PICTURE: Final = "picture"  # a file that only `pictures` names


def own_rows(group: bytes, x25519: bytes, mlkem: bytes) -> dict[str, list[dict[str, Any]]]:
    """The rows beside those that an engine writes. x25519, mlkem: keys of a record."""
    conversations = [*ROWS["conversations"]]
    conversations[0] = {**conversations[0], "muted_until_ms": NOW * 2, "picture_url": "http://filev2.example/file/9"}
    conversations.append({"id": group.hex(), "kind": "group", "name": "Walks", "created_ms": NOW, "approved": 1})
    messages = [{**row, "words": index_words(row["body"])} for row in ROWS["messages"]]
    messages += [
        message(34, conversation=4, words=None, body="See you at noon"),
        message(36, state="queued", body="Held"),
    ]
    control = {**ROWS["outbox"][1], "after": None}
    held = {**ROWS["outbox"][0], "message": 35, "sealed": None, "sealed_hash": None, "level": None, "state": "waiting"}
    sent_again = {"namespace": 0, "timestamp_ms": NOW + 2, "ttl_ms": 10**9, "content": b"content"}
    return {
        **ROWS,
        "conversations": conversations,
        "messages": messages,
        "blobs": [{"name": _PICTURE, "size": 4_096, "refs": 1, "held": 0, "created_ms": NOW}],
        "outbox": [*ROWS["outbox"], held, control],
        "held_copies": [{"copy": 3, "reason": "client.keys.waiting", "since_ms": NOW, "chosen": 0}],
        "copy_levels": [{"copy": 2, "level": 2}],
        "message_marks": [{"message": 3, "mark": "unconfirmed"}],
        "unconfirmed": [
            {"message": 2, "destination": ALICE, **sent_again, "x25519": x25519, "mlkem": mlkem, "sent_ms": NOW}
        ],
        "echo_denials": [{"account": BOB}],
        "trim_rules": [
            {"conversation": None, "older_ms": 10**10, "created_ms": NOW},
            {"conversation": 1, "larger_bytes": 10**6, "created_ms": NOW},
        ],
        "shortenings": [{"hash": "hash5", "expires_ms": NOW * 2, "noted_ms": NOW}],
        "pictures": [
            {
                "owner": ALICE,
                "url": "http://filev2.example/file/9",
                "file": _PICTURE,
                "file_key": bytes(32),
                "checked_ms": NOW,
            }
        ],
        "config_obsolete": [{"account": ME, "namespace": 3, "hash": "hash old", "noted_ms": NOW}],
        "group_seen": [{"hash": "hash1", "group_id": group}],
    }


def fill(connection: Connection) -> None:
    """Put the rows of this file into a store that an engine has worked with; no table stays empty."""
    present = columns_of(connection)
    for table in (*(name for name in _REPLACED if name in present), "sqlite_sequence"):
        connection.execute(f"DELETE FROM {table}")
    (group,) = connection.execute("SELECT id FROM groups").fetchone()
    keys = connection.execute("SELECT published_x25519, published_mlkem FROM own_record").fetchone()
    found = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in present}
    rows = own_rows(bytes(group), *map(bytes, keys))
    insert_all(connection, {table: held for table, held in rows.items() if not found[table]})
    searching = {name for name in present if name.startswith("search_")}
    for table in present.keys() - searching:
        assert connection.execute(f"SELECT 1 FROM {table}").fetchone() is not None, table


async def settled(client: Client, look: Callable[[Tables], bool]) -> None:
    """Wait until something stands in the store."""
    while not await client.read(look):  # noqa: ASYNC110 - many services write what is waited for
        await asyncio.sleep(0.05)


def _is_known(tables: Tables) -> bool:
    (group,) = tables.groups.all()
    documents = tables.configs.all(tables.accounts.get().account_id)
    published = tables.devices.publishing().state.published is not None
    return published and bool(documents) and not any(each.pending for each in documents) and not group.pending


async def work(directory: Path, elsewhere: Path) -> None:
    """Let an engine make a profile, with a contact that publishes keys and a group."""
    async with LabNetwork(elsewhere / "lab", 5) as lab:
        network = lab.network_file.read_text()
        me, friend = Account.from_seed(SEED), Account.create(random_bytes)
        mine = await profiles.create(directory, me, "Me", network, PASSPHRASE, device_name="desk")
        theirs = await profiles.create(elsewhere / "friend", friend, "Friend", network, PASSPHRASE)
        async with Client.open(theirs) as other, Client.open(mine) as client:
            await settled(other, lambda tables: tables.devices.publishing().state.published is not None)
            message = await client.sending.send(friend.account_id.hex, "hello")
            await client.sending.wait_stored(message)
            await client.groups.create("Walks", [friend.account_id.hex], description="On Sundays")
            await settled(client, _is_known)
            await client.sync.flush()


async def main(directory: Path) -> None:
    """Make the store, and write down what is in it."""
    with TemporaryDirectory() as elsewhere:
        await work(directory, Path(elsewhere))
    filled(directory, fill)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
