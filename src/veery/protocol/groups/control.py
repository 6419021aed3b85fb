"""What admins sign and send about a group: invitations, promotions, notices, deletions (08.6, 08.7.3).

T is the envelope timestamp of the very message, in ms: a signature is bound to it. The texts that are signed, and their
check by receivers, are in `content.group_signatures`. Invitations and promotions travel as ordinary messages to one
person, everything else inside of the group.
"""

from __future__ import annotations

from collections.abc import Iterable

from veery.protocol.account import AccountId
from veery.protocol.constants import SUBACCOUNT_AUTH_DATA_SIZE
from veery.protocol.content import (
    GroupDeleteMemberContent,
    GroupInfoChange,
    GroupInvite,
    GroupMemberChange,
    GroupPromote,
    InfoChangeType,
    MemberChangeType,
)
from veery.protocol.content import group_signatures as texts
from veery.protocol.groups.errors import GroupMisuse
from veery.protocol.groups.identity import GroupAdminKeys
from veery.secret import Secret


def invite(admin: GroupAdminKeys, name: str, invitee: AccountId, auth_data: Secret, timestamp_ms: int) -> GroupInvite:
    """An invitation of one person. auth_data: `group_auth_data` for the invitee. Raises GroupMisuse."""
    if len(auth_data) != SUBACCOUNT_AUTH_DATA_SIZE:
        raise GroupMisuse(f"auth data has {SUBACCOUNT_AUTH_DATA_SIZE} bytes", kind="group.misuse.auth_data")
    return GroupInvite(
        group_session_id=admin.group_id.hex,
        name=name,
        member_auth_data=auth_data.reveal(),
        admin_signature=admin.sign(texts.invite_text(invitee.hex, timestamp_ms)),
    )


def promote(admin: GroupAdminKeys, name: str) -> GroupPromote:
    """What makes its receiver an admin, for ever: the seed of the group."""
    return GroupPromote(group_identity_seed=admin.seed, name=name)


def info_change(
    admin: GroupAdminKeys,
    change: InfoChangeType,
    timestamp_ms: int,
    *,
    name: str | None = None,
    timer_s: int | None = None,
) -> GroupInfoChange:
    """A notice of a new name, picture or timer. name and timer_s: of changes of that kind only; a timer of 0 is off."""
    return GroupInfoChange(
        type=change,
        admin_signature=admin.sign(texts.info_change_text(change, timestamp_ms)),
        updated_name=name,
        updated_expiration=timer_s,
    )


def member_change(
    admin: GroupAdminKeys,
    change: MemberChangeType,
    members: Iterable[AccountId],
    timestamp_ms: int,
    *,
    history_shared: bool | None = None,
) -> GroupMemberChange:
    """A notice of members that were invited, removed or promoted. history_shared: set if newcomers got older keys."""
    return GroupMemberChange(
        type=change,
        admin_signature=admin.sign(texts.member_change_text(change, timestamp_ms)),
        member_session_ids=tuple(member.hex for member in members),
        history_shared=history_shared,
    )


def delete_content(
    admin: GroupAdminKeys | None, members: Iterable[AccountId], hashes: Iterable[str], timestamp_ms: int
) -> GroupDeleteMemberContent:
    """Asks to delete all of some members, or messages by storage hash. admin: None for an author's own messages.

    Raises GroupMisuse when neither is named.
    """
    ids, names = tuple(member.hex for member in members), tuple(hashes)
    if not ids and not names:
        raise GroupMisuse("nothing is named to be deleted", kind="group.misuse.empty")
    text = texts.delete_content_text(timestamp_ms, ids, names)
    return GroupDeleteMemberContent(ids, names, None if admin is None else admin.sign(text))
