"""What a group's admins sign in group updates, and the check of it, 02.3.5.

T is the envelope timestamp of the very message in milliseconds. Texts are ASCII, joined without separators; the key is
the group's own: the 32 bytes after the 03 of its id.
"""

from __future__ import annotations

from collections.abc import Iterable

from veery.errors import Rejected
from veery.protocol import crypto
from veery.protocol.constants import ACCOUNT_ID_SIZE, PREFIX_GROUP
from veery.protocol.content.group_update import (
    GroupDeleteMemberContent,
    GroupInfoChange,
    GroupInvite,
    GroupMemberChange,
    GroupUpdate,
    InfoChangeType,
    MemberChangeType,
)


class GroupUpdateRefused(Rejected):
    """The admin signature of a group update does not hold, or its group id is none."""

    default_kind = "group_update"


def invite_text(invitee: str, timestamp_ms: int) -> bytes:
    """Signed by an invite; invitee: Account ID, 66 hex digits."""
    return f"INVITE{invitee}{timestamp_ms}".encode()


def info_change_text(change: InfoChangeType, timestamp_ms: int) -> bytes:
    """Signed by a change of the group's information."""
    return f"INFO_CHANGE{int(change)}{timestamp_ms}".encode()


def member_change_text(change: MemberChangeType, timestamp_ms: int) -> bytes:
    """Signed by a change of the members."""
    return f"MEMBER_CHANGE{int(change)}{timestamp_ms}".encode()


def delete_content_text(timestamp_ms: int, member_ids: Iterable[str], message_hashes: Iterable[str]) -> bytes:
    """Signed by an admin's request to delete content; ids and hashes in the order of the message."""
    return f"DELETE_CONTENT{timestamp_ms}{''.join(member_ids)}{''.join(message_hashes)}".encode()


def signed_text(update: GroupUpdate, *, timestamp_ms: int, invitee: str) -> bytes | None:
    """The text that an admin signed, or None for updates without a signature. invitee: the receiver's Account ID."""
    match update:
        case GroupInvite():
            return invite_text(invitee, timestamp_ms)
        case GroupInfoChange():
            return info_change_text(update.type, timestamp_ms)
        case GroupMemberChange():
            return member_change_text(update.type, timestamp_ms)
        case GroupDeleteMemberContent() if update.admin_signature is not None:
            return delete_content_text(timestamp_ms, update.member_session_ids, update.message_hashes)
        case _:
            return None


def verify(update: GroupUpdate, *, group: bytes | None, timestamp_ms: int, invitee: str) -> None:
    """Check the admin signature of an update, if its kind has one.

    group: raw id (33 bytes) of the group whose swarm held the message; an invite names its own group. A
    GroupDeleteMemberContent without a signature passes: its sender may delete its own messages only, 08.7.3.
    Raises GroupUpdateRefused: `group_update.id`, `group_update.signature`.
    """
    text = signed_text(update, timestamp_ms=timestamp_ms, invitee=invitee)
    if text is None:
        return
    key = _group_key(_raw(update.group_session_id) if isinstance(update, GroupInvite) else group)
    if not crypto.ed25519_verifies(key, text, _signature(update)):
        raise GroupUpdateRefused("the admin signature does not verify", kind="group_update.signature")


def _signature(update: GroupUpdate) -> bytes:
    match update:
        case GroupInvite() | GroupInfoChange() | GroupMemberChange() | GroupDeleteMemberContent():
            return update.admin_signature or b""
        case _:
            return b""


def _raw(group_id: str) -> bytes | None:
    try:
        raw = bytes.fromhex(group_id)
    except ValueError:
        return None
    return raw if raw.hex() == group_id.lower() else None


def _group_key(group: bytes | None) -> bytes:
    if group is None or len(group) != ACCOUNT_ID_SIZE or group[0] != PREFIX_GROUP:
        raise GroupUpdateRefused("the group id is none", kind="group_update.id")
    return group[1:]
