"""Pictures of people and groups as files: cleaned, on the file server under a random key, and here (09.3, 09.6).

A picture travels as a pair of URL and key: in messages of whoever it shows, and in Info of a group. The file that lies
there is never the deterministic kind, so that nobody can tell from a file which picture it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from veery.client.attachments.faults import AttachmentGone
from veery.client.attachments.images import Picture, clean
from veery.client.attachments.local_files import LocalFiles
from veery.client.attachments.servers import FileServers
from veery.client.core import Core
from veery.errors import NotFound, ProtocolError, Retry
from veery.protocol.account import AccountId
from veery.protocol.attachments import FileServerRefused, FileUrl, open_profile_picture, parse_url, profile_pictures
from veery.protocol.constants import ATTACHMENT_MAX, DAY_MS, KEY_SIZE
from veery.runtime.faults import files_mapped
from veery.runtime.paths import read_bounded
from veery.secret import Secret
from veery.store.pictures import KeptPicture

OWN_SIDE: Final = 600  # pixels, 09.6: of what this account may have to upload again
CONTACT_SIDE: Final = 200
EXTEND_AFTER_MS: Final = DAY_MS
UPLOAD_AFTER_MS: Final = 12 * DAY_MS


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UploadedPicture:
    """A picture on the file server and here. kept: for the table of pictures, in the transaction that shows it."""

    url: FileUrl
    key: Secret
    kept: KeptPicture


class PictureFiles:
    """The files of pictures of one account, its groups and its contacts."""

    def __init__(self, core: Core, files: LocalFiles, servers: FileServers) -> None:
        self._core = core
        self._files = files
        self._servers = servers

    async def prepared(self, path: Path) -> Picture:
        """The square picture that others are to see, without metadata. Raises PictureRefused, FileFault."""
        data = await asyncio.to_thread(_read, path)
        return await asyncio.to_thread(clean, data, side_max=OWN_SIDE, square=True)

    async def upload(self, data: bytes) -> UploadedPicture:
        """Store a picture for two weeks, under a new key. Raises FileServerMissing, NetworkError, FileServerRefused."""
        random = self._core.random.random_bytes
        key = Secret(random(KEY_SIZE))
        blob = await asyncio.to_thread(profile_pictures.encrypt, data, key, random)
        url = await self._servers.upload(blob, stream=False)
        file = await self._files.write(data)
        return UploadedPicture(url, key, KeptPicture(url.text, file.name, file.key, self._core.clock.now_ms()))

    async def picture(self, owner: AccountId, url: str | None, key: Secret | None, side: int) -> bytes:
        """The picture of an account or group, fetched if the one that counts now is not here.

        Raises NotFound (there is none), AttachmentGone, PictureRefused, NetworkError.
        """
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

    async def kept_alive(
        self, owner: AccountId, held: KeptPicture, changed_ms: int
    ) -> tuple[bool, UploadedPicture | None]:
        """Let the file live for two more weeks; tells whether it does.

        With it comes what was uploaded in its place, if the server had lost it.

        changed_ms: local time of the last change; nothing is uploaded anew within 12 days of it.
        Raises NetworkError, FileServerMissing, ProtocolError, FileDamaged.
        """
        now_ms = self._core.clock.now_ms()
        try:
            await self._servers.extend(parse_url(held.url))
        except FileServerRefused:
            if now_ms - max(changed_ms, held.checked_ms) <= UPLOAD_AFTER_MS:
                return False, None
            return True, await self.upload(await self._files.read(held.file, held.file_key))
        await self._core.write(lambda tables: tables.pictures.set_checked(owner, now_ms))
        return True, None

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


def _read(path: Path) -> bytes:
    with files_mapped(f"The file {path}"):
        return read_bounded(path, ATTACHMENT_MAX)
