"""Files counted by reference."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from sqlcipher3 import dbapi2

from tests.unit.store.samples import ALICE, NOW, received, with_conversation
from veery.secret import Secret
from veery.store.blobs import Blob
from veery.store.message_values import AttachmentState, Deleted, NewAttachment
from veery.store.tables import Tables

KEY = Secret(bytes(32))


def with_file(tables: Tables, at: int, *files: str) -> int:
    with_conversation(tables, ALICE)
    attachments = tuple(
        NewAttachment("https://x/file/1", size=7, state=AttachmentState.STORED, file=file, file_key=KEY)
        for file in files
    )
    id_ = tables.messages.insert(replace(received(NOW + at), attachments=attachments))
    assert id_ is not None
    return id_


def refs(tables: Tables, name: str) -> int | None:
    blob = tables.blobs.get(name)
    return None if blob is None else blob.refs


def test_references_of_attachments_count_by_themselves(tables: Tables) -> None:
    first = with_file(tables, 1, "a", "b")
    second = with_file(tables, 2, "a")
    assert (refs(tables, "a"), refs(tables, "b")) == (2, 1)
    tables.messages.delete((first,))
    assert (refs(tables, "a"), refs(tables, "b")) == (1, 0)
    assert tables.blobs.unreferenced(10) == ("b",)
    tables.messages.replace_by_placeholder(second, Deleted.HERE)
    assert set(tables.blobs.unreferenced(10)) == {"a", "b"}
    tables.blobs.forget(("a", "b"))
    assert tables.blobs.names() == frozenset()


def test_a_file_that_is_exchanged(tables: Tables) -> None:
    message = with_file(tables, 1, "a")
    (attachment,) = tables.attachments.of(message)
    tables.blobs.add("b", 9, NOW)
    tables.attachments.set_stored(attachment.id, "b", KEY)
    assert tables.blobs.get("b") == Blob("b", 9, 1, held=False)
    assert tables.blobs.unreferenced(10) == ("a",)


def test_a_removed_conversation_lets_its_files_go(tables: Tables) -> None:
    with_file(tables, 1, "a")
    tables.conversations.delete(ALICE.hex)
    assert tables.blobs.unreferenced(10) == ("a",)


def test_a_file_that_is_made_is_kept_until_the_next_start(tables: Tables) -> None:
    tables.blobs.add("a", 5, NOW)
    tables.blobs.add("a", 6, NOW)
    assert tables.blobs.get("a") == Blob("a", 6, 0, held=True)
    assert tables.blobs.unreferenced(10) == ()
    assert tables.blobs.names() == {"a"}
    assert tables.blobs.release_held() == 1
    assert tables.blobs.unreferenced(10) == ("a",)


def test_others_count_their_references(tables: Tables) -> None:
    tables.blobs.add("picture", 5, NOW)
    tables.blobs.refer("picture")
    with_file(tables, 1, "picture")
    tables.blobs.release("picture")
    assert refs(tables, "picture") == 1
    tables.blobs.release("picture")
    tables.blobs.release("picture")
    assert refs(tables, "picture") == 0


def test_a_file_that_is_needed_again_is_not_forgotten(tables: Tables) -> None:
    message = with_file(tables, 1, "a")
    tables.messages.delete((message,))
    names = tables.blobs.unreferenced(10)
    with_file(tables, 2, "a")
    tables.blobs.forget(names)
    assert refs(tables, "a") == 1


def test_totals(tables: Tables) -> None:
    with_file(tables, 1, "a", "b", "a")
    assert tables.blobs.total() == (2, 14)


def test_counts_never_fall_below_nothing(tables: Tables) -> None:
    with_file(tables, 1, "a")
    tables.blobs.release("a")  # a mistake of a caller: the attachment still refers to it
    with pytest.raises((dbapi2.IntegrityError, sqlite3.IntegrityError)):
        tables.conversations.delete(ALICE.hex)
