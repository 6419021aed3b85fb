"""Invitations and promotions to people one by one, and truthful notes of what came of each (08.6.2, 08.6.3).

Whom a letter is owed to is on the disk from the moment that its push has succeeded until its fate is in Members. So a
letter that a kill or a lost network has cut off is sent after the next poll; at worst it is sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from veery.client.core import Core, Times
from veery.client.groups import sequences
from veery.client.groups.faults import GroupRefused, no_member
from veery.client.groups.letters import deliver
from veery.client.groups.pending import Pending
from veery.client.groups.room import GroupRoom
from veery.client.groups.soon import soon
from veery.client.groups.views import status_of
from veery.client.groups.writing import update_content
from veery.client.levels.copies import CopySealing
from veery.client.timestamps import next_timestamp
from veery.errors import NetworkError, Rejected
from veery.protocol.account import AccountId
from veery.protocol.content import Content, GroupUpdate
from veery.protocol.crypto import CryptoFailed
from veery.protocol.groups import GroupAdminKeys, Member, control, group_auth_data, key_messages
from veery.protocol.groups import members as group_members
from veery.protocol.groups.members import Progress
from veery.runtime.together import all_done
from veery.store.tables import Tables

AT_ONCE: Final = 8  # letters on their way at the same time
Letter = Callable[[GroupAdminKeys, str, AccountId, int], GroupUpdate]  # admin, name of the group, to whom, T


class Inviting:
    """Sends invitations and promotions of one account."""

    def __init__(self, core: Core, sealing: CopySealing) -> None:
        self._core = core
        self._sealing = sealing
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def bring(self, room: GroupRoom, people: Collection[AccountId]) -> dict[str, str]:
        """Push what waits, then send the letters that are owed; gives the status of each of `people` then.

        Without a network they are owed still, and go out by themselves later. Raises PeerRefused, ClockWrong.
        """
        if await soon(sequences.push(self._core, room)):
            await self.send_owed(room)
        return await self._core.read(lambda tables: _statuses(room, tables, people))

    async def send_owed(self, room: GroupRoom) -> None:
        """Send every letter that is owed, and note the fate of each. Raises PeerRefused, ClockWrong."""
        async with room.letters:
            people = await self._core.read(lambda tables: _owed(room, tables))
            if not people:
                return
            room.sending |= set(people)
            try:
                await all_done(*(self._send(room, each) for each in people))
            finally:
                room.sending -= set(people)
            await soon(sequences.push(self._core, room))

    async def resend(self, room: GroupRoom, people: Collection[AccountId]) -> dict[str, str]:
        """Send again what was not answered; gives the status of each.

        Raises NotFound, GroupClosed, NotAdmin, GroupRefused, and as `bring`.
        """
        core = self._core

        def work(tables: Tables) -> None:
            admin, listed, given = room.check_changeable(tables), room.members(tables), list[AccountId]()
            waiting = [_unanswered(listed, each) for each in people]
            given += [each.id for each in waiting if each.with_history and not each.admin]
            supplements = (key_messages.supplement(admin, room.keys(tables).keys, tuple(given)),) if given else ()
            room.add_pending(tables, Pending(supplements, tuple(people), letters=tuple(people)))
            _write(room, tables, waiting, Progress.NOT_SENT, core.times())

        await core.write(work)
        return await self.bring(room, people)

    async def _send(self, room: GroupRoom, person: AccountId) -> None:
        core, times = self._core, self._core.times()

        def write(tables: Tables) -> Content | None:
            held = _waiting(room, tables, person)
            if held is None:
                _settle(room, tables, person, None, times)
                return None
            timestamp_ms = next_timestamp(tables, core.own, times.network_ms)
            name = room.info(tables).name or room.row(tables).name
            letter = _promotion if held.admin else _invitation
            update = letter(room.need_admin(tables), name, person, timestamp_ms)
            return update_content(tables, room.id, update, timestamp_ms, timed=False)

        async with self._slots:
            progress = Progress.SENT
            try:
                content = await core.write(write)
                if content is None:
                    return
                await deliver(core, self._sealing, person, content)
            except (CryptoFailed, NetworkError, Rejected):  # other clients may have listed an ID that cannot exist
                progress = Progress.FAILED
            await core.write(lambda tables: _settle(room, tables, person, progress, core.times()))


def _invitation(admin: GroupAdminKeys, name: str, person: AccountId, timestamp_ms: int) -> GroupUpdate:
    return control.invite(admin, name, person, group_auth_data(admin.seed, person.key), timestamp_ms)


def _promotion(admin: GroupAdminKeys, name: str, person: AccountId, timestamp_ms: int) -> GroupUpdate:
    return control.promote(admin, name)


def _owed(room: GroupRoom, tables: Tables) -> tuple[AccountId, ...]:
    row = tables.groups.get(room.id)
    return row.owed if row is not None and row.is_open and row.seed is not None else ()


def _waiting(room: GroupRoom, tables: Tables, person: AccountId) -> Member | None:
    """The entry of somebody who is to be sent a letter; None when nothing waits for an answer of theirs any more."""
    if person not in _owed(room, tables):
        return None
    held = room.member(tables, person)
    return held if held is not None and _waits(held) else None


def _settle(room: GroupRoom, tables: Tables, person: AccountId, progress: Progress | None, times: Times) -> None:
    """Nothing is owed to a person any more. progress: what came of the letter; it counts only while unanswered."""
    row = tables.groups.get(room.id)
    if row is None:
        return
    tables.groups.save(replace(row, owed=tuple(each for each in row.owed if each != person)))
    if progress is None or row.seed is None or not row.is_open:
        return
    held = room.member(tables, person)
    if held is not None and _waits(held):
        _write(room, tables, [held], progress, times)


def _unanswered(listed: dict[AccountId, Member], person: AccountId) -> Member:
    held = listed.get(person)
    if held is None or held.removal:
        raise no_member()
    if not _waits(held):
        raise GroupRefused("nothing waits for an answer of this member", kind="client.group.answered")
    return held


def _waits(member: Member) -> bool:
    return not member.removal and (member.promotion if member.admin else member.invite) != Progress.ACCEPTED


def _write(room: GroupRoom, tables: Tables, listed: Collection[Member], progress: Progress, times: Times) -> None:
    changed = [
        group_members.promoted(each, progress) if each.admin else group_members.invited(each, progress)
        for each in listed
    ]
    room.write_members(tables, changed, times)


def _statuses(room: GroupRoom, tables: Tables, people: Collection[AccountId]) -> dict[str, str]:
    listed, owed = room.members(tables), room.owed(tables)
    return {each.hex: status_of(room, listed[each], owed) for each in people if each in listed}
