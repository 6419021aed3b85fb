"""`client.groups`: the groups of one account (08). A façade over `making`, `changing` and `polling`.

A change is on the disk before anything is sent. Whatever an admin changes is then pushed at once; when the network is
down the change waits, and goes out with the next poll (`pending` of a group tells). Only the making of a group is
undone when its first push fails, and whoever cannot tell the group has not left it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from veery.client.config.documents import Documents
from veery.client.core import Core
from veery.client.expiring import Expiring
from veery.client.groups import following
from veery.client.groups.changing import Changing
from veery.client.groups.checks import Id, id_of
from veery.client.groups.faults import GroupRefused, no_group
from veery.client.groups.inviting import Inviting
from veery.client.groups.leaving import leave
from veery.client.groups.making import Making
from veery.client.groups.pictures import GroupPictures
from veery.client.groups.polling import GroupPolling
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import check_open, erase, open_conversation, tell
from veery.client.groups.views import group_view, members_view
from veery.client.levels.copies import CopySealing
from veery.client.levels.key_fetching import KeyFetching
from veery.client.own_swarm import delete_copies
from veery.client.picture_files import PictureFiles
from veery.client.receiving import Fetched
from veery.client.rereading import Rereading
from veery.client.views import Json
from veery.errors import NetworkError, NotFound
from veery.protocol.account import AccountId
from veery.protocol.constants import SECOND_MS
from veery.protocol.given import text
from veery.store.tables import Tables


class Groups:
    """The groups of one account. Groups are named by their ids, 66 hex characters with prefix 03."""

    def __init__(
        self, core: Core, expiring: Expiring, rereading: Rereading, keys: KeyFetching, pictures: PictureFiles
    ) -> None:
        self._core = core
        self._rooms: dict[AccountId, GroupRoom] = {}
        inviting = Inviting(core, CopySealing(core, keys))
        making, changing = Making(core, self.room, inviting), Changing(core, self.room)
        self.create = making.create
        self.invite = making.invite
        self.resend = making.resend
        self.promote = making.promote
        self.resend_all = making.resend_all
        self.promote_all = making.promote_all
        self.rename = changing.rename
        self.describe = changing.describe
        self.pictures = GroupPictures(core, self.room, changing, pictures)
        self.set_picture = self.pictures.set_picture
        self.remove_picture = self.pictures.remove_picture
        self.picture = self.pictures.picture
        self.set_timer = changing.set_timer
        self.clear = changing.clear
        self.remove = changing.remove
        self.delete_messages = changing.delete_messages
        self.destroy = changing.destroy
        self.polling = GroupPolling(core, expiring, rereading, self.room, inviting.send_owed)

    def room(self, group: AccountId) -> GroupRoom:
        """The room of a group, known or not."""
        if group not in self._rooms:
            self._rooms[group] = GroupRoom(group, self._core.account, following.follow)
        return self._rooms[group]

    def documents(self, group: Id) -> Documents:
        """Info and Members of a group, for whoever shows how documents stand."""
        return self.room(id_of(group)).documents

    # -- looking -----------------------------------------------------------------------------------------------

    async def list(self) -> Sequence[Json]:
        """All groups, also those that an invitation offers, and those that are over."""
        return await self._core.read(
            lambda tables: [group_view(self.room(row.id), tables) for row in tables.groups.all()]
        )

    async def show(self, group: Id) -> Json:
        """One group with its members. Raises NotFound."""
        room, own = self.room(id_of(group)), self._core.own
        return await self._core.read(
            lambda tables: {**group_view(room, tables), "list": members_view(room, tables, own)}
        )

    async def find(self, named: str) -> AccountId:
        """The group with this id, or whose name or beginning of the id fits it alone. Raises NotFound."""
        typed = text(named, "what a group is called").strip()
        rows = await self._core.read(lambda tables: tables.groups.all())
        by_id = [row.id for row in rows if len(typed) >= 4 and row.id.hex.startswith(typed.lower())]
        by_name = [row.id for row in rows if row.name.casefold() == typed.casefold()]
        found = set(by_name or by_id)
        if len(found) > 1:
            raise NotFound(
                f"`{typed}` fits {len(found)} groups",
                kind="client.not_found.group",
                remedy="Use the id, or more of its beginning; `veery group list` shows them",
            )
        if not found:
            raise no_group(typed)
        return found.pop()

    async def fetch(self, group: Id | None = None) -> Fetched:
        """Poll one group now, or all. Raises NetworkError for one that gives no answer."""
        return await (self.polling.fetch() if group is None else self.polling.fetch_one(id_of(group)))

    # -- joining and leaving -----------------------------------------------------------------------------------

    async def accept(self, group: Id) -> Json:
        """Take up an invitation: the group is read, and its admins are told. Raises NotFound, GroupRefused."""
        core, room, times = self._core, self.room(id_of(group)), self._core.times()

        def work(tables: Tables) -> None:
            row = room.row(tables)
            if row.removed:
                check_open(row)
            if not row.invited:
                raise GroupRefused(
                    "you are in the group already",
                    kind="client.group.accepted",
                    remedy="Invitations of accepted contacts are taken up by themselves; `veery group show` shows it",
                )
            accepted = replace(row, invited=False, responding=True, joined_s=times.network_ms // SECOND_MS)
            tables.groups.save(accepted)
            open_conversation(tables, accepted, times)
            tell(tables, accepted, "joined", times)

        await core.write(work)
        with suppress(NetworkError):  # then the answer is owed, and goes out when the group was read
            await self.polling.fetch_one(room.id)
        return await self.show(room.id)

    async def decline(self, group: Id) -> None:
        """Refuse an invitation: nothing is sent to the group. Raises NotFound, GroupRefused."""
        core, room, times = self._core, self.room(id_of(group)), self._core.times()

        def work(tables: Tables) -> tuple[str, ...]:
            row = room.row(tables)
            if row.removed:
                check_open(row)
            if not row.invited:
                remedy = "Leave it with `veery group leave`"
                raise GroupRefused("you are in the group already", kind="client.group.accepted", remedy=remedy)
            erase(tables, row, "declined", times)
            return row.letters

        letters = await core.write(work)
        with suppress(NetworkError):  # it expires there by itself; here it counts as seen
            await delete_copies(core, letters)

    async def leave(self, group: Id) -> None:
        """Leave the group, which is gone from this account then. The last admin cannot: it destroys the group.

        Raises NotFound, GroupRefused, and NetworkError when the group cannot be told: then nothing has changed.
        """
        await leave(self._core, self.room(id_of(group)))

    async def forget(self, group: Id) -> None:
        """Remove a group that is over from the list. Raises NotFound, GroupRefused for one that the account is in."""
        core, room = self._core, self.room(id_of(group))

        def work(tables: Tables) -> None:
            row = room.row(tables)
            if row.is_open:
                raise GroupRefused("the account is in this group", kind="client.group.open", remedy="Leave it first")
            erase(tables, row, "forgotten", core.times())

        await core.write(work)

    async def run(self) -> None:
        """Poll until cancelled."""
        await self.polling.run()
