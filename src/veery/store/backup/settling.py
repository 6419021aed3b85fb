"""What the rows of a backup become before the restored store is used: another device that has sent nothing yet.

The lost store may still be in use, and may have gone on since the backup was made. So what a restored store says of
itself must never count as news:

- It sends nothing by itself. What waited has failed, and its user says whether it goes out again: with the bytes that
  it had, so that nobody gets it twice.
- It has no device: another one links it (06.7).
- What was applied into rows that a backup leaves out, or that may be newer in a swarm, is fetched and applied anew:
  only messages stay seen, so that what was deleted or has disappeared does not come back.
- Documents are what the swarm has confirmed. Changes that were never handed out are read off the rows again, after the
  swarm was read, and then only where nobody else has changed the same (`client.config.account`). A document that was
  handed out keeps its place in merges: the rule of 07.6 tells whether it was stored.
- Groups keep rights and keys, which are secrets of the account, not of the device. What an admin still owed a group is
  dropped: other admins, or the old device, have done it, or the members' states tell that it was not done.
"""

from __future__ import annotations

from typing import Final

from veery.errors import ProtocolError
from veery.protocol.config import ConfigMalformed, dumps
from veery.protocol.content import ReceiptMessage, TypingMessage, decode
from veery.protocol.crypto import RandomBytes
from veery.protocol.groups import GroupMalformed, key_list
from veery.runtime.sqlite import Connection
from veery.store.accounts import DEVICE_ID_SIZE
from veery.store.backup.format import BackupWrong
from veery.store.inbox import MESSAGES

RESTORED: Final = "client.send.restored"  # reason of messages that the lost store had not sent yet
_MESSAGES: Final = ", ".join(str(each) for each in sorted(MESSAGES))
_ROWS: Final = (
    ("UPDATE messages SET state = 'failed', reason = ? WHERE state IN ('queued', 'sealed')", (RESTORED,)),
    (
        "UPDATE messages SET sync = 'failed' WHERE sync = 'waiting' AND id NOT IN"
        " (SELECT message FROM outbox WHERE message IS NOT NULL AND after IS NOT NULL)",
        (),
    ),
    ("UPDATE attachments SET state = 'failed' WHERE state = 'uploading'", ()),
    # what waits for another copy goes out after that one, if ever
    ("UPDATE outbox SET state = 'failed', last_error = ? WHERE state <> 'failed' AND after IS NULL", (RESTORED,)),
    # state of devices, groups and documents: it is fetched and applied anew
    (f"DELETE FROM seen WHERE namespace NOT IN ({_MESSAGES})", ()),  # noqa: S608 - numbers of ours
    (f"DELETE FROM undecoded WHERE namespace NOT IN ({_MESSAGES})", ()),  # noqa: S608 - numbers of ours
    ("UPDATE groups SET pending = '', owed = '', renewed_ms = 0, polled_ms = 0", ()),
    ("UPDATE config_documents SET merged_ms = NULL, pushed_ms = NULL, renewed_ms = NULL, lost_ms = NULL", ()),
    ("UPDATE config_documents SET changed_ms = NULL, changed_last_ms = NULL, changes_lost_ms = NULL", ()),
    # whatever the rows say may differ from the documents; what is not in the rows says nothing
    ("DELETE FROM config_marks", ()),
    ("INSERT INTO config_marks SELECT 'contact', id FROM conversations", ()),
    ("INSERT OR IGNORE INTO config_marks SELECT 'contact', lower(hex(id)) FROM groups", ()),
    ("INSERT INTO config_marks SELECT 'read', id FROM conversations", ()),
    ("INSERT INTO config_marks VALUES ('profile', '')", ()),
)


def settle(connection: Connection, random: RandomBytes) -> None:
    """Make the rows of a backup those of another device. Raises BackupWrong for rows of no account."""
    connection.execute("UPDATE account SET device_id = ?, restored = 1", (random(DEVICE_ID_SIZE),))
    accounts = connection.execute("SELECT account_id FROM account").fetchall()
    if len(accounts) != 1:
        raise BackupWrong("the backup holds no account")
    _settle_documents(connection, bytes(accounts[0][0]))
    _settle_keys(connection)
    _settle_outbox(connection)
    for statement, values in _ROWS:
        connection.execute(statement, values)


def _settle_documents(connection: Connection, own: bytes) -> None:
    """Changes that were not handed out yet are taken out of documents; those of groups are read again from the swarm
    then. One that cannot be read is as if it were not there.
    """
    held = connection.execute("SELECT account, namespace, dump FROM config_documents").fetchall()
    for account, namespace, dump in held:
        where = (account, namespace)
        try:
            after, seqno, pending = dumps.as_known(bytes(dump))
        except ConfigMalformed:
            connection.execute("DELETE FROM config_documents WHERE account = ? AND namespace = ?", where)
            continue
        if bytes(account) != own and (pending or not seqno):
            connection.execute("DELETE FROM config_documents WHERE account = ? AND namespace = ?", where)
            continue
        connection.execute(
            "UPDATE config_documents SET dump = ?, seqno = ?, pending = ?, version = version + 1"
            " WHERE account = ? AND namespace = ?",
            (after, seqno, int(pending), *where),
        )


def _settle_keys(connection: Connection) -> None:
    """A rotation that was not read back from the swarm is taken out: whether it was stored is seen there."""
    for group, keys in connection.execute("SELECT id, keys FROM groups WHERE keys IS NOT NULL").fetchall():
        try:
            held = key_list.load(bytes(keys))
            after = key_list.dump(key_list.without_pending(held))
        except GroupMalformed:
            after = None
        connection.execute("UPDATE groups SET keys = ? WHERE id = ?", (after, group))


def _settle_outbox(connection: Connection) -> None:
    """What is of no use later is dropped: receipts and typing indicators."""
    for id_, content in connection.execute("SELECT id, content FROM outbox WHERE message IS NULL").fetchall():
        try:
            kept = not isinstance(decode(bytes(content)).kind, ReceiptMessage | TypingMessage)
        except ProtocolError:
            kept = False
        if not kept:
            connection.execute("DELETE FROM outbox WHERE id = ?", (id_,))
