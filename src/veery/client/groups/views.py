"""Groups and their members as JSON: what the CLI, the control socket and other doors show."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from veery.client.groups.naming import name_of
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import keys_of, state_of
from veery.client.views import Json
from veery.protocol.account import AccountId
from veery.protocol.groups import Member, MemberStatus
from veery.store.tables import Tables

_SENDING: Final = {
    MemberStatus.INVITE_NOT_SENT: "invite_sending",
    MemberStatus.PROMOTION_NOT_SENT: "promotion_sending",
}


def group_view(room: GroupRoom, tables: Tables) -> Json:
    """Everything that is shown of a group. Raises NotFound."""
    row, info = room.row(tables), room.info(tables)
    conversation = tables.conversations.get(room.id.hex)
    keys = keys_of(row)
    return {
        "id": room.id.hex,
        "name": info.name or row.name,
        "description": info.description,
        "state": "destroyed" if info.destroyed else state_of(row),
        "admin": row.seed is not None,
        "members": sum(not each.removal for each in room.members(tables).values()),
        "invited_by": None if row.inviter is None else row.inviter.hex,
        "joined_at": row.joined_s * 1000 or None,
        "created_at": info.created_s * 1000 or None,
        "disappears_s": info.timer_s,
        "generation": keys.generation,
        "expired": row.is_open and row.polled_ms > 0 and not keys.keys,
        "pending": room.needs_push(tables),
        "unread": 0 if conversation is None else conversation.unread,
        "picture": info.picture is not None,
    }


def members_view(room: GroupRoom, tables: Tables, own: AccountId) -> list[Json]:
    """The members of a group, admins first, then by name."""
    owed = room.owed(tables)
    found = [_member(room, tables, each, own, owed) for each in room.members(tables).values()]
    return sorted(found, key=lambda each: (not each["admin"], str(each["name"]).casefold(), each["id"]))


def status_of(room: GroupRoom, member: Member, owed: Collection[AccountId]) -> str:
    """What a member's entry says, or that a letter is under way, or owed, on this device."""
    if member.id in room.sending or member.id in owed:
        return _SENDING.get(member.status, member.status.value)
    return member.status.value


def _member(room: GroupRoom, tables: Tables, member: Member, own: AccountId, owed: Collection[AccountId]) -> Json:
    return {
        "id": member.id.hex,
        "fingerprint": member.id.fingerprint,
        "name": tables.accounts.get().display_name if member.id == own else name_of(tables, member.id, member.name),
        "status": status_of(room, member, owed),
        "admin": member.admin,
        "you": member.id == own,
    }
