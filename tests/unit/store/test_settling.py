"""What the rows of a backup become before the restored store is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from tests.unit.store.samples import ALICE, BOB, ME, NOW, memory, sent, with_conversation
from veery.protocol.account import Account, AccountId
from veery.protocol.config import GROUP_INFO, USER_PROFILE, AccountSealer, ConfigObject
from veery.protocol.content import (
    Content,
    DataMessage,
    ReceiptMessage,
    ReceiptType,
    TypingAction,
    TypingMessage,
    UnsendRequest,
    encode,
)
from veery.protocol.groups import GroupAdminKeys, KeyList, key_list
from veery.protocol.groups.key_messages import GroupKey
from veery.protocol.storage_rpc import Namespace
from veery.secret import Secret
from veery.store.accounts import AccountRow
from veery.store.backup import BackupWrong
from veery.store.backup.settling import RESTORED, settle
from veery.store.config_dumps import ConfigRow, Mark
from veery.store.groups import GroupRow
from veery.store.inbox import FetchedBatch, FetchedItem, Undecoded
from veery.store.message_values import AttachmentState, Delivery, DeliveryState, NewAttachment
from veery.store.outbox import CopyRole, CopyState, NewCopy
from veery.store.tables import Tables

ADMIN = GroupAdminKeys.from_seed(bytes(32))
GROUP = ADMIN.group_id
WAITING = (
    Content(UnsendRequest(author=ALICE.hex, timestamp=NOW), timestamp=NOW),
    Content(DataMessage(body="hello"), timestamp=NOW),
    Content(ReceiptMessage(ReceiptType.READ, (NOW,)), timestamp=NOW),
    Content(TypingMessage(timestamp=NOW, action=TypingAction.STARTED), timestamp=NOW),
)
LOST = AccountId(b"\x03" + bytes(32))


@pytest.fixture
def connection() -> Iterator[dbapi2.Connection]:
    with closing(memory()) as made:
        tables = Tables(made, Path())
        tables.accounts.insert(AccountRow(ME, Secret(bytes(16)), bytes(32), "Me", 1, False, "network", NOW))
        yield made


def settled(connection: dbapi2.Connection) -> Tables:
    settle(connection, lambda size: b"\7" * size)
    return Tables(connection, Path())


def test_it_is_another_device_which_sends_nothing_by_itself(connection: dbapi2.Connection) -> None:
    tables = with_conversation(Tables(connection, Path()), ALICE)
    file = NewAttachment(url="", content_type="", file_name="", size=1, file="f", file_key=Secret(bytes(32)))
    uploading = replace(sent(NOW), attachments=(replace(file, state=AttachmentState.UPLOADING),))
    ids = [
        tables.messages.insert(replace(each, delivery=Delivery(state)))
        for each, state in (
            (uploading, DeliveryState.QUEUED),
            (sent(NOW + 1), DeliveryState.SEALED),
            (sent(NOW + 2), DeliveryState.STORED),
        )
    ]
    tables = settled(connection)
    assert (tables.accounts.get().device_id, tables.accounts.get().restored) == (b"\7" * 32, True)
    found = [tables.messages.get(each or 0) for each in ids]
    assert [(each.delivery.state, each.delivery.reason) for each in found if each is not None] == [
        (DeliveryState.FAILED, RESTORED),
        (DeliveryState.FAILED, RESTORED),
        (DeliveryState.STORED, None),
    ]
    assert not tables.attachments.in_state(AttachmentState.UPLOADING, 10)
    assert len(tables.attachments.in_state(AttachmentState.FAILED, 10)) == 1  # `veery outbox retry` uploads it


def test_what_waited_has_failed_with_the_bytes_that_it_had(connection: dbapi2.Connection) -> None:
    tables = with_conversation(Tables(connection, Path()), ALICE)
    copies = [NewCopy(CopyRole.CONTROL, ALICE, 0, NOW + number, 9, encode(each)) for number, each in enumerate(WAITING)]
    sealed, *_ = tables.deliveries.queue_control(copies, NOW)
    tables.deliveries.seal(sealed, b"sealed", "hash", "v1", NOW)
    tables = settled(connection)
    held = tables.outbox.listed(10)
    assert [(each.state, each.last_error, each.sealed) for each in held] == [
        (CopyState.FAILED, RESTORED, b"sealed"),
        (CopyState.FAILED, RESTORED, None),
    ]
    assert tables.outbox.next_due() is None


def test_only_messages_stay_seen_and_unread(connection: dbapi2.Connection) -> None:
    tables = Tables(connection, Path())

    def fetched(namespace: int, kept: Undecoded | None) -> None:
        item = FetchedItem(f"h{namespace}", b"x", NOW, NOW + 10_000)
        tables.inbox.record_fetched(FetchedBatch(b"n", ME, namespace, (item,), "c"), lambda _: kept, NOW)

    for number, namespace in enumerate((0, 2, 3, 4, 5, 11, 12, 13, 14, -11, 21)):
        fetched(namespace, Undecoded("later") if number % 2 else None)
    tables.inbox.mark_seen("of an earlier version", NOW + 10_000)
    tables = settled(connection)
    for namespace in (0, 11):
        assert tables.inbox.is_seen(f"h{namespace}", namespace)
        assert tables.inbox.is_seen("of an earlier version", namespace)
    for namespace in (2, 3, 4, 5, 12, 13, 14, -11, 21):
        assert not tables.inbox.is_seen(f"h{namespace}", namespace)
        assert not tables.inbox.is_seen("of an earlier version", namespace)
    assert {each.namespace for each in tables.inbox.kept(100)} <= {0, 11}


def test_a_group_keeps_rights_and_keys_but_not_what_was_owed(connection: dbapi2.Connection) -> None:
    tables = Tables(connection, Path())
    keys = key_list.rotated(KeyList((GroupKey(0, NOW, Secret(bytes(32))),)), ADMIN, [ME])
    row = GroupRow(GROUP, "Walkers", seed=ADMIN.seed, responding=True, keys=Secret(key_list.dump(keys)))
    tables.groups.save(replace(row, pending="{}", owed=(ALICE,), renewed_ms=1, polled_ms=1, letters=("a",)))
    tables.groups.save(GroupRow(LOST, keys=Secret(b"broken")))
    tables = settled(connection)
    after = tables.groups.need(GROUP)
    assert after.seed is not None
    assert after.keys is not None
    found = key_list.load(after.keys.reveal())
    assert (found.generation, found.pending) == (0, None)
    assert (after.pending, after.owed, after.renewed_ms, after.polled_ms) == ("", (), 0, 0)
    assert (after.responding, after.letters) == (True, ("a",))
    assert tables.groups.need(LOST).keys is None


def document(connection: dbapi2.Connection, owner: AccountId, kind: object, held: ConfigObject) -> None:
    namespace = Namespace.USER_PROFILE if kind is USER_PROFILE else Namespace.GROUP_INFO
    row = ConfigRow(owner, int(namespace), held.dump(), 3, held.seqno, held.needs_push, 1, 2, 3, 4, 5, 6, 7, 8)
    Tables(connection, Path()).configs.save(row)


def test_documents_are_what_the_swarm_has_confirmed(connection: dbapi2.Connection) -> None:
    sealer = AccountSealer(Account.from_seed(bytes(16)))
    own, info = ConfigObject(USER_PROFILE, sealer), ConfigObject(GROUP_INFO, sealer)
    for each in (own, info):
        each.change({b"n": b"confirmed"})
        each.confirm(each.push(NOW).seqno, ["h"])
    document(connection, LOST, GROUP_INFO, info)
    for each in (own, info):
        each.change({b"n": b"draft"})
    document(connection, ME, USER_PROFILE, own)
    document(connection, GROUP, GROUP_INFO, info)
    Tables(connection, Path()).configs.save(ConfigRow(ME, 3, b"broken"))
    tables = settled(connection)
    (row,) = tables.configs.all(ME)
    assert ConfigObject(USER_PROFILE, sealer, saved=row.dump).data == {b"n": b"confirmed"}
    assert (row.pending, row.seqno, row.merged_ms, row.pushed_ms, row.renewed_ms) == (False, 0, None, None, None)
    assert row.stored_ms == 5  # messages that are older than this are still too old (02.5.2)
    assert not tables.configs.all(GROUP)  # what its admin has not pushed is read again from the swarm
    assert [each.seqno for each in tables.configs.all(LOST)] == [1]


def test_what_may_differ_from_the_documents_is_what_is_there(connection: dbapi2.Connection) -> None:
    tables = with_conversation(Tables(connection, Path()), ALICE)
    tables.groups.save(GroupRow(GROUP))
    for mark in Mark:
        tables.configs.mark(mark, [BOB.hex])
    tables = settled(connection)
    assert set(tables.configs.marks(Mark.CONTACT)) == {ALICE.hex, GROUP.hex}
    assert set(tables.configs.marks(Mark.READ)) == {ALICE.hex}
    assert tables.configs.marks(Mark.PROFILE) == ("",)
    assert not tables.configs.marks(Mark.LEFT)


def test_rows_of_no_account_are_no_store() -> None:
    with closing(memory()) as connection, pytest.raises(BackupWrong):
        settle(connection, bytes)
