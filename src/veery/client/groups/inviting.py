"""Inviting and promoting people one by one, and noting truthfully what came of it (08.6.2, 08.6.3).

While a letter is under way its receiver is marked on this device alone; then Members says whether it was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final

from veery.client.core import Core, Times
from veery.client.groups import sequences
from veery.client.groups.faults import GroupRefused, no_member
from veery.client.groups.letters import deliver
from veery.client.groups.pending import Pending
from veery.client.groups.room import GroupRoom
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
from veery.store.tables import Tables

AT_ONCE: Final = 8  # letters on their way at the same time
Letter = Callable[[GroupAdminKeys, str, AccountId, int], GroupUpdate]  # admin, name of the group, to whom, T


class Inviting:
    """Sends invitations and promotions of one account."""

    def __init__(self, core: Core, sealing: CopySealing) -> None:
        self._core = core
        self._sealing = sealing
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def invite(self, room: GroupRoom, people: Collection[AccountId]) -> dict[str, str]:
        """Send invitations; gives the status of each person then. Raises NetworkError when that cannot be told."""
        return await self._send(room, people, _invitation)

    async def promote(self, room: GroupRoom, people: Collection[AccountId]) -> dict[str, str]:
        """Send promotions. As `invite`."""
        return await self._send(room, people, _promotion)

    async def resend(self, room: GroupRoom, person: AccountId) -> str:
        """Send again what was not answered. Raises NotFound, GroupClosed, NotAdmin, GroupRefused, NetworkError."""
        core = self._core

        def work(tables: Tables) -> bool:
            admin = room.need_admin(tables)
            held = room.members(tables).get(person)
            if held is None or held.removal:
                raise no_member()
            waits = held.promotion if held.admin else held.invite
            if waits == Progress.ACCEPTED:
                raise GroupRefused("nothing waits for an answer of this member", kind="client.group.answered")
            given: tuple[bytes, ...] = ()
            if held.with_history:
                given = (key_messages.supplement(admin, room.keys(tables).keys, (person,)),)
            room.add_pending(tables, Pending(given, (person,)))
            _write(room, tables, [held], Progress.NOT_SENT, core.times())
            return held.admin

        promotes = await core.write(work)
        await sequences.push(core, room)
        sent = await (self.promote if promotes else self.invite)(room, (person,))
        return sent[person.hex]

    async def note(self, room: GroupRoom, outcomes: Mapping[AccountId, Progress]) -> None:
        """Write down how far invitations or promotions have come, of those that were not answered meanwhile."""

        def work(tables: Tables) -> None:
            if tables.groups.get(room.id) is None or room.admin(tables) is None:
                return
            listed = room.members(tables)
            for progress in set(outcomes.values()):
                waiting = [listed[each] for each, found in outcomes.items() if found is progress and each in listed]
                _write(room, tables, [each for each in waiting if _waits(each)], progress, self._core.times())

        await self._core.write(work)

    async def _send(self, room: GroupRoom, people: Collection[AccountId], letter: Letter) -> dict[str, str]:
        if not people:
            return {}
        room.sending |= set(people)
        try:
            outcomes = await asyncio.gather(*(self._send_one(room, each, letter) for each in people))
        finally:
            room.sending -= set(people)
        await self.note(room, dict(zip(people, outcomes, strict=True)))
        await sequences.push(self._core, room)
        return await self._core.read(lambda tables: _statuses(room, tables, people))

    async def _send_one(self, room: GroupRoom, person: AccountId, letter: Letter) -> Progress:
        core, times = self._core, self._core.times()

        def write(tables: Tables) -> Content:
            timestamp_ms = next_timestamp(tables, core.own, times.network_ms)
            name = room.info(tables).name or room.row(tables).name
            update = letter(room.need_admin(tables), name, person, timestamp_ms)
            return update_content(tables, room.id, update, timestamp_ms, timed=False)

        try:
            async with self._slots:
                await deliver(core, self._sealing, person, await core.write(write))
        except (CryptoFailed, NetworkError, Rejected):  # other clients may have listed an ID that cannot exist
            return Progress.FAILED
        return Progress.SENT


def _invitation(admin: GroupAdminKeys, name: str, person: AccountId, timestamp_ms: int) -> GroupUpdate:
    return control.invite(admin, name, person, group_auth_data(admin.seed, person.key), timestamp_ms)


def _promotion(admin: GroupAdminKeys, name: str, person: AccountId, timestamp_ms: int) -> GroupUpdate:
    return control.promote(admin, name)


def _waits(member: Member) -> bool:
    return not member.removal and (member.promotion if member.admin else member.invite) != Progress.ACCEPTED


def _write(room: GroupRoom, tables: Tables, listed: Collection[Member], progress: Progress, times: Times) -> None:
    changed = [
        group_members.promoted(each, progress) if each.admin else group_members.invited(each, progress)
        for each in listed
    ]
    room.write_members(tables, changed, times)


def _statuses(room: GroupRoom, tables: Tables, people: Collection[AccountId]) -> dict[str, str]:
    listed = room.members(tables)
    return {each.hex: status_of(room, listed[each]) for each in people if each in listed}
