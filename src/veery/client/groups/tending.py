"""What a member or admin owes a group after a poll (08.3.4, 08.3.5, 08.6, 08.7.1).

A newcomer answers its invitation once it has read the keys. A promoted admin says that it has taken up the promotion.
Admins carry out removals, rotate when the newest key does not fit the members, and push what changed. Everybody keeps
the documents and keys alive.
"""

from __future__ import annotations

from dataclasses import replace

from veery.client.core import Core, Times
from veery.client.groups import removing, sequences
from veery.client.groups.restoring import renew
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import erase_known, keys_of
from veery.client.groups.writing import write_update
from veery.client.own_swarm import delete_copies
from veery.protocol.content import GroupInviteResponse
from veery.protocol.groups import members as group_members
from veery.protocol.groups.members import Progress
from veery.store.tables import Tables


async def tend(core: Core, room: GroupRoom) -> None:
    """Do what is owed. Raises NetworkError; what was not done waits for the next poll."""
    if not await core.read(lambda tables: _is_open(room, tables)):
        return
    if await core.read(lambda tables: _owes(core, room, tables)):
        times = core.times()
        await core.write(lambda tables: _settle(core, room, tables, times))
        core.outbox_changed.set()
    await bring(core, room)
    await renew(core, room)
    await _clear_letters(core, room)


async def bring(core: Core, room: GroupRoom) -> None:
    """Carry out removals and push what changed, until nothing is left. Raises NetworkError."""
    if await core.read(lambda tables: _removes(core, room, tables)):
        await sequences.push(core, room)  # who is to be removed is known to all before it happens
        await removing.carry_out(core, room)
    if await core.read(lambda tables: _is_open(room, tables) and room.needs_push(tables)):
        await sequences.push(core, room)
    if await core.read(lambda tables: _is_destroyed(room, tables)):
        await core.write(lambda tables: erase_known(tables, room.id, "destroyed", core.times()))


async def _clear_letters(core: Core, room: GroupRoom) -> None:
    """Delete invitations that were answered from the own swarm."""
    letters = await core.read(lambda tables: room.row(tables).letters if _is_open(room, tables) else ())
    if not letters:
        return
    await delete_copies(core, letters)

    def forget(tables: Tables) -> None:
        if tables.groups.get(room.id) is not None:
            left = tuple(each for each in room.row(tables).letters if each not in letters)
            tables.groups.update(room.id, lambda row: replace(row, letters=left))

    await core.write(forget)


def _is_open(room: GroupRoom, tables: Tables) -> bool:
    row = tables.groups.get(room.id)
    return row is not None and row.is_open


def _is_destroyed(room: GroupRoom, tables: Tables) -> bool:
    """Whether this account has ended the group, and the swarm knows."""
    return _is_open(room, tables) and room.info(tables).destroyed and not room.needs_push(tables)


def _removes(core: Core, room: GroupRoom, tables: Tables) -> bool:
    if not _is_open(room, tables) or room.admin(tables) is None:
        return False
    return any(each.removal and each.id != core.own for each in room.members(tables).values())


def _owes(core: Core, room: GroupRoom, tables: Tables) -> bool:
    row = room.row(tables)
    if row.responding and keys_of(row).keys:
        return True
    if row.seed is None:
        return False
    own = room.members(tables).get(core.own)
    return (own is not None and own.promotion != Progress.ACCEPTED) or not room.key_fits(tables)


def _settle(core: Core, room: GroupRoom, tables: Tables, times: Times) -> None:
    row = tables.groups.get(room.id)
    if row is None or not row.is_open:
        return
    if row.responding and keys_of(row).keys:
        write_update(tables, room.id, core.own, lambda timestamp_ms: GroupInviteResponse(is_approved=True), times)
        tables.groups.update(room.id, lambda held: replace(held, responding=False))
    if row.seed is None:
        return
    own = room.members(tables).get(core.own)
    if own is not None and not own.removal and own.promotion != Progress.ACCEPTED:
        room.write_members(tables, [group_members.promoted(own, Progress.ACCEPTED)], times)
    if not room.key_fits(tables):
        room.rotate(tables, times)
