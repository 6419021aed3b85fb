"""Group updates: what admins and members tell each other about a group, 02.3.5.

The texts that admins sign, and the check of their signatures, are in `group_signatures`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others, text, texts
from veery.secret import Secret


class InfoChangeType(IntEnum):
    """What of the group's information changed."""

    NAME = 1  # its name
    AVATAR = 2  # its picture
    DISAPPEARING_MESSAGES = 3  # its timer


class MemberChangeType(IntEnum):
    """What happened to the members."""

    ADDED = 1  # invited
    REMOVED = 2  # expelled
    PROMOTED = 3  # made admins


@dataclass(frozen=True, slots=True, repr=False)
class GroupInvite(Value):
    """group_session_id: 66 hex digits, 03…; member_auth_data: 100 bytes; admin_signature: 64 bytes. One-to-one."""

    group_session_id: str
    name: str
    member_auth_data: bytes
    admin_signature: bytes


@dataclass(frozen=True, slots=True, repr=False)
class GroupInfoChange(Value):
    """updated_expiration: seconds."""

    type: InfoChangeType
    admin_signature: bytes
    updated_name: str | None = None
    updated_expiration: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class GroupMemberChange(Value):
    """member_session_ids: Account IDs of the members concerned."""

    type: MemberChangeType
    admin_signature: bytes
    member_session_ids: tuple[str, ...] = ()
    history_shared: bool | None = None


@dataclass(frozen=True, slots=True, repr=False)
class GroupPromote(Value):
    """group_identity_seed: 32 bytes that make the receiver an admin; it takes no part in comparisons. One-to-one."""

    group_identity_seed: Secret = field(compare=False)
    name: str


@dataclass(frozen=True, slots=True, repr=False)
class GroupMemberLeft(Value):
    """The sender leaves and asks the admins to remove it."""


@dataclass(frozen=True, slots=True, repr=False)
class GroupInviteResponse(Value):
    """The sender takes up its invitation."""

    is_approved: bool = True


@dataclass(frozen=True, slots=True, repr=False)
class GroupDeleteMemberContent(Value):
    """Asks to delete all of some members, or some messages by storage hash. Unsigned unless the sender is an admin."""

    member_session_ids: tuple[str, ...] = ()
    message_hashes: tuple[str, ...] = ()
    admin_signature: bytes | None = None


@dataclass(frozen=True, slots=True, repr=False)
class GroupMemberLeftNotification(Value):
    """Tells the members that the sender left."""


@dataclass(frozen=True, slots=True, repr=False)
class UnknownGroupUpdate(Value):
    """An update that the chapter does not know; its bytes are in `other_fields`."""


GroupUpdate: TypeAlias = (
    GroupInvite
    | GroupInfoChange
    | GroupMemberChange
    | GroupPromote
    | GroupMemberLeft
    | GroupInviteResponse
    | GroupDeleteMemberContent
    | GroupMemberLeftNotification
    | UnknownGroupUpdate
)


@dataclass(frozen=True, slots=True, repr=False)
class GroupUpdateMessage(Value):
    """One update. If the bytes held several, the one with the lowest number; the others are in `other_fields`."""

    update: GroupUpdate


def to_wire(message: GroupUpdateMessage) -> wire.GroupUpdateMessage:
    """The protobuf message of a group update."""
    return keep(_update_to_wire(message.update), message.other_fields)


def _update_to_wire(update: GroupUpdate) -> wire.GroupUpdateMessage:
    match update:
        case GroupInvite():
            return wire.GroupUpdateMessage(inviteMessage=_invite_to_wire(update))
        case GroupInfoChange():
            return wire.GroupUpdateMessage(infoChangeMessage=_info_change_to_wire(update))
        case GroupMemberChange():
            return wire.GroupUpdateMessage(memberChangeMessage=_member_change_to_wire(update))
        case GroupPromote():
            seed = update.group_identity_seed.reveal()
            promote = wire.GroupUpdatePromoteMessage(groupIdentitySeed=seed, name=update.name)
            return wire.GroupUpdateMessage(promoteMessage=keep(promote, update.other_fields))
        case GroupMemberLeft():
            left = keep(wire.GroupUpdateMemberLeftMessage(), update.other_fields)
            return wire.GroupUpdateMessage(memberLeftMessage=left)
        case GroupInviteResponse():
            response = wire.GroupUpdateInviteResponseMessage(isApproved=update.is_approved)
            return wire.GroupUpdateMessage(inviteResponse=keep(response, update.other_fields))
        case GroupDeleteMemberContent():
            return wire.GroupUpdateMessage(deleteMemberContent=_delete_to_wire(update))
        case GroupMemberLeftNotification():
            notice = keep(wire.GroupUpdateMemberLeftNotificationMessage(), update.other_fields)
            return wire.GroupUpdateMessage(memberLeftNotificationMessage=notice)
        case UnknownGroupUpdate():
            return keep(wire.GroupUpdateMessage(), update.other_fields)


def _invite_to_wire(invite: GroupInvite) -> wire.GroupUpdateInviteMessage:
    message = wire.GroupUpdateInviteMessage(
        groupSessionId=invite.group_session_id,
        name=invite.name,
        memberAuthData=invite.member_auth_data,
        adminSignature=invite.admin_signature,
    )
    return keep(message, invite.other_fields)


def _info_change_to_wire(change: GroupInfoChange) -> wire.GroupUpdateInfoChangeMessage:
    message = wire.GroupUpdateInfoChangeMessage(
        type=change.type.name,
        updatedName=change.updated_name,
        updatedExpiration=change.updated_expiration,
        adminSignature=change.admin_signature,
    )
    return keep(message, change.other_fields)


def _member_change_to_wire(change: GroupMemberChange) -> wire.GroupUpdateMemberChangeMessage:
    message = wire.GroupUpdateMemberChangeMessage(
        type=change.type.name, memberSessionIds=change.member_session_ids, adminSignature=change.admin_signature
    )
    if change.history_shared is not None:
        message.historyShared = change.history_shared
    return keep(message, change.other_fields)


def _delete_to_wire(request: GroupDeleteMemberContent) -> wire.GroupUpdateDeleteMemberContentMessage:
    message = wire.GroupUpdateDeleteMemberContentMessage(
        memberSessionIds=request.member_session_ids,
        messageHashes=request.message_hashes,
        adminSignature=request.admin_signature,
    )
    return keep(message, request.other_fields)


def from_wire(message: wire.GroupUpdateMessage) -> GroupUpdateMessage:
    """The group update of a protobuf message. Raises ContentMalformed."""
    has = message.HasField
    update: GroupUpdate
    if has("inviteMessage"):
        name, update = "inviteMessage", _invite_from_wire(message.inviteMessage)
    elif has("infoChangeMessage"):
        name, update = "infoChangeMessage", _info_change_from_wire(message.infoChangeMessage)
    elif has("memberChangeMessage"):
        name, update = "memberChangeMessage", _member_change_from_wire(message.memberChangeMessage)
    elif has("promoteMessage"):
        name, update = "promoteMessage", _promote_from_wire(message.promoteMessage)
    elif has("memberLeftMessage"):
        name, update = "memberLeftMessage", GroupMemberLeft(other_fields=others(message.memberLeftMessage))
    elif has("inviteResponse"):
        name, update = "inviteResponse", _response_from_wire(message.inviteResponse)
    elif has("deleteMemberContent"):
        name, update = "deleteMemberContent", _delete_from_wire(message.deleteMemberContent)
    elif has("memberLeftNotificationMessage"):
        rest = others(message.memberLeftNotificationMessage)
        name, update = "memberLeftNotificationMessage", GroupMemberLeftNotification(other_fields=rest)
    else:
        return GroupUpdateMessage(UnknownGroupUpdate(other_fields=others(message)))
    return GroupUpdateMessage(update, other_fields=others(message, name))


def _invite_from_wire(message: wire.GroupUpdateInviteMessage) -> GroupInvite:
    return GroupInvite(
        group_session_id=text(message.groupSessionId),
        name=text(message.name),
        member_auth_data=message.memberAuthData,
        admin_signature=message.adminSignature,
        other_fields=others(message, "groupSessionId", "name", "memberAuthData", "adminSignature"),
    )


def _info_change_from_wire(message: wire.GroupUpdateInfoChangeMessage) -> GroupInfoChange:
    return GroupInfoChange(
        type=InfoChangeType(message.type),
        admin_signature=message.adminSignature,
        updated_name=text(message.updatedName) if message.HasField("updatedName") else None,
        updated_expiration=message.updatedExpiration if message.HasField("updatedExpiration") else None,
        other_fields=others(message, "type", "updatedName", "updatedExpiration", "adminSignature"),
    )


def _member_change_from_wire(message: wire.GroupUpdateMemberChangeMessage) -> GroupMemberChange:
    return GroupMemberChange(
        type=MemberChangeType(message.type),
        admin_signature=message.adminSignature,
        member_session_ids=texts(message.memberSessionIds),
        history_shared=message.historyShared if message.HasField("historyShared") else None,
        other_fields=others(message, "type", "memberSessionIds", "historyShared", "adminSignature"),
    )


def _promote_from_wire(message: wire.GroupUpdatePromoteMessage) -> GroupPromote:
    return GroupPromote(
        group_identity_seed=Secret(message.groupIdentitySeed),
        name=text(message.name),
        other_fields=others(message, "groupIdentitySeed", "name"),
    )


def _response_from_wire(message: wire.GroupUpdateInviteResponseMessage) -> GroupInviteResponse:
    return GroupInviteResponse(is_approved=message.isApproved, other_fields=others(message, "isApproved"))


def _delete_from_wire(message: wire.GroupUpdateDeleteMemberContentMessage) -> GroupDeleteMemberContent:
    return GroupDeleteMemberContent(
        member_session_ids=texts(message.memberSessionIds),
        message_hashes=texts(message.messageHashes),
        admin_signature=message.adminSignature if message.HasField("adminSignature") else None,
        other_fields=others(message, "memberSessionIds", "messageHashes", "adminSignature"),
    )
