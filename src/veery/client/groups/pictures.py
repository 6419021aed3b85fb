"""Pictures of groups: set and removed by admins, fetched when a member looks, kept alive by every admin (08.8, 09.6).

A picture is uploaded under a fresh random key; URL and key stand in Info, which only members read. Its file lives two
weeks on the file server. Whichever admin is there extends it daily, and uploads it anew when the server has lost it:
the picture is the same then, so nobody is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from veery.client.attachments.images import Picture
from veery.client.core import Core
from veery.client.groups.changing import Changing
from veery.client.groups.checks import Id, id_of
from veery.client.groups.room import GroupRoom
from veery.client.picture_files import EXTEND_AFTER_MS, OWN_SIDE, PictureFiles
from veery.errors import ClientError, NetworkError, NotFound, ProtocolError
from veery.protocol.account import AccountId
from veery.protocol.config.fields import Picture as Shown
from veery.store.tables import Tables

log: Final = logging.getLogger(__name__)


class GroupPictures:
    """Pictures of the groups of one account. room_of: gives the room of a group."""

    def __init__(
        self, core: Core, room_of: Callable[[AccountId], GroupRoom], changing: Changing, files: PictureFiles
    ) -> None:
        self._core = core
        self._room_of = room_of
        self._changing = changing
        self._files = files

    async def set_picture(self, group: Id, path: Path) -> Picture:
        """Show all members another picture; gives it as they see it. A square of at most 600 pixels, without metadata.

        Raises NotFound, GroupClosed, NotAdmin, PictureRefused, FileFault, FileServerMissing, FileServerRefused, and
        NetworkError: when it cannot be uploaded nothing has changed, afterwards the change is kept and goes out later.
        """
        room = self._room_of(id_of(group))
        await self._core.read(room.check_changeable)
        picture = await self._files.prepared(path)
        await self._changing.show_picture(room, await self._files.upload(picture.data), told=True)
        return picture

    async def remove_picture(self, group: Id) -> None:
        """Show no picture any more. Raises NotFound, GroupClosed, NotAdmin, NetworkError."""
        await self._changing.show_picture(self._room_of(id_of(group)), None, told=True)

    async def picture(self, group: Id) -> bytes:
        """The picture of a group, fetched if the one that counts now is not here.

        Raises NotFound (no such group, or no picture), AttachmentGone, PictureRefused, FileServerMissing, NetworkError.
        """
        room = self._room_of(id_of(group))

        def shown(tables: Tables) -> Shown | None:
            room.row(tables)
            return room.info(tables).picture

        found = await self._core.read(shown)
        if found is None:
            raise NotFound("the group has no picture", kind="client.not_found.picture")
        return await self._files.picture(room.id, found.url, found.key, OWN_SIDE)

    async def renew(self) -> None:
        """Keep the pictures of groups alive whose admin this account is. What fails is tried the next time."""
        for group in await self._core.read(_tended):
            try:
                await self._renew(self._room_of(group))
            except (NetworkError, ProtocolError, ClientError) as error:  # lost, damaged, or the group is over meanwhile
                log.info("The picture of a group is not renewed now: %s", error)

    async def _renew(self, room: GroupRoom) -> None:
        shown = await self._core.read(lambda tables: room.info(tables).picture)
        if shown is None:
            return
        await self._files.picture(room.id, shown.url, shown.key, OWN_SIDE)  # without it nothing could be uploaded anew
        held = await self._core.read(lambda tables: tables.pictures.get(room.id))
        if held is None or self._core.clock.now_ms() - held.checked_ms < EXTEND_AFTER_MS:
            return
        _, uploaded = await self._files.kept_alive(room.id, held, held.checked_ms)
        if uploaded is not None:
            await self._changing.show_picture(room, uploaded, told=False)


def _tended(tables: Tables) -> list[AccountId]:
    return [row.id for row in tables.groups.all() if row.is_open and row.seed is not None]
