"""What the account itself says in a group beside texts: notices, answers to invitations, and requests (08.6).

T is part of what admins sign, so an update is made of its T.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from veery.client import fates
from veery.client.contents import own_profile
from veery.client.core import Times
from veery.client.groups.naming import told
from veery.client.groups.pending import InfoNotice, MemberNotice
from veery.client.timestamps import next_timestamp
from veery.protocol.account import AccountId
from veery.protocol.constants import TTL_MAX_PRIVATE_MS, TTL_MIN_MS
from veery.protocol.content import (
    Content,
    DataMessage,
    ExpirationType,
    GroupUpdate,
    GroupUpdateMessage,
    encode,
)
from veery.protocol.expiry_rules import ttl_ms
from veery.protocol.groups import GroupAdminKeys, control
from veery.protocol.storage_rpc import Namespace
from veery.store.message_values import Expiration, NewMessage
from veery.store.outbox import CopyRole, NewCopy
from veery.store.tables import Tables

NOTICE: Final = "group_update"  # kind of a message that tells of a change in a group
UpdateAt = Callable[[int], GroupUpdate]  # an update, of its T


def update_content(tables: Tables, group: AccountId, update: GroupUpdate, timestamp_ms: int, *, timed: bool) -> Content:
    """A content that carries an update, with the own profile. timed: whether it disappears as messages do."""
    conversation = tables.conversations.get(group.hex)
    timer_s = conversation.expiration_timer_s if timed and conversation is not None else 0
    data = DataMessage(group_update_message=GroupUpdateMessage(update), profile=own_profile(tables.accounts.get()))
    type_ = ExpirationType.DELETE_AFTER_SEND if timer_s > 0 else ExpirationType.UNKNOWN
    return Content(data, timestamp=timestamp_ms, expiration_type=type_, expiration_timer=timer_s)


def write_update(tables: Tables, group: AccountId, own: AccountId, update: UpdateAt, times: Times) -> int:
    """Queue an update that nobody sees as a message; gives its T."""
    timestamp_ms = next_timestamp(tables, own, times.network_ms)
    content = update_content(tables, group, update(timestamp_ms), timestamp_ms, timed=False)
    tables.deliveries.queue_control([group_copy(CopyRole.CONTROL, group, content)], times.local_ms)
    return timestamp_ms


def write_notice(
    tables: Tables, admin: GroupAdminKeys, own: AccountId, notice: MemberNotice | InfoNotice, times: Times
) -> None:
    """Queue a notice of an admin, and show it in the own conversation."""
    group = admin.group_id
    timestamp_ms = next_timestamp(tables, own, times.network_ms)
    update = _notice(admin, notice, timestamp_ms)
    content = update_content(tables, group, update, timestamp_ms, timed=True)
    new = NewMessage(
        conversation=group.hex,
        author=own,
        timestamp_ms=timestamp_ms,
        outgoing=True,
        kind=NOTICE,
        body=told(tables, group.hex, update),
        content=encode(content),
        received_ms=times.local_ms,
        expiration=Expiration(int(content.expiration_type), content.expiration_timer),
    )
    fates.queue(tables, new, (group_copy(CopyRole.RECIPIENT, group, content),), times.local_ms)


def group_copy(role: CopyRole, group: AccountId, content: Content) -> NewCopy:
    """The copy of a content for a group's swarm."""
    ttl = max(TTL_MIN_MS, min(ttl_ms(content), TTL_MAX_PRIVATE_MS))
    return NewCopy(role, group, int(Namespace.GROUP_MESSAGES), content.timestamp or 0, ttl, encode(content))


def without_timer(content: Content) -> Content:
    """The content, as one that stays."""
    return replace(content, expiration_type=ExpirationType.UNKNOWN, expiration_timer=0)


def _notice(admin: GroupAdminKeys, notice: MemberNotice | InfoNotice, timestamp_ms: int) -> GroupUpdate:
    if isinstance(notice, MemberNotice):
        shared = True if notice.with_history else None
        return control.member_change(admin, notice.change, notice.members, timestamp_ms, history_shared=shared)
    return control.info_change(admin, notice.change, timestamp_ms, name=notice.name, timer_s=notice.timer_s)
