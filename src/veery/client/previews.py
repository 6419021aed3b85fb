"""Link previews: the title of a page, sent beside the first link of an own message (02.3.3).

Only the sender asks the page's server, and only through the proxy of the engine; whoever receives the preview fetches
nothing. Pictures of pages are left out.
"""

from __future__ import annotations

import logging
import ssl
from typing import Final

from veery.client.core import Core
from veery.client.settings import Switch, switched_on
from veery.errors import NetworkError
from veery.network.page_fetch import fetch_title, may_be_fetched
from veery.network.proxy import Proxy
from veery.protocol.content import Preview
from veery.protocol.content.preview import links

log: Final = logging.getLogger(__name__)


class Previews:
    """Makes previews for one account. trust: in place of the system's certificates, for tests."""

    def __init__(self, core: Core, proxy: Proxy | None, trust: ssl.SSLContext | None = None) -> None:
        self._core = core
        self._proxy = proxy
        self._trust = trust

    async def make(self, body: str) -> Preview | None:
        """A preview of the first link of a text that may be previewed.

        None while the setting is off, without a proxy, and when the page gives no title in time. Can be cancelled.
        """
        if self._proxy is None:
            return None
        link = next((each for each in links(body) if may_be_fetched(each)), None)
        if link is None or not await self._core.read(lambda tables: switched_on(tables, Switch.LINK_PREVIEWS)):
            return None
        try:
            return Preview(link, await fetch_title(self._proxy, link, trust=self._trust))
        except NetworkError as error:
            log.info("No preview is made: %s", error.kind)
            return None
