"""Thumbnails: a small picture beside each picture that is here, made when it is stored, and gone with its message.

There is no decoder for videos here, so videos have none (09.6.1).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from veery.client.attachments.faults import PictureRefused
from veery.client.attachments.images import is_picture, thumbnail
from veery.client.attachments.local_files import LocalFile, LocalFiles
from veery.store.message_values import NewAttachment


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was written here, and its thumbnail if it is a picture that can be read."""

    file: LocalFile
    thumbnail: LocalFile | None

    def kept_in(self, new: NewAttachment) -> NewAttachment:
        """The row of an attachment whose file this is."""
        small = self.thumbnail
        return replace(
            new,
            file=self.file.name,
            file_key=self.file.key,
            thumbnail=None if small is None else small.name,
            thumbnail_key=None if small is None else small.key,
        )


async def write_with_thumbnail(files: LocalFiles, data: bytes, content_type: str) -> Kept:
    """Write a file, and a thumbnail of it. What others call a picture may be none: then there is no thumbnail."""
    small: LocalFile | None = None
    if is_picture(content_type):
        try:
            small = await files.write((await asyncio.to_thread(thumbnail, data)).data)
        except PictureRefused:
            small = None
    return Kept(await files.write(data), small)
