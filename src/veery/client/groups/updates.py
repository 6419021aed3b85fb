"""Updates that members and admins send inside of a group (08.6, 08.7). Signatures and places were checked before.

The documents are the truth: a notice only leaves a line in the conversation. Three updates ask for something: the
answer to an invitation and a farewell ask the admins, and a deletion asks everybody.
"""

from __future__ import annotations

from dataclasses import replace

from veery.client.apply_data import apply_profile
from veery.client.arrivals import Arrival, Batch
from veery.client.deleting import erase as erase_message
from veery.client.groups.faults import SenderRefused
from veery.client.groups.naming import told
from veery.client.groups.room import GroupRoom
from veery.client.groups.writing import NOTICE
from veery.client.keeping import keep
from veery.protocol.account import AccountId, AccountIdWrong
from veery.protocol.config.fields import Picture
from veery.protocol.constants import PREFIX_USER
from veery.protocol.content import (
    DataMessage,
    GroupDeleteMemberContent,
    GroupInfoChange,
    GroupInviteResponse,
    GroupMemberChange,
    GroupMemberLeft,
    GroupMemberLeftNotification,
)
from veery.protocol.content.profile import change as profile_change
from veery.protocol.groups import Member
from veery.protocol.groups import members as group_members
from veery.protocol.groups.members import Progress, Removal
from veery.secret import Secret
from veery.store.inbox import Undecoded
from veery.store.message_values import Deleted, Message

GROUP_UPDATE = "content.group_update"  # kept: an update of a later version


def apply_update(
    room: GroupRoom, batch: Batch, arrival: Arrival, data: DataMessage, author: Member | None
) -> Undecoded | None:
    """Apply an update. author: the sender's entry in Members. Raises SenderRefused."""
    if data.group_update_message is None:
        return None
    match data.group_update_message.update:
        case GroupInviteResponse() as response:
            if response.is_approved:
                _joined(room, batch, arrival, data, author)
        case GroupMemberLeft():
            _leaving(room, batch, arrival, author)
        case GroupDeleteMemberContent() as request:
            delete_content(room, batch, arrival.sender, request, arrival.timestamp_ms)
        case GroupMemberChange() | GroupInfoChange() | GroupMemberLeftNotification() as notice:
            keep(batch, arrival, NOTICE, told(batch.tables, room.id.hex, notice))
        case _:
            return Undecoded(GROUP_UPDATE)
    apply_profile(batch, arrival, data.profile, data.profile_key)
    return None


def _joined(room: GroupRoom, batch: Batch, arrival: Arrival, data: DataMessage, author: Member | None) -> None:
    """A member has accepted: admins note it, with the profile that it shows (08.6.2)."""
    if room.admin(batch.tables) is None or arrival.own:
        return
    if author is None or author.removal:
        raise SenderRefused("somebody who is not invited answers", kind="group.refused.not_a_member")
    entry = author if author.admin else group_members.invited(author, Progress.ACCEPTED)
    change = profile_change(data.profile, data.profile_key, known_name=entry.name, known_seconds=entry.updated_s)
    if change is not None:
        key = change.picture_key
        picture = Picture(change.picture_url, Secret(key)) if change.picture_url and key else None
        entry = replace(entry, name=change.name or entry.name, picture=picture, updated_s=change.updated_seconds)
    room.write_members(batch.tables, [entry], batch.times)


def _leaving(room: GroupRoom, batch: Batch, arrival: Arrival, author: Member | None) -> None:
    """A member has left: admins remove it, without a notice of their own (08.7.4)."""
    if room.admin(batch.tables) is not None and author is not None and not author.removal and not arrival.own:
        room.write_members(batch.tables, [group_members.removed(author, Removal.MEMBER)], batch.times)


def delete_content(
    room: GroupRoom, batch: Batch, sender: AccountId, request: GroupDeleteMemberContent, until_ms: int
) -> None:
    """Put placeholders for messages: an author's own ones, or whatever an admin names; none newer than T (08.7.3)."""
    signed = request.admin_signature is not None
    for message in _named(room, batch, request, until_ms, whole_members=signed):
        if message.deleted is Deleted.EVERYWHERE or message.timestamp_ms > until_ms:
            continue
        if signed or message.author == sender:
            erase_message(batch.tables, message, batch.own, sender, batch.times.local_ms)


def _named(
    room: GroupRoom, batch: Batch, request: GroupDeleteMemberContent, until_ms: int, *, whole_members: bool
) -> list[Message]:
    tables = batch.tables
    found = [tables.messages.find_by_hash(each) for each in request.message_hashes]
    for text in request.member_session_ids if whole_members else ():
        try:
            member = AccountId.from_hex(text)
        except AccountIdWrong:
            continue
        if member.prefix == PREFIX_USER:
            found += [tables.messages.get(each) for each in tables.groups.written_by(room.id, member, until_ms)]
    return [each for each in found if each is not None and each.conversation == room.id.hex]
