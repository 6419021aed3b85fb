"""Profile pictures: the own one, cleaned, uploaded and kept alive, and those of contacts when somebody looks (09.6).

The own picture is square, at most 600 pixels a side, in the form that every deployed client reads (09.3). Its file
lives two weeks on the server, so it is extended every day, and uploaded anew when the server has lost it. Either sets
the time of the re-upload and not that of the profile: other devices then know the picture for the same.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from veery.client.attachments.faults import FileServerMissing
from veery.client.attachments.images import Picture
from veery.client.attachments.local_files import FileDamaged, LocalFiles
from veery.client.attachments.servers import FileServers
from veery.client.core import Core
from veery.client.picture_files import (
    CONTACT_SIDE,
    EXTEND_AFTER_MS,
    OWN_SIDE,
    UPLOAD_AFTER_MS,
    PictureFiles,
    UploadedPicture,
)
from veery.client.profile_service import PROFILE_EVENT
from veery.errors import NetworkError, NotFound, ProtocolError
from veery.protocol.account import AccountId
from veery.protocol.attachments import FileUrl
from veery.protocol.constants import HOUR_MS, PREFIX_GROUP, SECOND_MS
from veery.secret import Secret
from veery.store.pictures import KeptPicture
from veery.store.tables import Tables

__all__ = ["CONTACT_SIDE", "EXTEND_AFTER_MS", "OWN_SIDE", "UPLOAD_AFTER_MS", "YOUNG_MS", "Pictures"]

log: Final = logging.getLogger(__name__)

YOUNG_MS: Final = 2 * HOUR_MS  # 09.6: too young to be asked about


class Pictures:
    """The pictures of one account and its contacts."""

    def __init__(self, core: Core, files: LocalFiles, servers: FileServers) -> None:
        self._core = core
        self.files = PictureFiles(core, files, servers)

    async def set_own(self, path: Path) -> Picture:
        """Show others another picture, with the next message; gives it as they see it.

        Raises PictureRefused, FileFault, FileServerMissing, NetworkError, FileServerRefused.
        """
        picture = await self.files.prepared(path)
        await self._show(await self.files.upload(picture.data))
        return picture

    async def remove_own(self) -> None:
        """Show others no picture any more."""
        times = self._core.times()

        def work(tables: Tables) -> None:
            _set_own(tables, None, None, times.network_ms, times.local_ms)
            tables.pictures.remove(self._core.own)

        await self._core.write(work)

    async def own(self) -> bytes:
        """The own picture. Raises NotFound, and as `of`."""
        row = await self._core.read(lambda tables: tables.accounts.get())
        return await self.files.picture(self._core.own, row.picture_url, row.picture_key, OWN_SIDE)

    async def of(self, conversation: str) -> bytes:
        """The picture of a contact or a group, fetched if the one that counts now is not here.

        Raises NotFound (there is none), AttachmentGone, PictureRefused, NetworkError.
        """
        held = await self._core.read(lambda tables: tables.conversations.get(conversation))
        if held is None:
            raise NotFound("there is no such conversation", remedy="`veery conversations` lists them")
        owner = AccountId.from_hex(held.id)
        side = OWN_SIDE if owner.prefix == PREFIX_GROUP else CONTACT_SIDE  # admins may have to upload it again
        return await self.files.picture(owner, held.picture_url, held.picture_key, side)

    async def renew(self) -> None:
        """Keep the own picture alive on the file server, if it is time. What fails is tried the next time."""
        try:
            await self._renew()
        except (NetworkError, ProtocolError, FileServerMissing, FileDamaged) as error:
            log.info("The own picture is renewed later: %s", error)

    async def _renew(self) -> None:
        own, now_ms = self._core.own, self._core.clock.now_ms()
        row, held = await self._core.read(lambda tables: (tables.accounts.get(), tables.pictures.get(own)))
        if held is None or row.picture_url != held.url or now_ms - held.checked_ms < EXTEND_AFTER_MS:
            return
        changed_ms = row.updated_s * SECOND_MS
        if self._core.road.now_ms() - changed_ms <= YOUNG_MS:
            return
        alive, uploaded = await self.files.kept_alive(own, held, changed_ms)
        if alive:
            await self._seen_to(held, uploaded)

    async def _show(self, uploaded: UploadedPicture) -> None:
        times = self._core.times()

        def work(tables: Tables) -> None:
            _set_own(tables, uploaded.url, uploaded.key, times.network_ms, times.local_ms)
            tables.pictures.keep(self._core.own, uploaded.kept)

        await self._core.write(work)

    async def _seen_to(self, held: KeptPicture, uploaded: UploadedPicture | None) -> None:
        """The same picture lives on. Nothing happens when the user has chosen another one meanwhile."""
        times = self._core.times()

        def work(tables: Tables) -> None:
            row = tables.accounts.get()
            if row.picture_url != held.url or row.picture_key is None:
                return
            again_s = max(times.network_ms // SECOND_MS, row.updated_s + 1)
            if uploaded is None:
                tables.accounts.set_picture_again(held.url, row.picture_key, again_s)
                return
            tables.accounts.set_picture_again(uploaded.url.text, uploaded.key, again_s)
            tables.pictures.keep(self._core.own, uploaded.kept)

        await self._core.write(work)


def _set_own(tables: Tables, url: FileUrl | None, key: Secret | None, network_ms: int, now_ms: int) -> None:
    updated = max(network_ms // SECOND_MS, tables.accounts.get().updated_s + 1)
    tables.accounts.set_picture(None if url is None else url.text, key, updated)
    tables.events.append(PROFILE_EVENT, {"picture": url is not None}, now_ms)
