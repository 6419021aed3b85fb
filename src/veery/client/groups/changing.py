"""Changing groups: what they are called, who is in them, what was said, and their end (08.7, 08.8)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from veery.client.core import Core
from veery.client.deleting import erase as erase_message
from veery.client.groups import removing, sequences, tending
from veery.client.groups.checks import (
    Id,
    check_removable,
    checked_description,
    checked_name,
    id_of,
    ids_of,
    listed_member,
    message_of,
)
from veery.client.groups.faults import GroupPushRefused, GroupRefused
from veery.client.groups.following import mirror_info
from veery.client.groups.pending import InfoNotice, MemberNotice, Pending
from veery.client.groups.room import GroupRoom
from veery.client.groups.soon import soon
from veery.client.groups.standing import check_open, erase_known
from veery.client.groups.writing import group_copy, update_content
from veery.client.picture_files import UploadedPicture
from veery.client.timers import TIMER_MAX_S, TIMER_MIN_S
from veery.client.timestamps import next_timestamp
from veery.protocol.account import AccountId
from veery.protocol.config import Data
from veery.protocol.config.fields import Picture
from veery.protocol.constants import SECOND_MS
from veery.protocol.content import InfoChangeType, MemberChangeType
from veery.protocol.given import whole
from veery.protocol.groups import control, info
from veery.protocol.groups import members as group_members
from veery.protocol.groups.members import Removal
from veery.store.outbox import CopyRole
from veery.store.tables import Tables


class Changing:
    """Changes groups. room_of: gives the room of a group."""

    def __init__(self, core: Core, room_of: Callable[[AccountId], GroupRoom]) -> None:
        self._core = core
        self._room_of = room_of

    async def rename(self, group: Id, name: str) -> None:
        """Give the group another name. Without a network the change is kept, and goes out by itself later.

        Raises NotFound, GroupClosed, NotAdmin, GroupRefused; PeerRefused when the swarm refuses it, for now.
        """
        called = checked_name(name)
        notice = InfoNotice(InfoChangeType.NAME, name=called)
        await self._change_info(group, lambda data: info.with_name(data, called), notice)

    async def describe(self, group: Id, description: str) -> None:
        """Give the group another description; an empty one removes it. Raises as `rename`."""
        about = checked_description(description)
        await self._change_info(group, lambda data: info.with_description(data, about), None)

    async def show_picture(self, room: GroupRoom, uploaded: UploadedPicture | None, *, told: bool) -> None:
        """Show a picture that was uploaded; None shows none. told: whether a line tells of it. Raises as `rename`."""

        def keep(tables: Tables) -> None:
            if uploaded is None:
                tables.pictures.remove(room.id)
            else:
                tables.pictures.keep(room.id, uploaded.kept)

        picture = None if uploaded is None else Picture(uploaded.url.text, uploaded.key)
        notice = InfoNotice(InfoChangeType.AVATAR) if told else None
        await self._change_info(room.id, lambda data: info.with_picture(data, picture), notice, keep)

    async def set_timer(self, group: Id, timer_s: int) -> None:
        """Let messages disappear so many seconds (10 s to 14 days) after they were sent; 0 lets them stay.

        Raises as `rename`.
        """
        if whole(timer_s, "a time in seconds") and not TIMER_MIN_S <= timer_s <= TIMER_MAX_S:
            remedy = "Give 10 seconds to 14 days, as in 12h or 1d"
            raise GroupRefused("this time is too short or too long", kind="client.group.timer", remedy=remedy)
        notice = InfoNotice(InfoChangeType.DISAPPEARING_MESSAGES, timer_s=timer_s)
        await self._change_info(group, lambda data: info.with_timer(data, timer_s), notice)

    async def clear(self, group: Id) -> None:
        """Delete all messages up to now, for everybody. Raises as `rename`."""
        room, now_s = self._room_of(id_of(group)), self._core.road.now_ms() // SECOND_MS
        await self._change_info(group, lambda data: info.with_deleted_before(data, now_s), None)
        await soon(sequences.delete_messages(self._core, room))  # what stays there is refused by everybody

    async def remove(self, group: Id, members: Iterable[Id], *, messages: bool = False) -> None:
        """Remove members, with or without what they wrote. Raises as `promote`, GroupRefused for admins and oneself."""
        core, room, times = self._core, self._room_of(id_of(group)), self._core.times()
        people = ids_of(members)
        how = Removal.MEMBER_AND_MESSAGES if messages else Removal.MEMBER

        def work(tables: Tables) -> None:
            room.check_changeable(tables)
            listed = [listed_member(room, tables, each) for each in people]
            for each in listed:
                check_removable(each, core.own)
            room.write_members(tables, [group_members.removed(each, how) for each in listed], times)
            room.add_pending(tables, Pending(notices=(MemberNotice(MemberChangeType.REMOVED, people),)))

        await core.write(work)
        await soon(tending.bring(core, room))

    async def delete_messages(self, group: Id, messages: Collection[int]) -> None:
        """Delete messages for everybody: own ones, or any by an admin. Raises NotFound, GroupRefused, PeerRefused."""
        core, room, times = self._core, self._room_of(id_of(group)), self._core.times()

        def work(tables: Tables) -> tuple[str, ...]:
            row = room.row(tables)
            check_open(row)
            admin = room.admin(tables)
            held = [message_of(room, tables, each) for each in messages]
            if admin is None and any(each.author != core.own for each in held):
                raise GroupRefused("only admins delete what others wrote", kind="client.group.not_admin")
            hashes = tuple(each.storage_hash for each in held if each.storage_hash)
            if hashes:
                timestamp_ms = next_timestamp(tables, core.own, times.network_ms)
                update = control.delete_content(admin, (), hashes, timestamp_ms)
                content = update_content(tables, room.id, update, timestamp_ms, timed=False)
                tables.deliveries.queue_control([group_copy(CopyRole.CONTROL, room.id, content)], times.local_ms)
            for each in held:
                erase_message(tables, each, core.own, core.own, times.local_ms)
            return hashes if admin is not None else ()

        hashes = await core.write(work)
        core.outbox_changed.set()
        await soon(removing.delete_hashes(core, room, hashes))

    async def destroy(self, group: Id) -> bool:
        """End the group for everybody, for ever; tells whether the network knows it. Raises as `rename`.

        If it does not, that is told later, and the group stays in the list until then.
        """
        core, room, times = self._core, self._room_of(id_of(group)), self._core.times()

        def work(tables: Tables) -> None:
            room.need_admin(tables)
            room.change_info(tables, info.destroyed, times)

        await core.write(work)
        if not await soon(sequences.push(core, room)):
            return False
        with suppress(GroupPushRefused):  # everybody deletes them anyway
            await soon(sequences.delete_messages(core, room))
        await core.write(lambda tables: erase_known(tables, room.id, "destroyed", core.times()))
        return True

    async def _change_info(
        self,
        group: Id,
        edit: Callable[[Data], Data],
        notice: InfoNotice | None,
        also: Callable[[Tables], None] = lambda tables: None,
    ) -> None:
        core, room, times = self._core, self._room_of(id_of(group)), self._core.times()

        def work(tables: Tables) -> None:
            room.check_changeable(tables)
            if not room.change_info(tables, edit, times):
                return
            also(tables)
            if notice is not None:
                room.add_pending(tables, Pending(notices=(notice,)))
            mirror_info(room, tables, times)

        await core.write(work)
        await soon(sequences.push(core, room))
