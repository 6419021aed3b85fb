"""Groups of the account on its other devices: between the rows of groups and UserGroups (07.10.4).

A trigger marks each row whose rights changed, so that the document follows in time (`client.config.account`); and what
a merge brings from another device is taken over here, in the transaction of the merge. A group goes from the document
only when the account leaves it (`standing.erase`); a row that is missing for another reason is made again from it.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from veery.client.arrivals import Batch
from veery.client.core import Times
from veery.client.groups.standing import end, erase, open_conversation, tell
from veery.protocol.account import AccountId
from veery.protocol.config import Data, user_groups
from veery.protocol.config.user_groups import Group
from veery.store.config_dumps import Mark
from veery.store.groups import DESTROYED, KICKED, GroupRow
from veery.store.tables import Tables


def with_rights(data: Data, tables: Tables, group: AccountId, *, left: bool) -> Data:
    """The document with what the row of a group says. Without a row it says nothing, unless the account has `left`: the
    store may come from a backup, and to lose a row is no wish to leave.
    """
    row, held = tables.groups.get(group), user_groups.find(data, group)
    if row is None:
        return data if held is None or not left else user_groups.without(data, group)
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
    tables, left = batch.tables, _left(batch.tables)
    old, new = user_groups.read(before), user_groups.read(after)
    for group, entry in new.items():
        held = old.get(group)
        known = held is not None and tables.groups.get(group) is not None
        if group.hex not in left and (held is None or not known or _rights(held) != _rights(entry)):
            _take_over(tables, entry, batch.times)
    for group in old.keys() - new.keys():
        row = tables.groups.get(group)
        if row is not None:
            erase(tables, row, "left", batch.times)


def rebuild(tables: Tables, data: Data, times: Times, among: Container[AccountId] | None = None) -> None:
    """Make the rows of groups that stand in the document and that this store does not know. among: only of these."""
    left = _left(tables)
    for group, entry in user_groups.read(data).items():
        wanted = among is None or group in among
        if wanted and group.hex not in left and tables.groups.get(group) is None:
            _take_over(tables, entry, times)


def _left(tables: Tables) -> frozenset[str]:
    """Groups that the account has left here, which no document says yet."""
    return frozenset(tables.configs.marks(Mark.LEFT))


def _take_over(tables: Tables, entry: Group, times: Times) -> None:
    held = tables.groups.get(entry.id)
    row = held or GroupRow(entry.id)
    row = replace(row, name=row.name or entry.name, joined_s=entry.joined_s or row.joined_s)
    if entry.removed:
        tables.groups.save(row)
        end(tables, row, min(entry.removed, DESTROYED), times)
        return
    if row.removed == DESTROYED:
        return
    if held is not None and (row.removed or (entry.seed is not None and row.seed is None)):
        tables.groups.forget_fetched(entry.id)
    joined = held is None or row.removed or row.invited
    row = replace(row, seed=entry.seed, auth_data=entry.auth_data, removed=0, invited=entry.invited)
    tables.groups.save(row)
    if row.is_open:
        open_conversation(tables, row, times)
    if joined:
        tell(tables, row, "invited" if row.invited else "joined", times)


def _rights(entry: Group) -> tuple[object, ...]:
    seed, auth_data = entry.seed, entry.auth_data
    return (
        entry.name,
        None if seed is None else seed.reveal(),
        None if auth_data is None else auth_data.reveal(),
        entry.removed,
        entry.invited,
    )
