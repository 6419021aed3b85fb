"""Groups of the account on its other devices: between the rows of groups and UserGroups (07.10.4).

A trigger marks each row whose rights changed, so that the document follows in time (`client.config.account`); and what
a merge brings from another device is taken over here, in the transaction of the merge.
"""

from __future__ import annotations

from dataclasses import replace

from veery.client.arrivals import Batch
from veery.client.groups.standing import end, erase, open_conversation, tell
from veery.protocol.account import AccountId
from veery.protocol.config import Data, user_groups
from veery.protocol.config.user_groups import Group
from veery.store.groups import DESTROYED, KICKED, GroupRow
from veery.store.tables import Tables


def with_rights(data: Data, tables: Tables, group: AccountId) -> Data:
    """The document with what the row of a group says; without the group when there is no row."""
    row, held = tables.groups.get(group), user_groups.find(data, group)
    if row is None:
        return data if held is None else user_groups.without(data, group)
    if row.removed in (KICKED, DESTROYED):
        data = user_groups.written(data, replace(held or Group(group), name=row.name, joined_s=row.joined_s))
        return (user_groups.kicked if row.removed == KICKED else user_groups.destroyed)(data, group)
    entry = replace(
        held or Group(group),
        name=row.name,
        seed=row.seed,
        auth_data=row.auth_data,
        removed=0,
        invited=row.invited,
        joined_s=row.joined_s,
    )
    return user_groups.written(data, entry)


def adopt(batch: Batch, before: Data, after: Data) -> None:
    """Bring the rows of groups to what a merge has changed."""
    old, new = user_groups.read(before), user_groups.read(after)
    for group, entry in new.items():
        held = old.get(group)
        if batch.tables.groups.get(group) is None or held is None or _rights(held) != _rights(entry):
            _take_over(batch, entry)
    for group in old.keys() - new.keys():
        row = batch.tables.groups.get(group)
        if row is not None:
            erase(batch.tables, row, "left", batch.times)


def _take_over(batch: Batch, entry: Group) -> None:
    tables = batch.tables
    held = tables.groups.get(entry.id)
    row = held or GroupRow(entry.id)
    row = replace(row, name=row.name or entry.name, joined_s=entry.joined_s or row.joined_s)
    if entry.removed:
        tables.groups.save(row)
        end(tables, row, min(entry.removed, DESTROYED), batch.times)
        return
    if row.removed == DESTROYED:
        return
    if held is None or row.removed or (entry.seed is not None and row.seed is None):
        tables.groups.forget_fetched(entry.id)
    joined = held is None or row.removed or row.invited
    row = replace(row, seed=entry.seed, auth_data=entry.auth_data, removed=0, invited=entry.invited)
    tables.groups.save(row)
    if row.is_open:
        open_conversation(tables, row, batch.times)
    if joined:
        tell(tables, row, "invited" if row.invited else "joined", batch.times)


def _rights(entry: Group) -> tuple[object, ...]:
    seed, auth_data = entry.seed, entry.auth_data
    return (
        entry.name,
        None if seed is None else seed.reveal(),
        None if auth_data is None else auth_data.reveal(),
        entry.removed,
        entry.invited,
    )
