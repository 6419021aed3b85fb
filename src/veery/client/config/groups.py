"""What is settled for groups, between the store and UserGroups: pinning, hiding and muting (07.10.4).

Which groups there are, and with what rights, is written and read by the services of groups; `on_change` of
`AccountDocuments` tells them what a merge has changed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

from veery.client.arrivals import Batch
from veery.client.config.differences import muted_until_ms, muting_of, tell_changes
from veery.client.groups.synced import with_rights
from veery.protocol.account import AccountId
from veery.protocol.config import Data, user_groups
from veery.store.sql import clamp
from veery.store.tables import Tables


def with_groups(data: Data, tables: Tables, ids: Iterable[AccountId], left: Container[AccountId]) -> Data:
    """The document with what is settled for some groups that stand in it. left: those that the account has left."""
    for group_id in ids:
        data = with_rights(data, tables, group_id, left=group_id in left)
        held, entry = tables.conversations.get(group_id.hex), user_groups.find(data, group_id)
        if held is None or entry is None:
            continue
        notifications, muted_until_s = muting_of(held, entry.notifications)
        changed = replace(entry, priority=held.priority, notifications=notifications, muted_until_s=muted_until_s)
        data = user_groups.written(data, changed)
    return data


def take_over(batch: Batch, before: Data, after: Data) -> None:
    """Bring the conversations of known groups to what a merge has changed."""
    old, new = user_groups.read(before), user_groups.read(after)
    for group_id, entry in new.items():
        held = batch.tables.conversations.get(group_id.hex)
        if held is None or old.get(group_id) == entry:
            continue
        until_ms = clamp(muted_until_ms(entry.notifications, entry.muted_until_s))
        tell_changes(batch, held, replace(held, priority=clamp(entry.priority), muted_until_ms=until_ms))
