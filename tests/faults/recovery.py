"""What must hold of a store at any moment, and of an engine when it has begun, whatever was killed before."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

from veery.client.client import Client
from veery.runtime.sqlite import open_encrypted
from veery.store.database import DATABASE_NAME, FILES_NAME
from veery.store.header import open_header, read_header
from veery.store.keys import Unlock
from veery.store.message_values import AttachmentState, DeliveryState
from veery.store.outbox import CopyRole, CopyState
from veery.store.tables import Tables

_INTEGRITY: Final = {"integrity_check": [("ok",)], "cipher_integrity_check": [], "foreign_key_check": []}
_NOTHING: Final = {  # questions to which a whole store has no answer
    "a copy is sealed that is said to wait, or not sealed that is said to be": (
        "SELECT id FROM outbox WHERE state = 'waiting' AND sealed IS NOT NULL OR state = 'sealed' AND sealed IS NULL"
        " OR (sealed IS NULL) <> (sealed_hash IS NULL)"
    ),
    "a message waits, and nothing is there that will be sent": (
        "SELECT id FROM messages AS m WHERE outgoing = 1 AND state IN ('queued', 'sealed')"
        " AND NOT EXISTS (SELECT 1 FROM outbox WHERE message = m.id)"  # to oneself a sync copy
        " AND NOT EXISTS (SELECT 1 FROM attachments WHERE message = m.id AND state = 'uploading')"
    ),
    "a message is stored, and would be sent again": (
        "SELECT m.id FROM messages AS m JOIN outbox AS o ON o.message = m.id"
        " WHERE o.role = 'recipient' AND o.state <> 'failed' AND m.state IN ('stored', 'read')"
    ),
    "a message and its copy differ in how far they are": (
        "SELECT m.id FROM messages AS m JOIN outbox AS o ON o.message = m.id WHERE o.role = 'recipient'"
        " AND o.state <> CASE m.state WHEN 'queued' THEN 'waiting' ELSE m.state END"
    ),
    "a file is not counted as often as it is named": (
        "SELECT name FROM blobs WHERE refs <> (SELECT count(*) FROM attachments WHERE file = name)"
        " + (SELECT count(*) FROM attachments WHERE thumbnail = name)"
        " + (SELECT count(*) FROM pictures WHERE file = name)"
    ),
    "a file is named and not counted": (
        "SELECT file FROM attachments WHERE file IS NOT NULL AND file NOT IN (SELECT name FROM blobs)"
    ),
    "an attachment is here without a file": (
        f"SELECT id FROM attachments WHERE state = '{AttachmentState.STORED.value}' AND file IS NULL"
    ),
}
_LEGAL: Final = {
    "SELECT DISTINCT state FROM outbox": {each.value for each in CopyState},
    "SELECT DISTINCT role FROM outbox": {each.value for each in CopyRole},
    "SELECT DISTINCT state FROM messages": {each.value for each in DeliveryState},
    "SELECT DISTINCT state FROM attachments": {each.value for each in AttachmentState},
}


def check_store(directory: Path, unlock: Unlock) -> None:
    """The database is whole, and so is what stands in it, before any engine has touched it."""
    with closing(open_encrypted(directory / DATABASE_NAME, open_header(read_header(directory), unlock))) as connection:
        for pragma, answer in _INTEGRITY.items():
            assert connection.execute(f"PRAGMA {pragma}").fetchall() == answer, pragma
        connection.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
        for what, question in _NOTHING.items():
            assert connection.execute(question).fetchall() == [], what
        for question, legal in _LEGAL.items():
            assert {row[0] for row in connection.execute(question)} <= legal, question


async def check_engine(client: Client, directory: Path) -> None:
    """An engine that was opened and has not begun to work: no file without a reference, none missing, none half."""
    place = directory / FILES_NAME

    def look(tables: Tables) -> tuple[frozenset[str], frozenset[str]]:
        assert tables.blobs.unreferenced(1) == ()
        return tables.blobs.names(), tables.attachments.all_files()

    counted, named = await client.read(look)
    found = {each.name for each in place.iterdir()} if place.is_dir() else set()
    assert found == counted
    assert named <= counted
    for each in await client.attachments.list(None, 10**6):
        held = await client.read(lambda tables, id_=each["id"]: tables.attachments.get(id_))  # type: ignore[misc]
        if held.pointer.file is not None:
            await client.attachments.files.read(held.pointer.file, held.pointer.file_key)
