"""Conversations and their messages, as a person sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from veery.client import fates
from veery.client.approval import Change, shown, tell
from veery.client.arrivals import Shorten
from veery.client.clearing import Clearing, Told
from veery.client.core import Core
from veery.client.disappearing import start_after_reading
from veery.client.expiring import Expiring
from veery.client.faults import SelfRefused, no_conversation, no_message
from veery.client.read_receipts import queue_receipts
from veery.client.views import TEXT, Json, message_view
from veery.protocol import given
from veery.store.conversations import HIDDEN, Conversation
from veery.store.message_values import Deleted, Message, Position
from veery.store.tables import Tables

FOR_GOOD_MS: Final = 253_402_300_799_000  # the last second of the year 9999


class Conversations:
    """The conversations of one account. Ids are Account IDs, 66 hex characters."""

    def __init__(self, core: Core, expiring: Expiring) -> None:
        self._core = core
        self._expiring = expiring
        self.clearing = Clearing(core)

    async def list(self, *, hidden: bool = False) -> tuple[Conversation, ...]:
        """All conversations, pinned ones first, then the latest active; hidden ones only when asked for."""
        return await self._core.read(lambda tables: tables.conversations.all(hidden=hidden))

    async def get(self, conversation: str) -> Conversation:
        """One conversation. Raises NotFound."""
        return await self._core.read(lambda tables: needed(tables, conversation))

    async def unread(self) -> int:
        """How many messages are unread where it matters: not in requests, blocked or hidden conversations."""
        return await self._core.read(lambda tables: tables.conversations.unread())

    async def messages(
        self, conversation: str, limit: int, *, before: Position | None = None, after: Position | None = None
    ) -> tuple[Message, ...]:
        """At most `limit` messages, newest first; with `after` alone the ones that follow it, oldest first.

        Raises NotFound for a conversation that is not there.
        """
        oldest_first = after is not None and before is None

        def work(tables: Tables) -> tuple[Message, ...]:
            needed(tables, conversation)
            page = tables.messages.page
            return page(conversation, limit, before=before, after=after, newest_first=not oldest_first)

        return await self._core.read(work)

    async def shown(self, conversation: str, limit: int, *, before: Position | None = None) -> Sequence[Json]:
        """At most `limit` messages, newest first, with everything that is shown of them. Raises NotFound."""

        def work(tables: Tables) -> Sequence[Json]:
            held = needed(tables, conversation)
            page = tables.messages.page(conversation, limit, before=before, newest_first=True)
            return [message_view(tables, each, request=held.is_request) for each in page]

        return await self._core.read(work)

    async def mark_read(self, conversation: str, until_ms: int | None = None) -> int:
        """Mark everything up to T as read, or all; gives how many were unread. Raises NotFound."""
        core, times = self._core, self._core.times()

        def work(tables: Tables) -> tuple[int, list[Shorten]]:
            held = needed(tables, conversation)
            until = until_ms if until_ms is not None else held.active_ms or 0
            read = tables.reading.mark_read(conversation, until)
            if read or held.marked_unread:
                tell(tables, needed(tables, conversation), Change.READ, times.local_ms)
                queue_receipts(tables, held, read, core.own, times)
            return len(read), start_after_reading(tables, read, times)

        count, shorten = await core.write(work)
        core.outbox_changed.set()
        if shorten:
            await self._expiring.shorten(shorten)
        return count

    async def mark_unread(self, conversation: str) -> None:
        """Mark a conversation as one to come back to, until it is marked as read. Raises NotFound."""
        await self._change(conversation, Change.UNREAD, lambda held: replace(held, marked_unread=True))

    async def set_nickname(self, conversation: str, nickname: str) -> None:
        """Give a contact a name of one's own; an empty one takes it away. Raises NotFound."""
        name = given.text(nickname, "a nickname").strip()
        await self._change(conversation, Change.NAMED, lambda held: replace(held, nickname=name))

    async def hide(self, conversation: str) -> None:
        """Keep a conversation out of the list until a message comes. Raises NotFound."""
        await self._change(conversation, Change.HIDDEN, lambda held: replace(held, priority=HIDDEN))

    async def show(self, conversation: str) -> None:
        """Put a hidden conversation back into the list. Raises NotFound."""
        await self._change(conversation, Change.SHOWN, shown)

    async def pin(self, conversation: str) -> None:
        """Let a conversation stand above all others, also those pinned before. Raises NotFound."""

        def work(tables: Tables) -> None:
            highest = max((each.priority for each in tables.conversations.all()), default=0)
            held = needed(tables, conversation)
            changed = held if held.priority > 0 else replace(held, priority=highest + 1)
            tables.conversations.save(changed)
            tell(tables, changed, Change.PINNED, self._core.clock.now_ms())

        await self._core.write(work)

    async def unpin(self, conversation: str) -> None:
        """Let a conversation stand among the others again. Raises NotFound."""
        await self._change(conversation, Change.UNPINNED, lambda held: replace(held, priority=min(0, held.priority)))

    async def mute(self, conversation: str, until_ms: int = FOR_GOOD_MS) -> None:
        """Do not notify of its messages, until a moment of local time or for good. Raises NotFound."""
        await self._change(conversation, Change.MUTED, lambda held: replace(held, muted_until_ms=until_ms))

    async def unmute(self, conversation: str) -> None:
        """Notify of its messages again. Raises NotFound."""
        await self._change(conversation, Change.UNMUTED, lambda held: replace(held, muted_until_ms=0))

    async def trust_downloads(self, conversation: str, trusted: bool) -> None:
        """Fetch files of a contact as they come, or wait until they are asked for (09.6). Nobody is told.

        Raises NotFound.
        """
        change = Change.TRUSTED if trusted else Change.UNTRUSTED
        await self._change(conversation, change, lambda held: replace(held, downloads=trusted))

    async def view(self, message: int) -> Json:
        """Everything that is shown of one message. Raises NotFound."""

        def work(tables: Tables) -> Json:
            held = tables.messages.get(message)
            if held is None:
                raise no_message(message)
            return message_view(tables, held, request=needed(tables, held.conversation).is_request)

        return await self._core.read(work)

    async def delete_message(self, message: int) -> None:
        """Delete a message on this device: a placeholder stays (02.8.2). Nothing is sent. Raises NotFound."""
        now_ms = self._core.clock.now_ms()
        await self._core.write(lambda tables: _delete_here(tables, message, now_ms))

    async def clear(self, conversation: str, told: Told | None = None) -> int:
        """Remove all messages of a conversation from this device; gives how many (02.8.4).

        Many go in batches. told: called after each with how many are gone, and how many go in all. What is under way
        when the engine ends goes on the next time. Raises NotFound.
        """
        return await self.clearing.clear(conversation, Change.CLEARED, told)

    async def remove(self, conversation: str, told: Told | None = None) -> int:
        """Remove all messages from this device, as `clear`, and the conversation from the list; the contact stays.

        Nothing is sent (02.8.4). Gives how many messages went. Raises NotFound.
        """
        return await self.clearing.clear(conversation, Change.REMOVED, told)

    async def forget(self, conversation: str, told: Told | None = None) -> None:
        """Remove a contact with all messages, names and what was settled; a later message of theirs is a request.

        Messages go as with `clear`, the contact in the end. Nothing is sent (02.8.4). Raises NotFound, SelfRefused.
        """
        if conversation == self._core.own.hex:
            raise SelfRefused("the own account is no contact")
        await self.clearing.clear(conversation, Change.FORGOTTEN, told)

    async def _change(self, conversation: str, change: Change, changed: Callable[[Conversation], Conversation]) -> None:
        now_ms = self._core.clock.now_ms()

        def work(tables: Tables) -> None:
            needed(tables, conversation)
            tell(tables, tables.conversations.update(conversation, changed), change, now_ms)

        await self._core.write(work)


def needed(tables: Tables, conversation: str) -> Conversation:
    """A conversation that must be there. Raises NotFound."""
    held = tables.conversations.get(conversation)
    if held is None:
        raise no_conversation()
    return held


def _delete_here(tables: Tables, message: int, now_ms: int) -> None:
    held = tables.messages.get(message)
    if held is None:
        raise no_message(message)
    if held.deleted is not Deleted.NO or held.kind != TEXT:
        tables.messages.delete((message,))  # placeholders and notices vanish completely
    else:
        tables.messages.replace_by_placeholder(message, Deleted.HERE)
        fates.cancel(tables, held, now_ms)
    fates.tell_deleted(tables, held, None, now_ms)
