"""What follows from documents that were fetched: names, timers, clearing, the end of the group (08.4, 08.7.5).

Runs in the transaction of the batch. The documents are the truth; notices in the conversation only tell of them.
"""

from __future__ import annotations

from dataclasses import replace

from veery.client.arrivals import Batch
from veery.client.clearing import begin as begin_clearing
from veery.client.core import Times
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import end, open_conversation, tell
from veery.protocol.config import GROUP_INFO, ConfigKind, Merged
from veery.protocol.constants import SECOND_MS
from veery.protocol.content import ExpirationType
from veery.protocol.groups.info import GroupInfo
from veery.secret import Secret
from veery.store.conversations import Conversation
from veery.store.groups import DESTROYED, GroupRow
from veery.store.tables import Tables


def follow(room: GroupRoom, batch: Batch, kind: ConfigKind, merged: Merged) -> None:
    """After a merge that changed a document."""
    if kind is GROUP_INFO:
        mirror_info(room, batch.tables, batch.times)
    else:
        room.mirror_names(batch.tables)
        tell(batch.tables, room.row(batch.tables), "members", batch.times)


def mirror_info(room: GroupRoom, tables: Tables, times: Times) -> None:
    """Bring what Info says into the row and the conversation of the group."""
    row, found = room.row(tables), room.info(tables)
    if found.destroyed:
        end(tables, row, DESTROYED, times)
        return
    row = replace(row, name=found.name or row.name)
    row = _cleared(tables, row, found, times)
    tables.groups.save(row)
    if found.picture is None:
        tables.pictures.remove(row.id)
    if row.is_open:
        open_conversation(tables, row, times)
        tables.conversations.update(row.id.hex, lambda held: _mirrored(held, row, found))
    tell(tables, row, "info", times)


def _cleared(tables: Tables, row: GroupRow, found: GroupInfo, times: Times) -> GroupRow:
    """Delete what admins have cleared for everybody; once for each new, larger value."""
    if found.delete_before_s > row.cleared_s:
        begin_clearing(tables, row.id.hex, times.local_ms, until_ms=found.delete_before_s * SECOND_MS)
        row = replace(row, cleared_s=found.delete_before_s)
    if found.delete_attachments_before_s > row.media_cleared_s:
        _clear_media(tables, row, found.delete_attachments_before_s * SECOND_MS)
        row = replace(row, media_cleared_s=found.delete_attachments_before_s)
    return row


def _clear_media(tables: Tables, row: GroupRow, until_ms: int) -> None:
    ids = tables.groups.with_attachments(row.id, until_ms)
    tables.messages.delete(ids)  # as desktop does: the whole messages


def _mirrored(held: Conversation, row: GroupRow, found: GroupInfo) -> Conversation:
    timer_s = found.timer_s
    type_ = ExpirationType.DELETE_AFTER_SEND if timer_s else ExpirationType.UNKNOWN
    picture = found.picture
    return replace(
        held,
        name=row.name,
        expiration_type=int(type_),
        expiration_timer_s=timer_s,
        picture_url=None if picture is None else picture.url,
        picture_key=None if picture is None else Secret(picture.key.reveal()),
    )
