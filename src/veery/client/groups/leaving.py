"""Leaving a group (08.7.4): the others are told, the admins are asked, and the group is gone from this account."""

from __future__ import annotations

from typing import Final

from veery.client.core import Core, Times
from veery.client.groups.faults import GroupPushRefused, GroupRefused
from veery.client.groups.room import GroupRoom
from veery.client.groups.sealing import seal_content, sending_key
from veery.client.groups.sequences import sequence
from veery.client.groups.standing import check_open, erase_known, signer_of
from veery.client.groups.writing import group_copy, update_content
from veery.client.timestamps import next_timestamp
from veery.protocol.content import GroupMemberLeft, GroupMemberLeftNotification
from veery.protocol.groups.members import Progress
from veery.protocol.storage_rpc import Signer, Store, sign_request
from veery.protocol.storage_rpc.requests import Recursive
from veery.store.outbox import CopyRole, NewCopy
from veery.store.tables import Tables

_UNAUTHORISED: Final = 401


async def leave(core: Core, room: GroupRoom) -> None:
    """Leave. Raises NotFound, GroupClosed, GroupRefused for the last admin, and NetworkError: then nothing changed."""
    times = core.times()
    signer, letters = await core.write(lambda tables: _farewell(core, room, tables, times))

    def build(now_ms: int) -> list[Recursive]:
        return [
            sign_request(Store(room.id.raw, copy.namespace, data, now_ms, now_ms + copy.ttl_ms), signer)
            for copy, data in letters
        ]

    try:
        async with room.busy:
            await sequence(core, room.id.raw, build)
    except GroupPushRefused as error:
        if error.code != _UNAUTHORISED:  # else this account was removed already
            raise
    await core.write(lambda tables: erase_known(tables, room.id, "left", core.times()))


def _farewell(core: Core, room: GroupRoom, tables: Tables, times: Times) -> tuple[Signer, list[tuple[NewCopy, bytes]]]:
    """Who signs, and the sealed messages; none without a key, which nobody could open."""
    row = room.row(tables)
    check_open(row)
    room.check_not_ending(tables)
    signer = signer_of(row, core.account)
    if signer is None:
        raise GroupRefused("this device has no rights in the group", kind="client.group.no_rights")
    if row.seed is not None and not _has_other_admin(core, room, tables):
        raise GroupRefused(
            "the last admin cannot leave",
            kind="client.group.last_admin",
            remedy="Promote somebody first, or end the group with `veery group destroy`",
        )
    if sending_key(room.keys(tables)) is None:
        return signer, []
    last_ms = next_timestamp(tables, core.own, times.network_ms, lead_ms=1)
    notice = update_content(tables, room.id, GroupMemberLeftNotification(), last_ms - 1, timed=True)
    request = update_content(tables, room.id, GroupMemberLeft(), last_ms, timed=False)
    copies = [group_copy(CopyRole.CONTROL, room.id, each) for each in (notice, request)]
    return signer, [(each, seal_content(core, row, each.content, each.timestamp_ms)) for each in copies]


def _has_other_admin(core: Core, room: GroupRoom, tables: Tables) -> bool:
    others = (each for each in room.members(tables).values() if each.id != core.own and not each.removal)
    return any(each.admin and each.promotion == Progress.ACCEPTED for each in others)
