"""How the items of a group's swarm are read (08.1): keys first, then documents, then kicked notices, then messages.

What cannot be opened for want of a key is kept, and read again when keys or documents have come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from veery.client.arrivals import Batch
from veery.client.groups.messages import apply_message, prepare_messages
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import admin_of, end, erase, keys_of
from veery.client.mailbox import Handler, Mailbox
from veery.errors import ProtocolError
from veery.protocol.account import Account
from veery.protocol.config.message import Message
from veery.protocol.groups import GroupRefused, info, key_list, kicked_notice
from veery.protocol.groups.kicked_notice import KickedNotice
from veery.protocol.storage_rpc import Namespace, Signer
from veery.store.groups import DESTROYED, KICKED
from veery.store.inbox import FetchedItem, Undecoded
from veery.store.tables import Tables

Notice: TypeAlias = KickedNotice | ProtocolError | None
Opener: TypeAlias = Callable[[Sequence[FetchedItem]], Mapping[str, Notice]]
TOO_EARLY: Final = "group.kicked.listed"  # of an admin who is in the list: kept, in case that the list is older
_OTHERS: Final = "group.refused.recipient"  # a notice that is for others


def mailbox_of(room: GroupRoom, signer: Signer) -> Mailbox:
    """What is fetched from the group's swarm, in the order of handling."""
    handlers: dict[int, Handler[Any]] = {int(Namespace.GROUP_KEYS): _keys(room)}
    handlers |= room.documents.handlers()
    handlers[int(Namespace.GROUP_INFO)] = _ending(room, handlers[int(Namespace.GROUP_INFO)])
    handlers[int(Namespace.GROUP_REVOKED)] = _notices(room)
    handlers[int(Namespace.GROUP_MESSAGES)] = Handler(
        lambda tables, account: prepare_messages(room, tables, account),
        lambda batch, openings, item: apply_message(room, batch, openings, item),
    )
    return Mailbox(room.id, signer, {name: _remembered(room, each) for name, each in handlers.items()})


def _remembered(room: GroupRoom, handler: Handler[Any]) -> Handler[Any]:
    """The handler, which also notes what came from this swarm, so that it can be read again from the start."""

    def apply(batch: Batch, openings: Mapping[str, Any], item: FetchedItem) -> Undecoded | None:
        outcome = handler.apply(batch, openings, item)
        if batch.tables.groups.get(room.id) is not None:
            batch.tables.groups.note_seen(room.id, [item.hash])
        return outcome

    return Handler(handler.prepare, apply)


# -- keys (08.3) -----------------------------------------------------------------------------------------------


def _keys(room: GroupRoom) -> Handler[None]:
    def prepare(tables: Tables, account: Account) -> Callable[[Sequence[FetchedItem]], Mapping[str, None]]:
        return lambda items: {item.hash: None for item in items}

    def apply(batch: Batch, openings: Mapping[str, None], item: FetchedItem) -> Undecoded | None:
        row = batch.tables.groups.get(room.id)
        if row is None or row.removed:
            return None
        after = key_list.loaded(
            keys_of(row),
            item.data,
            storage_hash=item.hash,
            timestamp_ms=item.timestamp_ms,
            group_public=room.id.key,
            reader=admin_of(row) or room.account,
        )
        room.save_keys(batch.tables, after)
        return None

    return Handler(prepare, apply)


# -- the end of the group (08.7.5) -----------------------------------------------------------------------------


def _ending(room: GroupRoom, handler: Handler[Any]) -> Handler[Any]:
    """The handler of Info, to which the end of the group is final even where another admin changes Info at once.

    The document that counts is then one without the end, and nobody is left to merge the two: whoever has ended the
    group has forgotten it, and other admins forget it as soon as they see the end.
    """

    def apply(batch: Batch, openings: Mapping[str, Any], item: FetchedItem) -> Undecoded | None:
        outcome = handler.apply(batch, openings, item)
        opened = openings[item.hash]
        if isinstance(opened, Message) and info.read(opened.data).destroyed:
            row = batch.tables.groups.get(room.id)
            if row is not None and not row.removed:
                end(batch.tables, row, DESTROYED, batch.times)
        return outcome

    return Handler(handler.prepare, apply)


# -- kicked notices (08.7.1) -----------------------------------------------------------------------------------


def _notices(room: GroupRoom) -> Handler[Notice]:
    def prepare(tables: Tables, account: Account) -> Opener:
        return lambda items: {item.hash: _read(room, account, item) for item in items}

    def apply(batch: Batch, openings: Mapping[str, Notice], item: FetchedItem) -> Undecoded | None:
        found = openings[item.hash]
        if isinstance(found, ProtocolError):
            raise found
        row = batch.tables.groups.get(room.id)
        if found is None or row is None or row.removed:
            return None
        if row.seed is not None:
            if not _is_out(room, batch):
                return Undecoded(TOO_EARLY)
        elif not found.counts(keys_of(row).generation):
            return None
        if row.invited:
            erase(batch.tables, row, "kicked", batch.times)
        else:
            end(batch.tables, row, KICKED, batch.times)
        return None

    return Handler(prepare, apply)


def _is_out(room: GroupRoom, batch: Batch) -> bool:
    """Whether the list says that an admin is not in the group any more.

    The generation tells an admin nothing: whoever has the seed reads the keys that come after the removal as well.
    """
    listed = room.members(batch.tables)
    own = listed.get(batch.own)
    return bool(listed) and (own is None or own.removal != 0)


def _read(room: GroupRoom, account: Account, item: FetchedItem) -> Notice:
    try:
        return kicked_notice.read(item.data, account=account, group_public=room.id.key)
    except GroupRefused as error:
        return None if error.kind == _OTHERS else error
    except ProtocolError as error:
        return error
