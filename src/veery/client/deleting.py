"""Taking messages back: for everyone, on all own devices, and what of them is media (02.8.2, 02.8.3).

Deleting on this device alone is `Conversations.delete_message`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from veery.client import fates
from veery.client.contents import control
from veery.client.core import Core, Times
from veery.client.faults import UnsendRefused, no_message
from veery.client.own_swarm import delete_copies
from veery.client.timestamps import next_timestamp
from veery.client.views import TEXT
from veery.protocol.account import AccountId
from veery.protocol.constants import PREFIX_GROUP
from veery.protocol.content import ContentMalformed, DataMessage, UnsendRequest, decode, encode
from veery.store.message_values import Deleted, Message
from veery.store.outbox import Copy
from veery.store.tables import Tables

MEDIA_EVENT: Final = "media_deleted"


class Deleting:
    """Deletions of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def unsend(self, message: int) -> None:
        """Delete an own message for everyone; in note to self, on all own devices.

        Its copy in the own swarm goes first; the others are then asked to delete theirs. Clients that follow the book
        do so, and nobody can make one that does not. Raises NotFound, UnsendRefused, and NetworkError when the own
        swarm cannot be told: then nothing was changed.
        """
        core = self._core
        held, copies = await core.read(lambda tables: _look(tables, message))
        if held.deleted is Deleted.EVERYWHERE:
            return
        sent = not copies or any(copy.sealed is not None for copy in copies)
        if sent and held.storage_hash is not None:
            await delete_copies(core, [held.storage_hash])
        times = core.times()
        await core.write(lambda tables: _unsend(tables, message, core.own, times, tell=sent))
        core.outbox_changed.set()

    async def delete_media(self, message: int) -> None:
        """Remove the files of a message and the keys to them from this device; its text stays. Raises NotFound."""
        now_ms = self._core.clock.now_ms()
        await self._core.write(lambda tables: _delete_media(tables, message, now_ms))


def erase(tables: Tables, target: Message, own: AccountId, by: AccountId, now_ms: int) -> None:
    """Delete a message for everyone in the store: a placeholder stays, in note to self nothing."""
    if target.conversation == own.hex:
        tables.messages.delete((target.id,))
    else:
        tables.messages.replace_by_placeholder(target.id, Deleted.EVERYWHERE)
        fates.cancel(tables, target, now_ms)
    fates.tell_deleted(tables, target, by.hex, now_ms)


def _look(tables: Tables, message: int) -> tuple[Message, Sequence[Copy]]:
    held = tables.messages.get(message)
    if held is None:
        raise no_message(message)
    if not held.outgoing:
        raise UnsendRefused("only own messages can be deleted for everyone")
    if held.kind != TEXT or held.deleted is Deleted.HERE:
        raise UnsendRefused("notices and deleted messages cannot be deleted for everyone")
    if held.conversation.startswith(f"{PREFIX_GROUP:02x}"):
        raise UnsendRefused("messages of groups are deleted by `Groups.delete_messages`", remedy="")
    return held, tables.outbox.of(message)


def _unsend(tables: Tables, message: int, own: AccountId, times: Times, *, tell: bool) -> None:
    target = tables.messages.get(message)
    if target is None or target.deleted is not Deleted.NO:
        return  # it went while the own swarm was asked
    erase(tables, target, own, own, times.local_ms)
    if not tell:
        return
    request = UnsendRequest(timestamp=target.timestamp_ms, author=own.hex)
    timestamp_ms = next_timestamp(tables, own, times.network_ms)
    places = dict.fromkeys((AccountId.from_hex(target.conversation), own))  # once, in note to self
    tables.deliveries.queue_control([control(place, request, timestamp_ms) for place in places], times.local_ms)


def _delete_media(tables: Tables, message: int, now_ms: int) -> None:
    held = tables.messages.get(message)
    if held is None:
        raise no_message(message)
    if not held.body:
        tables.messages.replace_by_placeholder(message, Deleted.HERE)
        fates.cancel(tables, held, now_ms)
        fates.tell_deleted(tables, held, None, now_ms)
        return
    tables.attachments.delete_of(message)
    tables.messages.set_content(message, _without_media(held.content))
    tables.events.append(MEDIA_EVENT, {"id": message, "conversation": held.conversation}, now_ms)


def _without_media(content: bytes) -> bytes:
    """A content without pointers to files; what is unknown stays."""
    try:
        held = decode(content)
    except ContentMalformed:
        return b""
    if not isinstance(held.kind, DataMessage):
        return content
    previews = tuple(replace(each, image=None) for each in held.kind.preview)
    return encode(replace(held, kind=replace(held.kind, attachments=(), preview=previews)))
