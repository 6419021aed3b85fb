"""Profile pictures: the own one, cleaned, uploaded and kept alive, and those of contacts when somebody looks (09.6).

The own picture is square, at most 600 pixels a side, in the form that every deployed client reads (09.3). Its file
lives two weeks on the server, so it is extended every day, and uploaded anew when the server has lost it.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from veery.client.attachments.faults import AttachmentGone, FileServerMissing
from veery.client.attachments.images import Picture, clean
from veery.client.attachments.local_files import FileDamaged, LocalFiles
from veery.client.attachments.servers import FileServers
from veery.client.core import Core
from veery.client.profile_service import PROFILE_EVENT
from veery.errors import NetworkError, NotFound, ProtocolError, Retry
from veery.protocol.account import AccountId
from veery.protocol.attachments import FileServerRefused, FileUrl, open_profile_picture, parse_url, profile_pictures
from veery.protocol.constants import ATTACHMENT_MAX, DAY_MS, HOUR_MS, KEY_SIZE, SECOND_MS
from veery.runtime.faults import files_mapped
from veery.runtime.paths import read_bounded
from veery.secret import Secret
from veery.store.pictures import KeptPicture
from veery.store.tables import Tables

log: Final = logging.getLogger(__name__)

OWN_SIDE: Final = 600  # pixels, 09.6
CONTACT_SIDE: Final = 200
EXTEND_AFTER_MS: Final = DAY_MS
YOUNG_MS: Final = 2 * HOUR_MS  # 09.6: too young to be asked about
UPLOAD_AFTER_MS: Final = 12 * DAY_MS


class Pictures:
    """The pictures of one account and its contacts."""

    def __init__(self, core: Core, files: LocalFiles, servers: FileServers) -> None:
        self._core = core
        self._files = files
        self._servers = servers

    async def set_own(self, path: Path) -> Picture:
        """Show others another picture, with the next message; gives it as they see it.

        Raises PictureRefused, FileFault, FileServerMissing, NetworkError, FileServerRefused.
        """
        data = await asyncio.to_thread(_read, path)
        picture = await asyncio.to_thread(clean, data, side_max=OWN_SIDE, square=True)
        await self._upload(picture.data)
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
        return await self._picture(self._core.own, row.picture_url, row.picture_key, OWN_SIDE)

    async def of(self, conversation: str) -> bytes:
        """The picture of a contact, fetched if the one that counts now is not here.

        Raises NotFound (there is none), AttachmentGone, PictureRefused, NetworkError.
        """
        held = await self._core.read(lambda tables: tables.conversations.get(conversation))
        if held is None:
            raise NotFound("there is no such conversation", remedy="`veery conversations` lists them")
        return await self._picture(AccountId.from_hex(held.id), held.picture_url, held.picture_key, CONTACT_SIDE)

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
        changed_ms = row.profile_s * SECOND_MS
        if now_ms - changed_ms < YOUNG_MS:
            return
        try:
            await self._servers.extend(parse_url(held.url))
        except FileServerRefused:
            if now_ms - max(changed_ms, held.checked_ms) <= UPLOAD_AFTER_MS:
                return
            await self._upload(await self._files.read(held.file, held.file_key))
            return
        await self._core.write(lambda tables: tables.pictures.set_checked(own, now_ms))

    async def _upload(self, data: bytes) -> None:
        random = self._core.random.random_bytes
        key = Secret(random(KEY_SIZE))
        blob = await asyncio.to_thread(profile_pictures.encrypt, data, key, random)
        url = await self._servers.upload(blob, stream=False)
        file = await self._files.write(data)
        times = self._core.times()
        kept = KeptPicture(url.text, file.name, file.key, times.local_ms)

        def work(tables: Tables) -> None:
            _set_own(tables, url, key, times.network_ms, times.local_ms)
            tables.pictures.keep(self._core.own, kept)

        await self._core.write(work)

    async def _picture(self, owner: AccountId, url: str | None, key: Secret | None, side: int) -> bytes:
        if url is None or key is None:
            raise NotFound("there is no picture", remedy="Pictures come with the messages of a contact")
        held = await self._core.read(lambda tables: tables.pictures.get(owner))
        if held is not None and held.url == url:
            return await self._files.read(held.file, held.file_key)
        data = await self._fetched(url, key, side)
        file = await self._files.write(data)
        kept = KeptPicture(url, file.name, file.key, self._core.clock.now_ms())
        await self._core.write(lambda tables: tables.pictures.keep(owner, kept))
        return data

    async def _fetched(self, text: str, key: Secret, side: int) -> bytes:
        try:
            url = parse_url(text)
            blob = await self._servers.download(url)
            image = await asyncio.to_thread(open_profile_picture, blob, url=url, key=key)
        except ProtocolError as error:
            if error.retry is not Retry.NEVER:
                raise
            raise AttachmentGone("the picture cannot be had", kind=error.kind) from error
        return (await asyncio.to_thread(clean, image, side_max=side)).data


def _set_own(tables: Tables, url: FileUrl | None, key: Secret | None, network_ms: int, now_ms: int) -> None:
    updated = max(network_ms // SECOND_MS, tables.accounts.get().profile_s + 1)
    tables.accounts.set_picture(None if url is None else url.text, key, updated)
    tables.events.append(PROFILE_EVENT, {"picture": url is not None}, now_ms)


def _read(path: Path) -> bytes:
    with files_mapped(f"The file {path}"):
        return read_bounded(path, ATTACHMENT_MAX)
