"""Removing the messages of a conversation, however many there are: in batches, each a transaction of its own.

A message takes its time, since its words are written over in the index as well: all of a large conversation at once
would hold up everybody else who writes. When one batch is not enough, a mark in the settings says up to which message
the rest goes and what is done in the end. Batches begin at the oldest message, so that a kill in between leaves the
newest ones, and the mark with them: housekeeping of the next engine goes on there. What arrives meanwhile stays. A
conversation that is cleared again before that (by its user, or by an admin of a group) has a mark for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import msgspec

from veery.client.approval import Change, tell
from veery.client.core import Core
from veery.client.disappearing import LAST_NOTICE
from veery.client.faults import no_conversation
from veery.store.conversations import HIDDEN, Conversation
from veery.store.sql import INTEGER_MAX
from veery.store.tables import Tables

BATCH: Final = 200  # messages in a transaction: a few tenths of a second in a store of a million
_MARK: Final = "clearing:"  # setting, one for each conversation: a list of marks

Told = Callable[[int, int], None]  # messages that are gone, and all that go


class Mark(msgspec.Struct, frozen=True):
    """What is left to do. last_id, until_ms: which messages go; then: the `Change` that is made in the end, or ''."""

    last_id: int
    until_ms: int = INTEGER_MAX
    then: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What a batch did. left: messages that are still to go."""

    removed: int
    left: int


def begin(
    tables: Tables,
    conversation: str,
    now_ms: int,
    *,
    until_ms: int = INTEGER_MAX,
    then: Change | None = None,
    batch: int = BATCH,
) -> Step:
    """Remove the first messages with T up to `until_ms`, and leave a mark if that was not all.

    then: CLEARED, REMOVED or FORGOTTEN, made when all are gone. Whoever calls this looks to it that `go_on` is called
    until nothing is left; housekeeping does.
    """
    new = Mark(tables.messages.last_id(), until_ms, "" if then is None else then.value)
    marks = [each for each in _marks(tables, conversation) if not _covers(new, each)]
    return _step(tables, conversation, [*marks, new], now_ms, batch)


def go_on(tables: Tables, conversation: str, now_ms: int, batch: int = BATCH) -> Step:
    """Remove the next messages of a conversation that has a mark; without one nothing."""
    marks = _marks(tables, conversation)
    if not marks:
        return Step(0, 0)
    if tables.conversations.settings(conversation) is None:  # gone, with all its messages, by another way
        tables.accounts.set_setting(_MARK + conversation, None)
        return Step(0, 0)
    return _step(tables, conversation, marks, now_ms, batch)


def marked(tables: Tables) -> tuple[str, ...]:
    """The conversations that are not cleared to their end."""
    return tuple(name.removeprefix(_MARK) for name in tables.accounts.settings() if name.startswith(_MARK))


class Clearing:
    """Clears conversations of one account."""

    def __init__(self, core: Core, batch: int = BATCH) -> None:
        self._core = core
        self._batch = batch
        self._clearing = asyncio.Lock()

    async def clear(self, conversation: str, then: Change, told: Told | None = None) -> int:
        """Remove all messages that are there now, and make a change; gives how many went. Raises NotFound."""
        now_ms = self._core.clock.now_ms()

        def first(tables: Tables) -> Step:
            if tables.conversations.settings(conversation) is None:
                raise no_conversation()
            return begin(tables, conversation, now_ms, then=then, batch=self._batch)

        async with self._clearing:
            step = await self._core.write(first)
            removed = step.removed
            while step.left:
                if told is not None:
                    told(removed, removed + step.left)
                step = await self._next(conversation, now_ms)
                removed += step.removed
        if told is not None:
            told(removed, removed)
        return removed

    async def finish(self) -> None:
        """Go on where others have stopped, unless a conversation is being cleared now."""
        if self._clearing.locked():
            return
        async with self._clearing:
            now_ms = self._core.clock.now_ms()
            for conversation in await self._core.read(marked):
                while (await self._next(conversation, now_ms)).left:
                    pass

    async def _next(self, conversation: str, now_ms: int) -> Step:
        work = partial(go_on, conversation=conversation, now_ms=now_ms, batch=self._batch)
        return await self._core.write(work)


def _marks(tables: Tables, conversation: str) -> list[Mark]:
    text = tables.accounts.setting(_MARK + conversation)
    return [] if text is None else msgspec.json.decode(text, type=list[Mark])


def _covers(new: Mark, held: Mark) -> bool:
    """Whether a mark does all that an earlier one would still do."""
    return new.last_id >= held.last_id and new.until_ms >= held.until_ms and held.then in ("", new.then)


def _step(tables: Tables, conversation: str, marks: list[Mark], now_ms: int, batch: int) -> Step:
    waiting, removed = list(marks), 0
    while waiting:
        mark = waiting[0]
        ids = tables.messages.oldest(conversation, batch - removed, mark.last_id, mark.until_ms)
        tables.messages.delete(ids)
        removed += len(ids)
        if removed == batch and tables.messages.count(conversation, mark.last_id, mark.until_ms):
            break
        waiting.pop(0)
        if mark.then:
            _make(tables, conversation, Change(mark.then), now_ms)
        if tables.conversations.settings(conversation) is None:
            waiting.clear()  # whatever else was to go is gone with the conversation
    text = msgspec.json.encode(waiting).decode() if waiting else None
    tables.accounts.set_setting(_MARK + conversation, text)
    return Step(removed, sum(tables.messages.count(conversation, each.last_id, each.until_ms) for each in waiting))


def _make(tables: Tables, conversation: str, change: Change, now_ms: int) -> None:
    held = tables.conversations.get(conversation)
    if held is None:
        raise no_conversation()
    tables.accounts.set_setting(LAST_NOTICE + conversation, None)
    if change is Change.FORGOTTEN:
        held = _forget(tables, held)
    elif change is Change.REMOVED:
        held = tables.conversations.update(conversation, lambda row: replace(row, priority=HIDDEN))
    tell(tables, held, change, now_ms)


def _forget(tables: Tables, held: Conversation) -> Conversation:
    """Take a contact away with all that was settled. What has come meanwhile stays, as a request of a stranger."""
    if not tables.messages.count(held.id):
        tables.conversations.delete(held.id)
        return replace(held, unread=0)
    stranger = Conversation(held.id, held.kind, held.created_ms, held.name, profile_s=held.profile_s)
    tables.conversations.save(replace(stranger, approved_me=True, active_ms=held.active_ms))
    return replace(stranger, approved_me=True, unread=held.unread)
