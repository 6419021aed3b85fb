"""Link previews: title and picture of a page, sent beside the first link of an own message (02.3.3).

Only the sender asks the page's server, and only through the proxy of the engine; whoever receives the preview asks the
file server alone, as for any attachment. The picture is decoded within bounds, made small, and written anew without
metadata before it is uploaded. A preview is a courtesy: what does not come in time is left out, and nothing waits.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass
from typing import Final

from veery.client.attachments.faults import FileServerMissing, PictureRefused
from veery.client.attachments.images import Picture, clean
from veery.client.attachments.local_files import LocalFiles
from veery.client.attachments.servers import FileServers
from veery.client.attachments.small_pictures import write_with_thumbnail
from veery.client.core import Core
from veery.client.settings import Switch, switched_on
from veery.errors import NetworkError, ProtocolError
from veery.network.page_fetch import Page, fetch_page, may_be_fetched
from veery.network.proxy import Proxy
from veery.protocol.attachments import legacy
from veery.protocol.constants import PREVIEW_PICTURE_SIDE, PREVIEW_TIMEOUT_S
from veery.protocol.content import AttachmentPointer, Preview
from veery.protocol.content.preview import links
from veery.store.message_values import AttachmentState, NewAttachment

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class MadePreview:
    """A preview. picture: what is kept here of its picture, with the message; None if it has none."""

    preview: Preview
    picture: NewAttachment | None = None


class Previews:
    """Makes previews for one account. trust: in place of the system's certificates, for tests."""

    def __init__(self, core: Core, proxy: Proxy | None, trust: ssl.SSLContext | None = None) -> None:
        self._core = core
        self._proxy = proxy
        self._trust = trust
        self._files = LocalFiles(core)
        self._servers = FileServers(core)

    async def make(self, body: str) -> MadePreview | None:
        """A preview of the first link of a text that may be previewed.

        None while the setting is off, without a proxy, and when the page gives no title in time. Can be cancelled.
        """
        if self._proxy is None:
            return None
        link = next((each for each in links(body) if may_be_fetched(each)), None)
        if link is None or not await self._core.read(lambda tables: switched_on(tables, Switch.LINK_PREVIEWS)):
            return None
        try:
            page = await fetch_page(self._proxy, link, trust=self._trust)
        except NetworkError as error:
            log.info("No preview is made: %s", error.kind)
            return None
        return await self._with_picture(link, page)

    async def _with_picture(self, link: str, page: Page) -> MadePreview:
        plain = MadePreview(Preview(link, page.title))
        if page.picture is None:
            return plain
        try:
            picture = await asyncio.to_thread(clean, page.picture, side_max=PREVIEW_PICTURE_SIDE)
            async with asyncio.timeout(PREVIEW_TIMEOUT_S):
                pointer = await self._uploaded(picture)
        except (PictureRefused, NetworkError, ProtocolError, FileServerMissing, TimeoutError) as error:
            log.info("A preview goes without its picture: %s", type(error).__name__)
            return plain
        kept = await write_with_thumbnail(self._files, picture.data, picture.content_type)
        local = NewAttachment(
            url=pointer.url or "",
            content_type=picture.content_type,
            size=len(picture.data),
            width=picture.width,
            height=picture.height,
            state=AttachmentState.STORED,
            preview=True,
        )
        return MadePreview(Preview(link, page.title, pointer), kept.kept_in(local))

    async def _uploaded(self, picture: Picture) -> AttachmentPointer:
        """The pointer to a picture on the file server, in the scheme that every client reads, padded."""
        made = await asyncio.to_thread(legacy.encrypt, picture.data, random=self._core.random.random_bytes)
        url = await self._servers.upload(made.blob, stream=False)
        return AttachmentPointer(
            content_type=picture.content_type,
            key=made.keys.reveal(),
            size=len(picture.data),
            digest=made.digest,
            width=picture.width,
            height=picture.height,
            url=url.text,
        )
