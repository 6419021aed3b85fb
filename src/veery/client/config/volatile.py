"""How far conversations are read, between the store and ConvoInfoVolatile (07.10.3, 02.8.7).

A position only moves forward: when another device has won with an earlier one, ours is written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from veery.client.approval import Change, tell
from veery.client.arrivals import Batch
from veery.client.disappearing import start_after_reading
from veery.protocol.account import AccountId
from veery.protocol.config import Data, convo_info_volatile
from veery.protocol.config.convo_info_volatile import ReadState
from veery.protocol.constants import PREFIX_GROUP, PREFIX_USER
from veery.store.sql import clamp
from veery.store.tables import Tables

_SHOWN = (PREFIX_USER, PREFIX_GROUP)


def with_read_states(data: Data, tables: Tables, ids: Iterable[AccountId], now_ms: int) -> Data:
    """The document with the positions of some conversations as the store has them. now_ms: network time."""
    known = convo_info_volatile.read(data)
    for account_id in ids:
        if account_id.prefix not in _SHOWN:
            continue
        row, held = tables.conversations.get(account_id.hex), known.get(account_id, ReadState())
        if row is None:
            data = convo_info_volatile.without(data, account_id)
            continue
        state = replace(held, last_read_ms=max(row.last_read_ms, held.last_read_ms), unread=row.marked_unread)
        data = convo_info_volatile.written(data, account_id, state, now_ms)
    return data


def take_over(batch: Batch, before: Data, after: Data) -> list[str]:
    """Bring the store to what a merge has changed; gives the conversations in which this device is further."""
    old, new = convo_info_volatile.read(before), convo_info_volatile.read(after)
    changed = [each for each in {*old, *new} if _fields(old.get(each)) != _fields(new.get(each))]
    return take_over_some(batch, new, changed)


def take_over_some(batch: Batch, states: Mapping[AccountId, ReadState], ids: Iterable[AccountId]) -> list[str]:
    """Bring some conversations to their positions; gives those in which this device is further."""
    shown = sorted((each for each in ids if each.prefix in _SHOWN), key=lambda each: each.raw)
    return [each.hex for each in shown if not _take(batch, each, states.get(each, ReadState()))]


def take_over_made(batch: Batch, data: Data, ids: Iterable[AccountId]) -> list[str]:
    """Bring conversations that are new here to what the document has said of them before; gives those that are further.

    Other devices may have read a conversation that this one has just begun.
    """
    known = convo_info_volatile.read(data)
    further: list[str] = []
    for account_id in ids:
        state, held = known.get(account_id), batch.tables.conversations.get(account_id.hex)
        if state is not None and held is not None:
            both = replace(state, unread=state.unread or held.marked_unread)
            further += take_over_some(batch, {account_id: both}, [account_id])
    return further


def _take(batch: Batch, account_id: AccountId, state: ReadState) -> bool:
    """Take over one position; tells whether the document is at least as far as this device."""
    tables, id_ = batch.tables, account_id.hex
    held = tables.conversations.get(id_)
    if held is None:
        return True
    if state.last_read_ms > held.last_read_ms:
        read = tables.reading.mark_read(id_, clamp(state.last_read_ms))
        batch.shorten.extend(start_after_reading(tables, read, batch.times))
    tables.conversations.update(id_, lambda row: replace(row, marked_unread=state.unread))
    after = tables.conversations.get(id_) or held
    if (after.unread, after.marked_unread) != (held.unread, held.marked_unread):
        marked = after.marked_unread and not held.marked_unread
        tell(tables, after, Change.UNREAD if marked else Change.READ, batch.times.local_ms)
    return state.last_read_ms >= held.last_read_ms


def _fields(state: ReadState | None) -> tuple[int, bool]:
    return (0, False) if state is None else (state.last_read_ms, state.unread)
