"""`client.groups`: making, changing and leaving groups (08.6 to 08.8).

A change is on the disk before anything is sent. Whatever an admin changes is then pushed at once; when the network is
down the change waits, and goes out with the next poll. Only the making of a group is undone when its first push fails.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from veery.client.config.documents import Documents
from veery.client.core import Core, Times
from veery.client.expiring import Expiring
from veery.client.groups import following, removing, sequences, tending
from veery.client.groups.faults import GroupPushRefused, GroupRefused, no_group, no_member
from veery.client.groups.inviting import Inviting
from veery.client.groups.leaving import leave
from veery.client.groups.pending import InfoNotice, MemberNotice, Pending
from veery.client.groups.polling import GroupPolling
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import check_open, erase, open_conversation, tell
from veery.client.groups.views import group_view, members_view
from veery.client.groups.writing import group_copy, update_content
from veery.client.own_swarm import delete_copies
from veery.client.receiving import Fetched
from veery.client.rereading import Rereading
from veery.client.timestamps import next_timestamp
from veery.client.views import Json
from veery.errors import NetworkError
from veery.protocol.account import AccountId
from veery.protocol.config.fields import Picture
from veery.protocol.constants import CONFIG_NAME_MAX, GROUP_DESCRIPTION_MAX, GROUP_MEMBERS_MAX, SECOND_MS
from veery.protocol.content import InfoChangeType, MemberChangeType
from veery.protocol.groups import GroupAdminKeys, Member, control, info, key_messages
from veery.protocol.groups import members as group_members
from veery.protocol.groups.members import Progress, Removal
from veery.secret import Secret
from veery.store.groups import GroupRow
from veery.store.message_values import Message
from veery.store.outbox import CopyRole
from veery.store.tables import Tables

Id = AccountId | str


class Groups:
    """The groups of one account. Groups are named by their ids, 66 hex characters with prefix 03."""

    def __init__(self, core: Core, expiring: Expiring, rereading: Rereading) -> None:
        self._core = core
        self._rooms: dict[AccountId, GroupRoom] = {}
        self._inviting = Inviting(core)
        self.polling = GroupPolling(core, expiring, rereading, self.room)

    def room(self, group: AccountId) -> GroupRoom:
        """The room of a group, known or not."""
        if group not in self._rooms:
            self._rooms[group] = GroupRoom(group, self._core.account, following.follow)
        return self._rooms[group]

    def documents(self, group: Id) -> Documents:
        """Info and Members of a group, for whoever shows how documents stand."""
        return self.room(_id(group)).documents

    # -- looking -----------------------------------------------------------------------------------------------

    async def list(self) -> Sequence[Json]:
        """All groups, also those that an invitation offers, and those that are over."""
        return await self._core.read(
            lambda tables: [group_view(self.room(row.id), tables) for row in tables.groups.all()]
        )

    async def show(self, group: Id) -> Json:
        """One group with its members. Raises NotFound."""
        room, own = self.room(_id(group)), self._core.own
        return await self._core.read(
            lambda tables: {**group_view(room, tables), "list": members_view(room, tables, own)}
        )

    async def find(self, named: str) -> AccountId:
        """The group with this id, or whose name or beginning of the id fits it alone. Raises NotFound."""
        typed = named.strip()
        rows = await self._core.read(lambda tables: tables.groups.all())
        by_id = [row.id for row in rows if len(typed) >= 4 and row.id.hex.startswith(typed.lower())]
        by_name = [row.id for row in rows if row.name.casefold() == typed.casefold()]
        found = set(by_name or by_id)
        if len(found) != 1:
            raise no_group()
        return found.pop()

    async def fetch(self, group: Id | None = None) -> Fetched:
        """Poll one group now, or all. Raises NetworkError for one that gives no answer."""
        return await (self.polling.fetch() if group is None else self.polling.fetch_one(_id(group)))

    # -- joining -----------------------------------------------------------------------------------------------

    async def create(self, name: str, members: Iterable[Id] = (), *, description: str = "") -> str:
        """Make a group and invite people by their Account IDs; gives its id.

        Raises GroupRefused, AccountIdWrong, and NetworkError when the swarm does not take it: then there is no group.
        """
        core, wanted = self._core, _people(members, core_own=self._core.own)
        checked_name(name), _checked_description(description)
        if len(wanted) + 1 > GROUP_MEMBERS_MAX:
            raise _full()
        admin, times = GroupAdminKeys.create(core.random.random_bytes), core.times()
        room = self.room(admin.group_id)

        def work(tables: Tables) -> None:
            tables.groups.save(GroupRow(room.id, name=name.strip(), seed=admin.seed, joined_s=_now_s(times)))
            room.change_info(
                tables, lambda data: info.with_created(info.with_name(data, name.strip()), _now_s(times)), times
            )
            room.change_info(tables, lambda data: info.with_description(data, description), times)
            room.write_members(tables, [_founder(core, tables), *(_newcomer(each) for each in wanted)], times)
            room.rotate(tables, times)
            if wanted:
                notice = MemberNotice(MemberChangeType.ADDED, wanted)
                room.add_pending(tables, Pending(notices=(notice,)))
            following.mirror_info(room, tables, times)

        await core.write(work)
        try:
            await sequences.push(core, room)
        except NetworkError:
            await core.write(lambda tables: erase(tables, room.row(tables), "left", core.times()))
            raise
        await self._inviting.invite(room, wanted)
        return room.id.hex

    async def invite(self, group: Id, members: Iterable[Id], *, history: bool = False) -> dict[str, str]:
        """Invite people; gives the status of each. history: let them read what was written before.

        Raises NotFound, GroupClosed, NotAdmin, GroupRefused, AccountIdWrong; NetworkError when the swarm does not take
        the change: then those people stand in the list as not invited, and can be invited again.
        """
        core, wanted, room = self._core, _people(members, core_own=self._core.own), self.room(_id(group))
        times = core.times()

        def work(tables: Tables) -> None:
            admin, listed = room.need_admin(tables), room.members(tables)
            if len(listed.keys() | set(wanted)) > GROUP_MEMBERS_MAX:
                raise _full()
            self._check_new(listed, wanted)
            room.write_members(tables, [_newcomer(each, history=history) for each in wanted], times)
            given: tuple[bytes, ...] = ()
            if history:
                given = (key_messages.supplement(admin, room.keys(tables).keys, wanted),)
            room.rotate(tables, times)
            notice = MemberNotice(MemberChangeType.ADDED, wanted, history)
            room.add_pending(tables, Pending(given, wanted, (notice,)))

        await core.write(work)
        try:
            await sequences.push(core, room)
        except NetworkError:
            await self._inviting.note(room, dict.fromkeys(wanted, Progress.FAILED))
            raise
        return await self._inviting.invite(room, wanted)

    async def resend(self, group: Id, member: Id) -> str:
        """Send an invitation or promotion again that was not answered; gives its status. Raises as `invite`."""
        return await self._inviting.resend(self.room(_id(group)), _id(member))

    async def promote(self, group: Id, member: Id) -> str:
        """Make a member an admin, for ever; gives the status. Raises as `invite`, and NotFound for no member."""
        core, room, person = self._core, self.room(_id(group)), _id(member)
        times = core.times()

        def work(tables: Tables) -> None:
            room.need_admin(tables)
            held = _listed(room, tables, person)
            if held.removal:
                raise GroupRefused("the member is being removed", kind="client.group.removed")
            if held.admin and held.promotion == Progress.ACCEPTED:
                raise GroupRefused("this is an admin already", kind="client.group.admin")
            room.write_members(tables, [group_members.promoted(held, Progress.NOT_SENT)], times)
            notice = MemberNotice(MemberChangeType.PROMOTED, (person,))
            room.add_pending(tables, Pending(unrevoke=(person,), notices=(notice,)))

        await core.write(work)
        await sequences.push(core, room)
        return (await self._inviting.promote(room, (person,)))[person.hex]

    async def accept(self, group: Id) -> Json:
        """Take up an invitation: the group is read, and its admins are told. Raises NotFound, GroupRefused."""
        core, room, times = self._core, self.room(_id(group)), self._core.times()

        def work(tables: Tables) -> None:
            row = room.row(tables)
            if row.removed:
                check_open(row)
            if not row.invited:
                raise GroupRefused("the invitation was answered already", kind="client.group.accepted")
            accepted = replace(row, invited=False, responding=True, joined_s=_now_s(times))
            tables.groups.save(accepted)
            open_conversation(tables, accepted, times)
            tell(tables, accepted, "joined", times)

        await core.write(work)
        try:
            await self.polling.fetch_one(room.id)
        except NetworkError:
            pass  # the answer is owed, and goes out when the group was read
        return await self.show(room.id)

    async def decline(self, group: Id) -> None:
        """Refuse an invitation: nothing is sent to the group. Raises NotFound, GroupRefused."""
        core, room, times = self._core, self.room(_id(group)), self._core.times()

        def work(tables: Tables) -> tuple[str, ...]:
            row = room.row(tables)
            if not row.invited:
                remedy = "Leave the group with `veery group leave`"
                raise GroupRefused("the invitation was answered already", kind="client.group.accepted", remedy=remedy)
            erase(tables, row, "declined", times)
            return row.letters

        letters = await core.write(work)
        try:
            await delete_copies(core, letters)
        except NetworkError:
            pass  # it expires there by itself; here it counts as seen

    # -- changing ----------------------------------------------------------------------------------------------

    async def rename(self, group: Id, name: str) -> None:
        """Give the group another name. Raises NotFound, GroupClosed, NotAdmin, GroupRefused, NetworkError."""
        checked_name(name)
        notice = InfoNotice(InfoChangeType.NAME, name=name.strip())
        await self._change_info(group, lambda data: info.with_name(data, name.strip()), notice)

    async def describe(self, group: Id, description: str) -> None:
        """Give the group another description; an empty one removes it. Raises as `rename`."""
        _checked_description(description)
        await self._change_info(group, lambda data: info.with_description(data, description), None)

    async def set_picture(self, group: Id, url: str | None, key: Secret | None) -> None:
        """Set the picture to a file that was uploaded, under its random key; None removes it. Raises as `rename`."""
        picture = Picture(url, key) if url and key is not None else None
        await self._change_info(group, lambda data: info.with_picture(data, picture), InfoNotice(InfoChangeType.AVATAR))

    async def set_timer(self, group: Id, timer_s: int) -> None:
        """Let messages disappear so many seconds after they were sent; 0 lets them stay. Raises as `rename`."""
        if timer_s < 0:
            raise GroupRefused("a time is 0 or above", kind="client.group.timer")
        notice = InfoNotice(InfoChangeType.DISAPPEARING_MESSAGES, timer_s=timer_s)
        await self._change_info(group, lambda data: info.with_timer(data, timer_s), notice)

    async def clear(self, group: Id) -> None:
        """Delete all messages up to now, for everybody. Raises as `rename`."""
        room, now_s = self.room(_id(group)), self._core.road.now_ms() // SECOND_MS
        await self._change_info(group, lambda data: info.with_deleted_before(data, now_s), None)
        await sequences.delete_messages(self._core, room)

    async def remove(self, group: Id, members: Iterable[Id], *, messages: bool = False) -> None:
        """Remove members, with or without what they wrote. Raises as `promote`, GroupRefused for admins and oneself."""
        core, room, times = self._core, self.room(_id(group)), self._core.times()
        people = tuple(dict.fromkeys(_id(each) for each in members))
        how = Removal.MEMBER_AND_MESSAGES if messages else Removal.MEMBER

        def work(tables: Tables) -> None:
            room.need_admin(tables)
            listed = [_listed(room, tables, each) for each in people]
            for each in listed:
                _check_removable(each, core.own)
            room.write_members(tables, [group_members.removed(each, how) for each in listed], times)
            room.add_pending(tables, Pending(notices=(MemberNotice(MemberChangeType.REMOVED, people),)))

        await core.write(work)
        await tending.bring(core, room)

    async def delete_messages(self, group: Id, messages: Collection[int]) -> None:
        """Delete messages for everybody: own ones, or any by an admin. Raises NotFound, GroupRefused, NetworkError."""
        core, room, times = self._core, self.room(_id(group)), self._core.times()

        def work(tables: Tables) -> tuple[str, ...]:
            row = room.row(tables)
            check_open(row)
            admin = room.admin(tables)
            held = [_message(tables, room, each) for each in messages]
            if admin is None and any(each.author != core.own for each in held):
                raise GroupRefused("only admins delete what others wrote", kind="client.group.not_admin")
            hashes = tuple(each.storage_hash for each in held if each.storage_hash)
            if hashes:
                timestamp_ms = next_timestamp(tables, core.own, times.network_ms)
                update = control.delete_content(admin, (), hashes, timestamp_ms)
                content = update_content(tables, room.id, update, timestamp_ms, timed=False)
                tables.deliveries.queue_control([group_copy(CopyRole.CONTROL, room.id, content)], times.local_ms)
            for each in held:
                removing.erase_message(tables, each, core.own, core.own, times.local_ms)
            return hashes if admin is not None else ()

        hashes = await core.write(work)
        core.outbox_changed.set()
        await removing.delete_hashes(core, room, hashes)

    # -- leaving -----------------------------------------------------------------------------------------------

    async def leave(self, group: Id) -> None:
        """Leave the group, which is gone from this account then. The last admin cannot: it destroys the group.

        Raises NotFound, GroupRefused, and NetworkError when the group cannot be told: then nothing has changed.
        """
        await leave(self._core, self.room(_id(group)))

    async def destroy(self, group: Id) -> None:
        """End the group for everybody, for ever. Raises as `rename`; nothing has changed when the swarm refuses."""
        core, room, times = self._core, self.room(_id(group)), self._core.times()

        def work(tables: Tables) -> None:
            room.need_admin(tables)
            room.change_info(tables, info.destroyed, times)

        await core.write(work)
        await sequences.push(core, room)
        try:
            await sequences.delete_messages(core, room)
        except GroupPushRefused:
            pass  # everybody deletes them here anyway
        await core.write(lambda tables: erase(tables, room.row(tables), "destroyed", core.times()))

    async def forget(self, group: Id) -> None:
        """Remove a group that is over from the list. Raises NotFound, GroupRefused for one that the account is in."""
        core, room = self._core, self.room(_id(group))

        def work(tables: Tables) -> None:
            row = room.row(tables)
            if row.is_open:
                raise GroupRefused("the account is in this group", kind="client.group.open", remedy="Leave it first")
            erase(tables, row, "forgotten", core.times())

        await core.write(work)

    async def run(self) -> None:
        """Poll until cancelled."""
        await self.polling.run()

    # -- parts -------------------------------------------------------------------------------------------------

    async def _change_info(self, group: Id, edit: Callable[..., object], notice: InfoNotice | None) -> None:
        core, room, times = self._core, self.room(_id(group)), self._core.times()

        def work(tables: Tables) -> None:
            room.need_admin(tables)
            if not room.change_info(tables, edit, times):  # type: ignore[arg-type]  # edits are of Data
                return
            if notice is not None:
                room.add_pending(tables, Pending(notices=(notice,)))
            following.mirror_info(room, tables, times)

        await core.write(work)
        await sequences.push(core, room)

    @staticmethod
    def _check_new(listed: dict[AccountId, Member], wanted: Collection[AccountId]) -> None:
        if not wanted:
            raise GroupRefused("nobody is named to be invited", kind="client.group.nobody")
        for each in wanted:
            held = listed.get(each)
            if held is not None and not held.removal:
                remedy = "Send an invitation again with `veery group resend`"
                raise GroupRefused(f"{each} is in the group already", kind="client.group.member", remedy=remedy)


_BYTES: Final = "{} has at most {} bytes of UTF-8"


def checked_name(name: str) -> None:
    """Pass a name for a group. Raises GroupRefused."""
    if not name.strip():
        raise GroupRefused("a group needs a name", kind="client.group.name")
    if len(name.strip().encode(errors="replace")) > CONFIG_NAME_MAX:
        raise GroupRefused(_BYTES.format("the name of a group", CONFIG_NAME_MAX), kind="client.group.name")


def _checked_description(text: str) -> None:
    if len(text.encode(errors="replace")) > GROUP_DESCRIPTION_MAX:
        raise GroupRefused(
            _BYTES.format("the description of a group", GROUP_DESCRIPTION_MAX), kind="client.group.description"
        )


def _check_removable(member: Member, own: AccountId) -> None:
    if member.id == own:
        raise GroupRefused("one leaves a group oneself", kind="client.group.self", remedy="Use `veery group leave`")
    if member.admin:
        raise GroupRefused(
            "an admin cannot be removed: it holds the key of the group",
            kind="client.group.admin",
            remedy="Make a new group without them",
        )


def _full() -> GroupRefused:
    return GroupRefused(f"a group has at most {GROUP_MEMBERS_MAX} members", kind="client.group.full")


def _id(given: Id) -> AccountId:
    return given if isinstance(given, AccountId) else AccountId.from_hex(given.strip())


def _people(given: Iterable[Id], *, core_own: AccountId) -> tuple[AccountId, ...]:
    """Persons by Account ID, each once, without oneself. Raises AccountIdWrong."""
    found = (each if isinstance(each, AccountId) else AccountId.parse_user(each) for each in given)
    return tuple(each for each in dict.fromkeys(found) if each != core_own)


def _founder(core: Core, tables: Tables) -> Member:
    account = tables.accounts.get()
    return Member(core.own, name=account.display_name, updated_s=account.profile_s, admin=True)


def _newcomer(person: AccountId, *, history: bool = False) -> Member:
    return Member(person, invite=Progress.NOT_SENT, with_history=history)


def _listed(room: GroupRoom, tables: Tables, person: AccountId) -> Member:
    found = room.members(tables).get(person)
    if found is None:
        raise no_member()
    return found


def _message(tables: Tables, room: GroupRoom, message: int) -> Message:
    held = tables.messages.get(message)
    if held is None or held.conversation != room.id.hex:
        raise no_group()
    return held


def _now_s(times: Times) -> int:
    return times.network_ms // SECOND_MS
