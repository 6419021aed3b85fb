"""Making groups and inviting people into them (08.6.1, 08.6.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from veery.client.core import Core, Times
from veery.client.groups import sequences
from veery.client.groups.checks import (
    Id,
    check_new,
    check_room,
    checked_description,
    checked_name,
    id_of,
    ids_of,
    listed_member,
    people_of,
)
from veery.client.groups.faults import GroupRefused, no_member
from veery.client.groups.following import mirror_info
from veery.client.groups.inviting import Inviting
from veery.client.groups.pending import MemberNotice, Pending
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import erase_known
from veery.errors import NetworkError
from veery.protocol.account import AccountId
from veery.protocol.constants import SECOND_MS
from veery.protocol.content import MemberChangeType
from veery.protocol.groups import GroupAdminKeys, Member, info, key_messages
from veery.protocol.groups import members as group_members
from veery.protocol.groups.members import Progress
from veery.store.groups import GroupRow
from veery.store.tables import Tables


class Making:
    """Makes groups, invites and promotes. room_of: gives the room of a group."""

    def __init__(self, core: Core, room_of: Callable[[AccountId], GroupRoom], inviting: Inviting) -> None:
        self._core = core
        self._room_of = room_of
        self._inviting = inviting

    async def create(self, name: str, members: Iterable[Id] = (), *, description: str = "") -> str:
        """Make a group and invite people by their Account IDs; gives its id.

        Raises GroupRefused, AccountIdWrong, and NetworkError when the swarm does not take it: then there is no group.
        """
        core, wanted = self._core, people_of(members, self._core.own)
        called, about = checked_name(name), checked_description(description)
        check_room({core.own, *wanted})
        admin, times = GroupAdminKeys.create(core.random.random_bytes), core.times()
        room = self._room_of(admin.group_id)

        def work(tables: Tables) -> None:
            tables.groups.save(GroupRow(room.id, name=called, seed=admin.seed, joined_s=_now_s(times)))
            room.change_info(tables, lambda data: info.with_created(info.with_name(data, called), _now_s(times)), times)
            room.change_info(tables, lambda data: info.with_description(data, about), times)
            room.write_members(tables, [_founder(core, tables), *(_newcomer(each) for each in wanted)], times)
            room.rotate(tables, times)
            if wanted:
                notice = MemberNotice(MemberChangeType.ADDED, wanted)
                room.add_pending(tables, Pending(notices=(notice,), letters=wanted))
            mirror_info(room, tables, times)

        await core.write(work)
        try:
            await sequences.push(core, room)
        except NetworkError:
            await core.write(lambda tables: erase_known(tables, room.id, "left", core.times()))
            raise
        await self._inviting.bring(room, wanted)
        return room.id.hex

    async def invite(self, group: Id, members: Iterable[Id], *, history: bool = False) -> dict[str, str]:
        """Invite people; gives the status of each. history: let them read what was written before.

        Without a network they are invited by themselves later: their status is `invite_sending` until then.
        Raises NotFound, GroupClosed, NotAdmin, GroupRefused, AccountIdWrong; PeerRefused when the swarm refuses the
        change, which is tried again later.
        """
        core, wanted, room = self._core, people_of(members, self._core.own), self._room_of(id_of(group))
        times = core.times()

        def work(tables: Tables) -> None:
            admin, listed = room.check_changeable(tables), room.members(tables)
            check_room(listed.keys() | set(wanted))
            check_new(listed, wanted)
            room.write_members(tables, [_newcomer(each, history=history) for each in wanted], times)
            given: tuple[bytes, ...] = ()
            if history:
                given = (key_messages.supplement(admin, room.keys(tables).keys, wanted),)
            room.rotate(tables, times)
            notice = MemberNotice(MemberChangeType.ADDED, wanted, history)
            room.add_pending(tables, Pending(given, wanted, (notice,), wanted))

        await core.write(work)
        return await self._inviting.bring(room, wanted)

    async def resend(self, group: Id, member: Id) -> str:
        """Send an invitation or promotion again that was not answered; gives its status. Raises as `invite`."""
        return _of_one(await self.resend_all(group, (member,)), member)

    async def resend_all(self, group: Id, members: Iterable[Id]) -> dict[str, str]:
        """`resend` for several members at once; gives the status of each."""
        return await self._inviting.resend(self._room_of(id_of(group)), ids_of(members))

    async def promote(self, group: Id, member: Id) -> str:
        """Make a member an admin, for ever; gives the status. Raises as `invite`, and NotFound for no member."""
        return _of_one(await self.promote_all(group, (member,)), member)

    async def promote_all(self, group: Id, members: Iterable[Id]) -> dict[str, str]:
        """`promote` for several members at once; gives the status of each."""
        core, room, people = self._core, self._room_of(id_of(group)), ids_of(members)
        times = core.times()

        def work(tables: Tables) -> None:
            room.check_changeable(tables)
            listed = [listed_member(room, tables, each) for each in people]
            for held in listed:
                if held.removal:
                    raise GroupRefused("the member is being removed", kind="client.group.removed")
                if held.admin and held.promotion == Progress.ACCEPTED:
                    raise GroupRefused("this is an admin already", kind="client.group.admin")
            room.write_members(tables, [group_members.promoted(each, Progress.NOT_SENT) for each in listed], times)
            notice = MemberNotice(MemberChangeType.PROMOTED, people)
            room.add_pending(tables, Pending(unrevoke=people, notices=(notice,), letters=people))

        await core.write(work)
        return await self._inviting.bring(room, people)


def _of_one(statuses: Mapping[str, str], member: Id) -> str:
    """The status of a member. Raises NotFound when it went meanwhile."""
    found = statuses.get(id_of(member).hex)
    if found is None:
        raise no_member()
    return found


def _founder(core: Core, tables: Tables) -> Member:
    account = tables.accounts.get()
    return Member(core.own, name=account.display_name, updated_s=account.profile_s, admin=True)


def _newcomer(person: AccountId, *, history: bool = False) -> Member:
    return Member(person, invite=Progress.NOT_SENT, with_history=history)


def _now_s(times: Times) -> int:
    return times.network_ms // SECOND_MS
